"""The account API on a port, called by an unmodified boto3 client."""

import http.client
import json
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, ReadTimeoutError

from emulation.account_api import CONTACT_TYPES, ERRORS, AccountApi, Fault
from emulation.account_http import MANAGEMENT_ACCOUNT, serve
from emulation.waiting import eventually
from tests.fakes.contact_data import api_contact

if TYPE_CHECKING:
    from mypy_boto3_account import AccountClient

MEMBER = "111111111111"
CONTACT: dict[str, Any] = {
    "AlternateContactType": "SECURITY",
    **api_contact(1, name="Jané Doe"),
}
GET_BODY = json.dumps({"AccountId": MEMBER, "AlternateContactType": "SECURITY"})


class OneMember:
    management_account_id = MANAGEMENT_ACCOUNT

    def account_state(self, account_id: str) -> str | None:
        return "ACTIVE" if account_id in (MANAGEMENT_ACCOUNT, MEMBER) else None

    def has_trusted_access(self) -> bool:
        return True

    def is_delegated_administrator(self, _account_id: str) -> bool:
        return False


@contextmanager
def client_of(endpoint: str, read_timeout: float = 10, connections: int = 10) -> "Iterator[AccountClient]":
    client = boto3.client(
        "account",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, read_timeout=read_timeout, max_pool_connections=connections),
    )
    try:
        yield client
    finally:
        client.close()


def get(client: "AccountClient") -> Any:
    return client.get_alternate_contact(AccountId=MEMBER, AlternateContactType="SECURITY")


@pytest.fixture
def api() -> AccountApi:
    return AccountApi(OneMember(), quotas=None)


@pytest.fixture
def endpoint(api: AccountApi) -> Iterator[str]:
    with serve(api) as url:
        yield url


@pytest.fixture
def client(endpoint: str) -> "Iterator[AccountClient]":
    with client_of(endpoint) as client:
        yield client


@pytest.fixture
def connection(endpoint: str) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection(endpoint.removeprefix("http://"), timeout=10)
    yield connection
    connection.close()


def test_put_get_and_delete_of_a_member_and_of_the_caller(api: AccountApi, client: "AccountClient") -> None:
    # Put
    assert client.put_alternate_contact(AccountId=MEMBER, **CONTACT)["ResponseMetadata"]["HTTPStatusCode"] == 200
    client.put_alternate_contact(**CONTACT)
    assert set(api.contacts()) == {MANAGEMENT_ACCOUNT, MEMBER}

    # Get
    assert get(client)["AlternateContact"] == CONTACT

    # Delete
    client.delete_alternate_contact(AlternateContactType="SECURITY")
    assert set(api.contacts()) == {MEMBER}


def test_calls_come_from_the_configured_caller(api: AccountApi) -> None:
    with serve(api, caller=MEMBER) as endpoint, client_of(endpoint) as client:
        client.put_alternate_contact(**CONTACT)

    assert set(api.contacts()) == {MEMBER}


@pytest.mark.parametrize(("code", "status"), ERRORS.items())
def test_an_error_is_raised_with_its_code_and_status(
    api: AccountApi, client: "AccountClient", code: str, status: int
) -> None:
    api.set_faults(MEMBER, Fault(code))

    with pytest.raises(ClientError) as raised:
        get(client)

    response = raised.value.response
    assert response["Error"]["Code"] == code
    assert response["Error"]["Message"]
    assert response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert response["ResponseMetadata"]["HTTPHeaders"]["x-amzn-errortype"] == code
    assert isinstance(raised.value, getattr(client.exceptions, code))


def test_an_invalid_contact_is_rejected_with_its_fields(client: "AccountClient") -> None:
    # botocore itself checks types and lengths, but no patterns
    with pytest.raises(client.exceptions.ValidationException) as raised:
        client.put_alternate_contact(**(CONTACT | {"PhoneNumber": "none", "EmailAddress": "none"}))

    response: Any = raised.value.response
    assert response["reason"] == "fieldValidationFailed"
    assert {field["name"] for field in response["fieldList"]} == {"PhoneNumber", "EmailAddress"}


def test_a_dropped_call_closes_the_connection(api: AccountApi, client: "AccountClient") -> None:
    api.set_faults(MEMBER, Fault("dropped", remaining=1))
    api.set_contact(MEMBER, CONTACT)

    with pytest.raises(ConnectionClosedError):
        get(client)

    assert get(client)["AlternateContact"] == CONTACT  # on a new connection


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/listAlternateContacts", "{}", 404, "UnknownOperationException"),
        ("/PutAlternateContact", "{}", 404, "UnknownOperationException"),
        ("/getAlternateContact", "", 400, "ValidationException"),
        ("/getAlternateContact", "{", 400, "SerializationException"),
        ("/getAlternateContact", "[]", 400, "SerializationException"),
        ("/getAlternateContact", b"\xff", 400, "SerializationException"),
    ],
)
def test_an_invalid_request_fails(
    connection: http.client.HTTPConnection, path: str, body: str | bytes, status: int, code: str
) -> None:
    connection.request("POST", path, body)

    response = connection.getresponse()
    assert (response.status, response.headers["x-amzn-errortype"]) == (status, code)
    assert json.load(response)["message"]


