"""`failures`: every failed account with its reason and remedy. All messages stay on their queue."""

import json
import signal
import threading
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alternate_contacts.backfill.message import account_message_body
from alternate_contacts.backfill.protocol import Mode, Trigger
from alternate_contacts.cli.aws.failed_messages import FailedMessage, by_account, parse_failure
from alternate_contacts.cli.aws.failure_reasons import CRASH_OR_TIMEOUT, REMEDIES, remedy
from alternate_contacts.cli.aws.queues import QueueMessage
from alternate_contacts.worker.errors import WorkerError
from tests.fakes.cli import SECRETS, FakeSqs, deny, failed_attributes
from tests.fakes.wire import FakeWire, HttpResponse
from tests.unit.cli.conftest import Run

ACCOUNT, OTHER = "111111111111", "222222222222"
SENT = datetime.fromisoformat("2026-01-01T00:00:00+00:00")


def message(
    attributes: dict[str, str] | None = None, *, body: str = "", redriven: bool = False, message_id: str = "m1"
) -> QueueMessage:
    return QueueMessage(message_id, "receipt", body, attributes or {}, SENT, redriven)


def reasons_of(error_class: type[WorkerError]) -> set[str]:
    own = {error_class.reason} if hasattr(error_class, "reason") else set()
    return own.union(*(reasons_of(subclass) for subclass in error_class.__subclasses__()))


def test_every_reason_of_the_worker_has_a_remedy() -> None:
    assert REMEDIES.keys() == reasons_of(WorkerError) | {CRASH_OR_TIMEOUT}


def test_every_remedy_is_one_sentence() -> None:
    assert [text for text in REMEDIES.values() if not text.endswith(".") or ". " in text] == []


def test_a_reason_of_another_release_has_a_remedy_too() -> None:
    assert "release" in remedy("brand_new")


class TestParseFailure:
    def test_the_attributes_of_the_worker_hold_everything(self) -> None:
        assert parse_failure(message(failed_attributes(ACCOUNT, ContactTypes="BILLING,SECURITY"))) == FailedMessage(
            account_id=ACCOUNT,
            reason="access_denied",
            error_code="AccessDeniedException",
            operation="PutAlternateContact",
            contact_types=("BILLING", "SECURITY"),
            tries=10,
            failed_at=datetime.fromisoformat("2026-01-02T03:04:05+00:00"),
            message_id="m1",
        )

    @pytest.mark.parametrize("attributes", [{}, failed_attributes(OTHER)], ids=["none", "of an earlier failure"])
    def test_a_message_that_sqs_moved_is_a_crash_or_timeout_of_the_account_in_its_body(
        self, attributes: dict[str, str]
    ) -> None:
        body = account_message_body(ACCOUNT, trigger=Trigger.MANUAL, mode=Mode.ENFORCE)
        failure = parse_failure(message(attributes, body=body, redriven=True))
        assert (failure.account_id, failure.reason, failure.tries, failure.failed_at) == (
            ACCOUNT,
            CRASH_OR_TIMEOUT,
            None,
            SENT,
        )

    def test_without_attributes_and_valid_body_the_account_is_unknown(self) -> None:
        assert parse_failure(message(body="not JSON")).account_id == "unknown"

    @pytest.mark.parametrize("time", ["", "yesterday", "2026-01-02T03:04:05"])
    def test_an_invalid_time_is_replaced_with_that_of_the_message(self, time: str) -> None:
        assert parse_failure(message(failed_attributes(ACCOUNT, FailedAt=time))).failed_at == SENT


@given(st.lists(st.tuples(st.sampled_from([ACCOUNT, OTHER, "unknown"]), st.integers(1, 3)), max_size=30))
def test_merging_by_account_loses_no_message_and_keeps_the_newest_failure(failed: list[tuple[str, int]]) -> None:
    failures = [
        parse_failure(
            message(failed_attributes(account, FailedAt=f"2026-01-0{day}T00:00:00+00:00"), message_id=f"m{n}")
        )
        for n, (account, day) in enumerate(failed)
    ]
    merged = by_account(failures)
    assert sum(account.messages for account in merged) == len(failures)
    known = [account for account in merged if account.latest.account_id != "unknown"]
    assert len(known) == len({account.latest.account_id for account in known})
    for account in known:
        times = [failure.failed_at for failure in failures if failure.account_id == account.latest.account_id]
        assert (account.since, account.latest.failed_at) == (min(times), max(times))


def test_without_failures_it_ends_with_0(run: Run) -> None:
    result = run("failures")
    assert (result.exit_code, result.stdout) == (0, "No failed accounts.\n")


def test_every_failed_account_is_listed_with_its_remedy(run: Run, sqs: FakeSqs) -> None:
    for number in range(25):
        sqs.fail(f"{number:012}")
    sqs.fail(ACCOUNT, "not_in_organization", ContactTypes="BILLING,OPERATIONS,SECURITY", Tries="1")
    sqs.put("FailedAccountQueue", "poison", failed_attributes("unknown", "invalid_message", ErrorCode="none"))
    result = run("failures")
    assert result.exit_code == 1
    assert all(f"{number:012}" in result.stdout for number in range(25))
    [line] = [line for line in result.stdout.splitlines() if ACCOUNT in line]
    assert " ".join(line.split()) == f"{ACCOUNT} PutAlternateContact: AccessDeniedException all 1 2026-01-02 03:04"
    assert "unknown (message message-27)" in result.stdout
    for reason, accounts in (("access_denied", "25 accounts"), ("not_in_organization", "1 account")):
        assert f"{reason}: {accounts}\n{REMEDIES[reason]}\n" in result.stdout
    assert "invalid_contact" not in result.stdout


