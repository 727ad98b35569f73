"""The response to a custom resource request of CloudFormation.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html
"""

import http.client
import json
import time
import urllib.error
import urllib.request
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from alternate_contacts.backfill.counts import BackfillCounts
from alternate_contacts.backfill.errors import BackfillError
from alternate_contacts.backfill.protocol import Mode

MAX_BYTES = 4096
"""CloudFormation rejects a longer response."""

_ATTEMPTS = 4
"""With timeouts of 10 s and waits of 0.5, 1 and 2 s: 43.5 s at most without a connection, part of `RESERVED_SECONDS`.

The timeout is per read of the socket. If the server sends slowly, Lambda may end the invocation, and then retries it.
"""


class ResponseDeliveryError(Exception):
    """The response was not delivered. Lambda then retries the invocation. The text never contains the ResponseURL."""


class ResponseStatus(StrEnum):
    """The two values of ``Status``."""

    SUCCESS = "SUCCESS"
    FAILED = "FAILED"


@dataclass(frozen=True)
class CustomResourceRequest:
    """The fields of a request that the backfill reads.

    ``extends_protection``: the deployment creates the service control policy, or changes its target or contact types.
    """

    request_type: str
    stack_id: str
    request_id: str
    logical_resource_id: str
    physical_resource_id: str
    response_url: str = field(repr=False)
    extends_protection: bool = False

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> "CustomResourceRequest":
        """Parse the event. A Create gets a stable physical ID: with a new one CloudFormation deletes the old one.

        Raises:
            BackfillError: a field is missing, or the ResponseURL is not https. No response is possible then.
        """
        stack_id, logical_resource_id = _text(event, "StackId"), _text(event, "LogicalResourceId")
        return cls(
            request_type=_text(event, "RequestType"),
            stack_id=stack_id,
            request_id=_text(event, "RequestId"),
            logical_resource_id=logical_resource_id,
            physical_resource_id=event.get("PhysicalResourceId") or f"{stack_id}/{logical_resource_id}",
            response_url=_https_url(event),
            extends_protection=_protection(event.get("ResourceProperties"))
            not in (None, _protection(event.get("OldResourceProperties"))),
        )


def _protection(properties: object) -> tuple[object, ...] | None:
    """Return what the template makes ProtectionPolicy of: its target and the policies; None: it does not exist."""
    if not isinstance(properties, Mapping) or properties.get("Mode") != Mode.ENFORCE:
        return None
    target = properties.get("ProtectedTargetId")
    if target in (None, "none"):
        return None
    contacts = [properties.get(name) for name in ("Billing", "Operations", "Security")]
    # The first value of each contact is its policy; the others are contact data.
    return (target, *(values[:1] for values in contacts if isinstance(values, list)))


def _text(event: Mapping[str, Any], name: str) -> str:
    value = event.get(name)
    if not isinstance(value, str) or not value:
        raise BackfillError(f"Invalid request: {name} is missing. Only CloudFormation sends requests with RequestType.")
    return value


def _https_url(event: Mapping[str, Any]) -> str:
    """Return the ResponseURL. With it anyone can respond, so it must not travel in plain text, nor name a file."""
    url = _text(event, "ResponseURL")
    if not url.startswith("https://"):
        raise BackfillError("Invalid request: ResponseURL is not an https URL.")
    return url


@dataclass(frozen=True)
class CustomResourceResponse:
    """The response, without the fields that repeat the request."""

    status: ResponseStatus
    reason: str
    data: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def succeeded(cls, summary: str, counts: BackfillCounts) -> "CustomResourceResponse":
        """Return a success. Each one has the same attributes: the template's outputs read them."""
        data = {
            "Summary": summary,
            "Listed": str(counts.listed),
            "Enqueued": str(counts.enqueued),
            "Skipped": counts.skipped_by_state,
        }
        return cls(ResponseStatus.SUCCESS, summary, data)

    @classmethod
    def failed(cls, reason: str) -> "CustomResourceResponse":
        """Return a failure."""
        return cls(ResponseStatus.FAILED, reason)


def response_body(request: CustomResourceRequest, response: CustomResourceResponse) -> bytes:
    """Return the body to send. The longest of reason and attributes are cut so that it has `MAX_BYTES` at most.

    All else is short: names of attributes, and fields that CloudFormation has sent.
    """

    def encode(longest: int) -> bytes:
        """Return the body with texts of at most ``longest`` characters."""
        return json.dumps(
            {
                "Status": response.status.value,
                "Reason": response.reason[:longest],
                "PhysicalResourceId": request.physical_resource_id,
                "StackId": request.stack_id,
                "RequestId": request.request_id,
                "LogicalResourceId": request.logical_resource_id,
                "Data": {name: text[:longest] for name, text in response.data.items()},
            }
        ).encode()

    # The largest length with which the body fits; 0 if there is none.
    return encode(bisect_right(range(1, MAX_BYTES), MAX_BYTES, key=lambda longest: len(encode(longest))))


def send_response(
    request: CustomResourceRequest,
    response: CustomResourceResponse,
    *,
    open_url: Callable[..., Any] = urllib.request.urlopen,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Put the response to the ResponseURL of the request, in four attempts at most.

    Raises:
        ResponseDeliveryError: no attempt succeeded.
    """
    body = response_body(request, response)
    for attempt in range(_ATTEMPTS):
        try:
            # The signature of the presigned URL covers an empty content type.
            put = urllib.request.Request(  # noqa: S310 - an https URL
                request.response_url, data=body, method="PUT", headers={"Content-Type": ""}
            )
            with open_url(put, timeout=10):
                return
        except urllib.error.HTTPError as error:
            failure = f"HTTP {error.code}"
        except (OSError, ValueError, http.client.HTTPException) as error:
            failure = type(error).__name__
        if attempt < _ATTEMPTS - 1:
            sleep(2**attempt / 2)
    # Raised outside the except clauses: an error of urllib may contain the URL, and with it anyone can respond.
    raise ResponseDeliveryError(
        f"No response was sent to CloudFormation in {_ATTEMPTS} attempts: {failure}. Lambda retries the invocation."
    )