def test_one_connection_serves_many_calls_without_delay(connection: http.client.HTTPConnection) -> None:
    connection.request("POST", "/getAlternateContact", GET_BODY)
    connection.getresponse().read()
    first = connection.sock

    started = time.monotonic()
    for _ in range(25):
        connection.request("POST", "/getAlternateContact", GET_BODY)
        assert connection.getresponse().read()

    # The calls used the same connection, and none waited 40 ms for a delayed ACK
    assert connection.sock is first
    assert first is not None
    assert time.monotonic() - started < 0.5


def test_concurrent_calls_do_not_add_up_their_latencies() -> None:
    api = AccountApi(OneMember(), quotas=None, latency=lambda: 0.25)
    with serve(api) as endpoint, client_of(endpoint) as client, ThreadPoolExecutor(8) as pool:
        started = time.monotonic()
        list(pool.map(lambda _: client.put_alternate_contact(AccountId=MEMBER, **CONTACT), range(8)))
        took = time.monotonic() - started

    assert 0.25 <= took < 1
    assert api.counts["PutAlternateContact"] == 8


def test_no_thread_or_connection_remains(api: AccountApi) -> None:
    # Given an idle connection, and a call whose response takes long
    before = set(threading.enumerate())
    api.set_contact(MEMBER, CONTACT)
    with ThreadPoolExecutor(1) as pool:
        with serve(api) as endpoint, client_of(endpoint) as idle, client_of(endpoint) as waiting:
            get(idle)
            api.set_faults(MEMBER, Fault("slow", seconds=60))
            call = pool.submit(get, waiting)
            eventually(lambda: api.counts["GetAlternateContact"] == 2)
            started = time.monotonic()

        # Then both end with the server
        assert time.monotonic() - started < 2
        assert isinstance(call.exception(timeout=2), ConnectionClosedError)
    assert set(threading.enumerate()) == before
    with client_of(endpoint) as late, pytest.raises(EndpointConnectionError):
        get(late)


def test_a_client_that_closes_its_connection_is_no_error(api: AccountApi, capfd: pytest.CaptureFixture[str]) -> None:
    api.set_faults(MEMBER, Fault("slow", seconds=0.2))
    with serve(api) as endpoint:
        # When one client times out, and another resets its connection
        with client_of(endpoint, read_timeout=0.05) as client, pytest.raises(ReadTimeoutError):
            get(client)
        host, port = endpoint.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as raw:
            raw.sendall(f"POST /getAlternateContact HTTP/1.1\r\nContent-Length: {len(GET_BODY)}\r\n\r\n".encode())
            raw.sendall(GET_BODY.encode())
            eventually(lambda: api.counts["GetAlternateContact"] == 2)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close with a reset
        time.sleep(0.3)

    assert capfd.readouterr().err == ""


def test_a_bug_prints_its_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> float:
        raise ZeroDivisionError

    api = AccountApi(OneMember(), latency=fail)
    with serve(api) as endpoint, client_of(endpoint) as client, pytest.raises(ConnectionClosedError):
        get(client)

    assert "ZeroDivisionError" in capfd.readouterr().err


def test_counts_and_contacts_can_be_read(
    api: AccountApi, client: "AccountClient", connection: http.client.HTTPConnection
) -> None:
    client.put_alternate_contact(AccountId=MEMBER, **CONTACT)
    for contact_type in CONTACT_TYPES:
        client.put_alternate_contact(**CONTACT | {"AlternateContactType": contact_type})

    assert read(connection, "/counts") == (200, api.counts)
    assert read(connection, "/contacts") == (200, {"contacts": 4, "accounts": 1})
    assert read(connection, "/")[0] == 404


def test_a_call_is_checked_only_after_its_transit(api: AccountApi) -> None:
    with serve(api, transit=lambda: 60.0) as endpoint, client_of(endpoint, read_timeout=0.2) as client:
        with pytest.raises(ReadTimeoutError):
            client.put_alternate_contact(**CONTACT)
        assert api.counts["PutAlternateContact"] == 0


def test_the_program_serves_until_its_input_ends() -> None:
    arguments = ["--accounts", "3", "--speed", "0.001", "--latency-ms", "1", "2"]
    with subprocess.Popen(  # noqa: S603 - this interpreter, fixed arguments
        [sys.executable, "-m", "emulation.account_http", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        endpoint = program.stdout.readline().strip()
        statuses = []

        with client_of(endpoint) as client:
            for number in (0, 2, 3, 0, 0, 0, 0, 0, 0):
                try:
                    client.put_alternate_contact(AccountId=str(100_000_000_000 + number), **CONTACT)
                    statuses.append(200)
                except ClientError as error:
                    statuses.append(error.response["ResponseMetadata"]["HTTPStatusCode"])
        connection = http.client.HTTPConnection(endpoint.removeprefix("http://"), timeout=10)
        contacts = read(connection, "/contacts")
        connection.close()
        program.stdin.close()

        # Only the three members exist, and the ninth Put is over the quota
        assert statuses == [200, 200, 403, 200, 200, 200, 200, 200, 429]
        assert contacts == (200, {"contacts": 2, "accounts": 0})
        assert program.wait(timeout=5) == 0


def read(connection: http.client.HTTPConnection, path: str) -> tuple[int, Any]:
    connection.request("GET", path)
    response = connection.getresponse()
    return response.status, json.load(response)
