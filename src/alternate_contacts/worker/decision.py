"""Decide what to do about one contact of one account. This is the only place of that decision."""

from enum import StrEnum

from alternate_contacts.worker.contacts import Contact
from alternate_contacts.worker.protocol import Mode


class Policy(StrEnum):
    """How to treat a contact type: ``overwrite`` a different contact, ``fill`` in a missing one, or ``ignore`` both."""

    OVERWRITE = "overwrite"
    FILL = "fill"
    IGNORE = "ignore"


class Outcome(StrEnum):
    """The result for one contact. As a decision, ``updated`` means that a Put is needed."""

    UPDATED = "updated"
    UNCHANGED = "unchanged"
    KEPT = "kept"
    IGNORED = "ignored"
    WOULD_UPDATE = "would_update"
    FAILED = "failed"


def decide(policy: Policy, mode: Mode, desired: Contact, present: Contact | None) -> Outcome:
    """Return the outcome for an account that has the contact ``present``, or None, and should have ``desired``."""
    if policy is Policy.IGNORE:
        return Outcome.IGNORED
    if present is not None and desired.same_as(present):
        return Outcome.UNCHANGED
    if present is not None and policy is Policy.FILL:
        return Outcome.KEPT
    return Outcome.WOULD_UPDATE if mode is Mode.REPORT else Outcome.UPDATED
