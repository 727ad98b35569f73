"""What to do about one contact of one account: the only place where that is decided."""

from enum import StrEnum

from alternate_contacts.worker.contacts import Contact
from alternate_contacts.worker.protocol import Mode


class Policy(StrEnum):
    """What may become of a contact type: ``overwrite`` it, ``fill`` it where there is none, ``ignore`` it."""

    OVERWRITE = "overwrite"
    FILL = "fill"
    IGNORE = "ignore"


class Outcome(StrEnum):
    """What became of one contact. As a decision, ``updated`` means: a Put is due."""

    UPDATED = "updated"
    UNCHANGED = "unchanged"
    KEPT = "kept"
    IGNORED = "ignored"
    WOULD_UPDATE = "would_update"
    FAILED = "failed"


def decide(policy: Policy, mode: Mode, desired: Contact, present: Contact | None) -> Outcome:
    """The outcome that ``policy`` and ``mode`` ask for, where an account has the contact ``present``."""
    if policy is Policy.IGNORE:
        return Outcome.IGNORED
    if present is not None and desired.same_as(present):
        return Outcome.UNCHANGED
    if present is not None and policy is Policy.FILL:
        return Outcome.KEPT
    return Outcome.WOULD_UPDATE if mode is Mode.REPORT else Outcome.UPDATED
