"""`failures`: who failed, why, and what to do, with everything given back."""

import json
import signal
import threading
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alternate_contacts.cli.aws.failed_messages import Failure, by_account, parse_failure
from alternate_contacts.cli.aws.failure_reasons import CRASH_OR_TIMEOUT, REMEDIES, remedy
from alternate_contacts.cli.aws.queues import QueueMessage
from alternate_contacts.worker.errors import WorkerError
from tests.fakes.cli import SECRETS, FakeSqs, denied, failed_attributes
from tests.fakes.wire import FakeWire, HttpAnswer
from tests.unit.cli.conftest import Run

ACCOUNT, OTHER = "111111111111", "222222222222"
SENT = datetime.fromisoformat("2026-01-01T00:00:00+00:00")


def message(
    attributes: dict[str, str] | None = None, *, body: str = "", redriven: bool = False, message_id: str = "m1"
) -> QueueMessage:
    return QueueMessage(message_id, "receipt", body, attributes or {}, SENT, redriven)


def reasons(kind: type[WorkerError]) -> set[str]:
    own = {kind.reason} if hasattr(kind, "reason") else set()
    return own.union(*(reasons(each) for each in kind.__subclasses__()))


def test_there_is_something_to_do_about_every_reason_of_the_worker() -> None:
    assert REMEDIES.keys() == reasons(WorkerError) | {CRASH_OR_TIMEOUT}


def test_each_remedy_is_one_plain_sentence() -> None:
    for sentence in REMEDIES.values():
        assert sentence.endswith(".")
        assert ". " not in sentence


def test_a_reason_of_another_release_is_told_as_such() -> None:
    assert "release" in remedy("brand_new")


class TestFailure:
    def test_the_attributes_of_the_worker_say_everything(self) -> None:
        assert parse_failure(message(failed_attributes(ACCOUNT, ContactTypes="BILLING,SECURITY"))) == Failure(
            account_id=ACCOUNT,
            reason="not_authorized",
            error_code="AccessDeniedException",
            operation="PutAlternateContact",
            contact_types=("BILLING", "SECURITY"),
            tries=10,
            failed_at=datetime.fromisoformat("2026-01-02T03:04:05+00:00"),
            message_id="m1",
        )

    @pytest.mark.parametrize("attributes", [{}, failed_attributes(OTHER)], ids=["none", "of a former life"])
    def test_what_sqs_moved_itself_is_a_crash_or_time_out_and_its_account_is_in_the_body(
        self, attributes: dict[str, str]
    ) -> None:
        body = json.dumps({"version": 1, "accountId": ACCOUNT, "reason": "manual", "mode": "enforce"})
        why = parse_failure(message(attributes, body=body, redriven=True))
        assert (why.account_id, why.reason, why.tries, why.failed_at) == (ACCOUNT, CRASH_OR_TIMEOUT, None, SENT)

    def test_without_attributes_and_readable_body_the_account_is_unknown(self) -> None:
        assert parse_failure(message(body="no letter")).account_id == "unknown"

    @pytest.mark.parametrize("time", ["", "yesterday", "2026-01-02T03:04:05"])
    def test_a_senseless_time_is_that_of_the_letter(self, time: str) -> None:
        assert parse_failure(message(failed_attributes(ACCOUNT, FailedAt=time))).failed_at == SENT


@given(st.lists(st.tuples(st.sampled_from([ACCOUNT, OTHER, "unknown"]), st.integers(1, 3)), max_size=30))
def test_merging_loses_no_message_and_tells_the_newest(told: list[tuple[str, int]]) -> None:
    failures = [
        parse_failure(
            message(failed_attributes(account, FailedAt=f"2026-01-0{day}T00:00:00+00:00"), message_id=f"m{n}")
        )
        for n, (account, day) in enumerate(told)
    ]
    merged = by_account(failures)
    assert sum(account.messages for account in merged) == len(failures)
    known = [account.latest.account_id for account in merged if account.latest.account_id != "unknown"]
    assert len(known) == len(set(known))
    for account in merged:
        same = [each for each in failures if each.account_id == account.latest.account_id]
        if account.latest.account_id != "unknown":
            assert account.latest.failed_at == max(each.failed_at for each in same)
            assert account.since == min(each.failed_at for each in same)


def test_nothing_failed(run: Run) -> None:
    result = run("failures")
    assert (result.exit_code, result.stdout) == (0, "No account has failed.\n")


def test_every_failed_account_is_named_with_what_to_do(run: Run, sqs: FakeSqs) -> None:
    for number in range(25):
        sqs.fail(f"{number:012}")
    sqs.fail(ACCOUNT, "not_in_organization", ContactTypes="BILLING,OPERATIONS,SECURITY", Tries="1")
    sqs.put("FailedAccountQueue", "poison", failed_attributes("unknown", "unreadable_letter", ErrorCode="none"))
    result = run("failures")
    assert result.exit_code == 1
    assert all(f"{number:012}" in result.stdout for number in range(25))
    [line] = [line for line in result.stdout.splitlines() if ACCOUNT in line]
    assert " ".join(line.split()) == (f"{ACCOUNT} AccessDeniedException at PutAlternateContact all 1 2026-01-02 03:04")
    assert "unknown (message message-27)" in result.stdout
    for reason, accounts in (("not_authorized", "25 accounts"), ("not_in_organization", "1 account")):
        assert f"{reason}: {accounts}\n{REMEDIES[reason]}\n" in result.stdout
    assert "contact_refused" not in result.stdout


