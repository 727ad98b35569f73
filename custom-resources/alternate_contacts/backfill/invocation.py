"""Reads what the schedule and the operator ask for."""

from collections.abc import Mapping
from dataclasses import dataclass

from alternate_contacts.backfill.errors import BackfillError
from alternate_contacts.backfill.protocol import Mode, Trigger

WATCH = "watch"


@dataclass(frozen=True)
class BackfillInvocation:
    """A backfill that was asked for, and how far its letters may go."""

    reason: Trigger
    mode: Mode


def parse_invocation(event: Mapping[str, object]) -> BackfillInvocation | None:
    """What ``{"reason": ..., "mode": ...}`` asks for; None: to watch. ``mode`` may be left out and is then enforce.

    Raises:
        BackfillError: it asks for nothing that we know.
    """
    reason, mode = event.get("reason"), event.get("mode", Mode.ENFORCE.value)
    if reason == WATCH:
        return None
    if reason not in (Trigger.RECONCILE.value, Trigger.MANUAL.value) or mode not in [each.value for each in Mode]:
        raise BackfillError(
            'The call was not understood: send {"reason": "manual"}, with "mode": "report" to change nothing.'
        )
    return BackfillInvocation(Trigger(reason), Mode(mode))
