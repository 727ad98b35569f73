"""The worker as the factory builds it, up to the wire: from a batch of messages to requests, log lines and metrics."""

import json
from collections.abc import Iterator
from threading import Barrier
from typing import Any

import boto3
import pytest

from alternate_contacts.worker import factory
from alternate_contacts.worker.batch import QueueRecord
from alternate_contacts.worker.contacts import Contact, ContactType
from alternate_contacts.worker.factory import Worker, build_worker
from alternate_contacts.worker.pacing import Pacer
from alternate_contacts.worker.settings import SettingsError
from tests.fakes.contact_data import contact_set
from tests.fakes.environment import WORKER, WORKER_SECRETS
from tests.fakes.wire import FakeWire, HttpResponse, error_response

MANAGEMENT = WORKER["MANAGEMENT_ACCOUNT_ID"]
COMPLIANT, UNSET, SUSPENDED, UNAVAILABLE = "300000000001", "300000000002", "300000000003", "300000000004"
# The pacers run on the real clock here: they must not wait.
FAST = {"PUT_RATE": "9999", "GET_RATE": "9999", "PUT_BURST": "9999", "GET_BURST": "9999"}
NEVER = float("inf")

pytestmark = pytest.mark.usefixtures("logs_to_stdout", "default_session")


def desired(contact_type: str) -> dict[str, str]:
    return Contact.from_environment(WORKER, ContactType(contact_type)).to_api()


def record(name: str, account_id: str = "", *, body: str | None = None, tries: int = 1) -> QueueRecord:
    content = {"version": 1, "accountId": account_id, "trigger": "backfill", "mode": "enforce"}
    return QueueRecord(name, f"handle of {name}", json.dumps(content) if body is None else body, tries)


@pytest.fixture
def wire(session: boto3.Session) -> Iterator[FakeWire]:
    """An organization whose accounts differ in what AWS responds."""
    wire = FakeWire()

    def get(parameters: dict[str, Any]) -> HttpResponse:
        account_id, contact_type = parameters.get("AccountId"), parameters["AlternateContactType"]
        if account_id == COMPLIANT:
            contact = desired(contact_type) | {"AlternateContactType": contact_type}
            return HttpResponse(body={"AlternateContact": contact})
        if account_id == UNAVAILABLE:
            return error_response("InternalServerException", 500, str(WORKER_SECRETS))
        return error_response("ResourceNotFoundException", 404)

    def put(parameters: dict[str, Any]) -> HttpResponse:
        if parameters.get("AccountId") == SUSPENDED:
            return error_response("AccessDeniedException", 403, str(WORKER_SECRETS))
        return HttpResponse()

    wire.respond("GetAlternateContact", get)
    wire.respond("PutAlternateContact", put)
    wire.respond("DescribeAccount", HttpResponse(body={"Account": {"Id": SUSPENDED, "State": "SUSPENDED"}}))
    wire.respond("SendMessage", HttpResponse(body={"MessageId": "1"}))
    wire.respond("ChangeMessageVisibility", HttpResponse())
    with wire.attached_to(session):
        yield wire


@pytest.fixture
def worker(wire: FakeWire) -> Worker:  # noqa: ARG001 - the clients attach to it
    return build_worker(dict(WORKER) | FAST)


