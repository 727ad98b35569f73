"""What CloudFormation is told: within its 4096 bytes, with a few tries, and never with the URL in an error."""

import http.client
import io
import json
import traceback
import urllib.error
import urllib.request
from email.message import Message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alternate_contacts.backfill import handler
from alternate_contacts.backfill.response import (
    MAX_BYTES,
    CustomResourceRequest,
    CustomResourceResponse,
    ResponseNotDelivered,
    response_body,
    send_response,
)
from tests.fakes.clock import FakeClock
from tests.fakes.cloudformation import LOGICAL_ID, RESPONSE_URL, SIGNATURE, STACK_ID, FakeResponseUrl

TRIES = 4
REQUEST = CustomResourceRequest(STACK_ID, "request 1", LOGICAL_ID, f"{STACK_ID}/{LOGICAL_ID}", RESPONSE_URL)
DATA = {"Summary": "s", "Listed": "1", "Enqueued": "1", "Skipped": "0"}


def http_error(status: int) -> urllib.error.HTTPError:
    return urllib.error.HTTPError(RESPONSE_URL, status, RESPONSE_URL, Message(), io.BytesIO(RESPONSE_URL.encode()))


@pytest.fixture
def response_url(monkeypatch: pytest.MonkeyPatch) -> FakeResponseUrl:
    fake = FakeResponseUrl()
    monkeypatch.setattr(urllib.request, "urlopen", fake.urlopen)
    return fake


# ---- The body -------------------------------------------------------------------------------------------------------


def test_a_success_says_what_cloudformation_asks_for() -> None:
    assert json.loads(response_body(REQUEST, CustomResourceResponse(success=True, reason="done", data=DATA))) == {
        "Status": "SUCCESS",
        "Reason": "done",
        "PhysicalResourceId": f"{STACK_ID}/{LOGICAL_ID}",
        "StackId": STACK_ID,
        "RequestId": "request 1",
        "LogicalResourceId": LOGICAL_ID,
        "Data": DATA,
    }


def test_a_failure_says_why() -> None:
    answer = json.loads(response_body(REQUEST, CustomResourceResponse(success=False, reason="no")))
    assert (answer["Status"], answer["Reason"], answer["Data"]) == ("FAILED", "no", {})


_ANY_TEXT = st.text(st.characters(), max_size=50).map(lambda text: text * 200) | st.text()


@given(_ANY_TEXT, st.booleans())
def test_the_body_is_within_what_cloudformation_reads(reason: str, success: bool) -> None:
    content = response_body(REQUEST, CustomResourceResponse(success=success, reason=reason, data=DATA))
    assert len(content) <= MAX_BYTES == 4096
    told = json.loads(content)["Reason"]
    assert reason.startswith(told)
    assert told or not reason


@pytest.mark.parametrize("reason", ["x" * 100_000, "é" * 5000, "🦉" * 5000, "\x00" * 5000, '"' * 5000, "\ud800" * 3000])
def test_a_long_reason_is_cut_and_not_dropped(reason: str) -> None:
    content = response_body(REQUEST, CustomResourceResponse(success=False, reason=reason))
    assert MAX_BYTES * 0.6 < len(content) <= MAX_BYTES


@given(st.integers(0, 4000))
def test_a_reason_that_fits_is_told_in_full(length: int) -> None:
    reason = "x" * length
    room = MAX_BYTES - len(response_body(REQUEST, CustomResourceResponse(success=False)))
    told = json.loads(response_body(REQUEST, CustomResourceResponse(success=False, reason=reason)))["Reason"]
    assert (told == reason) is (length <= room)


# ---- Delivery -------------------------------------------------------------------------------------------------------


def test_one_put_to_the_url_with_an_empty_content_type(response_url: FakeResponseUrl) -> None:
    clock = FakeClock()
    send_response(REQUEST, CustomResourceResponse(success=True), sleep=clock.sleep)
    (sent,) = response_url.requests
    assert (sent.full_url, sent.get_method(), sent.data) == (
        RESPONSE_URL,
        "PUT",
        response_body(REQUEST, CustomResourceResponse(success=True)),
    )
    # urllib would add application/x-www-form-urlencoded where there is no such header at all.
    assert sent.get_header("Content-type") == ""
    assert clock.sleeps == []


