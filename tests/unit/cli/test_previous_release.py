"""The command reads what the previous release wrote: log lines, failed messages and undelivered messages."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from alternate_contacts.cli.aws.previous_release import LOG_MESSAGES, REASONS, current_log_line
from tests.fakes.cli import FakeSqs
from tests.fakes.wire import FakeWire, HttpResponse
from tests.unit.cli.conftest import Run

RECORDS = json.loads((Path(__file__).parents[2] / "events" / "previous-release" / "records.json").read_text())
FAILED_MESSAGES: list[dict[str, Any]] = RECORDS["failedMessages"]
RENAMED = {"111111111111": "access_denied", "222222222222": "invalid_contact", "unknown": "invalid_message"}


@pytest.fixture
def failed(sqs: FakeSqs) -> FakeSqs:
    """FailedAccountQueue with the messages of the previous release."""
    for message in FAILED_MESSAGES:
        sqs.put("FailedAccountQueue", message["body"], message["attributes"])
    return sqs


def test_the_records_contain_everything_that_was_renamed() -> None:
    assert {message["attributes"]["Reason"] for message in FAILED_MESSAGES} >= REASONS.keys()
    assert {line["message"] for line in RECORDS["logLines"]} == LOG_MESSAGES.keys()


def test_a_log_line_of_this_release_stays_as_it_is() -> None:
    line = {"message": "backfill failed", "reason": "a field of another line"}
    assert current_log_line(line) == line


def test_status_reads_the_log_lines(run: Run, aws: FakeWire) -> None:
    lines = RECORDS["logLines"]
    at = [datetime(2026, 11, 24, 12, tzinfo=UTC) - timedelta(minutes=minutes) for minutes in (60, 120, 30)]
    events = [
        {"timestamp": int(time.timestamp() * 1000), "message": json.dumps(line)}
        for time, line in zip(at, lines, strict=True)
    ]
    aws.respond("FilterLogEvents", HttpResponse(body={"events": events}))
    document = json.loads(run("status", "--json").stdout)
    assert document["lastBackfill"] == {
        "at": at[0].isoformat(),
        "trigger": "backfill",
        "mode": "enforce",
        "listed": 45,
        "enqueued": 42,
        "skipped": {"SUSPENDED": 3},
    }
    assert document["lastReconcile"] == {"at": at[2].isoformat(), "reconcileSkipped": True, "messagesWaiting": 7}
    [request] = aws.requests_of("FilterLogEvents")
    assert all(f'$.message = "{message}"' in request["filterPattern"] for message in LOG_MESSAGES)


@pytest.mark.usefixtures("failed")
def test_failures_prints_the_reasons_by_their_new_names(run: Run) -> None:
    result = run("failures", "--json")
    accounts = {account["accountId"]: account for account in json.loads(result.stdout)["accounts"]}
    assert {account_id: account["reason"] for account_id, account in accounts.items()} == {
        **RENAMED,
        "333333333333": "throttled",
    }
    assert not any(reason in result.stdout for reason in REASONS)


@pytest.mark.parametrize(("old", "new"), REASONS.items())
@pytest.mark.parametrize("verb", ["replay", "discard"])
def test_either_name_of_a_reason_selects_messages_of_both_releases(
    run: Run, failed: FakeSqs, verb: str, old: str, new: str
) -> None:
    written_today = failed.fail("444444444444", new)
    [written_before] = [
        message for message in failed.queues["FailedAccountQueue"] if message.attributes["Reason"] == old
    ]
    for name in (old, new):
        plan = json.loads(run(verb, "--reason", name, "--dry-run", "--json").stdout)["plan"]
        assert plan[verb] == [written_before.message_id, written_today.message_id]


def test_a_replayed_message_keeps_its_body(run: Run, failed: FakeSqs) -> None:
    assert run("replay", "--reason", "access_denied", "--yes").exit_code == 0
    assert failed.bodies("AccountQueue") == [FAILED_MESSAGES[0]["body"]]


def test_undelivered_messages_keep_their_kinds(run: Run, sqs: FakeSqs, aws: FakeWire) -> None:
    aws.respond("Invoke", HttpResponse(202))
    kinds: dict[str, list[str]] = RECORDS["undelivered"]
    for body in (body for bodies in kinds.values() for body in bodies):
        sqs.put("UndeliveredQueue", body)
    undelivered = json.loads(run("failures", "--json").stdout)["undelivered"]
    assert undelivered["kinds"] == {kind: len(bodies) for kind, bodies in kinds.items()}
    assert run("replay", "--undelivered", "--yes").exit_code == 0
    assert sqs.bodies("AccountQueue") == kinds["account message"]
    assert sqs.bodies("UndeliveredQueue") == []


def test_a_crash_is_attributed_to_the_account_in_the_body(run: Run, sqs: FakeSqs) -> None:
    body = FAILED_MESSAGES[0]["body"]
    sqs.put("FailedAccountQueue", body, redriven=True)
    [account] = json.loads(run("failures", "--json").stdout)["accounts"]
    assert (account["accountId"], account["reason"]) == ("111111111111", "crash_or_timeout")


@pytest.mark.parametrize("arguments", [["backfill"], ["replay", "--undelivered"]])
def test_the_payload_is_understood_by_the_previous_backfill_function(
    run: Run, sqs: FakeSqs, aws: FakeWire, arguments: list[str]
) -> None:
    result = {"summary": "1 account listed", "listed": 1, "enqueued": 1, "skipped": {}, "stoodBack": False}
    aws.respond("Invoke", HttpResponse(body=result))
    sqs.put("UndeliveredQueue", "{}")
    assert run(*arguments, "--yes").exit_code == 0
    assert aws.requests_of("Invoke") == [{"trigger": "manual", "reason": "manual", "mode": "enforce"}]
