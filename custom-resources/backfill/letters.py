"""Writes the letters that the worker reads, and knows their words."""

import json
from enum import StrEnum

LETTER_VERSION = 1


class Mode(StrEnum):
    """How far a run goes: ``enforce`` sets contacts, ``report`` only tells what it would set."""

    ENFORCE = "enforce"
    REPORT = "report"

    def stricter(self, other: "Mode") -> "Mode":
        """The one of both that changes less."""
        return Mode.REPORT if Mode.REPORT in (self, other) else Mode.ENFORCE


class Reason(StrEnum):
    """Who asked for a letter: CloudFormation, the schedule, or a person."""

    BACKFILL = "backfill"
    RECONCILE = "reconcile"
    MANUAL = "manual"


def letter(account_id: str, *, reason: Reason, mode: Mode) -> str:
    """The body of the message that asks the worker to bring ``account_id`` right, no further than ``mode``."""
    return json.dumps({"version": LETTER_VERSION, "accountId": account_id, "reason": reason.value, "mode": mode.value})
