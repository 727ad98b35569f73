"""`status`: configuration, queues, the last backfill and reconcile, and the estimated time."""

import io
import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import metadata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from alternate_contacts.backfill.counts import BackfillCounts
from alternate_contacts.backfill.protocol import Mode, Trigger
from alternate_contacts.backfill.telemetry import BackfillTelemetry
from alternate_contacts.cli.aws.alarm_topic import AlarmReceivers
from alternate_contacts.cli.aws.queues import QUEUES, QueueDepth
from alternate_contacts.cli.aws.quota import Quota
from alternate_contacts.cli.aws.session import Session
from alternate_contacts.cli.status import history
from alternate_contacts.cli.status.command import Status, _render_watch
from alternate_contacts.cli.status.drain import DrainProgress, estimate_time
from alternate_contacts.cli.status.history import BackfillRun, History
from alternate_contacts.worker.contact_configuration import parse_configuration
from tests.fakes.cli import PARAMETERS, SECRETS, STACK, FakeSqs, deny, subscriptions
from tests.fakes.contact_data import contact_set
from tests.fakes.organization import CONFIGURED, PATH, parameter_page
from tests.fakes.wire import FakeWire, HttpResponse, error_response
from tests.unit.cli.conftest import Run

CONTACT_SET = contact_set(4455)
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
COUNTS: dict[str, Any] = {"mode": "enforce", "listed": 45, "enqueued": 42, "skipped": {"SUSPENDED": 3}}

LogEvent = dict[str, Any]


def xml_error(code: str, status: int) -> HttpResponse:
    return HttpResponse(status, f"<ErrorResponse><Error><Code>{code}</Code></Error></ErrorResponse>")


Pages = list[list[LogEvent]]


def log_event(hours_before_noon: int, message: str, **fields: Any) -> LogEvent:
    at = NOON - timedelta(hours=hours_before_noon)
    return {"timestamp": int(at.timestamp() * 1000), "message": json.dumps({"message": message, **fields})}


def completed(hours_before_noon: int, trigger: str = "backfill") -> LogEvent:
    return log_event(hours_before_noon, "backfill completed", trigger=trigger, **COUNTS)


def skipped(hours_before_noon: int) -> LogEvent:
    return log_event(hours_before_noon, "reconcile skipped", messages_waiting=7)


@pytest.fixture
def log(aws: FakeWire) -> Pages:
    """The pages of the log group, empty at first."""
    pages: Pages = []

    def page(parameters: dict[str, Any]) -> HttpResponse:
        number = int(parameters.get("nextToken", 0))
        more = {"nextToken": str(number + 1)} if number + 1 < len(pages) else {}
        return HttpResponse(body={"events": pages[number] if pages else [], **more})

    aws.respond("FilterLogEvents", page)
    return pages


