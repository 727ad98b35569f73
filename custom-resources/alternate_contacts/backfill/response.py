"""What CloudFormation is told: exactly one answer to each request.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html
"""

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

MAX_BYTES = 4096
"""The most that CloudFormation reads of an answer."""

_TRIES = 4
"""With time-outs of 10 s and waits of 0.5, 1 and 2 s, 43.5 s where nobody answers, within what the door keeps for them.

Should CloudFormation's side answer in dribs, each within its time-out, Lambda's own end and retry are the net.
"""


class ResponseNotDelivered(Exception):  # noqa: N818 - it says what happened
    """CloudFormation could not be told. Raised so that Lambda invokes once more; never carries the ResponseURL."""


@dataclass(frozen=True)
class CustomResourceRequest:
    """What of CloudFormation's request the answer repeats, and where the answer goes."""

    stack_id: str
    request_id: str
    logical_resource_id: str
    physical_resource_id: str
    response_url: str = field(repr=False)


@dataclass(frozen=True)
class CustomResourceResponse:
    """Success with ``data``, or failure with a ``reason``."""

    success: bool
    reason: str = ""
    data: Mapping[str, str] = field(default_factory=dict)


def response_body(request: CustomResourceRequest, answer: CustomResourceResponse) -> bytes:
    """The answer as CloudFormation reads it; a long reason is cut so that it stays within 4096 bytes."""

    def encoded(reason: str) -> bytes:
        return json.dumps(
            {
                "Status": "SUCCESS" if answer.success else "FAILED",
                "Reason": reason,
                "PhysicalResourceId": request.physical_resource_id,
                "StackId": request.stack_id,
                "RequestId": request.request_id,
                "LogicalResourceId": request.logical_resource_id,
                "Data": dict(answer.data),
            }
        ).encode()

    reason = answer.reason
    while len(encoded(reason)) > MAX_BYTES and reason:
        reason = reason[: len(reason) * 3 // 4]
    return encoded(reason)


def send_response(
    request: CustomResourceRequest, answer: CustomResourceResponse, *, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Put the answer to the request's ResponseURL, with a few tries.

    Raises:
        ResponseNotDelivered: none of them went through.
    """
    content = response_body(request, answer)
    why = "none"
    for attempt in range(_TRIES):
        try:
            # An empty content type is part of what the presigned URL is signed for.
            put = urllib.request.Request(  # noqa: S310 - CloudFormation names the URL
                request.response_url, data=content, method="PUT", headers={"Content-Type": ""}
            )
            with urllib.request.urlopen(put, timeout=10):  # noqa: S310
                return
        except urllib.error.HTTPError as error:
            why = f"HTTP {error.code}"
        except (OSError, ValueError, http.client.HTTPException) as error:
            why = type(error).__name__
        if attempt < _TRIES - 1:
            sleep(2**attempt / 2)
    # Outside the except clauses: an error of urllib may repeat the URL, and who has it can answer in our name.
    raise ResponseNotDelivered(f"CloudFormation was not told: {why} after {_TRIES} tries.")
