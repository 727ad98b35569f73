"""The audit words: what is said of one contact of one account."""

from enum import StrEnum

from worker.account import ACTIVE, Assignment
from worker.contacts import Contact
from worker.decision import Mode, Outcome, Policy, decide
from worker.errors import WorkerError


class Word(StrEnum):
    """In the order in which they are told."""

    RIGHT = "right"
    MISSING = "missing"
    DIFFERENT = "different"
    UNREADABLE = "unreadable"
    NOT_MANAGED = "not managed"
    SKIPPED = "skipped"


NOT_RIGHT = (Word.MISSING, Word.DIFFERENT, Word.UNREADABLE)
"""What makes the verb end with 1."""

MANAGED = (Word.RIGHT, *NOT_RIGHT)
"""What counts for coverage: the rest is left alone by configuration or because of the account's state."""

MEANING = {
    Word.RIGHT: "as the configuration says",
    Word.MISSING: "the account has no contact of this type, and should",
    Word.DIFFERENT: "the account has another contact than it should",
    Word.UNREADABLE: "AWS did not let us look; the reason stands beside it",
    Word.NOT_MANAGED: "the policy leaves it alone: ignore, or fill where there is another contact already",
    Word.SKIPPED: "the account is not ACTIVE; its state stands beside it",
}


def judge(state: str, assignment: Assignment, answer: Contact | WorkerError | None) -> Word:
    """The word for a contact.

    What ``fill`` finds present and other than desired is `not managed`: the package will neither set nor mend it, so
    calling it right would promise too much, and calling it different would ask for a change that nobody wants.

    Args:
        state: of the account, as Organizations tells it.
        assignment: what the configuration says of this contact type.
        answer: the contact that the account has, None where it has none, or why AWS did not say.
    """
    if state != ACTIVE:
        return Word.SKIPPED
    if assignment.policy is Policy.IGNORE:
        return Word.NOT_MANAGED
    if isinstance(answer, WorkerError):
        return Word.UNREADABLE
    match decide(assignment.policy, Mode.REPORT, assignment.desired, answer):
        case Outcome.UNCHANGED:
            return Word.RIGHT
        case Outcome.KEPT:
            return Word.NOT_MANAGED
        case _:
            return Word.MISSING if answer is None else Word.DIFFERENT
