"""Clients use the credentials of the profile and the region of the stack, not the region of the profile."""

from collections.abc import Callable
from pathlib import Path

import pytest
from botocore.config import Config

from alternate_contacts.cli.aws.session import Session
from alternate_contacts.cli.terminal.errors import CliError
from tests.fakes.wire import FakeWire, HttpResponse


@pytest.fixture
def profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile in Europe and a profile in China."""
    path = tmp_path / "config"
    path.write_text("[profile europe]\nregion = eu-west-1\n[profile china]\nregion = cn-north-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(path))
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("profiles")
@pytest.mark.parametrize("name", ["AWS_REGION", "AWS_DEFAULT_REGION"])
@pytest.mark.parametrize(
    ("region", "expected"), [("cn-north-1", "cn-northwest-1"), ("eu-west-1", "us-east-1"), ("", "us-east-1")]
)
def test_the_environment_chooses_the_partition(
    monkeypatch: pytest.MonkeyPatch, name: str, region: str, expected: str
) -> None:
    monkeypatch.setenv(name, region)
    assert Session().region == expected


@pytest.mark.usefixtures("profiles")
@pytest.mark.parametrize("from_option", [True, False])
def test_govcloud_is_an_error(monkeypatch: pytest.MonkeyPatch, from_option: bool) -> None:
    if not from_option:
        monkeypatch.setenv("AWS_REGION", "us-gov-west-1")
    with pytest.raises(CliError, match=r"us-gov-west-1 is in AWS GovCloud \(US\)"):
        Session(region="us-gov-west-1" if from_option else None)


PAGE = "<!DOCTYPE html><html><body>Sign in to the network</body></html>"


@pytest.mark.parametrize(
    "response",
    [
        HttpResponse(body=PAGE, headers={"Content-Type": "text/html"}),
        HttpResponse(body=PAGE),
        HttpResponse(body="OK"),
        HttpResponse(body="[]"),
        HttpResponse(403, PAGE, {"Content-Type": "text/html; charset=utf-8"}),
    ],
)
@pytest.mark.parametrize("operation", ["ReceiveMessage", "ListAccounts", "GetAlternateContact"])
def test_a_response_of_another_program_is_never_read_as_empty(
    aws: FakeWire, operation: str, response: HttpResponse
) -> None:
    aws.respond(operation, response)
    calls: dict[str, Callable[[], object]] = {
        "ReceiveMessage": lambda: Session().client("sqs").receive_message(QueueUrl="https://q"),
        "ListAccounts": lambda: Session().client("organizations").list_accounts(),
        "GetAlternateContact": lambda: (
            Session().client("account").get_alternate_contact(AlternateContactType="BILLING")
        ),
    }
    with pytest.raises(CliError, match="The response is not from AWS"):
        calls[operation]()


@pytest.mark.usefixtures("profiles")
@pytest.mark.parametrize(
    ("profile", "region", "expected"),
    [
        (None, None, "us-east-1"),
        ("europe", None, "us-east-1"),
        ("china", None, "cn-northwest-1"),
        ("europe", "eu-central-1", "eu-central-1"),
    ],
)
def test_the_region_is_that_of_the_stack(profile: str | None, region: str | None, expected: str) -> None:
    session = Session(profile, region)
    assert session.region == expected
    assert session.client("sqs").meta.region_name == expected
    assert session.client("sqs", "eu-north-1").meta.region_name == "eu-north-1"


def test_clients_use_standard_retries_unless_configured_otherwise() -> None:
    retries = Session().client("sqs").meta.config.retries  # type: ignore[attr-defined]
    assert (retries["mode"], retries["total_max_attempts"]) == ("standard", 5)
    once = Config(read_timeout=960, retries={"total_max_attempts": 1, "mode": "standard"})
    config = Session().client("lambda", config=once).meta.config
    assert config.retries["total_max_attempts"] == 1  # type: ignore[attr-defined]
    assert (config.read_timeout, config.connect_timeout) == (960, 5)  # type: ignore[attr-defined]


def test_the_account_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    class Sts:
        def get_caller_identity(self) -> dict[str, str]:
            calls.append("GetCallerIdentity")
            return {"Account": "123456789012"}

    session = Session()
    monkeypatch.setattr(session, "client", lambda *_: Sts())
    assert (session.account_id, session.account_id) == ("123456789012", "123456789012")
    assert calls == ["GetCallerIdentity"]


def test_a_response_has_the_name_of_its_service(aws: FakeWire) -> None:
    aws.respond("ListQueues", HttpResponse())
    response = Session().client("sqs").list_queues()
    assert response["ResponseMetadata"]["AlternateContactsService"] == "sqs"  # type: ignore[typeddict-item]
