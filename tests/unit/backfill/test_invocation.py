"""The input that the schedule and the operator may send, in this release and in the previous one."""

import pytest

from alternate_contacts.backfill.errors import BackfillError
from alternate_contacts.backfill.invocation import BackfillInvocation, parse_invocation
from alternate_contacts.backfill.protocol import Mode, Trigger

RECONCILE = BackfillInvocation(Trigger.RECONCILE, Mode.ENFORCE)
MANUAL = BackfillInvocation(Trigger.MANUAL, Mode.ENFORCE)
MANUAL_REPORT = BackfillInvocation(Trigger.MANUAL, Mode.REPORT)


@pytest.mark.parametrize(
    ("event", "invocation"),
    [
        ({"trigger": "reconcile"}, RECONCILE),
        ({"trigger": "manual"}, MANUAL),
        ({"trigger": "manual", "mode": "report"}, MANUAL_REPORT),
        ({"trigger": "report_backfill_age"}, None),
        # Both keys, as schedules and command send them.
        ({"trigger": "reconcile", "reason": "reconcile"}, RECONCILE),
        ({"trigger": "manual", "reason": "manual", "mode": "report"}, MANUAL_REPORT),
        ({"trigger": "report_backfill_age", "reason": "watch"}, None),
    ],
)
def test_parses_an_input(event: dict[str, object], invocation: BackfillInvocation | None) -> None:
    assert parse_invocation(event) == invocation


@pytest.mark.parametrize(
    ("event", "invocation"),
    [
        ({"reason": "reconcile"}, RECONCILE),  # template.yaml, ReconcileSchedule
        ({"reason": "watch"}, None),  # template.yaml, the daily schedule
        ({"reason": "manual", "mode": "enforce"}, MANUAL),  # cli/alternate_contacts/backfill/call.py
        ({"reason": "manual", "mode": "report"}, MANUAL_REPORT),
        ({"reason": "manual"}, MANUAL),  # docs/operations.md
    ],
)
def test_parses_an_input_recorded_from_the_previous_release(
    event: dict[str, object], invocation: BackfillInvocation | None
) -> None:
    """Of commit 432e778; Scheduler retries it after an update, and an older command sends it."""
    assert parse_invocation(event) == invocation


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"trigger": "backfill"},  # CloudFormation only
        {"trigger": "watch"},
        {"trigger": None, "reason": "manual"},
        {"trigger": ["manual"]},
        {"reason": "backfill"},
        {"reason": None},
        {"reason": ["manual"]},
        {"trigger": "manual", "mode": "Report"},
        {"trigger": "manual", "mode": None},
        {"trigger": "manual", "mode": ["report"]},
        {"detail": {"eventName": "CreateAccountResult"}},
        None,
        True,
        5,
        1.5,
        "",
        "manual",
        '{"trigger": "manual"}',
        [],
        ["trigger"],
        [{"trigger": "manual"}],
    ],
)
def test_any_other_input_is_invalid(event: object) -> None:
    with pytest.raises(BackfillError, match=r"^Invalid input"):
        parse_invocation(event)