@pytest.mark.parametrize(
    "trouble",
    [
        http_error(500),
        http_error(403),
        urllib.error.URLError("name or service not known"),
        TimeoutError("timed out"),
        ConnectionResetError("reset"),
        http.client.RemoteDisconnected("closed"),
    ],
    ids=lambda trouble: type(trouble).__name__,
)
def test_a_trouble_is_tried_again(response_url: FakeResponseUrl, trouble: Exception) -> None:
    clock = FakeClock()
    response_url.troubles = [trouble] * (TRIES - 1)
    send_response(REQUEST, CustomResourceResponse(success=True), sleep=clock.sleep)
    assert len(response_url.requests) == TRIES
    assert clock.sleeps == [0.5, 1, 2]


@pytest.mark.parametrize(
    ("trouble", "why"),
    [
        (http_error(403), "HTTP 403"),
        (urllib.error.URLError(RESPONSE_URL), "URLError"),
        (TimeoutError(RESPONSE_URL), "TimeoutError"),
        (ValueError(RESPONSE_URL), "ValueError"),
    ],
    ids=["HTTPError", "URLError", "TimeoutError", "ValueError"],
)
def test_an_answer_that_does_not_get_through_is_told_without_the_url(
    response_url: FakeResponseUrl, trouble: Exception, why: str
) -> None:
    response_url.troubles = [trouble] * TRIES
    with pytest.raises(ResponseNotDelivered) as caught:
        send_response(REQUEST, CustomResourceResponse(success=True), sleep=FakeClock().sleep)
    assert str(caught.value) == f"CloudFormation was not told: {why} after {TRIES} tries."
    assert len(response_url.requests) == TRIES
    shown = "".join(traceback.format_exception(caught.value))
    assert SIGNATURE not in shown
    assert "https://" not in shown


@pytest.mark.parametrize(
    "url",
    ["", f"nonsense?{SIGNATURE}", f"nonsense://x/?{SIGNATURE}", f"https://?{SIGNATURE}", f"https://[::1/?{SIGNATURE}"],
)
def test_a_malformed_url_is_not_repeated(url: str) -> None:
    request = CustomResourceRequest(STACK_ID, "r", LOGICAL_ID, "p", url)
    with pytest.raises(ResponseNotDelivered) as caught:
        send_response(request, CustomResourceResponse(success=True), sleep=FakeClock().sleep)
    assert SIGNATURE not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("url", [f"https://x.invalid/a b?{SIGNATURE}", f"https://x.invalid:{SIGNATURE}/"])
def test_a_url_that_http_client_refuses_is_not_repeated(url: str) -> None:
    request = CustomResourceRequest(STACK_ID, "r", LOGICAL_ID, "p", url)
    with pytest.raises(ResponseNotDelivered) as caught:
        send_response(request, CustomResourceResponse(success=True), sleep=FakeClock().sleep)
    assert SIGNATURE not in "".join(traceback.format_exception(caught.value))


def test_a_garbled_response_is_tried_again(response_url: FakeResponseUrl) -> None:
    response_url.troubles = [http.client.BadStatusLine("?")]
    send_response(REQUEST, CustomResourceResponse(success=True), sleep=FakeClock().sleep)
    assert len(response_url.requests) == 2


def test_telling_cloudformation_takes_no_longer_than_the_time_kept_for_it(response_url: FakeResponseUrl) -> None:
    clock = FakeClock()
    response_url.troubles = [TimeoutError()] * TRIES
    response_url.when_called = clock.sleep
    with pytest.raises(ResponseNotDelivered):
        send_response(REQUEST, CustomResourceResponse(success=True), sleep=clock.sleep)
    assert clock.now < handler._RESERVE


def test_the_url_does_not_show() -> None:
    assert SIGNATURE not in repr(REQUEST)
    assert "https://" not in repr(REQUEST)