def test_what_stands_in_a_message_is_no_markup(run: Run, sqs: FakeSqs) -> None:
    sqs.fail(ACCOUNT, ErrorCode="[red]:bomb:[/red]")
    assert "[red]:bomb:[/red] at PutAlternateContact" in run("failures").stdout


def test_everything_is_given_back(run: Run, sqs: FakeSqs) -> None:
    for number in range(25):
        sqs.fail(f"{number:012}")
    sqs.put("UndeliveredQueue", "{}")
    run("failures")
    assert sqs.hidden("FailedAccountQueue") == sqs.hidden("UndeliveredQueue") == []
    assert len(sqs.bodies("FailedAccountQueue")) == 25


def test_messages_of_one_account_are_merged(run: Run, sqs: FakeSqs) -> None:
    sqs.fail(ACCOUNT, FailedAt="2026-01-05T00:00:00+00:00")
    sqs.fail(ACCOUNT, "throttled", FailedAt="2026-01-06T00:00:00+00:00")
    [line] = [line for line in run("failures").stdout.splitlines() if ACCOUNT in line]
    assert line.split()[-3:] == ["2026-01-05", "00:00", "2"]
    result = run("failures", "--json")
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert document["messages"] == {"read": 2, "counted": 2}
    [account] = document["accounts"]
    assert account == {
        "accountId": ACCOUNT,
        "reason": "throttled",
        "errorCode": "AccessDeniedException",
        "operation": "PutAlternateContact",
        "contactTypes": ["BILLING"],
        "tries": 10,
        "since": "2026-01-05T00:00:00+00:00",
        "failedAt": "2026-01-06T00:00:00+00:00",
        "messages": 2,
        "messageId": "message-2",
        "whatToDo": REMEDIES["throttled"],
    }


def test_what_somebody_else_holds_is_told(run: Run, sqs: FakeSqs) -> None:
    sqs.fail(ACCOUNT)
    sqs.fail(OTHER).visible_at = 1000
    result = run("failures")
    assert "1 of 2 messages on FailedAccountQueue read" in result.stdout
    assert result.exit_code == 1


def test_undelivered_things_are_counted_by_kind_and_never_shown(run: Run, sqs: FakeSqs) -> None:
    sqs.put("UndeliveredQueue", json.dumps({"source": "aws.organizations", "detail": {"secret": SECRETS[0]}}))
    sqs.put("UndeliveredQueue", json.dumps({"requestPayload": {"ResponseURL": "https://secret.invalid"}}))
    sqs.put("UndeliveredQueue", SECRETS[1])
    for arguments in (["failures"], ["failures", "--json"]):
        result = run(*arguments)
        assert result.exit_code == 1
        assert "secret" not in result.output
        assert not any(secret in result.output for secret in SECRETS)
    assert json.loads(result.stdout)["undelivered"] == {
        "read": 3,
        "counted": 3,
        "kinds": {"event": 1, "failed invocation": 2},
    }
    assert "1 event, 2 failed invocations" in run("failures").stdout


def test_ctrl_c_gives_everything_back_also_what_is_still_coming(run: Run, aws: FakeWire, sqs: FakeSqs) -> None:
    for number in range(25):
        sqs.fail(f"{number:012}")
    receives = 0

    def interrupted(parameters: dict[str, Any]) -> HttpAnswer:
        # While the second receive is under way: its messages are hidden already, and nobody has seen them.
        nonlocal receives
        receives += 1
        if receives == 2:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        return HttpAnswer(body=sqs._receive(parameters))

    aws.answer("ReceiveMessage", interrupted)
    result = run("failures")
    assert (result.exit_code, result.stdout, result.stderr) == (130, "", "Stopped.\n")
    assert sqs.hidden("FailedAccountQueue") == []
    assert sum(len(asked["Entries"]) for asked in aws.asked("ChangeMessageVisibilityBatch")) == 20


def test_an_error_gives_everything_back(run: Run, aws: FakeWire, sqs: FakeSqs) -> None:
    sqs.fail(ACCOUNT)
    receive = sqs._receive

    def once(parameters: dict[str, Any]) -> HttpAnswer:
        denied(aws, "ReceiveMessage")
        return HttpAnswer(body=receive(parameters))

    aws.answer("ReceiveMessage", once)
    result = run("failures")
    assert result.exit_code == 2
    assert "may not sqs:ReceiveMessage" in result.stderr
    assert sqs.hidden("FailedAccountQueue") == []


def test_what_cannot_be_given_back_is_told(run: Run, sqs: FakeSqs) -> None:
    for number in range(12):
        sqs.fail(f"{number:012}")
    sqs.refused["ChangeMessageVisibilityBatch"] = lambda entry: "InternalError" if entry["Id"] == "1" else None
    result = run("failures")
    assert "2 messages could not be given back: SQS shows them again by itself within 2 minutes." in result.stderr


def test_messages_stay_hidden_long_enough_for_a_large_queue(run: Run, aws: FakeWire, sqs: FakeSqs) -> None:
    for number in range(1000):
        sqs.fail(f"{number:012}")
    run("failures", "--json")
    assert aws.asked("ReceiveMessage")[0]["VisibilityTimeout"] == 60 + 1000 // 5
