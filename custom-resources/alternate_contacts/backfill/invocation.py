"""The input of BackfillFunction when a schedule, an operator or ChangeQueue invokes it."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alternate_contacts.backfill.contact_configuration import TARGETS
from alternate_contacts.backfill.errors import BackfillError
from alternate_contacts.backfill.protocol import Mode, Trigger

REPORT_BACKFILL_AGE = "report_backfill_age"
_PREVIOUS_REPORT_BACKFILL_AGE = "watch"
"""Its name in ``reason``, which the previous release sends. Scheduler may retry such an input after an update."""

_INVALID_INPUT = 'Invalid input. Send {"trigger": "manual"}; add "mode": "report" to change no contact.'


_ACCOUNT_TARGET = re.compile(f"/.+/{TARGETS}([0-9]{{12}})")
"""The name of a parameter that concerns one account only."""


@dataclass(frozen=True)
class BackfillInvocation:
    """A requested backfill. The stricter of ``mode`` and the stack's mode applies.

    Only ``accounts`` get a message; None: every account.
    """

    trigger: Trigger
    mode: Mode
    accounts: frozenset[str] | None = None


def parse_invocation(event: object) -> BackfillInvocation | None:
    """Parse ``{"trigger": ..., "mode": ...}`` or messages of ChangeQueue.

    Return None for the trigger ``report_backfill_age``. ``mode`` is optional, by default enforce. An input without
    ``trigger`` is from the previous release and has ``reason`` instead.

    Raises:
        BackfillError: the input is invalid.
    """
    if not isinstance(event, Mapping):
        raise BackfillError(_INVALID_INPUT)
    if isinstance(records := event.get("Records"), list):
        return BackfillInvocation(Trigger.CONFIGURATION_CHANGE, Mode.ENFORCE, _changed_accounts(records))
    trigger, mode = event.get("trigger"), event.get("mode", Mode.ENFORCE.value)
    if "trigger" not in event:
        reason = event.get("reason")
        trigger = REPORT_BACKFILL_AGE if reason == _PREVIOUS_REPORT_BACKFILL_AGE else reason
    if trigger == REPORT_BACKFILL_AGE:
        return None
    if trigger not in (Trigger.RECONCILE.value, Trigger.MANUAL.value) or mode not in tuple(Mode):
        raise BackfillError(_INVALID_INPUT)
    return BackfillInvocation(Trigger(trigger), Mode(str(mode)))


def _changed_accounts(records: Sequence[object]) -> frozenset[str] | None:
    """Return the accounts that the messages of ChangeQueue concern; None: every account."""
    accounts = [_changed_account(record) for record in records]
    named = frozenset(account for account in accounts if account is not None)
    return named if accounts and None not in accounts else None


def _changed_account(record: object) -> str | None:
    """Return the account that a message concerns; None: any account, or a message that cannot be parsed.

    https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
    """
    try:
        target = _ACCOUNT_TARGET.fullmatch(json.loads(record["body"])["parameter"])  # type: ignore[index]
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
    return target[1] if target else None
