"""The compliance status of one contact of one account."""

import re
from enum import StrEnum

from alternate_contacts.worker.contact_selection import EXCLUDED, AccountSelection, Assignment
from alternate_contacts.worker.contacts import CONTACT_FIELDS, Contact
from alternate_contacts.worker.decision import Outcome, Policy, decide
from alternate_contacts.worker.errors import WorkerError
from alternate_contacts.worker.protocol import ACTIVE, Mode

ReadResult = Contact | WorkerError | None
"""What GetAlternateContact returned: the contact, None if the account has none, or why the call failed."""


class ComplianceStatus(StrEnum):
    """In the order of display."""

    COMPLIANT = "compliant"
    MISSING = "missing"
    DIFFERENT = "different"
    UNREADABLE = "unreadable"
    UNKNOWN = "unknown"
    UNMANAGED = "unmanaged"
    SKIPPED = "skipped"


NOT_COMPLIANT = (
    ComplianceStatus.MISSING,
    ComplianceStatus.DIFFERENT,
    ComplianceStatus.UNREADABLE,
    ComplianceStatus.UNKNOWN,
)
"""The statuses that end the verb with exit code 1."""

MANAGED = (ComplianceStatus.COMPLIANT, *NOT_COMPLIANT)
"""The statuses that count for coverage. The policy or the skipped account leaves the others out."""

WORST_FIRST = (*NOT_COMPLIANT, ComplianceStatus.COMPLIANT, ComplianceStatus.UNMANAGED, ComplianceStatus.SKIPPED)

MEANING = {
    ComplianceStatus.COMPLIANT: "the contact is as configured",
    ComplianceStatus.MISSING: "the account has no contact of this type",
    ComplianceStatus.DIFFERENT: "the account has another contact than the configured one",
    ComplianceStatus.UNREADABLE: "the contact could not be read; the reason is shown below the status",
    ComplianceStatus.UNKNOWN: "the configured contact is unknown. If a reason is shown below the status, the contact "
    "configuration is invalid. Otherwise the contact differs only where CloudFormation may have returned ? for another "
    "character; with the permission lambda:GetFunctionConfiguration, the status is known",
    ComplianceStatus.UNMANAGED: "the policy leaves the contact alone: ignore, or fill if there is another contact",
    ComplianceStatus.SKIPPED: "the account is not ACTIVE, or a target excludes it; the reason is shown below",
}


_SUBSTITUTES = re.compile(r"\?+")
_SUBSTITUTED = "[?\u0080-\U0010ffff]+"


def skip_reason(state: str, selection: AccountSelection) -> str | None:
    """Return why the package skips an account: its state, or ``excluded``; None if it processes the account."""
    if state != ACTIVE:
        return state
    return None if selection.excluded_by is None else EXCLUDED


def compliance_status(desired: Assignment | WorkerError, result: ReadResult, *, exact: bool = True) -> ComplianceStatus:
    """Return the compliance status of one contact of an account that is not skipped.

    Under the policy ``fill``, a contact other than the configured one is unmanaged. The package never changes it, so
    it is not compliant, and nothing needs to be done about it, so it is not different.

    Args:
        desired: the configured contact and policy, or why they are unknown.
        result: what GetAlternateContact returned.
        exact: False if ``?`` in the configured contact may stand for another character.
    """
    if isinstance(desired, WorkerError):
        return ComplianceStatus.UNKNOWN
    if desired.policy is Policy.IGNORE:
        return ComplianceStatus.UNMANAGED
    if isinstance(result, WorkerError):
        return ComplianceStatus.UNREADABLE
    outcome = decide(desired.policy, Mode.REPORT, desired.desired, result)
    if outcome is Outcome.UNCHANGED:
        return ComplianceStatus.COMPLIANT
    if result is None:
        return ComplianceStatus.MISSING
    if not exact and _may_be_equal(desired.desired, result):
        return ComplianceStatus.UNKNOWN
    return ComplianceStatus.UNMANAGED if outcome is Outcome.KEPT else ComplianceStatus.DIFFERENT


def _may_be_equal(desired: Contact, present: Contact) -> bool:
    """Whether the contacts differ only where ``?`` in ``desired`` may stand for characters other than ASCII."""

    def pattern(value: str) -> str:
        return _SUBSTITUTED.join(map(re.escape, _SUBSTITUTES.split(value.strip())))

    return all(
        re.fullmatch(pattern(field.value_of(desired)), field.value_of(present).strip()) for field in CONTACT_FIELDS
    )
