"""Error messages: the operation, AWS's error code and the next step, but never the message that AWS sent."""

import inspect
import re

import botocore.exceptions
import botocore.session
import pytest
from botocore.exceptions import BotoCoreError, ClientError
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from alternate_contacts.cli.aws.failed_messages import parse_failure
from alternate_contacts.cli.aws.session import Session
from alternate_contacts.cli.main import app
from alternate_contacts.cli.terminal.aws_errors import BOTOCORE_ERRORS, INTERNAL_ERRORS, SIGN_IN_CODES
from alternate_contacts.cli.terminal.errors import describe_aws_error, describe_error, iam_action, is_access_denied
from alternate_contacts.worker.error_codes import ACCESS_DENIED, EXPIRED_CREDENTIALS, THROTTLED, UNAVAILABLE
from tests.fakes.cli import SECRETS, deny
from tests.fakes.wire import FakeWire, error_response
from tests.unit.cli.conftest import Run

CODES = ["ExpiredToken", "AccessDenied", "Throttling", "InternalFailure", "ValidationException", "UnknownCode"]


def client_error(code: str, status: int = 400, operation: str = "SendMessage") -> ClientError:
    error = {"Code": code, "Message": f"about {SECRETS[0]}"}
    return ClientError({"Error": error, "ResponseMetadata": {"HTTPStatusCode": status}}, operation)  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    ("error", "next_step"),
    [
        (client_error("ExpiredToken"), "have expired"),
        (client_error("RequestExpired"), "correct the clock"),
        (client_error("InvalidClientTokenId"), "does not know these credentials"),
        (client_error("OptInRequired"), "not enabled"),
        (client_error("AccessDenied", 403), "permission SendMessage"),
        (client_error("TooManyRequestsException", 400), "throttled"),
        (client_error("UnknownCode", 429), "throttled"),
        (client_error("InternalFailure", 400), "unavailable"),
        (client_error("UnknownCode", 500), "unavailable"),
        (client_error("UnknownCode"), "Look up this error code"),
        (botocore.exceptions.NoCredentialsError(), "No AWS credentials found"),
        (botocore.exceptions.ProfileNotFound(profile="payer"), "AWS profile payer does not exist"),
        (botocore.exceptions.UnauthorizedSSOTokenError(), "aws sso login"),
        (botocore.exceptions.TokenRetrievalError(provider="sso", error_msg="x"), "aws sso login"),
        (botocore.exceptions.EndpointConnectionError(endpoint_url="https://x"), "No connection to AWS"),
        (botocore.exceptions.ReadTimeoutError(endpoint_url="https://x"), "No connection to AWS"),
        (botocore.exceptions.ProxyConnectionError(proxy_url="https://x"), "No connection to the proxy"),
        (botocore.exceptions.InvalidRegionError(region_name="here"), "Omit --region"),
        (botocore.exceptions.ParamValidationError(report=SECRETS[0]), "Check the arguments"),
        (botocore.exceptions.DataNotFoundError(data_path="x"), "AWS_DATA_PATH"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value,
)
def test_every_usual_error_has_a_next_step(error: BotoCoreError | ClientError, next_step: str) -> None:
    described = describe_aws_error(error)
    assert next_step in str(described)
    assert described.exit_code == 2
    assert SECRETS[0] not in str(described)


@pytest.mark.parametrize("code", sorted(ACCESS_DENIED | EXPIRED_CREDENTIALS | THROTTLED | UNAVAILABLE))
def test_every_code_of_the_shared_table_has_a_next_step(code: str) -> None:
    message = str(describe_aws_error(client_error(code)))
    assert message.startswith(f"SendMessage failed: {code}. ")
    assert "Look up" not in message


BOTOCORE_CLASSES = [
    known
    for known in vars(botocore.exceptions).values()
    if inspect.isclass(known)
    and issubclass(known, Exception)
    and not issubclass(known, Warning)
    and known.__module__ == botocore.exceptions.__name__
]


@pytest.mark.parametrize("known", BOTOCORE_CLASSES, ids=lambda known: known.__name__)
def test_every_class_of_botocore_is_explained_or_a_fault_of_the_command(known: type[Exception]) -> None:
    # A ClientError is explained by its code.
    assert known is ClientError or (known in BOTOCORE_ERRORS) != (known in INTERNAL_ERRORS)


def test_the_table_has_only_classes_of_botocore() -> None:
    assert {*BOTOCORE_ERRORS, *INTERNAL_ERRORS} <= set(BOTOCORE_CLASSES)


@pytest.mark.parametrize("known", sorted(BOTOCORE_ERRORS, key=str), ids=lambda known: known.__name__)
def test_an_error_of_botocore_is_explained_without_its_text(known: type[Exception]) -> None:
    arguments = dict.fromkeys(("error", "report", "error_msg", "msg", "endpoint_url", "proxy_url"), SECRETS[0])
    error = known.__new__(known)
    error.kwargs = {**arguments, "profile": "payer", "path": "/config", "provider": "env", "cred_var": "key"}  # type: ignore[attr-defined]
    described = describe_error(error)
    assert described.exit_code == 2
    assert SECRETS[0] not in str(described)
    assert "unknown" not in str(described)
    assert "Unexpected error" not in str(described)


@pytest.mark.parametrize("service", ["sts", "sso", "sso-oidc", "signin"])
def test_every_code_of_the_services_that_sign_in_has_a_next_step(service: str) -> None:
    model = botocore.session.get_session().get_service_model(service)
    codes = {shape.metadata.get("error", {}).get("code", shape.name) for shape in model.error_shapes}
    assert codes
    assert codes <= SIGN_IN_CODES[model.signing_name].keys()


def test_an_unassigned_role_of_sso_is_not_a_missing_permission() -> None:
    error = client_error("ForbiddenException", 403, "GetRoleCredentials")
    error.response["ResponseMetadata"]["AlternateContactsService"] = "awsssoportal"  # type: ignore[typeddict-unknown-key]
    assert "not assigned to you" in str(describe_error(error))


def test_a_role_that_cannot_be_assumed_is_not_a_missing_permission_of_the_call() -> None:
    error = client_error("AccessDenied", 403, "AssumeRole")
    error.response["ResponseMetadata"]["AlternateContactsService"] = "sts"  # type: ignore[typeddict-unknown-key]
    assert not is_access_denied(error)
    assert "trust policy of the role" in str(describe_error(error))


def test_an_unexpected_error_names_its_class_and_place_but_not_its_text() -> None:
    try:
        parse_failure(None)  # type: ignore[arg-type]
    except AttributeError as caught:
        error = caught
    error.args = (SECRETS[0],)
    described = describe_error(error)
    assert re.match(r"Unexpected error: AttributeError at cli\.aws\.failed_messages:[0-9]+\. ", str(described))
    assert SECRETS[0] not in str(described)
    assert described.exit_code == 2


def test_a_file_that_cannot_be_used_is_named() -> None:
    assert str(describe_error(PermissionError(13, "Permission denied", "/home/x"))).startswith("/home/x cannot be used")


@given(st.sampled_from(CODES), st.integers(400, 599), st.text(min_size=12))
def test_the_message_that_aws_sent_is_never_repeated(code: str, status: int, message: str) -> None:
    error = ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        "SendMessage",
    )
    described = str(describe_aws_error(error))
    assert described == str(describe_aws_error(client_error(code, status)))


