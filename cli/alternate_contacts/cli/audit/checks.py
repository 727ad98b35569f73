"""What auditors ask of an account's contacts, whatever the configuration says."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from alternate_contacts.cli.audit.findings import ContactFinding
from alternate_contacts.worker.contacts import CONTACT_FIELDS, Contact, ContactField, ContactType


class Verdict(StrEnum):
    """What a check says of an account; ``unknown`` where a contact that it needs could not be read."""

    FAILED = "failed"
    UNKNOWN = "unknown"
    PASSED = "passed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class AuditCheck:
    """A check by the name that auditors know it by."""

    name: str
    title: str
    remark: str


ACCOUNT_1 = AuditCheck(
    "Account.1",
    "Security contact information should be provided for an AWS account",
    "AWS Security Hub control Account.1 (AWS Config rule security-account-information-provided): fails where there is "
    "no SECURITY contact. Security Hub's own finding may lag behind.",
)
"""https://docs.aws.amazon.com/securityhub/latest/userguide/account-controls.html"""

CONTACTS_DIFFER = AuditCheck(
    "Contacts differ",
    "The three contacts should differ from each other",
    "Fails where one is missing, or two have the same name, email address or phone number. The account's primary "
    "contact is not compared.",
)
"""After Prowler's account_maintain_different_contact_details_to_security_billing_and_operations."""

CHECKS = (ACCOUNT_1, CONTACTS_DIFFER)

_COMPARED = [field for field in CONTACT_FIELDS if field.key != "title"]


def shared_parts(contacts: Collection[Contact]) -> tuple[str, ...]:
    """The parts in which two of the contacts agree; neither case nor surrounding white space makes a difference."""

    def is_shared(field: ContactField) -> bool:
        return len({field.value_of(contact).strip().casefold() for contact in contacts}) < len(contacts)

    return tuple(field.label for field in _COMPARED if is_shared(field))


def verdicts(findings: Mapping[ContactType, ContactFinding], shared: Collection[str]) -> Mapping[AuditCheck, Verdict]:
    """What the checks say of an account that was read."""
    return {
        ACCOUNT_1: _provided(findings[ContactType.SECURITY]),
        CONTACTS_DIFFER: _differ(findings, shared),
    }


def _provided(finding: ContactFinding) -> Verdict:
    if finding.provided is None:
        return Verdict.UNKNOWN
    return Verdict.PASSED if finding.provided else Verdict.FAILED


def _differ(findings: Mapping[ContactType, ContactFinding], shared: Collection[str]) -> Verdict:
    provided = [finding.provided for finding in findings.values()]
    if False in provided or shared:
        return Verdict.FAILED
    return Verdict.UNKNOWN if None in provided else Verdict.PASSED
