"""Run the command in this process, against AWS in memory."""

import itertools
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import botocore.session
import pytest
import typer.testing
from botocore.config import Config
from rich.progress import Progress, TaskID
from typer.main import get_command
from typer.testing import CliRunner, Result

from alternate_contacts.cli.aws import contact_parameters, organization
from alternate_contacts.cli.aws import session as session_module
from alternate_contacts.cli.aws import stack as stack_module
from alternate_contacts.cli.aws.stack import Stack
from alternate_contacts.cli.main import app
from tests.fakes.cli import STACK, FakeSqs, subscriptions, worker_configuration
from tests.fakes.clients import SharedClients
from tests.fakes.organization import FakeAws
from tests.fakes.wire import FakeWire

Run = Callable[..., Result]


@pytest.fixture(scope="session", autouse=True)
def _build_once() -> Iterator[None]:
    """Let `CliRunner` build the command once: that takes longer than most runs, and a run does not change it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.testing, "_get_command", cache(get_command))
        yield


@pytest.fixture
def session(session: boto3.Session) -> Iterator[boto3.Session]:
    """The session of all tests, from which each test removes what the command registers."""
    yield session
    events: Any = session.events
    for event, handler in (("before-parse", "_check_response"), ("after-call", "_remember_service")):
        events.unregister(event, unique_id=handler)


@pytest.fixture(scope="session")
def core() -> botocore.session.Session:
    """The credential chain of the command."""
    return botocore.session.Session()


@pytest.fixture(scope="session")
def clients() -> SharedClients:
    return SharedClients()


@pytest.fixture
def aws(
    session: boto3.Session, core: botocore.session.Session, clients: SharedClients, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FakeWire]:
    """Respond to every client of the command."""
    monkeypatch.setattr(botocore.session, "Session", lambda **_: core)
    # The pace and the timers, each of which is a thread, have tests of their own.
    monkeypatch.setattr(session_module, "watch_for_hanging_calls", lambda _: None)
    for module in (contact_parameters, organization):
        monkeypatch.setattr(module, "pace_calls", lambda *_: None)
    wire = FakeWire()

    def client(service: str, config: Config | None = None) -> object:
        return clients.get(session.client, wire, service, config)

    monkeypatch.setattr(boto3, "Session", lambda **_: SimpleNamespace(client=client, events=session.events))
    yield wire
    clients.detach(wire)


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
def interrupt_audit(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return a function that lets Ctrl-C interrupt the next audit when it has kept three accounts."""

    def interrupt_audit() -> None:
        advance, kept = Progress.advance, itertools.count(1)

        def interrupted(progress: Progress, task: TaskID) -> None:
            if next(kept) == 3:
                raise KeyboardInterrupt
            advance(progress, task)

        monkeypatch.setattr(Progress, "advance", interrupted)

    return interrupt_audit


@pytest.fixture
def cloud(aws: FakeWire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeAws:
    """An organization for `audit` and `explain`."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return FakeAws(aws)
