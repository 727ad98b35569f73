"""`status`: what waits, what has failed, when everything was last looked at, and how long the rest takes."""

import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alternate_contacts.backfill.counts import BackfillCounts
from alternate_contacts.backfill.protocol import Mode, Trigger
from alternate_contacts.backfill.telemetry import BackfillTelemetry
from alternate_contacts.cli.aws.queues import QueueDepth
from alternate_contacts.cli.aws.session import Session
from alternate_contacts.cli.status import history
from alternate_contacts.cli.status.drain import Drain, Pace
from alternate_contacts.cli.status.history import BackfillRun, History
from tests.fakes.cli import PARAMETERS, SECRETS, STACK, FakeSqs, denied
from tests.fakes.wire import FakeWire, HttpAnswer
from tests.unit.cli.conftest import Run as RunCommand

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
DONE = {"mode": "enforce", "listed": 45, "enqueued": 42, "skipped": {"SUSPENDED": 3}}


def line(at: datetime, **told: Any) -> dict[str, Any]:
    return {"timestamp": int(at.timestamp() * 1000), "message": json.dumps({"message": "backfill done", **told})}


def done(hours: int, reason: str = "backfill") -> dict[str, Any]:
    return line(NOON - timedelta(hours=hours), reason=reason, **DONE)


def reconcile_skipped(hours: int) -> dict[str, Any]:
    return line(NOON - timedelta(hours=hours), message="reconcile stood back", letters_waiting=7)


@pytest.fixture
def log(aws: FakeWire) -> list[list[dict[str, Any]]]:
    """The pages of the log group."""
    pages: list[list[dict[str, Any]]] = []

    def answer(parameters: dict[str, Any]) -> HttpAnswer:
        number = int(parameters.get("nextToken", 0))
        more = {"nextToken": str(number + 1)} if number + 1 < len(pages) else {}
        return HttpAnswer(body={"events": pages[number] if pages else [], **more})

    aws.answer("FilterLogEvents", answer)
    return pages


class TestHistory:
    def read(self) -> History:
        return history.read_history(Session().client("logs"), "backfill-log", NOON)

    def test_the_newest_of_each_kind(self, log: list[list[dict[str, Any]]]) -> None:
        log.append([done(1, "manual"), done(2, "reconcile"), done(3), reconcile_skipped(4)])
        found = self.read()
        assert found.backfill == BackfillRun(NOON - timedelta(hours=1), "manual", **DONE)  # type: ignore[arg-type]
        assert found.reconcile == BackfillRun(NOON - timedelta(hours=2), "reconcile", **DONE)  # type: ignore[arg-type]

    def test_a_reconcile_that_stood_back_is_one_too(self, log: list[list[dict[str, Any]]]) -> None:
        log.append([reconcile_skipped(1), done(2, "reconcile")])
        found = self.read().reconcile
        assert found == BackfillRun(NOON - timedelta(hours=1), "reconcile", letters_waiting=7)
        assert found is not None
        assert found.reconcile_skipped

    def test_pages_may_be_empty_and_still_have_a_next_one(self, log: list[list[dict[str, Any]]]) -> None:
        log += [[done(3)], [], [done(2, "reconcile")], [done(1)]]
        assert (self.read().backfill, self.read().reconcile) == (
            BackfillRun(NOON - timedelta(hours=1), "backfill", **DONE),  # type: ignore[arg-type]
            BackfillRun(NOON - timedelta(hours=2), "reconcile", **DONE),  # type: ignore[arg-type]
        )

    def test_it_asks_for_those_lines_alone(self, log: list[list[dict[str, Any]]], aws: FakeWire) -> None:
        assert log == []
        assert self.read() == History()
        [asked] = aws.asked("FilterLogEvents")
        assert asked["filterPattern"] == '{ $.message = "backfill done" || $.message = "reconcile stood back" }'
        assert asked["startTime"] == int((NOON - timedelta(days=93)).timestamp() * 1000)

    @given(st.text() | st.sampled_from(["[]", "1", '{"message": 1}', '{"message": "other"}']))
    def test_other_lines_mean_nothing(self, text: str) -> None:
        assert history._run(0, text) is None

    @pytest.mark.usefixtures("logs_to_stdout")
    def test_the_lines_are_those_that_the_backfill_writes(self, capsys: pytest.CaptureFixture[str]) -> None:
        telemetry = BackfillTelemetry()
        telemetry.backfill_completed(
            Trigger.RECONCILE, Mode.REPORT, BackfillCounts(listed=2, enqueued=2), stack_mode=False
        )
        telemetry.reconcile_skipped(5)
        runs = [history._run(0, text) for text in capsys.readouterr().out.splitlines()]
        known = [run for run in runs if run]
        assert [(run.reason, run.mode, run.listed, run.letters_waiting) for run in known] == [
            ("reconcile", "report", 2, None),
            ("reconcile", "none", 0, 5),
        ]


class TestTimeLeft:
    @pytest.mark.parametrize(
        ("parameters", "minutes"),
        [
            ({}, (5, 10)),  # 1,000 letters: 3,000 Gets at 10/s, 3,000 Puts at 5/s
            ({"QuotaShare": "50"}, (10, 20)),
            ({"Mode": "report"}, (5, 5)),
            ({"GetRate": "1", "PutRate": "100"}, (50, 50)),
            ({"BillingPolicy": "ignore", "OperationsPolicy": "ignore"}, (5 / 3, 10 / 3)),
        ],
    )
    def test_it_is_by_the_quota(self, parameters: dict[str, str], minutes: tuple[float, float]) -> None:
        stack = replace(STACK, parameters={**PARAMETERS, **parameters})
        soonest, latest = Pace.of(stack).time_left(1000)
        assert (soonest / timedelta(minutes=1), latest / timedelta(minutes=1)) == pytest.approx(minutes)


