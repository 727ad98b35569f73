"""The audit words: what is said of one contact of one account."""

from enum import StrEnum

from alternate_contacts.worker.account_processor import Assignment
from alternate_contacts.worker.contacts import Contact
from alternate_contacts.worker.decision import Outcome, Policy, decide
from alternate_contacts.worker.errors import WorkerError
from alternate_contacts.worker.protocol import ACTIVE, Mode


class ComplianceStatus(StrEnum):
    """In the order in which they are told."""

    RIGHT = "right"
    MISSING = "missing"
    DIFFERENT = "different"
    UNREADABLE = "unreadable"
    NOT_MANAGED = "not managed"
    SKIPPED = "skipped"


NOT_RIGHT = (ComplianceStatus.MISSING, ComplianceStatus.DIFFERENT, ComplianceStatus.UNREADABLE)
"""What makes the verb end with 1."""

MANAGED = (ComplianceStatus.RIGHT, *NOT_RIGHT)
"""What counts for coverage: the rest is left alone by configuration or because of the account's state."""

MEANING = {
    ComplianceStatus.RIGHT: "as the configuration says",
    ComplianceStatus.MISSING: "the account has no contact of this type, and should",
    ComplianceStatus.DIFFERENT: "the account has another contact than it should",
    ComplianceStatus.UNREADABLE: "AWS did not let us look; the reason stands beside it",
    ComplianceStatus.NOT_MANAGED: "the policy leaves it alone: ignore, or fill where there is another contact already",
    ComplianceStatus.SKIPPED: "the account is not ACTIVE; its state stands beside it",
}


def compliance_status(state: str, assignment: Assignment, answer: Contact | WorkerError | None) -> ComplianceStatus:
    """The word for a contact.

    What ``fill`` finds present and other than desired is `not managed`: the package will neither set nor mend it, so
    calling it right would promise too much, and calling it different would ask for a change that nobody wants.

    Args:
        state: of the account, as Organizations tells it.
        assignment: what the configuration says of this contact type.
        answer: the contact that the account has, None where it has none, or why AWS did not say.
    """
    if state != ACTIVE:
        return ComplianceStatus.SKIPPED
    if assignment.policy is Policy.IGNORE:
        return ComplianceStatus.NOT_MANAGED
    if isinstance(answer, WorkerError):
        return ComplianceStatus.UNREADABLE
    match decide(assignment.policy, Mode.REPORT, assignment.desired, answer):
        case Outcome.UNCHANGED:
            return ComplianceStatus.RIGHT
        case Outcome.KEPT:
            return ComplianceStatus.NOT_MANAGED
        case _:
            return ComplianceStatus.MISSING if answer is None else ComplianceStatus.DIFFERENT