def test_the_attributes_of_a_message_are_not_read_as_markup(run: Run, sqs: FakeSqs) -> None:
    sqs.fail(ACCOUNT, ErrorCode="[red]:bomb:[/red]")
    assert "PutAlternateContact: [red]:bomb:[/red]" in run("failures").stdout


def test_messages_of_one_account_are_merged(run: Run, sqs: FakeSqs) -> None:
    sqs.fail(ACCOUNT, FailedAt="2026-01-05T00:00:00+00:00")
    sqs.fail(ACCOUNT, "throttled", FailedAt="2026-01-06T00:00:00+00:00")
    [line] = [line for line in run("failures").stdout.splitlines() if ACCOUNT in line]
    assert line.split()[-3:] == ["2026-01-05", "00:00", "2"]
    result = run("failures", "--json")
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert document["messages"] == {"read": 2, "counted": 2}
    assert document["accounts"] == [
        {
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
            "remedy": REMEDIES["throttled"],
        }
    ]


def test_messages_that_another_reader_received_are_reported(run: Run, sqs: FakeSqs) -> None:
    sqs.fail(ACCOUNT)
    sqs.fail(OTHER).visible_at = 1000
    result = run("failures")
    assert "1 of 2 messages on FailedAccountQueue were read." in result.stdout
    assert result.exit_code == 1


def test_undelivered_messages_are_counted_by_kind_and_never_printed(run: Run, sqs: FakeSqs) -> None:
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


def test_all_messages_are_returned(run: Run, sqs: FakeSqs) -> None:
    for number in range(25):
        sqs.fail(f"{number:012}")
    sqs.put("UndeliveredQueue", "{}")
    run("failures")
    assert sqs.in_flight("FailedAccountQueue") == sqs.in_flight("UndeliveredQueue") == []
    assert len(sqs.bodies("FailedAccountQueue")) == 25


def test_a_thousand_accounts_have_a_total_and_are_grouped(run: Run, aws: FakeWire, sqs: FakeSqs) -> None:
    for number in range(1000):
        sqs.fail(f"{number:012}", "throttled" if number % 2 else "unavailable")
    lines = run("failures").stdout.splitlines()
    assert lines[0] == "1,000 failed accounts, 1,000 messages."
    assert len(lines) < 30
    assert sum(line.endswith("and 450 more: --json lists all of them.") for line in lines) == 2
    # Time to return all of them.
    assert aws.requests_of("ReceiveMessage")[0]["VisibilityTimeout"] == 60 + 1000 // 5
    del sqs.queues["FailedAccountQueue"][120:]
    assert len(json.loads(run("failures", "--json").stdout)["accounts"]) == 120


def test_after_ctrl_c_all_messages_are_returned_also_those_of_the_receive_under_way(
    run: Run, aws: FakeWire, sqs: FakeSqs
) -> None:
    for number in range(25):
        sqs.fail(f"{number:012}")
    receives = 0

    def interrupted(parameters: dict[str, Any]) -> HttpResponse:
        # During the second receive its messages are in flight already, but the command does not know them yet.
        nonlocal receives
        receives += 1
        if receives == 2:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        return HttpResponse(body=sqs._receive(parameters))

    aws.respond("ReceiveMessage", interrupted)
    result = run("failures")
    assert (result.exit_code, result.stdout, result.stderr) == (130, "", "Interrupted.\n")
    assert sqs.in_flight("FailedAccountQueue") == []
    assert sum(len(request["Entries"]) for request in aws.requests_of("ChangeMessageVisibilityBatch")) == 20


def test_after_an_error_all_messages_are_returned(run: Run, aws: FakeWire, sqs: FakeSqs) -> None:
    sqs.fail(ACCOUNT)

    def once(parameters: dict[str, Any]) -> HttpResponse:
        deny(aws, "ReceiveMessage")
        return HttpResponse(body=sqs._receive(parameters))

    aws.respond("ReceiveMessage", once)
    result = run("failures")
    assert result.exit_code == 2
    assert "permission sqs:ReceiveMessage" in result.stderr
    assert sqs.in_flight("FailedAccountQueue") == []


def test_messages_that_cannot_be_returned_are_reported(run: Run, sqs: FakeSqs) -> None:
    for number in range(12):
        sqs.fail(f"{number:012}")
    sqs.rejections["ChangeMessageVisibilityBatch"] = lambda entry: "InternalError" if entry["Id"] == "1" else None
    result = run("failures")
    assert result.stderr == (
        "2 messages could not be returned to FailedAccountQueue. SQS makes them visible again within 2 minutes.\n"
    )


@pytest.mark.parametrize("tries", ["²", "٣" * 20, "9" * 5000, "-1", ""])
@pytest.mark.parametrize("failed_at", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+14:00", "²"])
def test_any_message_attributes_can_be_listed(run: Run, sqs: FakeSqs, tries: str, failed_at: str) -> None:
    sqs.fail("111111111111", reason="\x1b[2J[/red]", Tries=tries, FailedAt=failed_at)
    assert run("failures").exit_code == 1
    [account] = json.loads(run("failures", "--json").stdout)["accounts"]
    assert account["tries"] is None
    assert run("discard", "--account", "111111111111", "--yes").exit_code == 0
