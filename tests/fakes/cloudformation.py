"""CloudFormation's side of a custom resource: its requests, and the URL that receives the responses."""

import json
import urllib.request
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

SIGNATURE = "X-Amz-Signature=0123456789abcdef"
RESPONSE_URL = f"https://cloudformation-custom-resource-response.invalid/arn%3Aaws?AWSAccessKeyId=AKIA&{SIGNATURE}"

STACK_ID = "arn:aws:cloudformation:us-east-1:000000000000:stack/alternate-contacts/11aa"
LOGICAL_ID = "Backfill"
PHYSICAL_ID = f"{STACK_ID}/{LOGICAL_ID}"
CONTACT = ("overwrite", "Ada Geheim", "Keeper of Keys", "ada.geheim@secret.invalid", "+49 99 8877 6655")


def custom_resource_event(request_type: str, **changes: object) -> dict[str, Any]:
    """Return a request as CloudFormation sends it. Its properties contain a contact."""
    event: dict[str, object] = {
        "RequestType": request_type,
        "ServiceToken": "arn:aws:lambda:us-east-1:000000000000:function:Backfill",
        "ResponseURL": RESPONSE_URL,
        "StackId": STACK_ID,
        "RequestId": f"{request_type} 1",
        "LogicalResourceId": LOGICAL_ID,
        "ResourceType": "Custom::Backfill",
        "ResourceProperties": {"ServiceToken": "arn", "Billing": list(CONTACT)},
    }
    if request_type != "Create":
        event["PhysicalResourceId"] = PHYSICAL_ID
    if request_type == "Update":
        event["OldResourceProperties"] = {"ServiceToken": "arn", "Billing": list(CONTACT)}
    return event | changes


@dataclass
class FakeResponseUrl:
    """Receives responses in place of ``urllib.request.urlopen``; each of ``errors`` is raised once."""

    errors: list[Exception] = field(default_factory=list)
    requests: list[urllib.request.Request] = field(default_factory=list)
    on_open: Callable[[float], None] = lambda _: None
    """Called with the timeout of each attempt."""

    def open(self, request: urllib.request.Request, timeout: float) -> AbstractContextManager[None]:
        self.requests.append(request)
        self.on_open(timeout)
        if self.errors:
            raise self.errors.pop(0)
        return nullcontext()

    def responses(self) -> list[dict[str, Any]]:
        """Return the bodies of all attempts."""
        return [json.loads(request.data) for request in self.requests if isinstance(request.data, bytes)]
