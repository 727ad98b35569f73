"""The door, with everything behind it, up to the wire: an event of SQS in, the partial batch response out."""

import importlib
import json
import sys
from collections.abc import Iterator
from typing import Any, Protocol, cast

import pytest

from alternate_contacts.worker import aws, telemetry
from alternate_contacts.worker.settings import SettingsError
from tests.fakes.environment import WORKER
from tests.fakes.lambda_context import FakeContext
from tests.fakes.wire import FakeWire, HttpAnswer, refusal

MANAGEMENT = WORKER["MANAGEMENT_ACCOUNT_ID"]
RIGHT, UNSET, SUSPENDED, BROKEN = "300000000001", "300000000002", "300000000003", "300000000004"
CONTACT_DATA = [
    value for name, value in WORKER.items() if name.endswith(("_NAME", "_TITLE", "_EMAIL_ADDRESS", "_PHONE_NUMBER"))
]
# The pacers here run on the real clock: they must not wait.
UNHURRIED = {"PUT_RATE": "9999", "GET_RATE": "9999", "PUT_BURST": "9999", "GET_BURST": "9999"}

pytestmark = pytest.mark.usefixtures("logs_to_stdout", "default_session")


class Door(Protocol):
    """The module alternate_contacts.worker.handler."""

    @staticmethod
    def lambda_handler(event: dict[str, Any], context: FakeContext) -> dict[str, Any]: ...


def desired(kind: str) -> dict[str, str]:
    return {
        "Name": WORKER[f"{kind}_NAME"],
        "Title": WORKER[f"{kind}_TITLE"],
        "EmailAddress": WORKER[f"{kind}_EMAIL_ADDRESS"],
        "PhoneNumber": WORKER[f"{kind}_PHONE_NUMBER"],
    }


def message(name: str, account_id: str = "", *, body: str | None = None, tries: int = 1) -> dict[str, Any]:
    letter = {"version": 1, "accountId": account_id, "reason": "backfill", "mode": "enforce"}
    return {
        "messageId": name,
        "receiptHandle": f"handle of {name}",
        "body": json.dumps(letter) if body is None else body,
        "attributes": {"ApproximateReceiveCount": str(tries), "SentTimestamp": "1"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "awsRegion": "us-east-1",
    }


@pytest.fixture
def wire() -> FakeWire:
    """An organization in which each account has a fate of its own."""
    wire = FakeWire()

    def get(parameters: dict[str, Any]) -> HttpAnswer:
        account_id, kind = parameters.get("AccountId"), parameters["AlternateContactType"]
        if account_id == RIGHT:
            return HttpAnswer(body={"AlternateContact": desired(kind) | {"AlternateContactType": kind}})
        if account_id == BROKEN:
            return refusal("InternalServerException", 500, str(CONTACT_DATA))
        return refusal("ResourceNotFoundException", 404)

    def put(parameters: dict[str, Any]) -> HttpAnswer:
        if parameters.get("AccountId") == SUSPENDED:
            return refusal("AccessDeniedException", 403, str(CONTACT_DATA))
        return HttpAnswer()

    wire.answer("GetAlternateContact", get)
    wire.answer("PutAlternateContact", put)
    wire.answer("DescribeAccount", HttpAnswer(body={"Account": {"Id": SUSPENDED, "State": "SUSPENDED"}}))
    wire.answer("SendMessage", HttpAnswer(body={"MessageId": "1"}))
    wire.answer("ChangeMessageVisibility", HttpAnswer())
    return wire


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch, wire: FakeWire) -> Iterator[Door]:
    account, organizations, sqs = aws.account_client(15), aws.organizations_client(), aws.sqs_client()
    for client in (account, organizations, sqs):
        wire.attach(client)
    monkeypatch.setattr(aws, "account_client", lambda _: account)
    monkeypatch.setattr(aws, "organizations_client", lambda: organizations)
    monkeypatch.setattr(aws, "sqs_client", lambda: sqs)
    for name, value in (dict(WORKER) | UNHURRIED).items():
        monkeypatch.setenv(name, value)
    sys.modules.pop("alternate_contacts.worker.handler", None)
    yield cast("Door", importlib.import_module("alternate_contacts.worker.handler"))
    sys.modules.pop("alternate_contacts.worker.handler")


