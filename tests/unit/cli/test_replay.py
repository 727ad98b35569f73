"""`replay` and `discard`: plan, confirm and apply, and lose no message."""

import itertools
import json
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alternate_contacts.cli.aws import move_task
from alternate_contacts.cli.aws.queues import QueueMessage
from alternate_contacts.cli.aws.selection import Selection
from alternate_contacts.cli.aws.undelivered import UndeliveredKind, undelivered_kind
from alternate_contacts.cli.terminal import output
from alternate_contacts.worker.message import AccountMessage, parse_message
from tests.fakes.cli import PARAMETERS, SECRETS, STACK, FakeSqs, deny, failed_attributes
from tests.fakes.wire import FakeWire, HttpResponse
from tests.unit.cli.conftest import Run

ACCOUNT, OTHER, THIRD = "111111111111", "222222222222", "333333333333"
EVENT = json.dumps({"source": "aws.organizations", "detail": {"eventName": "CreateAccountResult"}})
INVOCATION = json.dumps({"requestPayload": {"ResponseURL": "https://secret.invalid"}})
PARAMETER_CHANGE = json.dumps(
    {"source": "aws.ssm", "detail": {"name": "/contacts/version", "operation": "Delete", "description": "of Jane Doe"}}
)
QUEUED_CHANGE = json.dumps({"version": 1, "parameter": "/contacts/version"})
MOVE = (Path(__file__).parents[2] / "events" / "move-account.json").read_text().replace("111122223333", ACCOUNT)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
DISABLED = replace(STACK, parameters={**PARAMETERS, "Enabled": "false"})


@pytest.fixture
def failed(sqs: FakeSqs) -> FakeSqs:
    """FailedAccountQueue with three accounts."""
    sqs.fail(ACCOUNT)
    sqs.fail(OTHER)
    sqs.fail(THIRD, "throttled")
    return sqs


