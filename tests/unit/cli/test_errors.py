"""AWS's errors in plain words, and never in AWS's own."""

import botocore.exceptions
import pytest
from botocore.exceptions import BotoCoreError, ClientError
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from alternate_contacts.cli.aws.session import Session
from alternate_contacts.cli.main import app
from alternate_contacts.cli.terminal.errors import describe_aws_error, iam_action
from tests.fakes.cli import SECRETS, denied
from tests.fakes.wire import FakeWire, refusal
from tests.unit.cli.conftest import Run

CODES = ["ExpiredToken", "AccessDenied", "Throttling", "InternalFailure", "ValidationException", "NobodyKnows"]


def refused(code: str, status: int = 400, operation: str = "SendMessage") -> ClientError:
    error = {"Code": code, "Message": f"about {SECRETS[0]}"}
    return ClientError({"Error": error, "ResponseMetadata": {"HTTPStatusCode": status}}, operation)  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (refused("ExpiredToken"), "expired"),
        (refused("ExpiredTokenException"), "expired"),
        (refused("InvalidClientTokenId"), "does not know these credentials"),
        (refused("UnrecognizedClientException"), "does not know these credentials"),
        (refused("OptInRequired"), "not enabled"),
        (refused("AccessDenied", 403), "may not SendMessage"),
        (refused("TooManyRequestsException", 400), "asked too much"),
        (refused("Whatever", 429), "asked too much"),
        (refused("InternalFailure", 500), "trouble of its own"),
        (refused("NobodyKnows"), "AWS answered NobodyKnows to SendMessage"),
        (botocore.exceptions.NoCredentialsError(), "No AWS credentials were found"),
        (botocore.exceptions.ProfileNotFound(profile="payer"), "no AWS profile named payer"),
        (botocore.exceptions.UnauthorizedSSOTokenError(), "log in again"),
        (botocore.exceptions.TokenRetrievalError(provider="sso", error_msg="x"), "log in again"),
        (botocore.exceptions.EndpointConnectionError(endpoint_url="https://x"), "could not be reached"),
        (botocore.exceptions.ReadTimeoutError(endpoint_url="https://x"), "could not be reached"),
        (botocore.exceptions.ProxyConnectionError(proxy_url="https://x"), "could not be reached"),
        (botocore.exceptions.InvalidRegionError(region_name="here"), "no such region"),
        (botocore.exceptions.ParamValidationError(report=SECRETS[0]), "cannot take a request"),
        (botocore.exceptions.DataNotFoundError(data_path="x"), "gave up with DataNotFoundError"),
    ],
    ids=lambda value: getattr(value, "operation_name", type(value).__name__) if isinstance(value, Exception) else "",
)
def test_each_usual_trouble_has_a_sentence(error: BotoCoreError | ClientError, sentence: str) -> None:
    trouble = describe_aws_error(error)
    assert sentence in str(trouble)
    assert str(trouble).endswith(".")
    assert trouble.exit_code == 2
    assert SECRETS[0] not in str(trouble)


@given(st.sampled_from(CODES), st.integers(400, 599), st.text(min_size=12))
def test_the_message_of_aws_is_never_repeated(code: str, status: int, message: str) -> None:
    error = ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        "SendMessage",
    )
    told = str(describe_aws_error(error))
    assert told == str(describe_aws_error(refused(code, status)))


class TestAction:
    """What a refused call is named: as IAM names the permission."""

    def test_a_batch_call_needs_the_action_of_the_single_one(self, aws: FakeWire) -> None:
        denied(aws, "SendMessageBatch")
        client = Session().client("sqs")
        with pytest.raises(ClientError) as caught:
            client.send_message_batch(QueueUrl="https://q", Entries=[{"Id": "1", "MessageBody": "x"}])
        assert iam_action(caught.value) == "sqs:SendMessage"

    def test_a_call_whose_action_has_another_name(self, aws: FakeWire) -> None:
        aws.answer("Invoke", refusal("AccessDeniedException", 403))
        with pytest.raises(ClientError) as caught:
            Session().client("lambda").invoke(FunctionName="f")
        assert iam_action(caught.value) == "lambda:InvokeFunction"

    def test_a_service_that_signs_with_another_name(self) -> None:
        client = Session().client("cloudwatch")
        assert client.meta.service_model.signing_name == "monitoring"
        error = refused("AccessDenied", operation="GetMetricData")
        error.response["ResponseMetadata"]["AlternateContactsService"] = "monitoring"  # type: ignore[typeddict-unknown-key]
        assert iam_action(error) == "cloudwatch:GetMetricData"

    def test_an_operation_alone_where_nobody_knows_the_service(self) -> None:
        assert iam_action(refused("AccessDenied")) == "SendMessage"


def test_without_credentials_a_verb_says_so_and_ends_with_2(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    result = CliRunner().invoke(app, ["failures"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("No AWS credentials were found")


def test_an_unknown_profile_is_told() -> None:
    result = CliRunner().invoke(app, ["--profile", "nowhere", "status"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("There is no AWS profile named nowhere")


def test_a_refused_verb_names_the_action(run: Run, aws: FakeWire) -> None:
    denied(aws, "GetQueueAttributes")
    result = run("failures")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "may not sqs:GetQueueAttributes" in result.stderr
    assert SECRETS[0] not in result.stderr