class TestHistory:
    def read(self) -> History:
        return history.read_history(Session().client("logs"), "backfill-log", NOON)

    def test_it_is_the_newest_backfill_and_the_newest_reconcile(self, log: Pages) -> None:
        log.append([completed(1, "manual"), completed(2, "reconcile"), completed(3), skipped(4)])
        assert self.read() == History(
            BackfillRun(NOON - timedelta(hours=1), "manual", **COUNTS),
            BackfillRun(NOON - timedelta(hours=2), "reconcile", **COUNTS),
        )

    def test_a_skipped_reconcile_counts(self, log: Pages) -> None:
        log.append([skipped(1), completed(2, "reconcile")])
        run = self.read().reconcile
        assert run == BackfillRun(NOON - timedelta(hours=1), "reconcile", messages_waiting=7)
        assert run is not None
        assert run.reconcile_skipped

    def test_an_empty_page_is_not_the_last(self, log: Pages) -> None:
        log += [[completed(3)], [], [completed(2, "reconcile")], [completed(1)]]
        assert self.read() == History(
            BackfillRun(NOON - timedelta(hours=1), "backfill", **COUNTS),
            BackfillRun(NOON - timedelta(hours=2), "reconcile", **COUNTS),
        )

    @pytest.mark.usefixtures("log")
    def test_it_searches_these_log_messages_of_three_months(self, aws: FakeWire) -> None:
        assert self.read() == History()
        [request] = aws.requests_of("FilterLogEvents")
        for message in ("backfill completed", "reconcile skipped"):
            assert f'$.message = "{message}"' in request["filterPattern"]
        assert request["startTime"] == int((NOON - timedelta(days=93)).timestamp() * 1000)

    def test_a_log_line_of_another_release_lacks_fields(self) -> None:
        run = history._parse_run(0, '{"message": "backfill completed", "trigger": "backfill", "listed": "x"}')
        assert run == BackfillRun(datetime.fromtimestamp(0, UTC), "backfill", "unknown", skipped={})
        skipped = history._parse_run(0, '{"message": "reconcile skipped"}')
        assert skipped is not None
        assert skipped.reconcile_skipped

    @given(st.text() | st.sampled_from(["[]", "1", '{"message": 1}', '{"message": "other"}']))
    def test_other_log_lines_are_ignored(self, text: str) -> None:
        assert history._parse_run(0, text) is None

    @pytest.mark.usefixtures("logs_to_stdout")
    def test_the_log_lines_are_those_of_the_backfill(self, capsys: pytest.CaptureFixture[str]) -> None:
        telemetry = BackfillTelemetry()
        counts = BackfillCounts(listed=2, enqueued=2)
        telemetry.backfill_completed(Trigger.RECONCILE, Mode.REPORT, counts, stack_mode=False)
        telemetry.reconcile_skipped(5)
        runs = [history._parse_run(0, text) for text in capsys.readouterr().out.splitlines()]
        assert [(run.trigger, run.mode, run.listed, run.messages_waiting) for run in runs if run] == [
            ("reconcile", "report", 2, None),
            ("reconcile", "none", 0, 5),
        ]


class TestEstimateTime:
    @pytest.mark.parametrize(
        ("quota", "parameters", "minutes"),
        [
            ((10, 5, 1), {}, (5, 10)),  # 1,000 messages: 3,000 Gets at 10/s, 3,000 Puts at 5/s
            ((10, 5, 0.5), {}, (10, 20)),
            ((10, 5, 1), {"Mode": "report"}, (5, 5)),
            ((1, 100, 1), {}, (50, 50)),
            ((10, 5, 1), {"BillingPolicy": "ignore", "OperationsPolicy": "ignore"}, (5 / 3, 10 / 3)),
        ],
    )
    def test_it_follows_from_quota_mode_and_policies(
        self, quota: tuple[float, float, float], parameters: dict[str, str], minutes: tuple[float, float]
    ) -> None:
        stack = replace(STACK, parameters={**PARAMETERS, **parameters})
        estimate = estimate_time(1000, stack, Quota(*quota, from_worker=True), None)
        assert [time / timedelta(minutes=1) for time in estimate] == pytest.approx(minutes)

    @pytest.mark.parametrize(
        ("target", "contacts"),
        [
            ('{"billing": "payments"}', 2),  # which the stack itself ignores
            ('{"security": "payments"}', 1),
            ('{"billing": "default"}', 1),
            ('{"billing": "ignore"}', 1),
            ('{"billing": "payments", "color": "red"}', 1),
        ],
    )
    def test_a_type_for_which_a_target_selects_a_set_counts(self, target: str, contacts: int) -> None:
        stack = replace(STACK, parameters={**PARAMETERS, "BillingPolicy": "ignore", "OperationsPolicy": "ignore"})
        configuration = parse_configuration({"version": "1", "targets/r-ab12": target})
        shortest, _ = estimate_time(1000, stack, Quota(10, 5, 1, from_worker=True), configuration)
        assert shortest == timedelta(seconds=100 * contacts)


@given(st.lists(st.integers(0, 5)))
def test_a_drain_is_over_after_two_empty_depths_in_a_row(depths: list[int]) -> None:
    progress = DrainProgress()
    for number, messages in enumerate(depths):
        progress.add(QueueDepth(messages, 0, 0))
        assert progress.is_over == (depths[max(0, number - 1) : number + 1] == [0, 0])
        assert 0 <= progress.processed <= progress.most == max(depths[: number + 1])


