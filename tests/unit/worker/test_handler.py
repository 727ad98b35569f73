"""The entry point: an event of SQS in, the partial batch response out."""

import json
import runpy
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from tests.fakes.environment import WORKER
from tests.fakes.lambda_context import FakeContext
from tests.fakes.wire import FakeWire, HttpResponse, error_response

ACCOUNT = "300000000001"
BODY = {"version": 1, "accountId": ACCOUNT, "trigger": "backfill", "mode": "enforce"}

pytestmark = pytest.mark.usefixtures("logs_to_stdout", "default_session")


def event(*bodies: str) -> dict[str, Any]:
    return {
        "Records": [
            {
                "messageId": f"message {number}",
                "receiptHandle": f"handle {number}",
                "body": body,
                "attributes": {"ApproximateReceiveCount": "3", "SentTimestamp": "1"},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "awsRegion": "us-east-1",
            }
            for number, body in enumerate(bodies)
        ]
    }


@pytest.fixture
def wire(session: boto3.Session) -> Iterator[FakeWire]:
    wire = FakeWire()
    wire.respond("GetAlternateContact", error_response("InternalServerException", 500))
    wire.respond("ChangeMessageVisibility", HttpResponse())
    wire.respond("SendMessage", HttpResponse(body={"MessageId": "1"}))
    with wire.attached_to(session):
        yield wire


@pytest.fixture
def lambda_handler(monkeypatch: pytest.MonkeyPatch, wire: FakeWire) -> Any:
    for name, value in WORKER.items():
        monkeypatch.setenv(name, value)
    handler = runpy.run_module("alternate_contacts.worker.handler")["lambda_handler"]
    assert wire.requests == []
    return handler


def test_processes_every_record_and_returns_those_that_stay_on_the_queue(
    lambda_handler: Any, wire: FakeWire, capsys: pytest.CaptureFixture[str]
) -> None:
    response = lambda_handler(event(json.dumps(BODY), "a body that is never logged"), FakeContext())
    assert response == {"batchItemFailures": [{"itemIdentifier": "message 0"}]}
    (retry,) = wire.requests_of("ChangeMessageVisibility")
    assert (retry["ReceiptHandle"], retry["VisibilityTimeout"]) == ("handle 0", 60)

    output = capsys.readouterr().out
    assert "a body that is never logged" not in output
    lines = [json.loads(line) for line in output.splitlines()]
    logged = {line["message_id"]: line["tries"] for line in lines if "message_id" in line}
    assert logged == {"message 0": 3, "message 1": 3}
    assert {line["function_request_id"] for line in lines if "message_id" in line} == {FakeContext.aws_request_id}
    assert "AccountsFailed" in {name for line in lines for name in line}


def test_without_time_left_no_account_is_called(lambda_handler: Any, wire: FakeWire) -> None:
    response = lambda_handler(event(json.dumps(BODY)), FakeContext(milliseconds=40_000))
    assert response == {"batchItemFailures": [{"itemIdentifier": "message 0"}]}
    assert {operation for operation, _ in wire.requests} == {"ChangeMessageVisibility"}
