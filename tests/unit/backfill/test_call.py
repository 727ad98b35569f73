"""What the schedule and the operator may ask for."""

import pytest

from backfill import call
from backfill.call import Call
from backfill.errors import BackfillError
from backfill.letters import Mode, Reason


@pytest.mark.parametrize(
    ("event", "asked"),
    [
        ({"reason": "reconcile"}, Call(Reason.RECONCILE, Mode.ENFORCE)),
        ({"reason": "manual"}, Call(Reason.MANUAL, Mode.ENFORCE)),
        ({"reason": "manual", "mode": "report"}, Call(Reason.MANUAL, Mode.REPORT)),
        ({"reason": "watch"}, None),
    ],
)
def test_reads_a_call(event: dict[str, object], asked: Call | None) -> None:
    assert call.read(event) == asked


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
        call.read(event)