class TestStatus:
    @pytest.fixture(autouse=True)
    def installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(metadata, "version", lambda _: "1.2.3")

    @pytest.mark.usefixtures("log")
    def test_it_shows_both_versions(self, run: Run) -> None:
        stack = replace(STACK, outputs={**STACK.outputs, "Version": "1.2.4"})
        assert json.loads(run("status", "--json", stack=stack).stdout)["versions"] == {
            "command": "1.2.3",
            "stack": "1.2.4",
        }

    def test_healthy(self, run: Run, log: Pages) -> None:
        log.append([completed(1), skipped(2)])
        result = run("status")
        lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
        assert result.exit_code == 0
        assert lines[:12] == [
            "stack alternate-contacts in account 000000000000, us-east-1",
            "CREATE_COMPLETE",
            "version unknown; this command: 1.2.3",
            "mode enforce",
            "enabled yes",
            "reconcile weekly",
            "API quota 10 Gets and 5 Puts per second; the worker uses 100%",
            "(from the configuration of WorkerFunction)",
            "last backfill 2026-11-24 11:00 UTC (backfill, enforce): 45 accounts listed, 42 enqueued, "
            "skipped: 3 SUSPENDED",
            "last reconcile 2026-11-24 10:00 UTC: skipped, because 7 messages waited on AccountQueue",
            "(both from log group backfill-log)",
            "alarms 1 confirmed receiver",
        ]
        assert "AccountQueue 0 0 0 messages for the worker, one per account" in lines
        assert lines[-1] == "Healthy."

    @pytest.mark.usefixtures("log")
    @pytest.mark.parametrize("queue", ["FailedAccountQueue", "UndeliveredQueue"])
    def test_a_message_on_a_dead_letter_queue_is_a_problem(self, run: Run, sqs: FakeSqs, queue: str) -> None:
        sqs.put(queue, "body")
        result = run("status")
        assert result.exit_code == 1
        assert f"Problems found: 1 message on {queue}." in result.stdout

    @pytest.mark.usefixtures("log")
    def test_waiting_messages_are_healthy_and_their_time_is_estimated(self, run: Run, sqs: FakeSqs) -> None:
        for _ in range(600):
            sqs.put("AccountQueue", "message")
        result = run("status")
        assert result.exit_code == 0
        assert "3 min if every contact is compliant, 6 min if none is." in result.stdout

    @pytest.mark.usefixtures("log")
    def test_without_permission_for_the_configuration_the_quota_is_the_default(self, run: Run, aws: FakeWire) -> None:
        deny(aws, "GetFunctionConfiguration")
        result = run("status")
        assert result.exit_code == 0
        assert "(from the parameters of the stack and defaults of the template" in result.stdout
        assert "lambda:GetFunctionConfiguration" in json.loads(run("status", "--json").stdout)["quota"]["source"]

    def test_as_json(self, run: Run, sqs: FakeSqs, log: Pages) -> None:
        log.append([completed(1)])
        sqs.put("AccountQueue", "message")
        sqs.fail("111111111111").visible_at = 10
        result = run("status", "--json")
        assert result.exit_code == 1
        assert json.loads(result.stdout) == {
            "versions": {"command": "1.2.3", "stack": "unknown"},
            "stack": {
                "name": "alternate-contacts",
                "account": "000000000000",
                "region": "us-east-1",
                "status": "CREATE_COMPLETE",
            },
            "mode": "enforce",
            "enabled": True,
            "reconcile": "weekly",
            "quota": {"getRate": 10, "putRate": 5, "share": 1, "source": "configuration of WorkerFunction"},
            "queues": {
                "AccountQueue": {"visible": 1, "inFlight": 0, "delayed": 0},
                "FailedAccountQueue": {"visible": 0, "inFlight": 1, "delayed": 0},
                "UndeliveredQueue": {"visible": 0, "inFlight": 0, "delayed": 0},
            },
            "secondsLeft": {"ifAllCompliant": 0.3, "ifNoneCompliant": 0.6},
            "lastBackfill": {"at": "2026-11-24T11:00:00+00:00", "trigger": "backfill", **COUNTS},
            "lastReconcile": None,
            "historySource": "log group backfill-log",
            "historyUnreadable": None,
            "alarmReceivers": {"confirmed": 1, "pending": 0},
            "contactConfiguration": None,
            "problems": ["1 message on FailedAccountQueue"],
            "healthy": False,
        }

    @pytest.mark.usefixtures("log")
    @pytest.mark.parametrize(
        ("status", "exit_code"),
        [
            ("UPDATE_COMPLETE", 0),
            ("UPDATE_ROLLBACK_COMPLETE", 0),
            ("UPDATE_IN_PROGRESS", 0),
            ("DELETE_FAILED", 1),
            ("ROLLBACK_FAILED", 1),
            ("UPDATE_FAILED", 1),
            ("UPDATE_ROLLBACK_FAILED", 1),
        ],
    )
    def test_a_stack_that_an_operation_failed_on_is_a_problem(self, run: Run, status: str, exit_code: int) -> None:
        stack = replace(STACK, status=status)
        result = run("status", stack=stack)
        assert (result.exit_code, "events of the stack" in result.stdout) == (exit_code, bool(exit_code))
        document = json.loads(run("status", "--json", stack=stack).stdout)
        assert (document["stack"]["status"], document["healthy"]) == (status, not exit_code)

    @pytest.mark.usefixtures("log")
    @pytest.mark.parametrize(("confirmed", "pending", "exit_code"), [(1, 0, 0), (1, 2, 0), (0, 1, 1), (0, 0, 1)])
    def test_alarms_that_no_one_receives_are_a_problem(
        self, run: Run, aws: FakeWire, confirmed: int, pending: int, exit_code: int
    ) -> None:
        aws.respond("ListSubscriptionsByTopic", subscriptions(confirmed=confirmed, pending=pending))
        result = run("status")
        assert (result.exit_code, "Subscribe" in result.stdout) == (exit_code, bool(exit_code))
        receivers = json.loads(run("status", "--json").stdout)["alarmReceivers"]
        assert receivers == {"confirmed": confirmed, "pending": pending}

    @pytest.mark.usefixtures("log")
    def test_without_permission_for_the_subscriptions_they_are_unknown(self, run: Run, aws: FakeWire) -> None:
        aws.respond("ListSubscriptionsByTopic", xml_error("AuthorizationError", 403))
        result = run("status")
        assert (result.exit_code, "receivers unknown" in result.stdout) == (0, True)

    @pytest.mark.usefixtures("log")
    def test_a_contact_configuration_is_counted(self, run: Run, aws: FakeWire) -> None:
        aws.respond(
            "GetParametersByPath", parameter_page({"version": "1", "sets/own": CONTACT_SET, "targets/r-ab12": {}})
        )
        result = run("status", stack=CONFIGURED)
        assert result.exit_code == 0
        assert f"{PATH}: 1 contact set, 1 target" in result.stdout
        document = json.loads(run("status", "--json", stack=CONFIGURED).stdout)
        assert document["contactConfiguration"] == {
            "path": PATH,
            "versions": {"version": 1, "sets/own": 2, "targets/r-ab12": 3},
            "problems": [],
        }
        assert [value for value in CONTACT_SET.values() if value in result.output + json.dumps(document)] == []

    @pytest.mark.usefixtures("log")
    def test_problems_of_the_contact_configuration_are_problems(self, run: Run, aws: FakeWire) -> None:
        broken = {f"targets/ou-ab12-{number:08}": {"billing": "missing"} for number in range(25)}
        aws.respond("GetParametersByPath", parameter_page({"color": "red", **broken}))
        result = run("status", stack=CONFIGURED)
        assert result.exit_code == 1
        assert "Problems found: 27 problems of the contact configuration." in result.stdout
        assert "targets/ou-ab12-00000000: unknown_contact_set: missing" in result.stdout
        assert "and 7 more: --json lists all of them." in result.stdout
        assert "docs/own-contacts.md" in result.stdout
        document = json.loads(run("status", "--json", stack=CONFIGURED).stdout)
        problems = document["contactConfiguration"]["problems"]
        assert len(problems) == 27
        assert problems[0] == {"parameter": "color", "reason": "unknown_parameter", "detail": "unknown_path"}
        assert problems[-1] == {"parameter": "version", "reason": "configuration_unreadable", "detail": "no_version"}
        assert (document["healthy"], document["problems"]) == (False, ["27 problems of the contact configuration"])

    @pytest.mark.usefixtures("log")
    def test_without_permission_for_the_contact_configuration_it_is_unknown(self, run: Run, aws: FakeWire) -> None:
        deny(aws, "GetParametersByPath")
        result = run("status", stack=CONFIGURED)
        assert result.exit_code == 0
        assert f"{PATH}: unknown: GetParametersByPath failed: AccessDenied" in result.stdout
        document = json.loads(run("status", "--json", stack=CONFIGURED).stdout)
        assert document["contactConfiguration"]["unreadable"] == "GetParametersByPath failed: AccessDenied"

    @pytest.mark.usefixtures("log")
    def test_changes_that_wait_are_shown_and_healthy(self, run: Run, aws: FakeWire, sqs: FakeSqs) -> None:
        aws.respond("GetParametersByPath", parameter_page({"version": "1"}))
        sqs.put("ChangeQueue", "change")
        sqs.put("ChangeQueue", "change of a backfill that failed").visible_at = 10
        result = run("status", stack=CONFIGURED)
        assert result.exit_code == 0
        assert "ChangeQueue 1 1 0 changes of the contact configuration, not yet applied" in " ".join(
            result.stdout.split()
        )
        document = json.loads(run("status", "--json", stack=CONFIGURED).stdout)
        assert document["queues"]["ChangeQueue"] == {"visible": 1, "inFlight": 1, "delayed": 0}
        assert document["secondsLeft"] == {"ifAllCompliant": 0, "ifNoneCompliant": 0}

    @pytest.mark.usefixtures("log")
    def test_without_a_contact_configuration_nothing_of_it_is_read(self, run: Run, aws: FakeWire) -> None:
        result = run("status")
        assert (result.exit_code, "ChangeQueue" in result.stdout) == (0, False)
        assert aws.requests_of("GetParametersByPath") == []

    @pytest.mark.parametrize(
        "response",
        [
            error_response("AccessDeniedException", 400),
            error_response("ResourceNotFoundException", 400),
            HttpResponse(body={"events": [], "nextToken": "the same"}),
        ],
        ids=["denied", "missing log group", "repeated page"],
    )
    def test_a_history_that_cannot_be_read_does_not_hide_the_queues(
        self, run: Run, aws: FakeWire, sqs: FakeSqs, response: HttpResponse
    ) -> None:
        aws.respond("FilterLogEvents", response)
        sqs.put("AccountQueue", "message")
        document = json.loads(run("status", "--json").stdout)
        assert document["historyUnreadable"]
        assert (document["queues"]["AccountQueue"]["visible"], document["healthy"]) == (1, True)
        assert run("status").exit_code == 0

    @pytest.mark.usefixtures("log")
    @pytest.mark.parametrize(
        ("code", "exit_code"), [("AccessDenied", 2), ("AWS.SimpleQueueService.NonExistentQueue", 1)]
    )
    def test_a_queue_that_cannot_be_read_is_named(
        self, run: Run, aws: FakeWire, sqs: FakeSqs, code: str, exit_code: int
    ) -> None:
        sqs.fail("111111111111")
        attributes = aws._responses["GetQueueAttributes"]

        def one_fails(parameters: dict[str, Any]) -> HttpResponse:
            is_readable = "UndeliveredQueue" not in parameters["QueueUrl"]
            return attributes(parameters) if is_readable else error_response(code, 400)

        aws.respond("GetQueueAttributes", one_fails)
        document = json.loads(run("status", "--json").stdout)
        assert document["queues"]["FailedAccountQueue"]["visible"] == 1
        assert code in document["queues"]["UndeliveredQueue"]["unreadable"]
        sqs.queues["FailedAccountQueue"].clear()
        result = run("status")
        assert (result.exit_code, "UndeliveredQueue" in result.stdout.splitlines()[-1]) == (exit_code, True)

    def test_expired_credentials_end_the_command(self, run: Run, aws: FakeWire) -> None:
        aws.respond("FilterLogEvents", error_response("ExpiredTokenException", 400))
        result = run("status")
        assert (result.exit_code, result.stdout) == (2, "")

    @pytest.mark.usefixtures("log")
    def test_no_contact_data_is_printed(self, run: Run) -> None:
        output = run("status").output + run("status", "--json").output
        assert not any(secret in output for secret in SECRETS)