class TestIamAction:
    """The name of the missing permission in IAM."""

    def test_a_batch_call_needs_the_action_of_the_single_call(self, aws: FakeWire) -> None:
        deny(aws, "SendMessageBatch")
        client = Session().client("sqs")
        with pytest.raises(ClientError) as caught:
            client.send_message_batch(QueueUrl="https://q", Entries=[{"Id": "1", "MessageBody": "x"}])
        assert iam_action(caught.value) == "sqs:SendMessage"

    def test_an_action_may_have_another_name_than_the_call(self, aws: FakeWire) -> None:
        aws.respond("Invoke", error_response("AccessDeniedException", 403))
        with pytest.raises(ClientError) as caught:
            Session().client("lambda").invoke(FunctionName="f")
        assert iam_action(caught.value) == "lambda:InvokeFunction"

    def test_a_prefix_may_be_another_name_than_that_of_the_signature(self) -> None:
        client = Session().client("cloudwatch")
        assert client.meta.service_model.signing_name == "monitoring"
        error = client_error("AccessDenied", operation="GetMetricData")
        error.response["ResponseMetadata"]["AlternateContactsService"] = "monitoring"  # type: ignore[typeddict-unknown-key]
        assert iam_action(error) == "cloudwatch:GetMetricData"

    def test_without_the_service_it_is_the_operation_alone(self) -> None:
        assert iam_action(client_error("AccessDenied")) == "SendMessage"


def test_without_credentials_a_verb_ends_with_2(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    result = CliRunner().invoke(app, ["failures"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("No AWS credentials found")


def test_an_unknown_profile_is_named() -> None:
    result = CliRunner().invoke(app, ["--profile", "nowhere", "status"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("AWS profile nowhere does not exist")


def test_a_verb_without_a_permission_names_the_action(run: Run, aws: FakeWire) -> None:
    deny(aws, "GetQueueAttributes")
    result = run("failures")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "GetQueueAttributes failed: AccessDenied. These credentials need the permission sqs:GetQueueAttributes: "
        "docs/command.md lists the permissions of each verb.\n"
    )
