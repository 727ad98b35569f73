"""Checks that auditors apply to the contacts of an account. They do not depend on the configuration.

A new check is one entry in ``CHECKS``: every output takes it from there.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum

from alternate_contacts.cli.audit.findings import AccountReading
from alternate_contacts.worker.contacts import CONTACT_FIELDS, Contact, ContactField, ContactType


class AuditCheckResult(StrEnum):
    """The result of a check for one account, worst first; ``unknown`` if a contact that it needs is unreadable."""

    FAILED = "failed"
    UNKNOWN = "unknown"
    PASSED = "passed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class AuditCheck:
    """A check under the name that auditors know, with its rule for an account that was read."""

    name: str
    title: str
    description: str
    run: Callable[[AccountReading], AuditCheckResult]


def _run_account_1(reading: AccountReading) -> AuditCheckResult:
    provided = reading.findings[ContactType.SECURITY].provided
    if provided is None:
        return AuditCheckResult.UNKNOWN
    return AuditCheckResult.PASSED if provided else AuditCheckResult.FAILED


def _run_contacts_differ(reading: AccountReading) -> AuditCheckResult:
    provided = [finding.provided for finding in reading.findings.values()]
    if False in provided or reading.shared:
        return AuditCheckResult.FAILED
    return AuditCheckResult.UNKNOWN if None in provided else AuditCheckResult.PASSED


ACCOUNT_1 = AuditCheck(
    "Account.1",
    "Security contact information should be provided for an AWS account",
    "AWS Security Hub control Account.1 (AWS Config rule security-account-information-provided). It fails if the "
    "account has no SECURITY contact. The finding in Security Hub may change later.",
    _run_account_1,
)
"""https://docs.aws.amazon.com/securityhub/latest/userguide/account-controls.html"""

CONTACTS_DIFFER = AuditCheck(
    "Contacts differ",
    "The three contacts should differ from each other",
    "It fails if a contact is missing, or if two contacts have the same name, email address or phone number. The "
    "primary contact of the account is not compared.",
    _run_contacts_differ,
)
"""Modeled on Prowler's account_maintain_different_contact_details_to_security_billing_and_operations."""

CHECKS = (ACCOUNT_1, CONTACTS_DIFFER)

_COMPARED_FIELDS = [field for field in CONTACT_FIELDS if field.key in ("name", "email_address", "phone_number")]


def shared_fields(contacts: Collection[Contact]) -> tuple[str, ...]:
    """Return the names of the fields that are equal in two of the contacts, ignoring case and outer white space."""

    def is_shared(field: ContactField) -> bool:
        return len({field.value_of(contact).strip().casefold() for contact in contacts}) < len(contacts)

    return tuple(field.label for field in _COMPARED_FIELDS if is_shared(field))
