"""The function as Lambda builds it, with AWS and CloudFormation replaced one step before a socket."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import boto3
import pytest
from botocore.config import Config

from alternate_contacts.backfill import aws
from alternate_contacts.backfill.deadline import deadline_after
from alternate_contacts.backfill.factory import BackfillFunction, build_function
from alternate_contacts.backfill.response import send_response
from tests.fakes.clients import SharedClients
from tests.fakes.clock import FakeStop
from tests.fakes.cloudformation import LOGICAL_ID, STACK_ID, FakeResponseUrl, custom_resource_event
from tests.fakes.environment import BACKFILL
from tests.fakes.wire import FakeWire, HttpResponse, error_response

ACCOUNTS = [
    {"Id": "111111111111", "State": "ACTIVE"},
    {"Id": "222222222222", "State": "ACTIVE"},
    {"Id": "333333333333", "State": "SUSPENDED"},
]


NOTHING_DENIED = (
    "<SimulatePrincipalPolicyResponse><SimulatePrincipalPolicyResult><EvaluationResults/>"
    "</SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"
)


@dataclass
class DeployedFunction:
    """BackfillFunction in an organization of three accounts. Each call runs in a new execution environment."""

    session: boto3.Session
    clients: SharedClients
    wire: FakeWire
    environment: dict[str, str] = field(default_factory=lambda: {**BACKFILL, "AWS_REGION": "us-east-1"})
    client_errors: dict[str, list[Exception]] = field(default_factory=dict)
    """By service, the errors of the next attempts to open a client; the last one repeats."""
    opened: list[str] = field(default_factory=list)
    """The services whose clients were opened."""
    response_url: FakeResponseUrl = field(default_factory=FakeResponseUrl)

    def client(self, service: str, config: Config) -> Any:
        """Open a client as ``boto3.Session`` does."""
        if errors := self.client_errors.get(service):
            raise errors.pop(0) if len(errors) > 1 else errors[0]
        self.opened.append(service)
        return self.clients.get(self.session.client, self.wire, service, config)

    def build(self) -> BackfillFunction:
        return build_function(
            self.environment,
            open_session=lambda: cast("boto3.Session", self),
            send_response=partial(send_response, open_url=self.response_url.open, sleep=lambda _: None),
            new_stop=FakeStop,
        )

    def request(self, request_type: str, *, milliseconds: int = 900_000, **changes: object) -> dict[str, Any]:
        """Send a request of CloudFormation; return the one response to it."""
        event = custom_resource_event(request_type, **changes)
        self.build().custom_resource.respond(event, deadline_after(milliseconds))
        (response,) = self.response_url.responses()
        request = {"StackId": STACK_ID, "RequestId": f"{request_type} 1", "LogicalResourceId": LOGICAL_ID}
        assert request.items() <= response.items()
        return response

    def invoke(self, **event: str) -> dict[str, Any]:
        """Invoke the function as the schedule and the operator do."""
        return dict(self.build().direct_invocation.run(event, deadline_after(900_000)))

    def sent_to(self, queue: str) -> list[dict[str, Any]]:
        """The entries sent to a queue, given the environment variable of its URL."""
        batches = self.wire.requests_of("SendMessageBatch")
        return [entry for batch in batches if batch["QueueUrl"] == BACKFILL[queue] for entry in batch["Entries"]]


@pytest.fixture(scope="session")
def clients() -> SharedClients:
    return SharedClients()


@pytest.fixture
def function(
    session: boto3.Session, clients: SharedClients, monkeypatch: pytest.MonkeyPatch
) -> Iterator[DeployedFunction]:
    # The pace has tests of its own. A check that repeats denied calls would wait for it here.
    monkeypatch.setattr(aws, "pace_calls", lambda *_: None)
    wire = FakeWire()
    principal = {"ServicePrincipal": "account.amazonaws.com"}
    wire.respond("ListAWSServiceAccessForOrganization", HttpResponse(body={"EnabledServicePrincipals": [principal]}))
    organization = {"MasterAccountId": "000000000000", "FeatureSet": "ALL", "Id": "o-exampleorgid"}
    wire.respond("DescribeOrganization", HttpResponse(body={"Organization": organization}))
    wire.respond("GetAlternateContact", error_response("ResourceNotFoundException", 404))
    wire.respond("ListAccounts", HttpResponse(body={"Accounts": ACCOUNTS}))
    wire.respond("GetQueueAttributes", HttpResponse(body={"Attributes": {"ApproximateNumberOfMessages": "0"}}))
    wire.respond("SendMessageBatch", HttpResponse(body={"Successful": []}))
    wire.respond("SimulatePrincipalPolicy", HttpResponse(body=NOTHING_DENIED))
    set_stack_status(wire, "UPDATE_IN_PROGRESS")
    yield DeployedFunction(session, clients, wire)
    clients.detach(wire)


def set_stack_status(wire: FakeWire, status: str) -> None:
    """Let DescribeStacks return a status from now on."""
    body = (
        "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>alternate-contacts</StackName>"
        f"<StackStatus>{status}</StackStatus><CreationTime>2026-11-24T10:00:00Z</CreationTime></member></Stacks>"
        "</DescribeStacksResult></DescribeStacksResponse>"
    )
    wire.respond("DescribeStacks", HttpResponse(body=body))
