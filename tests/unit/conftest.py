"""Unit tests take milliseconds, open no socket and use no AWS account."""

import logging
import sys
from typing import TYPE_CHECKING

import boto3
import pytest
from aws_lambda_powertools.logging import Logger

from tests.isolation import no_account, no_sockets
from tests.profiles import load_profile

if TYPE_CHECKING:
    from mypy_boto3_account import AccountClient
    from mypy_boto3_organizations import OrganizationsClient
    from mypy_boto3_sqs import SQSClient

__all__ = ["no_account", "no_sockets"]

load_profile()


class _CurrentStdout:
    """Writes to what is ``sys.stdout`` at that moment, such as the stream that ``capsys`` reads."""

    def write(self, text: str) -> None:
        sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()


@pytest.fixture(scope="session")
def logs_to_stdout() -> None:
    """Let ``capsys`` read the logs: a Powertools logger keeps the ``sys.stdout`` of its creation."""
    for service in ("worker", "backfill"):
        for handler in Logger(service=service).handlers:
            if isinstance(handler, logging.StreamHandler):
                handler.setStream(_CurrentStdout())


@pytest.fixture(scope="session")
def session() -> boto3.Session:
    """One session for all tests: to load the service models takes longer than most tests."""
    return boto3.Session(aws_access_key_id="testing", aws_secret_access_key="testing", region_name="us-east-1")


@pytest.fixture
def account(session: boto3.Session) -> "AccountClient":
    return session.client("account")


@pytest.fixture
def organizations(session: boto3.Session) -> "OrganizationsClient":
    return session.client("organizations")


@pytest.fixture
def sqs(session: boto3.Session) -> "SQSClient":
    return session.client("sqs")


@pytest.fixture
def default_session(session: boto3.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``boto3.client`` use that session."""
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", session)
