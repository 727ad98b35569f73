"""What the backfill does for CloudFormation, the schedule and the operator."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from alternate_contacts.backfill.counts import BackfillCounts
from alternate_contacts.backfill.enqueue import ListedAccount
from alternate_contacts.backfill.errors import BackfillError
from alternate_contacts.backfill.protocol import Mode, Trigger
from alternate_contacts.backfill.service import WATCHED, BackfillService, report_backfill_age
from alternate_contacts.backfill.settings import BackfillSettings
from alternate_contacts.backfill.telemetry import BackfillTelemetry
from tests.fakes.backfill import FakeAccountQueue, FakeOrganization
from tests.fakes.clock import FakeStop
from tests.fakes.environment import BACKFILL

pytestmark = pytest.mark.usefixtures("logs_to_stdout")

SETTINGS = BackfillSettings.read({**BACKFILL, "AWS_REGION": "us-east-1"})
LISTING = [ListedAccount(f"{number:012}") for number in range(1, 13)]


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def metrics(told: list[dict[str, object]]) -> dict[str, object]:
    """Metric names with their values, and a look at namespace and dimensions."""
    found: dict[str, object] = {}
    for line in told:
        if isinstance(embedded := line.get("_aws"), dict):
            (directive,) = embedded["CloudWatchMetrics"]
            assert (directive["Namespace"], directive["Dimensions"]) == ("AlternateContacts", [["service"]])
            assert line["service"] == "backfill"
            (metric,) = directive["Metrics"]
            (found[metric["Name"]],) = line[metric["Name"]]  # type: ignore[misc]
    return found


def serve(
    queue: FakeAccountQueue, reason: Trigger, mode: Mode = Mode.ENFORCE, settings: BackfillSettings = SETTINGS
) -> tuple[bool, BackfillCounts]:
    figures = BackfillCounts()
    service = BackfillService(settings, FakeOrganization(LISTING), queue, BackfillTelemetry())
    return service.serve(reason, mode, figures=figures, stop=FakeStop()), figures


@pytest.mark.parametrize("reason", [Trigger.MANUAL, Trigger.RECONCILE])
def test_every_letter_names_who_asked_for_it(reason: Trigger, capsys: pytest.CaptureFixture[str]) -> None:
    queue = FakeAccountQueue()
    served, figures = serve(queue, reason)
    assert served
    assert {json.loads(body)["reason"] for body in queue.bodies} == {reason.value}
    assert figures.enqueued == 12
    told = lines(capsys)
    assert metrics(told) == {"BackfillCompleted": 1, "DaysSinceBackfill": 0}
    (done,) = [line for line in told if line.get("message") == "backfill done"]
    assert {
        "reason": reason.value,
        "mode": "enforce",
        "listed": 12,
        "enqueued": 12,
        "skipped": {},
    }.items() <= done.items()


@pytest.mark.parametrize("stack", Mode)
@pytest.mark.parametrize("asked", Mode)
def test_the_stricter_mode_is_in_the_letters(stack: Mode, asked: Mode) -> None:
    queue = FakeAccountQueue()
    serve(queue, Trigger.MANUAL, asked, replace(SETTINGS, mode=stack))
    assert {json.loads(body)["mode"] for body in queue.bodies} == {asked.stricter(stack).value}


def test_a_report_in_a_stack_that_enforces_is_no_reconcile(capsys: pytest.CaptureFixture[str]) -> None:
    serve(FakeAccountQueue(), Trigger.MANUAL, Mode.REPORT)
    assert metrics(lines(capsys)) == {}


def test_a_report_changes_nothing_before_it_refuses() -> None:
    organization, queue = FakeOrganization(LISTING, trusted=False), FakeAccountQueue()
    with pytest.raises(BackfillError, match="enable-aws-service-access"):
        BackfillService(SETTINGS, organization, queue, BackfillTelemetry()).serve(
            Trigger.MANUAL, Mode.REPORT, figures=BackfillCounts(), stop=FakeStop()
        )
    assert (organization.enabled, queue.sends) == (0, [])


def test_the_scheduled_run_stands_back_while_letters_wait_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    queue = FakeAccountQueue(waiting_letters=7)
    served, figures = serve(queue, Trigger.RECONCILE)
    assert (served, figures, queue.sends) == (False, BackfillCounts(), [])
    told = lines(capsys)
    assert metrics(told) == {"ReconcileSkipped": 1}
    assert [line["letters_waiting"] for line in told if line.get("message") == "reconcile stood back"] == [7]


def test_an_operators_run_does_not_stand_back() -> None:
    assert serve(FakeAccountQueue(waiting_letters=7), Trigger.MANUAL)[0]


@pytest.mark.parametrize("reason", [Trigger.MANUAL, Trigger.RECONCILE])
def test_a_disabled_package_sends_nothing(reason: Trigger) -> None:
    queue = FakeAccountQueue()
    with pytest.raises(BackfillError, match="disabled"):
        serve(queue, reason, settings=replace(SETTINGS, enabled=False))
    assert queue.sends == []


NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("last", "days"),
    [(NOW - timedelta(hours=12), 0.5), (NOW - timedelta(days=14), 14.0), (None, 62.0)],
)
def test_the_watch_tells_the_days_since_the_last_backfill(
    last: datetime | None, days: float, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def last_backfill(since: datetime) -> datetime | None:
        asked.append(since)
        return last

    assert report_backfill_age(last_backfill, BackfillTelemetry(), NOW) == days
    assert asked == [NOW - WATCHED]
    assert metrics(lines(capsys)) == {"DaysSinceBackfill": days}