@pytest.mark.usefixtures("log")
class TestWatch:
    @pytest.fixture
    def waits(self, monkeypatch: pytest.MonkeyPatch, sqs: FakeSqs) -> list[float]:
        """The seconds between two refreshes, in which the worker processes a message."""
        waits: list[float] = []

        def sleep(seconds: float) -> None:
            waits.append(seconds)
            del sqs.queues["AccountQueue"][:1]

        monkeypatch.setattr(time, "sleep", sleep)
        return waits

    def test_it_refreshes_until_the_queue_was_empty_twice(self, run: Run, sqs: FakeSqs, waits: list[float]) -> None:
        for _ in range(3):
            sqs.put("AccountQueue", "message")
        result = run("status", "--watch", "--interval", "2")
        assert result.exit_code == 0
        assert waits == [2, 2, 2, 2]
        assert result.stdout.rstrip().endswith("Healthy.")

    def test_with_json_it_prints_the_last_status(self, run: Run, sqs: FakeSqs, waits: list[float]) -> None:
        sqs.put("AccountQueue", "message")
        sqs.fail("111111111111")
        result = run("status", "--watch", "--json")
        assert result.exit_code == 1
        assert json.loads(result.stdout)["queues"]["AccountQueue"]["visible"] == 0
        assert waits == [5, 5]

    def test_outside_a_terminal_it_prints_each_change(self, run: Run, sqs: FakeSqs, waits: list[float]) -> None:
        for _ in range(2):
            sqs.put("AccountQueue", "message")
        lines = run("status", "--watch").stdout.splitlines()
        depths = [line for line in lines if line.startswith("AccountQueue: ")]
        assert [line.split()[1] for line in depths] == ["2", "1", "0"]
        assert len(waits) == 3

    @pytest.mark.parametrize("width", [40, 80])
    def test_the_bar_has_a_line_of_its_own(self, width: int) -> None:
        depths = dict.fromkeys(QUEUES, QueueDepth(1, 0, 0))
        now = Status(STACK, Quota(10, 5, 1, from_worker=True), depths, History(), AlarmReceivers(1, 0))
        progress = DrainProgress()
        progress.add(QueueDepth(1, 0, 0))
        console = Console(file=io.StringIO(), width=width)
        with console.capture() as captured:
            console.print(_render_watch(now, progress))
        lines = [line.strip() for line in captured.get().splitlines()]
        assert lines[-1] == "Press Ctrl-C to stop watching."
        assert not any(character.isalnum() for character in lines[-2])
        assert not any("\\n" in line for line in lines)

    def test_ctrl_c_prints_the_last_figures(self, run: Run, sqs: FakeSqs, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupt(_: float) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(time, "sleep", interrupt)
        sqs.put("AccountQueue", "message")
        result = run("status", "--watch", "--json")
        assert result.exit_code == 130
        assert json.loads(result.stdout)["queues"]["AccountQueue"]["visible"] == 1

    def test_it_does_not_wait_for_a_disabled_package(self, run: Run, sqs: FakeSqs, waits: list[float]) -> None:
        sqs.put("AccountQueue", "message")
        disabled = replace(STACK, parameters={**PARAMETERS, "Enabled": "false"})
        result = run("status", "--watch", stack=disabled)
        assert (result.exit_code, waits) == (0, [])
        assert "no: messages wait until the package is enabled" in result.stdout
