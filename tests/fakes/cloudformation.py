"""CloudFormation's side of a custom resource: its requests, and the URL that takes the answers."""

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
CONTACT = ("overwrite", "Ada Geheim", "Keeper of Keys", "ada.geheim@secret.invalid", "+49 99 8877 6655")


def event(request_type: str, **changes: object) -> dict[str, Any]:
    """A request as CloudFormation sends it; the properties hold contacts."""
    found: dict[str, object] = {
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
        found["PhysicalResourceId"] = f"{STACK_ID}/{LOGICAL_ID}"
    if request_type == "Update":
        found["OldResourceProperties"] = {"ServiceToken": "arn", "Billing": list(CONTACT)}
    return found | changes


@dataclass
class FakeResponseUrl:
    """Stands in for ``urllib.request.urlopen``; each of ``troubles`` spoils one try."""

    troubles: list[Exception] = field(default_factory=list)
    requests: list[urllib.request.Request] = field(default_factory=list)
    when_called: Callable[[float], None] = lambda _: None
    """Called with the time-out of each try."""

    def urlopen(self, request: urllib.request.Request, timeout: float) -> AbstractContextManager[None]:
        self.requests.append(request)
        self.when_called(timeout)
        if self.troubles:
            raise self.troubles.pop(0)
        return nullcontext()

    def answers(self) -> list[dict[str, Any]]:
        """What CloudFormation was told."""
        return [json.loads(request.data) for request in self.requests if isinstance(request.data, bytes)]
