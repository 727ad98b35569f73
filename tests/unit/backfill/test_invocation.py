"""What the schedule and the operator may ask for."""

import pytest

from alternate_contacts.backfill import invocation
from alternate_contacts.backfill.errors import BackfillError
from alternate_contacts.backfill.invocation import BackfillInvocation
from alternate_contacts.backfill.protocol import Mode, Trigger


@pytest.mark.parametrize(
    ("event", "asked"),
    [
        ({"reason": "reconcile"}, BackfillInvocation(Trigger.RECONCILE, Mode.ENFORCE)),
        ({"reason": "manual"}, BackfillInvocation(Trigger.MANUAL, Mode.ENFORCE)),
        ({"reason": "manual", "mode": "report"}, BackfillInvocation(Trigger.MANUAL, Mode.REPORT)),
        ({"reason": "watch"}, None),
    ],
)
def test_reads_a_call(event: dict[str, object], asked: BackfillInvocation | None) -> None:
    assert invocation.parse_invocation(event) == asked


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"reason": "backfill"},  # CloudFormation's own
        {"reason": None},
        {"reason": ["manual"]},
        {"reason": "manual", "mode": "Report"},
        {"reason": "manual", "mode": None},
        {"reason": "manual", "mode": ["report"]},
        {"detail": {"eventName": "CreateAccountResult"}},
    ],
)
def test_anything_else_is_refused_with_what_would_be_right(event: dict[str, object]) -> None:
    with pytest.raises(BackfillError, match="The call was not understood"):
        invocation.parse_invocation(event)
