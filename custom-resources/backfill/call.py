"""Reads what the schedule and the operator ask for."""

from collections.abc import Mapping
from dataclasses import dataclass

from backfill.errors import BackfillError
from backfill.letters import Mode, Reason

WATCH = "watch"


@dataclass(frozen=True)
class Call:
    """A backfill that was asked for, and how far its letters may go."""

    reason: Reason
    mode: Mode


def read(event: Mapping[str, object]) -> Call | None:
    """What ``{"reason": ..., "mode": ...}`` asks for; None: to watch. ``mode`` may be left out and is then enforce.

    Raises:
        BackfillError: it asks for nothing that we know.
    """
    reason, mode = event.get("reason"), event.get("mode", Mode.ENFORCE.value)
    if reason == WATCH:
        return None
    if reason not in (Reason.RECONCILE.value, Reason.MANUAL.value) or mode not in [each.value for each in Mode]:
        raise BackfillError(
            'The call was not understood: send {"reason": "manual"}, with "mode": "report" to change nothing.'
        )
    return Call(Reason(reason), Mode(mode))