def test_works_off_a_batch(door: Door, wire: FakeWire, capsys: pytest.CaptureFixture[str]) -> None:
    event = {
        "Records": [
            message("unset", UNSET),
            message("right", RIGHT),
            message("own", MANAGEMENT),
            message("suspended", SUSPENDED),
            message("broken", BROKEN, tries=3),
            message("broken for long", BROKEN[:-1] + "4", tries=10),
            message("unreadable", body="what?"),
        ]
    }
    assert door.lambda_handler(event, FakeContext()) == {"batchItemFailures": [{"itemIdentifier": "broken"}]}

    puts = wire.asked("PutAlternateContact")
    assert sorted(str((put.get("AccountId"), put["AlternateContactType"])) for put in puts) == sorted(
        str((account_id, kind))
        for account_id in (UNSET, None, SUSPENDED)
        for kind in ("BILLING", "OPERATIONS", "SECURITY")
    )
    for put in puts:
        kind = put["AlternateContactType"]
        assert put == desired(kind) | {"AlternateContactType": kind, **{k: put[k] for k in put if k == "AccountId"}}
    assert wire.asked("DescribeAccount") == [{"AccountId": SUSPENDED}]
    assert wire.asked("ChangeMessageVisibility") == [
        {
            "QueueUrl": WORKER["ACCOUNT_QUEUE_URL"],
            "ReceiptHandle": "handle of broken",
            "VisibilityTimeout": 60,
        }
    ]
    failed = {sent["MessageAttributes"]["Reason"]["StringValue"]: sent for sent in wire.asked("SendMessage")}
    assert set(failed) == {"unavailable", "unreadable_letter"}
    assert failed["unreadable_letter"]["MessageBody"] == "what?"
    assert {sent["QueueUrl"] for sent in failed.values()} == {WORKER["FAILED_ACCOUNT_QUEUE_URL"]}

    output = capsys.readouterr()
    assert output.err == ""
    lines = [json.loads(line) for line in output.out.splitlines()]
    logged = {line["message_id"]: line["message"] for line in lines if "message_id" in line}
    assert set(logged) == {record["messageId"] for record in event["Records"]}
    assert {name for line in lines if "_aws" in line for name in line} >= {"ContactsUpdated", "AccountsSkipped"}
    assert all(line["function_request_id"] == FakeContext.aws_request_id for line in lines if "message_id" in line)
    told = output.out + json.dumps(wire.asked("SendMessage"))
    assert [secret for secret in CONTACT_DATA if secret in told] == []


def test_an_empty_batch_is_worked_off(door: Door, wire: FakeWire) -> None:
    assert door.lambda_handler({"Records": []}, FakeContext()) == {"batchItemFailures": []}
    assert wire.requests == []


def test_without_time_left_no_account_is_called(door: Door, wire: FakeWire) -> None:
    answer = door.lambda_handler({"Records": [message("one", UNSET)]}, FakeContext(milliseconds=40_000))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "one"}]}
    assert {operation for operation, _ in wire.requests} == {"ChangeMessageVisibility"}


def test_a_crash_in_one_account_keeps_its_message_and_no_other(
    door: Door, wire: FakeWire, capsys: pytest.CaptureFixture[str]
) -> None:
    def get(parameters: dict[str, Any]) -> HttpAnswer:
        # 200 with a body that no Get answers: nobody foresaw it.
        odd = {"AlternateContact": CONTACT_DATA}
        return (
            HttpAnswer(body=odd) if parameters.get("AccountId") == BROKEN else refusal("ResourceNotFoundException", 404)
        )

    wire.answer("GetAlternateContact", get)
    answer = door.lambda_handler({"Records": [message("broken", BROKEN), message("unset", UNSET)]}, FakeContext())
    assert answer == {"batchItemFailures": [{"itemIdentifier": "broken"}]}
    output = capsys.readouterr()
    assert [secret for secret in CONTACT_DATA if secret in output.out + output.err] == []


def test_metrics_are_written_with_each_batch(door: Door, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        door.lambda_handler({"Records": [message("one", RIGHT)]}, FakeContext())
        printed = capsys.readouterr().out
        assert printed.count("ContactsUnchanged") > 0


def test_the_event_is_never_logged(door: Door, capsys: pytest.CaptureFixture[str]) -> None:
    door.lambda_handler({"Records": [message("one", body="a body that nobody logs")]}, FakeContext())
    assert "a body that nobody logs" not in capsys.readouterr().out


@pytest.mark.usefixtures("door")
def test_a_missing_variable_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SECURITY_NAME")
    sys.modules.pop("alternate_contacts.worker.handler")
    try:
        with pytest.raises(SettingsError, match="SECURITY_NAME"):
            importlib.import_module("alternate_contacts.worker.handler")
    finally:
        sys.modules["alternate_contacts.worker.handler"] = telemetry  # for the fixture to remove


@pytest.mark.usefixtures("door")
def test_the_reserve_covers_the_calls_that_may_hang_at_the_end() -> None:
    """One of the account API, two of Organizations that explain it, and one of SQS."""

    def longest(client: Any) -> float:
        config = client.meta.config
        attempts = config.retries["total_max_attempts"]
        pauses = sum(2**attempt for attempt in range(attempts - 1))  # botocore's standard mode: at most 2^i s
        return float(attempts * (config.connect_timeout + config.read_timeout) + pauses)

    end = longest(aws.account_client(1)) + 2 * longest(aws.organizations_client()) + longest(aws.sqs_client())
    assert end <= sys.modules["alternate_contacts.worker.handler"]._RESERVE