class TestReplayAll:
    def test_it_prints_the_plan_and_the_result(self, run: Run, failed: FakeSqs) -> None:
        result = run("replay", "--yes")
        assert result.exit_code == 0
        assert result.stdout == (
            "Move 3 messages from FailedAccountQueue to AccountQueue.\n3 messages moved to AccountQueue.\n"
        )
        assert (len(failed.bodies("AccountQueue")), failed.bodies("FailedAccountQueue")) == (3, [])

    def test_dry_run_prints_the_plan_and_changes_nothing(self, run: Run, failed: FakeSqs) -> None:
        result = run("replay", "--dry-run")
        assert result.exit_code == 0
        assert result.stdout == "Move 3 messages from FailedAccountQueue to AccountQueue.\n"
        assert (failed.tasks, len(failed.bodies("FailedAccountQueue"))) == ([], 3)

    def test_an_empty_queue_needs_no_confirmation(self, run: Run) -> None:
        result = run("replay")
        assert (result.exit_code, result.stdout) == (0, "FailedAccountQueue is empty.\n")

    def test_with_json_the_plan_is_printed_on_stderr(self, run: Run, failed: FakeSqs) -> None:
        result = run("replay", "--yes", "--json")
        assert json.loads(result.stdout) == {
            "plan": {"move": 3, "inFlight": 0},
            "result": {"moved": 3, "remaining": 0},
        }
        assert "Move 3 messages" in result.stderr
        assert failed.bodies("FailedAccountQueue") == []

    def test_a_message_that_fails_again_at_once_is_moved_once(
        self, run: Run, failed: FakeSqs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(move_task, "_POLL_SECONDS", 0)
        failed.on_move = lambda: failed.fail(ACCOUNT)  # type: ignore[assignment]
        result = run("replay", "--yes", "--json")
        assert result.exit_code == 1
        assert json.loads(result.stdout)["result"] == {"moved": 3, "remaining": 1}
        assert len(failed.tasks) == 1

    def test_messages_in_flight_cannot_be_moved(self, run: Run, failed: FakeSqs) -> None:
        for message in failed.queues["FailedAccountQueue"]:
            message.visible_at = 1000
        result = run("replay", "--yes")
        assert (result.exit_code, failed.tasks) == (1, [])
        assert "3 messages cannot be moved" in result.stdout

    def test_the_plan_shows_that_the_package_is_disabled(self, run: Run, failed: FakeSqs) -> None:
        result = run("replay", "--dry-run", stack=DISABLED)
        assert "The package is disabled" in result.stdout
        assert failed.tasks == []


class TestConfirmation:
    def test_without_a_terminal_and_yes_nothing_changes(self, run: Run, failed: FakeSqs) -> None:
        result = run("replay")
        assert result.exit_code == 2
        assert "Use --yes to apply the plan" in result.stderr
        assert len(failed.bodies("FailedAccountQueue")) == 3

    @pytest.mark.parametrize(("answer", "code", "remaining"), [("n\n", 1, 3), ("y\n", 0, 0)])
    def test_at_a_terminal_it_asks_for_confirmation(
        self, run: Run, failed: FakeSqs, monkeypatch: pytest.MonkeyPatch, answer: str, code: int, remaining: int
    ) -> None:
        monkeypatch.setattr(output, "_is_interactive", lambda: True)
        for arguments in (["replay"], ["replay", "--account", ACCOUNT, "--account", OTHER, "--account", THIRD]):
            result = run(*arguments, answer=answer)
            assert "Apply this plan? [y/N]" in result.stderr
            assert (result.exit_code, len(failed.bodies("FailedAccountQueue"))) == (code, remaining)
            assert failed.in_flight("FailedAccountQueue") == []
            if code == 0:
                break
            assert "Nothing was changed." in result.stderr

    def test_ctrl_c_at_the_confirmation_changes_nothing(
        self, run: Run, failed: FakeSqs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(output, "_is_interactive", lambda: True)
        result = run("replay", "--account", ACCOUNT)  # no answer: the input is at its end
        assert result.exit_code == 130
        assert result.stderr.endswith("Interrupted.\n")
        assert (len(failed.bodies("FailedAccountQueue")), failed.in_flight("FailedAccountQueue")) == (3, [])


class TestReplaySelected:
    def test_by_account(self, run: Run, failed: FakeSqs) -> None:
        result = run("replay", "--account", ACCOUNT, "--yes")
        assert result.exit_code == 0
        assert result.stdout == (
            "Send 1 message for 1 account (1 access_denied) back to AccountQueue.\n1 message sent to AccountQueue.\n"
        )
        assert [json.loads(body)["accountId"] for body in failed.bodies("AccountQueue")] == [ACCOUNT]
        assert len(failed.bodies("FailedAccountQueue")) == 2
        assert failed.in_flight("FailedAccountQueue") == []

    def test_by_the_reason_of_messages_that_sqs_moved(self, run: Run, failed: FakeSqs) -> None:
        failed.put("FailedAccountQueue", "crashed", failed_attributes(ACCOUNT, "throttled"), redriven=True)
        run("replay", "--reason", "crash_or_timeout", "--yes")
        assert failed.bodies("AccountQueue") == ["crashed"]

    def test_replayed_messages_have_no_message_group_and_no_attributes(self, run: Run, failed: FakeSqs) -> None:
        run("replay", "--reason", "throttled", "--yes")
        [message] = failed.queues["AccountQueue"]
        assert (message.group, message.attributes) == (None, {})

    def test_dry_run_returns_all_messages(self, run: Run, failed: FakeSqs) -> None:
        result = run("replay", "--reason", "access_denied", "--dry-run", "--json")
        plan = json.loads(result.stdout)["plan"]
        selected = [each.message_id for each in failed.queues["FailedAccountQueue"][:2]]
        assert plan == {"replay": selected, "accounts": [ACCOUNT, OTHER], "missing": [], "remarks": []}
        assert result.exit_code == 0
        assert (failed.bodies("AccountQueue"), failed.in_flight("FailedAccountQueue")) == ([], [])

    def test_what_another_reader_has_received_is_not_called_missing(self, run: Run, failed: FakeSqs) -> None:
        failed.queues["FailedAccountQueue"][0].visible_at = 60
        result = run("replay", "--account", ACCOUNT, "--yes")
        assert result.exit_code == 1
        assert "No message that could be read matches." in result.stdout
        assert "on FailedAccountQueue matches" not in result.stdout

    def test_an_account_that_has_not_failed_is_reported(self, run: Run, failed: FakeSqs) -> None:
        result = run("replay", "--account", "999999999999", "--account", ACCOUNT, "--yes")
        assert result.exit_code == 1
        assert "Not on FailedAccountQueue: 999999999999." in result.stdout
        assert len(failed.bodies("AccountQueue")) == 1

    def test_a_rejected_message_stays_on_its_queue(self, run: Run, failed: FakeSqs) -> None:
        failed.rejections["SendMessageBatch"] = lambda entry: (
            "InternalError" if ACCOUNT in entry["MessageBody"] else None
        )
        result = run("replay", "--reason", "access_denied", "--yes", "--json")
        assert result.exit_code == 1
        assert json.loads(result.stdout)["result"] == {"sent": 1, "notSent": 1, "notDeleted": 0}
        assert [ACCOUNT in body for body in failed.bodies("FailedAccountQueue")] == [True, False]
        assert failed.in_flight("FailedAccountQueue") == []

    def test_a_message_that_cannot_be_deleted_is_on_both_queues(self, run: Run, failed: FakeSqs, aws: FakeWire) -> None:
        deny(aws, "DeleteMessageBatch")
        result = run("replay", "--account", ACCOUNT, "--yes", "--json")
        assert result.exit_code == 2
        assert "permission sqs:DeleteMessage" in result.stderr
        assert json.loads(result.stdout)["result"] == {"sent": 1, "notSent": 0, "notDeleted": 1}
        assert any(ACCOUNT in body for body in failed.bodies("AccountQueue"))
        assert len(failed.bodies("FailedAccountQueue")) == 3
        assert failed.in_flight("FailedAccountQueue") == []

    def test_ctrl_c_while_sending_loses_no_message(self, run: Run, sqs: FakeSqs, aws: FakeWire) -> None:
        for number in range(30):
            sqs.fail(f"{number:012}")
        send, calls = aws._responses["SendMessageBatch"], itertools.count(1)

        def interrupted(parameters: dict[str, Any]) -> HttpResponse:
            if next(calls) == 2:
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            return send(parameters)

        aws.respond("SendMessageBatch", interrupted)
        result = run("replay", "--reason", "access_denied", "--yes", "--json")
        assert result.exit_code == 130
        # The batch under way was sent and deleted: what is reported is exact.
        assert json.loads(result.stdout)["result"] == {"sent": 20, "notSent": 10, "notDeleted": 0}
        assert (len(sqs.bodies("AccountQueue")), len(sqs.bodies("FailedAccountQueue"))) == (20, 10)
        bodies = {*sqs.bodies("AccountQueue"), *sqs.bodies("FailedAccountQueue")}
        assert len(bodies) == 30
        assert sqs.in_flight("FailedAccountQueue") == []

    @pytest.mark.parametrize(
        "arguments",
        [
            ["replay", "--account", "12"],
            ["replay", "--reason", "sunspots"],
            ["replay", "--undelivered", "--account", ACCOUNT],
            ["discard"],
        ],
    )
    def test_invalid_arguments_change_nothing(self, run: Run, failed: FakeSqs, arguments: list[str]) -> None:
        assert run(*arguments, "--yes").exit_code == 2
        assert len(failed.bodies("FailedAccountQueue")) == 3


@given(
    st.lists(st.sampled_from([ACCOUNT, OTHER, THIRD])),
    st.frozensets(st.sampled_from([ACCOUNT, OTHER])),
    st.frozensets(st.sampled_from(["throttled", "unavailable"])),
)
def test_a_selection_matches_every_criterion(
    accounts: list[str], selected: frozenset[str], reasons: frozenset[str]
) -> None:
    messages = [
        QueueMessage(f"m{n}", "", "", failed_attributes(account, "throttled"), NOW, False)
        for n, account in enumerate(accounts)
    ]
    chosen = Selection(selected, reasons).choose(messages)
    expected = [m for m in messages if not selected or m.attributes["AccountId"] in selected]
    assert chosen == (expected if not reasons or "throttled" in reasons else [])


class TestDiscard:
    def test_it_deletes_the_selected_messages_only(self, run: Run, failed: FakeSqs) -> None:
        poison = failed.put("FailedAccountQueue", "poison", failed_attributes("unknown", "invalid_message"))
        result = run("discard", "--message", poison.message_id, "--yes")
        assert result.exit_code == 0
        assert result.stdout == (
            "Delete 1 message for 1 account (1 invalid_message) permanently.\n1 message deleted.\n"
        )
        assert "poison" not in failed.bodies("FailedAccountQueue")
        assert len(failed.bodies("FailedAccountQueue")) == 3
        assert failed.bodies("AccountQueue") == []

    def test_a_message_that_cannot_be_deleted_is_reported(self, run: Run, failed: FakeSqs) -> None:
        failed.rejections["DeleteMessageBatch"] = lambda _: "InternalError"
        result = run("discard", "--account", ACCOUNT, "--yes", "--json")
        assert (result.exit_code, json.loads(result.stdout)["result"]) == (1, {"deleted": 0, "remaining": 1})

    def test_the_plan_has_what_is_deleted_and_what_is_missing(self, run: Run, failed: FakeSqs) -> None:
        accounts = ("--account", ACCOUNT, "--account", "999999999999")
        plan = json.loads(run("discard", *accounts, "--dry-run", "--json").stdout)["plan"]
        deleted = [failed.queues["FailedAccountQueue"][0].message_id]
        assert plan == {"discard": deleted, "accounts": [ACCOUNT], "missing": ["999999999999"], "remarks": []}

    def test_no_match(self, run: Run, failed: FakeSqs) -> None:
        result = run("discard", "--reason", "not_in_organization")
        assert (result.exit_code, result.stdout) == (0, "No message on FailedAccountQueue matches.\n")
        assert len(failed.bodies("FailedAccountQueue")) == 3


class TestReplayUndelivered:
    @pytest.fixture
    def started(self, aws: FakeWire) -> Callable[[], list[dict[str, Any]]]:
        """Return a function that returns the payloads of the started backfills."""
        aws.respond("Invoke", HttpResponse(202))
        return lambda: aws.requests_of("Invoke")

    def test_without_permission_for_the_backfill_the_sent_events_are_reported(
        self, run: Run, sqs: FakeSqs, aws: FakeWire
    ) -> None:
        sqs.put("UndeliveredQueue", EVENT)
        sqs.put("UndeliveredQueue", INVOCATION)
        deny(aws, "Invoke")
        result = run("replay", "--undelivered", "--yes", "--json")
        assert (result.exit_code, "permission lambda:InvokeFunction" in result.stderr) == (2, True)
        assert json.loads(result.stdout)["result"] == {
            "sent": 1,
            "notSent": 0,
            "notDeleted": 0,
            "backfillStarted": False,
            "replacedMessagesRemaining": 1,
        }
        assert (sqs.bodies("AccountQueue"), sqs.bodies("UndeliveredQueue")) == ([EVENT], [INVOCATION])

    @pytest.mark.parametrize(
        ("body", "kind"),
        [
            (EVENT, UndeliveredKind.EVENT),
            (json.dumps({"version": 1, "accountId": ACCOUNT, "reason": "manual"}), UndeliveredKind.ACCOUNT_MESSAGE),
            (INVOCATION, UndeliveredKind.INVOCATION),
            (PARAMETER_CHANGE, UndeliveredKind.CONFIGURATION_CHANGE),
            (QUEUED_CHANGE, UndeliveredKind.CONFIGURATION_CHANGE),
            (MOVE, UndeliveredKind.EVENT),
            ('{"reason": "reconcile"}', UndeliveredKind.INVOCATION),
            ("no json", UndeliveredKind.INVOCATION),
            ("[1]", UndeliveredKind.INVOCATION),
            ("[" * 100_000, UndeliveredKind.INVOCATION),
        ],
    )
    def test_the_kind_of_a_message_is_the_shape_of_its_body(self, body: str, kind: UndeliveredKind) -> None:
        assert undelivered_kind(QueueMessage("m", "r", body, {}, NOW, False)) is kind

    def test_events_are_sent_and_one_backfill_replaces_the_failed_invocations(
        self, run: Run, sqs: FakeSqs, started: Callable[[], list[dict[str, Any]]]
    ) -> None:
        for body in (EVENT, INVOCATION, INVOCATION):
            sqs.put("UndeliveredQueue", body)
        result = run("replay", "--undelivered", "--yes")
        assert result.exit_code == 0
        assert result.stdout == (
            "Send 1 event back to AccountQueue.\n"
            "Start one backfill, and delete 2 failed invocations that it replaces.\n"
            "1 message sent to AccountQueue.\n"
            "A backfill was started.\n"
        )
        assert sqs.bodies("AccountQueue") == [EVENT]
        assert sqs.bodies("UndeliveredQueue") == []
        assert started() == [{"trigger": "manual", "reason": "manual", "mode": "enforce"}]
        assert "secret" not in result.output

    def test_one_backfill_replaces_changes_and_a_move_is_sent_without_its_session(
        self, run: Run, sqs: FakeSqs, started: Callable[[], list[dict[str, Any]]]
    ) -> None:
        for body in (PARAMETER_CHANGE, QUEUED_CHANGE, INVOCATION, MOVE):
            sqs.put("UndeliveredQueue", body)
        result = run("replay", "--undelivered", "--yes")
        assert result.exit_code == 0
        assert "delete 2 configuration changes and 1 failed invocation that it replaces." in result.stdout
        [body] = sqs.bodies("AccountQueue")
        assert parse_message(body) == AccountMessage(ACCOUNT, "account_moved")
        assert "Jane" in MOVE
        assert "Jane" not in body
        assert sqs.bodies("UndeliveredQueue") == []
        assert len(started()) == 1

    def test_failed_invocations_stay_until_the_backfill_is_started(self, run: Run, sqs: FakeSqs, aws: FakeWire) -> None:
        sqs.put("UndeliveredQueue", INVOCATION)
        deny(aws, "Invoke")
        result = run("replay", "--undelivered", "--yes")
        assert result.exit_code == 2
        assert "permission lambda:InvokeFunction" in result.stderr
        assert sqs.bodies("UndeliveredQueue") == [INVOCATION]
        assert sqs.in_flight("UndeliveredQueue") == []

    def test_events_alone_start_no_backfill(
        self, run: Run, sqs: FakeSqs, started: Callable[[], list[dict[str, Any]]]
    ) -> None:
        sqs.put("UndeliveredQueue", EVENT)
        document = json.loads(run("replay", "--undelivered", "--yes", "--json").stdout)
        assert document["plan"] == {
            "send": 1,
            "backfill": False,
            "failedInvocations": 0,
            "configurationChanges": 0,
            "remarks": [],
        }
        assert document["result"] == {"sent": 1, "notSent": 0, "notDeleted": 0}
        assert started() == []

    def test_failed_invocations_stay_while_the_package_is_disabled(
        self, run: Run, sqs: FakeSqs, started: Callable[[], list[dict[str, Any]]]
    ) -> None:
        sqs.put("UndeliveredQueue", EVENT)
        sqs.put("UndeliveredQueue", INVOCATION)
        result = run("replay", "--undelivered", "--yes", stack=DISABLED)
        assert "until it is enabled" in result.stdout
        assert (sqs.bodies("AccountQueue"), sqs.bodies("UndeliveredQueue")) == ([EVENT], [INVOCATION])
        assert started() == []

    def test_a_failed_invocation_that_cannot_be_deleted_is_reported(
        self, run: Run, sqs: FakeSqs, started: Callable[[], list[dict[str, Any]]]
    ) -> None:
        sqs.put("UndeliveredQueue", INVOCATION)
        sqs.rejections["DeleteMessageBatch"] = lambda _: "InternalError"
        result = run("replay", "--undelivered", "--yes")
        assert result.exit_code == 1
        assert "1 replaced message not deleted" in result.stdout
        assert len(started()) == 1

    def test_an_empty_queue_needs_no_confirmation(self, run: Run) -> None:
        result = run("replay", "--undelivered")
        assert (result.exit_code, result.stdout) == (0, "UndeliveredQueue is empty.\n")

    def test_no_body_is_printed(self, run: Run, sqs: FakeSqs) -> None:
        for secret in SECRETS:
            sqs.put("UndeliveredQueue", secret)
        output = run("replay", "--undelivered", "--dry-run", "--json").output
        assert not any(secret in output for secret in SECRETS)
