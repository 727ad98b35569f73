"""The checks run only if STS confirms the account that the operator named."""

from typing import Any, cast

import boto3
import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from tests.live.aws import confirm_account

ACCOUNT = "111122223333"


class FakeSession:
    """A session whose only client is STS."""

    region_name = None

    def __init__(self, answer: str | Exception) -> None:
        self._answer = answer
        self.calls = 0

    def client(self, service: str, region_name: str) -> Any:
        assert (service, region_name) == ("sts", "us-east-1")
        return self

    def get_caller_identity(self) -> dict[str, str]:
        self.calls += 1
        if isinstance(self._answer, Exception):
            raise self._answer
        return {"Account": self._answer}


def refusal(account: str, session: FakeSession) -> str | None:
    return confirm_account(account, cast("boto3.Session", session))


def test_the_named_account_is_confirmed() -> None:
    assert refusal(ACCOUNT, FakeSession(ACCOUNT)) is None


@pytest.mark.parametrize(
    "answer", ["444455556666", NoCredentialsError(), ClientError({"Error": {"Code": "ExpiredToken"}}, "operation")]
)
def test_other_credentials_are_refused(answer: str | Exception) -> None:
    assert refusal(ACCOUNT, FakeSession(answer))


@pytest.mark.parametrize(
    "account", ["yes", "1234", "1111222233334", "alternate-contacts", "١١١١٢٢٢٢٣٣٣٣", " 111122223333"]
)
def test_what_is_no_account_id_is_refused_without_a_call(account: str) -> None:
    session = FakeSession(account)
    assert refusal(account, session)
    assert session.calls == 0
