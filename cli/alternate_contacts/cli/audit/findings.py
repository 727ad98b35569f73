"""What is known of an account after a look at its contacts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from alternate_contacts.cli.audit.compliance import ComplianceStatus
from alternate_contacts.worker.contacts import Contact, ContactType


@dataclass(frozen=True)
class ContactFinding:
    """What is known of one contact.

    Attributes:
        provided: whether the account has a contact of this type; None where nobody could look.
        reason: why nobody could, in the words of :mod:`alternate_contacts.worker.errors`; ``code`` is AWS's own.
        contact: what the account has, kept only if the operator wants to see it.
    """

    word: ComplianceStatus
    provided: bool | None
    reason: str | None = None
    code: str | None = None
    contact: Contact | None = field(default=None, repr=False)


@dataclass(frozen=True)
class AccountReading:
    """What is known of one account. ``shared`` names the parts that two of its contacts have in common."""

    account_id: str
    read_at: datetime
    findings: Mapping[ContactType, ContactFinding]
    shared: tuple[str, ...] = ()
