"""What an audit knows about the contacts of one account."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from alternate_contacts.cli.aws.compliance import ComplianceStatus
from alternate_contacts.worker.contacts import Contact, ContactType


@dataclass(frozen=True)
class ContactFinding:
    """What is known about one contact.

    Attributes:
        provided: whether the account has a contact of this type; None if it could not be read.
        reason: the failure reason of :mod:`alternate_contacts.worker.errors` if the contact could not be read, or if it
            is unknown what the account should have; of a skipped account, its state or ``excluded``.
        error_code: what belongs to the failure reason: the AWS error code, or the parameter to correct.
        contact: the contact of the account, only with --show-contacts.
    """

    status: ComplianceStatus
    provided: bool | None
    reason: str | None = None
    error_code: str | None = None
    contact: Contact | None = field(default=None, repr=False)


@dataclass(frozen=True)
class AccountReading:
    """What is known about one account. ``shared`` names the fields that are equal in two of its contacts."""

    account_id: str
    read_at: datetime
    findings: Mapping[ContactType, ContactFinding]
    shared: tuple[str, ...] = ()
