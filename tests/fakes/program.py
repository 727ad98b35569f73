"""The real command against AWS in memory, also in a process of its own: `python -m tests.fakes.program status`.

The organization has an account and a unit with hostile names in another script, and one account failed.
"""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from alternate_contacts.cli.terminal import process

if TYPE_CHECKING:
    from tests.fakes.wire import FakeWire

NAME = "東京 \x1b[31m"


def load() -> Callable[[], object]:
    """Import the command as its entry point does, and replace AWS."""
    if "WAITING" in os.environ:
        os.write(2, b"loading\n")
    import boto3

    from alternate_contacts.cli.aws import stack
    from alternate_contacts.cli.main import app
    from tests.fakes.cli import STACK
    from tests.fakes.wire import FakeWire

    wire = FakeWire()
    session = boto3.Session(region_name="us-east-1")
    boto3.Session = lambda **_: session  # type: ignore[assignment, misc]
    stack.find_stack = lambda *_: STACK
    respond(wire)

    def run() -> None:
        with wire.attached_to(session):
            app()

    return run


def respond(wire: "FakeWire") -> None:
    """Respond as the AWS that the environment variables HEALTHY, WAITING and INCOMPLETE describe."""
    from tests.fakes.cli import STACK, FakeSqs, subscriptions, worker_configuration
    from tests.fakes.wire import HttpResponse, error_response

    sqs = FakeSqs(wire)
    if "HEALTHY" not in os.environ:
        sqs.fail("111111111111", ErrorCode=NAME, Tries="²")
    if "WAITING" in os.environ:
        sqs.put("AccountQueue", "message")
    accounts = [{"Id": "111111111111", "Name": NAME, "State": "ACTIVE", "Paths": ["o-1/r-1/ou-1/111111111111/"]}]
    wire.respond("DescribeOrganization", HttpResponse(body={"Organization": {"Id": "o-1"}}))
    wire.respond("DescribeOrganizationalUnit", HttpResponse(body={"OrganizationalUnit": {"Name": NAME}}))
    wire.respond("ListAccounts", HttpResponse(body={"Accounts": accounts}))
    wire.respond("GetAlternateContact", error_response("ResourceNotFoundException", 404))
    wire.respond("GetFunctionConfiguration", lambda _: worker_configuration(STACK))
    wire.respond("FilterLogEvents", HttpResponse(body={"events": []}))
    wire.respond("ListSubscriptionsByTopic", subscriptions())
    if "INCOMPLETE" in os.environ:
        wire.respond("GetQueueAttributes", HttpResponse(body={}))


if __name__ == "__main__":
    process.run(load)
