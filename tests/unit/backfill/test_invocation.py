"""The input that the schedule, the operator and ChangeQueue may send, in this release and in the previous one."""

import json

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
        ({"reason": "manual"}, MANUAL),  # an operator, with `aws lambda invoke`
    ],
)
def test_parses_an_input_recorded_from_the_previous_release(
    event: dict[str, object], invocation: BackfillInvocation | None
) -> None:
    """Of commit 432e778; Scheduler retries it after an update, and an older command sends it."""
    assert parse_invocation(event) == invocation


def changes(*parameters: object) -> dict[str, object]:
    """Return the event of Lambda with a message for each parameter."""
    return {"Records": [{"body": json.dumps({"version": 1, "parameter": parameter})} for parameter in parameters]}


TARGET, OTHER_TARGET = "/contacts/targets/111111111111", "/contacts/of/teams/targets/222222222222"


@pytest.mark.parametrize(
    ("event", "accounts"),
    [
        (changes(TARGET), {"111111111111"}),
        (changes(TARGET, OTHER_TARGET, TARGET), {"111111111111", "222222222222"}),
        (changes(TARGET, "/contacts/sets/payments"), None),
        (changes("/contacts/version"), None),
        (changes("/contacts/targets/ou-ab12-12345678"), None),
        (changes("/contacts/targets/r-ab12"), None),
        (changes("/contacts/targets/1111111111112"), None),
        (changes("/contacts/targets/111111111111/more"), None),
        # A change must not be lost, whatever its message looks like.
        (changes(TARGET, None), None),
        ({"Records": [{"body": "no json"}]}, None),
        ({"Records": [{"body": "[" * 100_000}]}, None),
        ({"Records": [{"body": "[1]"}]}, None),
        ({"Records": [{}]}, None),
        ({"Records": [None]}, None),
        ({"Records": []}, None),
    ],
)
def test_changes_concern_the_accounts_that_are_targets_or_every_account(
    event: dict[str, object], accounts: set[str] | None
) -> None:
    invocation = parse_invocation(event)
    assert invocation == BackfillInvocation(
        Trigger.CONFIGURATION_CHANGE, Mode.ENFORCE, None if accounts is None else frozenset(accounts)
    )


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"trigger": "configuration_change"},  # ChangeQueue only
        {"trigger": "account_moved"},
        {"Records": "text"},
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
