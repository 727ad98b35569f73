"""The command, run in this process against AWS in memory."""

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from typer.testing import CliRunner, Result

from alternate_contacts.cli.aws import stack as stack_module
from alternate_contacts.cli.aws.session import Session
from alternate_contacts.cli.aws.stack import Stack
from alternate_contacts.cli.main import app
from tests.fakes.cli import STACK, FakeSqs
from tests.fakes.wire import FakeWire

Run = Callable[..., Result]


@pytest.fixture
def aws(session: boto3.Session, monkeypatch: pytest.MonkeyPatch) -> FakeWire:
    """What every client of the command is connected to."""
    wire = FakeWire()
    client = Session.client

    def connected(self: Session, *arguments: Any, **named: Any) -> Any:
        made = client(self, *arguments, **named)
        wire.attach(made)
        return made

    monkeypatch.setattr(boto3, "Session", lambda **_: session)
    monkeypatch.setattr(Session, "client", connected)
    return wire


@pytest.fixture
def sqs(aws: FakeWire) -> FakeSqs:
    return FakeSqs(aws)


@pytest.fixture
def run(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command with these arguments, for the stack of the fakes or another, with SQS in memory."""
    request.getfixturevalue("sqs")

    def run(*arguments: str, stack: Stack = STACK, answer: str | None = None) -> Result:
        monkeypatch.setattr(stack_module, "find_stack", lambda *_: stack)
        return CliRunner().invoke(app, arguments, input=answer)

    return run