@given(st.lists(st.integers(0, 5)))
def test_a_drain_is_over_when_the_queue_was_empty_twice_in_a_row(depths: list[int]) -> None:
    drain = Drain()
    for number, left in enumerate(depths):
        drain.seen(QueueDepth(left, 0, 0))
        assert drain.is_over == (depths[max(0, number - 1) : number + 1] == [0, 0])
        assert 0 <= drain.done <= drain.most == max(depths[: number + 1])


class TestStatus:
    def test_all_is_well(self, run: RunCommand, log: list[list[dict[str, Any]]]) -> None:
        log.append([done(1), reconcile_skipped(2)])
        result = run("status")
        lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
        assert result.exit_code == 0
        assert lines[:7] == [
            "stack alternate-contacts in account 000000000000, us-east-1",
            "mode enforce",
            "enabled yes",
            "reconcile weekly",
            "last backfill 2026-11-24 11:00 UTC (backfill, enforce): 45 accounts listed, 42 put on AccountQueue, "
            "skipped: 3 SUSPENDED",
            "last reconcile 2026-11-24 10:00 UTC: stood back for 7 letters that waited",
            "(both from log group backfill-log)",
        ]
        assert "AccountQueue 0 0 0 letters for the worker" in lines
        assert lines[-1] == "All is well."

    @pytest.mark.parametrize("queue", ["FailedAccountQueue", "UndeliveredQueue"])
    def test_something_is_not(self, run: RunCommand, sqs: FakeSqs, log: list[list[dict[str, Any]]], queue: str) -> None:
        assert log == []
        sqs.put(queue, "body")
        result = run("status")
        assert result.exit_code == 1
        assert "Not well: 1 message" in result.stdout
        assert "none found" in result.stdout

    @pytest.mark.usefixtures("log")
    def test_letters_that_wait_are_well_and_their_time_is_told(self, run: RunCommand, sqs: FakeSqs) -> None:
        for _ in range(600):
            sqs.put("AccountQueue", "letter")
        result = run("status")
        assert result.exit_code == 0
        assert (
            "By the quota of 10 Gets and 5 Puts a second: 3 min if every account is right, 6 min if none is."
            in result.stdout
        )

    def test_as_json(self, run: RunCommand, sqs: FakeSqs, log: list[list[dict[str, Any]]]) -> None:
        log.append([done(1)])
        sqs.put("AccountQueue", "letter")
        sqs.fail("111111111111").visible_at = 10
        result = run("status", "--json")
        assert result.exit_code == 1
        assert json.loads(result.stdout) == {
            "stack": {"name": "alternate-contacts", "account": "000000000000", "region": "us-east-1"},
            "mode": "enforce",
            "enabled": True,
            "reconcile": "weekly",
            "queues": {
                "AccountQueue": {"visible": 1, "inFlight": 0, "delayed": 0},
                "FailedAccountQueue": {"visible": 0, "inFlight": 1, "delayed": 0},
                "UndeliveredQueue": {"visible": 0, "inFlight": 0, "delayed": 0},
            },
            "secondsLeft": {"ifAllAreRight": 0.3, "ifNoneIs": 0.6},
            "lastBackfill": {"at": "2026-11-24T11:00:00+00:00", "reason": "backfill", **DONE},
            "lastReconcile": None,
            "lastRunsFrom": "log group backfill-log",
            "isWell": False,
        }

    def test_trouble(self, run: RunCommand, aws: FakeWire) -> None:
        denied(aws, "FilterLogEvents")
        result = run("status")
        assert (result.exit_code, result.stdout) == (2, "")
        assert "may not logs:FilterLogEvents" in result.stderr

    @pytest.mark.usefixtures("log")
    def test_no_contact_data_is_shown(self, run: RunCommand) -> None:
        output = run("status").output + run("status", "--json").output
        assert not any(secret in output for secret in SECRETS)


class TestWatch:
    @pytest.fixture
    def waits(self, monkeypatch: pytest.MonkeyPatch, sqs: FakeSqs) -> list[float]:
        """How long it waited; each time the worker takes a letter."""
        waited: list[float] = []

        def sleep(seconds: float) -> None:
            waited.append(seconds)
            del sqs.queues["AccountQueue"][:1]

        monkeypatch.setattr(time, "sleep", sleep)
        return waited

    @pytest.mark.usefixtures("log")
    def test_it_looks_until_nothing_waits(self, run: RunCommand, sqs: FakeSqs, waits: list[float]) -> None:
        for _ in range(3):
            sqs.put("AccountQueue", "letter")
        result = run("status", "--watch", "--interval", "2")
        assert result.exit_code == 0
        assert waits == [2, 2, 2, 2]  # three letters, and once more to be sure
        assert result.stdout.rstrip().endswith("All is well.")

    @pytest.mark.usefixtures("log")
    def test_its_json_is_that_of_the_end(self, run: RunCommand, sqs: FakeSqs, waits: list[float]) -> None:
        sqs.put("AccountQueue", "letter")
        sqs.fail("111111111111")
        result = run("status", "--watch", "--json")
        assert result.exit_code == 1
        assert json.loads(result.stdout)["queues"]["AccountQueue"]["visible"] == 0
        assert waits == [5, 5]

    @pytest.mark.usefixtures("log")
    def test_a_disabled_package_never_gets_there(self, run: RunCommand, sqs: FakeSqs, waits: list[float]) -> None:
        sqs.put("AccountQueue", "letter")
        disabled = replace(STACK, parameters={**PARAMETERS, "Enabled": "false"})
        result = run("status", "--watch", stack=disabled)
        assert (result.exit_code, waits) == (0, [])
        assert "no: letters wait until it is" in result.stdout
