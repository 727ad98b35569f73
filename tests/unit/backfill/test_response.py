"""The response fits into CloudFormation's limit, is retried, and no error of its delivery contains the URL."""

import http.client
import io
import json
import traceback
import urllib.error
import urllib.request
import urllib.response
from collections.abc import Callable
from dataclasses import replace
from email.message import Message
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from alternate_contacts.backfill.counts import BackfillCounts
from alternate_contacts.backfill.deadline import RESERVED_SECONDS
from alternate_contacts.backfill.errors import BackfillError
from alternate_contacts.backfill.response import (
    MAX_BYTES,
    CustomResourceRequest,
    CustomResourceResponse,
    ResponseDeliveryError,
    ResponseStatus,
    response_body,
    send_response,
)
from tests.fakes.clock import FakeClock
from tests.fakes.cloudformation import (
    LOGICAL_ID,
    PHYSICAL_ID,
    RESPONSE_URL,
    SIGNATURE,
    STACK_ID,
    FakeResponseUrl,
    custom_resource_event,
)

ATTEMPTS = 4
REQUEST = CustomResourceRequest.from_event(custom_resource_event("Create"))
SUCCESS = CustomResourceResponse.succeeded("summary", BackfillCounts(listed=2, enqueued=1))
failed = CustomResourceResponse.failed
ROOM = MAX_BYTES - len(response_body(REQUEST, failed("")))
"""Bytes of the longest reason."""


def http_error(status: int) -> urllib.error.HTTPError:
    return urllib.error.HTTPError(RESPONSE_URL, status, RESPONSE_URL, Message(), io.BytesIO(RESPONSE_URL.encode()))


def send(
    url: FakeResponseUrl | Callable[..., Any], clock: FakeClock | None = None, request: CustomResourceRequest = REQUEST
) -> None:
    open_url = url.open if isinstance(url, FakeResponseUrl) else url
    send_response(request, SUCCESS, open_url=open_url, sleep=(clock or FakeClock()).sleep)


# ---- The body -------------------------------------------------------------------------------------------------------


def test_a_success_has_the_fields_that_cloudformation_requires() -> None:
    response = CustomResourceResponse.succeeded("summary", BackfillCounts(listed=2, enqueued=1))
    assert json.loads(response_body(REQUEST, response)) == {
        "Status": "SUCCESS",
        "Reason": "summary",
        "PhysicalResourceId": PHYSICAL_ID,
        "StackId": STACK_ID,
        "RequestId": "Create 1",
        "LogicalResourceId": LOGICAL_ID,
        "Data": {"Summary": "summary", "Listed": "2", "Enqueued": "1", "Skipped": "none"},
    }


def test_a_failure_has_a_reason_and_no_attributes() -> None:
    body = json.loads(response_body(REQUEST, failed("reason")))
    assert (body["Status"], body["Reason"], body["Data"]) == ("FAILED", "reason", {})


_SHORT_TEXT = st.text(st.characters())
_LONG_TEXT = st.builds(str.__mul__, st.text(st.characters(), min_size=1, max_size=50), st.integers(100, 3000))
_ANY_TEXT = _SHORT_TEXT | _LONG_TEXT
_ATTRIBUTES = ("Summary", "Listed", "Enqueued", "Skipped")


@given(_ANY_TEXT, st.fixed_dictionaries(dict.fromkeys(_ATTRIBUTES, _ANY_TEXT)))
def test_the_body_fits_into_what_cloudformation_reads(reason: str, data: dict[str, str]) -> None:
    for response in (failed(reason), CustomResourceResponse(ResponseStatus.SUCCESS, reason, data)):
        body = response_body(REQUEST, response)
        assert len(body) <= MAX_BYTES == 4096
        sent = json.loads(body)
        assert response.reason.startswith(sent["Reason"])
        assert sent["Reason"] or not reason
        assert sent["Data"].keys() == response.data.keys()
        for name, value in sent["Data"].items():
            assert response.data[name].startswith(value)
            assert value or not response.data[name]


@given(_LONG_TEXT)
def test_a_long_text_does_not_shorten_the_others(text: str) -> None:
    data = dict.fromkeys(_ATTRIBUTES, "é" * 20)
    sent = json.loads(response_body(REQUEST, CustomResourceResponse(ResponseStatus.SUCCESS, text, data)))
    assert sent["Data"] == data
    long = data | {"Summary": text}
    sent = json.loads(response_body(REQUEST, CustomResourceResponse(ResponseStatus.SUCCESS, "reason", long)))
    assert (sent["Reason"], sent["Data"] | {"Summary": text}) == ("reason", long)


@pytest.mark.parametrize("reason", ["x" * 100_000, "é" * 5000, "🦉" * 5000, "\x00" * 5000, '"' * 5000, "\ud800" * 3000])
def test_a_long_reason_is_cut_by_no_more_than_it_has_to(reason: str) -> None:
    assert MAX_BYTES - len(json.dumps(reason[0])[1:-1]) < len(response_body(REQUEST, failed(reason))) <= MAX_BYTES


@given(st.integers(0, 4000))
@example(ROOM)
@example(ROOM + 1)
def test_a_reason_that_fits_is_sent_in_full(length: int) -> None:
    sent = json.loads(response_body(REQUEST, failed("x" * length)))["Reason"]
    assert (sent == "x" * length) is (length <= ROOM)