def test_processes_a_batch(worker: Worker, wire: FakeWire, capsys: pytest.CaptureFixture[str]) -> None:
    records = [
        record("unset", UNSET),
        record("compliant", COMPLIANT),
        record("own", MANAGEMENT),
        record("suspended", SUSPENDED),
        record("retry", UNAVAILABLE, tries=3),
        record("last try", UNAVAILABLE, tries=10),
        record("invalid", body="not json"),
    ]
    assert worker.batch.process_batch(records, deadline=NEVER) == ["retry"]
    worker.telemetry.flush()

    puts = wire.requests_of("PutAlternateContact")
    assert {(put.pop("AccountId", None), put["AlternateContactType"]) for put in puts} == {
        (account_id, contact_type) for account_id in (UNSET, None, SUSPENDED) for contact_type in ContactType
    }
    assert all(put == desired(put.pop("AlternateContactType")) for put in puts)
    assert wire.requests_of("DescribeAccount") == [{"AccountId": SUSPENDED}]
    assert wire.requests_of("ChangeMessageVisibility") == [
        {"QueueUrl": WORKER["ACCOUNT_QUEUE_URL"], "ReceiptHandle": "handle of retry", "VisibilityTimeout": 60}
    ]
    failed = {sent["MessageAttributes"]["Reason"]["StringValue"]: sent for sent in wire.requests_of("SendMessage")}
    assert set(failed) == {"unavailable", "invalid_message"}
    assert failed["invalid_message"]["MessageBody"] == "not json"
    assert {sent["QueueUrl"] for sent in failed.values()} == {WORKER["FAILED_ACCOUNT_QUEUE_URL"]}

    output = capsys.readouterr()
    assert output.err == ""
    lines = [json.loads(line) for line in output.out.splitlines()]
    assert {line["message_id"] for line in lines if "message_id" in line} == {each.message_id for each in records}
    assert {name for line in lines if "_aws" in line for name in line} >= {"ContactsUpdated", "AccountsSkipped"}
    text = output.out + json.dumps(wire.requests_of("SendMessage"))
    assert [secret for secret in WORKER_SECRETS if secret in text] == []


OU, EXCLUDED_OU, ROOT = "ou-ab12-11111111", "ou-ab12-22222222", "r-ab12"
PAYMENTS = contact_set(4455)


def parameter(name: str, value: object) -> dict[str, str]:
    return {"Name": f"/contacts/{name}", "Type": "String", "Value": json.dumps(value)}


@pytest.mark.usefixtures("wire")
def test_processes_a_batch_with_a_contact_configuration(wire: FakeWire, capsys: pytest.CaptureFixture[str]) -> None:
    pages = [
        [
            parameter("version", 1),
            parameter("sets/payments", PAYMENTS),
            parameter(f"targets/{OU}", {"billing": "payments"}),
        ],
        [
            parameter(f"targets/{EXCLUDED_OU}", {"exclude": True}),
            parameter(f"targets/{MANAGEMENT}", {"security": "lost"}),
        ],
    ]

    def get_page(request: dict[str, Any]) -> HttpResponse:
        page = int(request.get("NextToken", 0))
        return HttpResponse(body={"Parameters": pages[page]} | ({"NextToken": "1"} if page == 0 else {}))

    def describe(request: dict[str, Any]) -> HttpResponse:
        account_id = request["AccountId"]
        parent = {UNSET: f"{OU}/", SUSPENDED: f"{EXCLUDED_OU}/"}.get(account_id, "")
        # Without paths, the parents are read one by one.
        paths = [] if account_id == MANAGEMENT else [f"o-abc/{ROOT}/{parent}{account_id}/"]
        return HttpResponse(body={"Account": {"Id": account_id, "State": "ACTIVE", "Paths": paths}})

    wire.respond("GetParametersByPath", get_page)
    wire.respond("DescribeAccount", describe)
    wire.respond("ListParents", HttpResponse(body={"Parents": [{"Id": ROOT, "Type": "ROOT"}]}))
    worker = build_worker(dict(WORKER) | FAST | {"CONTACTS_PATH": "/contacts"})
    records = [record("unset", UNSET), record("excluded", SUSPENDED), record("own", MANAGEMENT, tries=10)]
    assert worker.batch.process_batch(records, deadline=NEVER) == []
    worker.telemetry.flush()

    puts = {
        (put.get("AccountId"), put["AlternateContactType"]): put["Name"]
        for put in wire.requests_of("PutAlternateContact")
    }
    assert puts == {
        (UNSET, "BILLING"): PAYMENTS["name"],
        (UNSET, "OPERATIONS"): WORKER["OPERATIONS_NAME"],
        (UNSET, "SECURITY"): WORKER["SECURITY_NAME"],
        (None, "BILLING"): WORKER["BILLING_NAME"],
        (None, "OPERATIONS"): WORKER["OPERATIONS_NAME"],
    }
    assert len(wire.requests_of("GetParametersByPath")) == 2
    assert len(wire.requests_of("DescribeAccount")) == 3
    assert wire.requests_of("ListParents") == [{"ChildId": MANAGEMENT}]
    [failed] = wire.requests_of("SendMessage")
    attributes = {name: attribute["StringValue"] for name, attribute in failed["MessageAttributes"].items()}
    expected = {"Reason": "unknown_contact_set", "ErrorCode": "sets/lost", "ContactTypes": "SECURITY"}
    assert expected.items() <= attributes.items()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    [skipped] = [line for line in lines if line.get("message") == "account skipped"]
    assert (skipped["account_id"], skipped["state"]) == (SUSPENDED, "excluded")
    assert [secret for secret in (*WORKER_SECRETS, *PAYMENTS.values()) if secret in str(lines)] == []


