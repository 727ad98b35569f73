"""Run the command in this process, against AWS in memory."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from typer.testing import CliRunner, Result

from alternate_contacts.cli.aws import stack as stack_module
from alternate_contacts.cli.aws.stack import Stack
from alternate_contacts.cli.main import app
from tests.fakes.cli import STACK, FakeSqs, subscriptions, worker_configuration
from tests.fakes.organization import FakeAws
from tests.fakes.wire import FakeWire

Run = Callable[..., Result]


@pytest.fixture
def session(session: boto3.Session) -> Iterator[boto3.Session]:
    """The session of all tests, from which each test removes what the command registers."""
    yield session
    events: Any = session.events
    for event, handler in (("before-parse", "_check_response"), ("after-call", "_remember_service")):
        events.unregister(event, unique_id=handler)


@pytest.fixture
def aws(session: boto3.Session, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeWire]:
    """Respond to every client of the command."""
    monkeypatch.setattr(boto3, "Session", lambda **_: session)
    wire = FakeWire()
    with wire.attached_to(session):
        yield wire


@pytest.fixture
def sqs(aws: FakeWire) -> FakeSqs:
    return FakeSqs(aws)


@pytest.fixture
def run(request: pytest.FixtureRequest, aws: FakeWire, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs the command with these arguments, on the fake stack or another one."""
    request.getfixturevalue("sqs")
    deployed = STACK
    aws.respond("GetFunctionConfiguration", lambda _: worker_configuration(deployed))
    aws.respond("ListSubscriptionsByTopic", subscriptions())

    def run(*arguments: str, stack: Stack = STACK, answer: str | None = None) -> Result:
        nonlocal deployed
        deployed = stack
        monkeypatch.setattr(stack_module, "find_stack", lambda *_: stack)
        return CliRunner().invoke(app, arguments, input=answer)

    return run


@pytest.fixture
def cloud(aws: FakeWire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeAws:
    """An organization for `audit` and `explain`."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return FakeAws(aws)
