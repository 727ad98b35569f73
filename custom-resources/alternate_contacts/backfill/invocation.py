"""The input of BackfillFunction when a schedule or an operator invokes it."""

from collections.abc import Mapping
from dataclasses import dataclass

from alternate_contacts.backfill.errors import BackfillError
from alternate_contacts.backfill.protocol import Mode, Trigger

REPORT_BACKFILL_AGE = "report_backfill_age"
_PREVIOUS_REPORT_BACKFILL_AGE = "watch"
"""Its name in ``reason``, which the previous release sends. Scheduler may retry such an input after an update."""

_INVALID_INPUT = 'Invalid input. Send {"trigger": "manual"}; add "mode": "report" to change no contact.'


@dataclass(frozen=True)
class BackfillInvocation:
    """A requested backfill. The stricter of ``mode`` and the stack's mode applies."""

    trigger: Trigger
    mode: Mode


def parse_invocation(event: object) -> BackfillInvocation | None:
    """Parse ``{"trigger": ..., "mode": ...}``; return None for the trigger ``report_backfill_age``.

    ``mode`` is optional, by default enforce. An input without ``trigger`` is from the previous release and has
    ``reason`` instead.

    Raises:
        BackfillError: the input is invalid.
    """
    if not isinstance(event, Mapping):
        raise BackfillError(_INVALID_INPUT)
    trigger, mode = event.get("trigger"), event.get("mode", Mode.ENFORCE.value)
    if "trigger" not in event:
        reason = event.get("reason")
        trigger = REPORT_BACKFILL_AGE if reason == _PREVIOUS_REPORT_BACKFILL_AGE else reason
    if trigger == REPORT_BACKFILL_AGE:
        return None
    if trigger not in (Trigger.RECONCILE.value, Trigger.MANUAL.value) or mode not in tuple(Mode):
        raise BackfillError(_INVALID_INPUT)
    return BackfillInvocation(Trigger(trigger), Mode(str(mode)))