def test_a_crash_in_one_account_leaves_its_message_and_no_contact_data(
    worker: Worker, wire: FakeWire, capsys: pytest.CaptureFixture[str]
) -> None:
    def get(parameters: dict[str, Any]) -> HttpResponse:
        # A response that is not in the API's form.
        if parameters["AccountId"] == UNAVAILABLE:
            return HttpResponse(body={"AlternateContact": WORKER_SECRETS})
        return error_response("ResourceNotFoundException", 404)

    wire.respond("GetAlternateContact", get)
    records = [record("crash", UNAVAILABLE), record("unset", UNSET)]
    assert worker.batch.process_batch(records, deadline=NEVER) == ["crash"]
    output = capsys.readouterr()
    assert [secret for secret in WORKER_SECRETS if secret in output.out + output.err] == []


def test_every_contact_of_five_accounts_is_read_at_the_same_time(worker: Worker, wire: FakeWire) -> None:
    """Latency does not limit the pace: the quota does."""
    all_at_once = Barrier(5 * len(ContactType))

    def get(parameters: dict[str, Any]) -> HttpResponse:
        all_at_once.wait(timeout=10)
        return HttpResponse(body={"AlternateContact": desired(parameters["AlternateContactType"])})

    wire.respond("GetAlternateContact", get)
    records = [record(str(number), f"{number:012}") for number in range(1, 6)]
    assert worker.batch.process_batch(records, deadline=NEVER) == []
    assert len(wire.requests_of("GetAlternateContact")) == 15
    assert wire.requests_of("PutAlternateContact") == []


@pytest.mark.usefixtures("wire")
def test_each_worker_has_its_part_of_each_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """45 % of 5 calls of ListParents a second are for both workers."""
    pacers: list[tuple[float, float]] = []

    class RecordedPacer(Pacer):
        def __init__(self, rate: float, burst: float) -> None:
            super().__init__(rate, burst)
            pacers.append((rate, burst))

    monkeypatch.setattr(factory, "Pacer", RecordedPacer)
    rates = {"PUT_RATE": "5", "PUT_BURST": "8", "GET_RATE": "10", "GET_BURST": "15"}
    shares = {"QUOTA_SHARE": "50", "CONCURRENT_WORKERS": "2", "CONTACTS_PATH": "/contacts"}
    build_worker(dict(WORKER) | rates | shares)
    assert sorted(pacers) == [(1.125, 1), (1.25, 1), (2.5, 2.75)]


@pytest.mark.usefixtures("wire")
def test_a_missing_variable_stops_the_start() -> None:
    with pytest.raises(SettingsError, match="SECURITY_NAME"):
        build_worker({name: value for name, value in WORKER.items() if name != "SECURITY_NAME"})