def test_what_the_request_has_is_sent_in_full() -> None:
    request = replace(REQUEST, stack_id="x" * 5000)
    sent = json.loads(response_body(request, failed("reason")))
    assert (sent["StackId"], sent["Reason"], sent["Data"]) == ("x" * 5000, "", {})


# ---- Delivery -------------------------------------------------------------------------------------------------------


def test_one_put_to_the_url_with_an_empty_content_type() -> None:
    url, clock = FakeResponseUrl(), FakeClock()
    send(url, clock)
    (request,) = url.requests
    assert (request.full_url, request.get_method(), request.data) == (
        RESPONSE_URL,
        "PUT",
        response_body(REQUEST, SUCCESS),
    )
    # Without the header, urllib would add application/x-www-form-urlencoded.
    assert request.get_header("Content-type") == ""
    assert clock.sleeps == []


ERRORS = {
    "HTTP 500": http_error(500),
    "HTTP 403": http_error(403),
    "URLError": urllib.error.URLError(RESPONSE_URL),
    "TimeoutError": TimeoutError(RESPONSE_URL),
    "ConnectionResetError": ConnectionResetError(RESPONSE_URL),
    "RemoteDisconnected": http.client.RemoteDisconnected(RESPONSE_URL),
    "BadStatusLine": http.client.BadStatusLine(RESPONSE_URL),
    "ValueError": ValueError(RESPONSE_URL),
}


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
def test_a_failed_attempt_is_retried(error: Exception) -> None:
    url, clock = FakeResponseUrl([error] * (ATTEMPTS - 1)), FakeClock()
    send(url, clock)
    assert len(url.requests) == ATTEMPTS
    assert clock.sleeps == [0.5, 1, 2]


@pytest.mark.parametrize(("failure", "error"), ERRORS.items(), ids=ERRORS)
def test_the_last_failure_is_raised_without_the_url(failure: str, error: Exception) -> None:
    url, clock = FakeResponseUrl([error] * ATTEMPTS), FakeClock()
    with pytest.raises(ResponseDeliveryError, match=f": {failure}. Lambda retries") as raised:
        send(url, clock)
    assert len(url.requests) == ATTEMPTS
    assert clock.sleeps == [0.5, 1, 2]
    shown = "".join(traceback.format_exception(raised.value))
    assert SIGNATURE not in shown
    assert "https://" not in shown


@pytest.mark.parametrize(
    "url",
    [
        f"https://?{SIGNATURE}",
        f"https://[::1/?{SIGNATURE}",
        f"https://x.invalid/a b?{SIGNATURE}",
        f"https://x.invalid:{SIGNATURE}/",
    ],
)
def test_an_invalid_url_is_not_repeated(url: str) -> None:
    request = CustomResourceRequest.from_event(custom_resource_event("Create", ResponseURL=url))
    with pytest.raises(ResponseDeliveryError) as raised:
        send(urllib.request.urlopen, request=request)
    assert SIGNATURE not in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    """The response goes to the host of the request, or nowhere."""
    opened = []

    class Redirect(urllib.request.HTTPSHandler):
        def https_open(self, request: urllib.request.Request) -> Any:
            opened.append(request.full_url)
            headers = Message()
            headers["Location"] = "http://attacker.invalid/"
            response = urllib.response.addinfourl(io.BytesIO(), headers, request.full_url, status)
            response.msg = "Redirect"  # type: ignore[attr-defined]
            return response

    with pytest.raises(ResponseDeliveryError):
        send(urllib.request.build_opener(Redirect).open)
    assert opened == [RESPONSE_URL] * ATTEMPTS


def test_all_attempts_take_less_than_the_reserved_seconds() -> None:
    """Its docstring has the same sum."""
    clock = FakeClock()
    with pytest.raises(ResponseDeliveryError):
        send(FakeResponseUrl([TimeoutError()] * ATTEMPTS, on_open=clock.sleep), clock)
    describe_stacks, to_spare = 2 * (3 + 5), 15.5
    assert clock.now + describe_stacks + to_spare == RESERVED_SECONDS


def test_the_url_is_not_in_the_repr() -> None:
    assert SIGNATURE not in repr(REQUEST)
    assert "https://" not in repr(REQUEST)


@pytest.mark.parametrize("name", ["StackId", "RequestId", "LogicalResourceId", "ResponseURL"])
@pytest.mark.parametrize("value", [None, "", 5, [RESPONSE_URL]])
def test_a_request_without_a_field_is_invalid(name: str, value: object) -> None:
    with pytest.raises(BackfillError, match=name) as raised:
        CustomResourceRequest.from_event(custom_resource_event("Create", **{name: value}))
    assert SIGNATURE not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        RESPONSE_URL.replace("https:", "http:"),
        RESPONSE_URL.replace("https:", "ftp:"),
        f" {RESPONSE_URL}",
        f"<URL:{RESPONSE_URL.replace('https:', 'http:')}>",
        f"file:///response?{SIGNATURE}",
        f"nonsense?{SIGNATURE}",
    ],
)
def test_a_response_url_without_tls_is_an_error_that_does_not_repeat_it(url: str) -> None:
    with pytest.raises(BackfillError, match="ResponseURL is not an https URL") as raised:
        CustomResourceRequest.from_event(custom_resource_event("Create", ResponseURL=url))
    assert SIGNATURE not in "".join(traceback.format_exception(raised.value))
