"""`replay` and `discard`: planned, agreed to, and such that nothing can be lost."""

import json
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from alternate_contacts.cli.aws import move_task
from alternate_contacts.cli.aws.move_task import MoveTasks
from alternate_contacts.cli.aws.queues import QueueMessage
from alternate_contacts.cli.aws.selection import Selection
from alternate_contacts.cli.aws.session import Session
from alternate_contacts.cli.aws.undelivered import Kind, kind
from alternate_contacts.cli.terminal import output
from alternate_contacts.cli.terminal.errors import CliError
from tests.fakes.cli import PARAMETERS, SECRETS, STACK, FakeSqs, denied, failed_attributes
from tests.fakes.clock import FakeClock
from tests.fakes.wire import FakeWire, HttpAnswer
from tests.unit.cli.conftest import Run

ACCOUNT, OTHER, THIRD = "111111111111", "222222222222", "333333333333"
EVENT = json.dumps({"source": "aws.organizations", "detail": {"eventName": "CreateAccountResult"}})
INVOCATION = json.dumps({"requestPayload": {"ResponseURL": "https://secret.invalid"}})
NOW = datetime(2026, 1, 1, tzinfo=UTC)
DISABLED = replace(STACK, parameters={**PARAMETERS, "Enabled": "false"})


@pytest.fixture
def failed(sqs: FakeSqs) -> FakeSqs:
    """Three failed accounts."""
    sqs.fail(ACCOUNT)
    sqs.fail(OTHER)
    sqs.fail(THIRD, "throttled")
    return sqs


