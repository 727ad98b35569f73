"""A call to AWS that hangs is announced, and any other call is not."""

import threading
from contextlib import suppress

import boto3
import pytest
from botocore.exceptions import ClientError

from alternate_contacts.cli.aws import hanging_calls
from alternate_contacts.cli.aws.hanging_calls import watch_for_hanging_calls
from tests.fakes.wire import FakeWire, HttpResponse, error_response

QUEUE = "https://sqs.us-east-1.amazonaws.com/000000000000/queue"


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> FakeWire:
    monkeypatch.setattr(hanging_calls, "PATIENCE_SECONDS", 0.05)
    return FakeWire()


def watched_client(wire: FakeWire, service: str) -> object:
    session = boto3.Session(aws_access_key_id="testing", aws_secret_access_key="testing", region_name="us-east-1")
    watch_for_hanging_calls(session.events)
    client = session.client(service)  # type: ignore[call-overload]
    wire.attach(client)
    return client


def wait_for_no_timer() -> None:
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join(2)


def test_a_call_without_a_response_is_announced_once(wire: FakeWire, capsys: pytest.CaptureFixture[str]) -> None:
    def slow(_: object) -> HttpResponse:
        wait_for_no_timer()
        return HttpResponse(body={})

    wire.respond("PurgeQueue", slow)
    watched_client(wire, "sqs").purge_queue(QueueUrl=QUEUE)  # type: ignore[attr-defined]
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("PurgeQueue")) == ("", 1)


@pytest.mark.parametrize("response", [HttpResponse(body={}), error_response("AccessDenied", 403)])
def test_a_call_with_a_response_is_not(
    wire: FakeWire, capsys: pytest.CaptureFixture[str], response: HttpResponse
) -> None:
    wire.respond("PurgeQueue", response)
    client = watched_client(wire, "sqs")
    with suppress(ClientError):
        client.purge_queue(QueueUrl=QUEUE)  # type: ignore[attr-defined]
    wait_for_no_timer()
    assert capsys.readouterr().err == ""
