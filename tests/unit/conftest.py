"""Unit tests take milliseconds, open no sockets and know no AWS account."""

import logging
import os
import sys
from collections.abc import Iterator

import boto3
import pytest
from hypothesis import settings
from pytest_socket import disable_socket, enable_socket

# How fast an example runs says something about the machine, nothing about the code.
settings.register_profile("unit", deadline=None)
settings.load_profile("unit")


@pytest.fixture(autouse=True)
def _no_sockets() -> Iterator[None]:
    disable_socket()
    yield
    enable_socket()


@pytest.fixture(autouse=True)
def _no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the machine's own AWS configuration says does not count."""
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ENDPOINT_URL", "AWS_MAX_ATTEMPTS", "AWS_RETRY_MODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_REGION", "us-east-1")


class _StdoutOfNow:
    """Whatever is ``sys.stdout`` at the time of writing, such as the one that ``capsys`` puts there."""

    def write(self, text: str) -> None:
        sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()


@pytest.fixture
def logs_to_stdout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Powertools' loggers keep the stdout of their import; from here on ``capsys`` hears them."""
    for service in ("worker", "backfill"):
        for handler in logging.getLogger(service).handlers:
            monkeypatch.setattr(handler, "stream", _StdoutOfNow())


@pytest.fixture(scope="session")
def session() -> boto3.Session:
    """One for all: loading the service models takes longer than most tests."""
    return boto3.Session(aws_access_key_id="testing", aws_secret_access_key="testing", region_name="us-east-1")


@pytest.fixture
def default_session(session: boto3.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``boto3.client`` takes its clients from."""
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", session)