class TestAll:
    def test_the_plan_then_the_deed(self, run: Run, failed: FakeSqs) -> None:
        result = run("replay", "--yes")
        assert result.exit_code == 0
        assert result.stdout == (
            "SQS moves 3 messages from FailedAccountQueue to AccountQueue.\n3 messages moved to AccountQueue.\n"
        )
        assert (len(failed.bodies("AccountQueue")), failed.bodies("FailedAccountQueue")) == (3, [])

    def test_dry_run_prints_the_plan_and_changes_nothing(self, run: Run, failed: FakeSqs) -> None:
        result = run("replay", "--dry-run")
        assert result.exit_code == 0
        assert result.stdout == "SQS moves 3 messages from FailedAccountQueue to AccountQueue.\n"
        assert (failed.tasks, len(failed.bodies("FailedAccountQueue"))) == ([], 3)

    @pytest.mark.usefixtures("sqs")
    def test_nothing_to_do(self, run: Run) -> None:
        result = run("replay")
        assert (result.exit_code, result.stdout) == (0, "Nothing is on FailedAccountQueue.\n")

    def test_json_is_one_document_and_the_plan_is_told_beside_it(self, run: Run, failed: FakeSqs) -> None:
        result = run("replay", "--yes", "--json")
        assert json.loads(result.stdout) == {
            "plan": {"move": 3, "heldByOthers": 0},
            "done": {"moved": 3, "left": 0},
        }
        assert "SQS moves 3 messages" in result.stderr
        assert failed.bodies("FailedAccountQueue") == []

    def test_what_fails_again_at_once_is_not_moved_for_ever(
        self, run: Run, failed: FakeSqs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(move_task, "_PAUSE", 0)
        failed.on_move = lambda: failed.fail(ACCOUNT)  # type: ignore[assignment]
        result = run("replay", "--yes", "--json")
        assert result.exit_code == 1
        assert json.loads(result.stdout)["done"] == {"moved": 3, "left": 1}
        assert len(failed.tasks) == 1

    def test_what_somebody_reads_just_now_is_told(self, run: Run, failed: FakeSqs) -> None:
        for message in failed.queues["FailedAccountQueue"]:
            message.visible_at = 1000
        result = run("replay", "--yes")
        assert (result.exit_code, failed.tasks) == (1, [])
        assert result.stdout == "3 messages cannot be moved: somebody is reading them just now.\n"

    def test_a_disabled_package_is_told(self, run: Run, failed: FakeSqs) -> None:
        result = run("replay", "--dry-run", stack=DISABLED)
        assert "The package is disabled" in result.stdout
        assert failed.tasks == []


class TestAgreement:
    def test_nobody_to_ask_is_a_refusal(self, run: Run, failed: FakeSqs) -> None:
        result = run("replay")
        assert result.exit_code == 2
        assert "say --yes to act on the plan" in result.stderr
        assert len(failed.bodies("FailedAccountQueue")) == 3

    @pytest.mark.parametrize(("answer", "code", "left"), [("n\n", 1, 3), ("y\n", 0, 0)])
    def test_at_a_terminal_it_asks(
        self, run: Run, failed: FakeSqs, monkeypatch: pytest.MonkeyPatch, answer: str, code: int, left: int
    ) -> None:
        monkeypatch.setattr(output, "_somebody_is_there", lambda: True)
        for arguments in (["replay"], ["replay", "--account", ACCOUNT, "--account", OTHER, "--account", THIRD]):
            result = run(*arguments, answer=answer)
            assert "Do this? [y/N]" in result.stderr
            assert (result.exit_code, len(failed.bodies("FailedAccountQueue"))) == (code, left)
            assert failed.hidden("FailedAccountQueue") == []
            if code == 0:
                break
            assert "Nothing was changed." in result.stderr

    def test_ctrl_c_at_the_question_changes_nothing(
        self, run: Run, failed: FakeSqs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(output, "_somebody_is_there", lambda: True)
        result = run("replay", "--account", ACCOUNT)  # nothing to read where the answer should be
        assert result.exit_code == 130
        assert result.stderr.endswith("Stopped.\n")
        assert (len(failed.bodies("FailedAccountQueue")), failed.hidden("FailedAccountQueue")) == (3, [])


class TestMoveTasks:
    @pytest.fixture
    def clock(self) -> FakeClock:
        return FakeClock()

    @pytest.fixture
    def tasks(self, sqs: FakeSqs, clock: FakeClock) -> MoveTasks:
        assert sqs.tasks == []
        return MoveTasks(
            Session().client("sqs"),
            url=STACK.failed_account_queue_url,
            source_arn="arn:aws:sqs:us-east-1:000000000000:FailedAccountQueue",
            destination_arn="arn:aws:sqs:us-east-1:000000000000:AccountQueue",
            sleep=clock.sleep,
        )

    def test_it_tells_how_far_it_is(self, tasks: MoveTasks, sqs: FakeSqs) -> None:
        sqs.moves_at_a_time = 4
        for number in range(10):
            sqs.fail(f"{number:012}")
        told: list[int] = []
        assert tasks.move(10, told.append) == 10
        assert told == [4, 8, 10]

    def test_it_looks_again_until_nothing_is_left(self, tasks: MoveTasks, sqs: FakeSqs) -> None:
        # One that another reader held comes back after the first task has begun.
        sqs.fail(ACCOUNT)
        sqs.fail(OTHER).visible_at = 1
        sqs.on_move = lambda: setattr(sqs.clock, "now", 2)
        told: list[int] = []
        assert tasks.move(2, told.append) == 2
        assert len(sqs.tasks) == 2
        assert told == [1, 2]

    def test_sqs_may_count_late(self, tasks: MoveTasks, sqs: FakeSqs, clock: FakeClock) -> None:
        assert tasks.left() == 0
        sqs.fail(ACCOUNT)
        assert tasks.left() == 1
        assert sum(clock.sleeps) == 3

    def test_it_joins_a_task_that_runs(self, tasks: MoveTasks, sqs: FakeSqs) -> None:
        sqs.moves_at_a_time = 2
        for number in range(6):
            sqs.fail(f"{number:012}")
        sqs._start({"SourceArn": "x:FailedAccountQueue", "DestinationArn": "x:AccountQueue"})
        assert tasks.move(6, lambda _: None) == 4  # two of them before it came
        assert len(sqs.tasks) == 1

    def test_it_ends_where_nothing_can_be_moved(self, tasks: MoveTasks, sqs: FakeSqs) -> None:
        assert tasks.move(5, lambda _: None) == 0
        assert len(sqs.tasks) == 1

    def listed(self, aws: FakeWire, *answers: list[dict[str, Any]]) -> None:
        rest = list(answers)
        aws.answer(
            "ListMessageMoveTasks",
            lambda _: HttpAnswer(body={"Results": rest.pop(0) if len(rest) > 1 else rest[0]}),
        )

    def test_a_task_that_fails_is_told_with_its_reason(self, tasks: MoveTasks, aws: FakeWire) -> None:
        self.listed(
            aws,
            [],
            [
                {
                    "Status": "FAILED",
                    "FailureReason": "CouldNotDetermineMessageSource",
                    "ApproximateNumberOfMessagesMoved": 2,
                    "StartedTimestamp": 1,
                }
            ],
        )
        with pytest.raises(CliError, match="ended the move after 2 messages: FAILED, CouldNotDetermineMessageSource"):
            tasks.move(5, lambda _: None)

    def test_the_list_may_be_late(self, tasks: MoveTasks, aws: FakeWire, clock: FakeClock) -> None:
        old = [{"Status": "COMPLETED", "ApproximateNumberOfMessagesMoved": 99, "StartedTimestamp": 1}]
        new = [{"Status": "COMPLETED", "ApproximateNumberOfMessagesMoved": 3, "StartedTimestamp": 2}]
        self.listed(aws, old, old, old, new)
        assert tasks.move(3, lambda _: None) == 3
        assert len(clock.sleeps) == 2

    def test_a_task_that_is_never_listed_is_trouble(self, tasks: MoveTasks, aws: FakeWire) -> None:
        self.listed(aws, [])
        with pytest.raises(CliError, match="does not list it"):
            tasks.move(3, lambda _: None)

    def test_missing_permissions_are_all_named(self, tasks: MoveTasks, aws: FakeWire) -> None:
        denied(aws, "StartMessageMoveTask")
        with pytest.raises(CliError, match="sqs:StartMessageMoveTask, sqs:ReceiveMessage, sqs:DeleteMessage"):
            tasks.move(3, lambda _: None)

    def test_other_errors_are_left_to_the_caller(self, tasks: MoveTasks, aws: FakeWire) -> None:
        aws.answer("StartMessageMoveTask", HttpAnswer(400, {"__type": "InvalidParameterValue", "message": "no"}))
        with pytest.raises(ClientError, match="InvalidParameterValue"):
            tasks.move(3, lambda _: None)

    def test_ctrl_c_says_that_sqs_goes_on(self, tasks: MoveTasks, sqs: FakeSqs) -> None:
        sqs.fail(ACCOUNT)

        def interrupted(_: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(CliError, match="SQS goes on moving by itself") as caught:
            tasks.move(1, interrupted)
        assert caught.value.exit_code == 130


class TestChosen:
    def test_by_account(self, run: Run, failed: FakeSqs) -> None:
        result = run("replay", "--account", ACCOUNT, "--yes")
        assert result.exit_code == 0
        assert result.stdout == (
            "1 message about 1 account (1 not_authorized): back to AccountQueue.\n1 message sent to AccountQueue.\n"
        )
        assert [json.loads(body)["accountId"] for body in failed.bodies("AccountQueue")] == [ACCOUNT]
        assert len(failed.bodies("FailedAccountQueue")) == 2
        assert failed.hidden("FailedAccountQueue") == []

    def test_by_reason_sqs_redrove_ones_too(self, run: Run, failed: FakeSqs) -> None:
        failed.put("FailedAccountQueue", "crashed", failed_attributes(ACCOUNT, "throttled"), redriven=True)
        run("replay", "--reason", "crash_or_timeout", "--yes")
        assert failed.bodies("AccountQueue") == ["crashed"]

    def test_letters_go_without_a_group_and_begin_a_new_life(self, run: Run, failed: FakeSqs) -> None:
        run("replay", "--reason", "throttled", "--yes")
        [message] = failed.queues["AccountQueue"]
        assert (message.group, message.attributes) == (None, {})

    def test_dry_run_gives_everything_back(self, run: Run, failed: FakeSqs) -> None:
        result = run("replay", "--reason", "not_authorized", "--dry-run", "--json")
        plan = json.loads(result.stdout)["plan"]
        assert (result.exit_code, plan["accounts"]) == (0, [ACCOUNT, OTHER])
        assert (failed.bodies("AccountQueue"), failed.hidden("FailedAccountQueue")) == ([], [])

    def test_an_account_that_has_not_failed_is_told(self, run: Run, failed: FakeSqs) -> None:
        result = run("replay", "--account", "999999999999", "--account", ACCOUNT, "--yes")
        assert result.exit_code == 1
        assert "Not on FailedAccountQueue: 999999999999." in result.stdout
        assert len(failed.bodies("AccountQueue")) == 1

    def test_what_account_queue_does_not_take_stays(self, run: Run, failed: FakeSqs) -> None:
        failed.refused["SendMessageBatch"] = lambda entry: "InternalError" if ACCOUNT in entry["MessageBody"] else None
        result = run("replay", "--reason", "not_authorized", "--yes", "--json")
        assert result.exit_code == 1
        assert json.loads(result.stdout)["done"] == {"sent": 1, "notTaken": 1, "notDeleted": 0}
        assert [ACCOUNT in body for body in failed.bodies("FailedAccountQueue")] == [True, False]
        assert failed.hidden("FailedAccountQueue") == []

    def test_what_cannot_be_deleted_is_on_both_queues_rather_than_on_none(
        self, run: Run, failed: FakeSqs, aws: FakeWire
    ) -> None:
        denied(aws, "DeleteMessageBatch")
        result = run("replay", "--account", ACCOUNT, "--yes")
        assert result.exit_code == 2
        assert "may not sqs:DeleteMessage" in result.stderr
        assert any(ACCOUNT in body for body in failed.bodies("AccountQueue"))
        assert len(failed.bodies("FailedAccountQueue")) == 3
        assert failed.hidden("FailedAccountQueue") == []

    def test_ctrl_c_while_sending_loses_nothing(self, run: Run, sqs: FakeSqs, aws: FakeWire) -> None:
        for number in range(30):
            sqs.fail(f"{number:012}")
        taken = aws._answers["SendMessageBatch"]
        calls: list[int] = []

        def interrupted(parameters: dict[str, Any]) -> HttpAnswer:
            calls.append(1)
            if len(calls) == 2:
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            return taken(parameters)

        aws.answer("SendMessageBatch", interrupted)
        result = run("replay", "--reason", "not_authorized", "--yes")
        assert result.exit_code == 130
        everywhere = {*sqs.bodies("AccountQueue"), *sqs.bodies("FailedAccountQueue")}
        assert len(everywhere) == 30
        assert sqs.hidden("FailedAccountQueue") == []

    @pytest.mark.parametrize(
        "arguments",
        [
            ["replay", "--account", "12"],
            ["replay", "--reason", "sunspots"],
            ["replay", "--undelivered", "--account", ACCOUNT],
            ["discard"],
        ],
    )
    def test_what_makes_no_sense_is_refused(self, run: Run, failed: FakeSqs, arguments: list[str]) -> None:
        assert run(*arguments, "--yes").exit_code == 2
        assert len(failed.bodies("FailedAccountQueue")) == 3


@given(
    st.lists(st.sampled_from([ACCOUNT, OTHER, THIRD])),
    st.frozensets(st.sampled_from([ACCOUNT, OTHER])),
    st.frozensets(st.sampled_from(["throttled", "unavailable"])),
)
def test_a_selection_takes_what_meets_all_that_is_named(
    accounts: list[str], named: frozenset[str], reasons: frozenset[str]
) -> None:
    messages = [
        QueueMessage(f"m{n}", "", "", failed_attributes(account, "throttled"), NOW, False)
        for n, account in enumerate(accounts)
    ]
    chosen = Selection.of(named, reasons).choose(messages)
    wanted = [m for m in messages if not named or m.attributes["AccountId"] in named]
    assert chosen == (wanted if not reasons or "throttled" in reasons else [])


class TestDiscard:
    def test_it_deletes_what_was_chosen_and_nothing_else(self, run: Run, failed: FakeSqs) -> None:
        poison = failed.put("FailedAccountQueue", "poison", failed_attributes("unknown", "unreadable_letter"))
        result = run("discard", "--message", poison.message_id, "--yes")
        assert result.exit_code == 0
        assert result.stdout == (
            "1 message about 1 account (1 unreadable_letter): deleted for good.\n1 message deleted.\n"
        )
        assert "poison" not in failed.bodies("FailedAccountQueue")
        assert len(failed.bodies("FailedAccountQueue")) == 3
        assert failed.bodies("AccountQueue") == []

    def test_what_cannot_be_deleted_is_told(self, run: Run, failed: FakeSqs) -> None:
        failed.refused["DeleteMessageBatch"] = lambda _: "InternalError"
        result = run("discard", "--account", ACCOUNT, "--yes", "--json")
        assert (result.exit_code, json.loads(result.stdout)["done"]) == (1, {"deleted": 0, "left": 1})

    def test_nothing_of_the_kind(self, run: Run, failed: FakeSqs) -> None:
        result = run("discard", "--reason", "not_in_organization")
        assert (result.exit_code, result.stdout) == (0, "None of these has failed.\n")
        assert len(failed.bodies("FailedAccountQueue")) == 3


class TestUndelivered:
    @pytest.fixture
    def started(self, aws: FakeWire) -> Callable[[], list[dict[str, Any]]]:
        """The backfills that were started."""
        aws.answer("Invoke", HttpAnswer(202))
        return lambda: aws.asked("Invoke")

    @pytest.mark.parametrize(
        ("body", "what"),
        [
            (EVENT, Kind.EVENT),
            (json.dumps({"version": 1, "accountId": ACCOUNT, "reason": "manual"}), Kind.LETTER),
            (INVOCATION, Kind.INVOCATION),
            ('{"reason": "reconcile"}', Kind.INVOCATION),
            ("no json", Kind.INVOCATION),
            ("[1]", Kind.INVOCATION),
            ("[" * 100_000, Kind.INVOCATION),
        ],
    )
    def test_what_lies_there_is_told_by_its_shape(self, body: str, what: Kind) -> None:
        assert kind(QueueMessage("m", "r", body, {}, NOW, False)) is what

    def test_events_go_back_and_one_backfill_makes_up_for_the_rest(
        self, run: Run, sqs: FakeSqs, started: Callable[[], list[dict[str, Any]]]
    ) -> None:
        for body in (EVENT, INVOCATION, INVOCATION):
            sqs.put("UndeliveredQueue", body)
        result = run("replay", "--undelivered", "--yes")
        assert result.exit_code == 0
        assert result.stdout == (
            "1 event: back to AccountQueue.\n"
            "2 failed invocations: made up for by one backfill.\n"
            "1 message sent to AccountQueue.\n"
            "A backfill was started.\n"
        )
        assert sqs.bodies("AccountQueue") == [EVENT]
        assert sqs.bodies("UndeliveredQueue") == []
        assert started() == [{"reason": "manual", "mode": "enforce"}]
        assert "secret" not in result.output

    def test_failed_invocations_stay_until_the_backfill_is_started(self, run: Run, sqs: FakeSqs, aws: FakeWire) -> None:
        sqs.put("UndeliveredQueue", INVOCATION)
        denied(aws, "Invoke")
        result = run("replay", "--undelivered", "--yes")
        assert result.exit_code == 2
        assert "may not lambda:InvokeFunction" in result.stderr
        assert sqs.bodies("UndeliveredQueue") == [INVOCATION]
        assert sqs.hidden("UndeliveredQueue") == []

    def test_events_alone_start_no_backfill(
        self, run: Run, sqs: FakeSqs, started: Callable[[], list[dict[str, Any]]]
    ) -> None:
        sqs.put("UndeliveredQueue", EVENT)
        document = json.loads(run("replay", "--undelivered", "--yes", "--json").stdout)
        assert document["plan"] == {"send": 1, "backfill": False, "failedInvocations": 0, "remarks": []}
        assert document["done"] == {"sent": 1, "notTaken": 0, "notDeleted": 0}
        assert started() == []

    def test_a_disabled_package_backfills_when_it_is_enabled(
        self, run: Run, sqs: FakeSqs, started: Callable[[], list[dict[str, Any]]]
    ) -> None:
        sqs.put("UndeliveredQueue", EVENT)
        sqs.put("UndeliveredQueue", INVOCATION)
        result = run("replay", "--undelivered", "--yes", stack=DISABLED)
        assert "until it is enabled" in result.stdout
        assert (sqs.bodies("AccountQueue"), sqs.bodies("UndeliveredQueue")) == ([EVENT], [INVOCATION])
        assert started() == []

    def test_a_failed_invocation_that_cannot_be_deleted_is_told(
        self, run: Run, sqs: FakeSqs, started: Callable[[], list[dict[str, Any]]]
    ) -> None:
        sqs.put("UndeliveredQueue", INVOCATION)
        sqs.refused["DeleteMessageBatch"] = lambda _: "InternalError"
        result = run("replay", "--undelivered", "--yes")
        assert result.exit_code == 1
        assert "1 failed invocation could not be deleted" in result.stdout
        assert len(started()) == 1

    @pytest.mark.usefixtures("sqs")
    def test_nothing_there(self, run: Run) -> None:
        result = run("replay", "--undelivered")
        assert (result.exit_code, result.stdout) == (0, "Nothing is on UndeliveredQueue.\n")

    def test_no_body_is_shown(self, run: Run, sqs: FakeSqs) -> None:
        for secret in SECRETS:
            sqs.put("UndeliveredQueue", secret)
        output = run("replay", "--undelivered", "--dry-run", "--json").output
        assert not any(secret in output for secret in SECRETS)
