"""The API quota is read from the deployed worker. Without permission, the template's defaults apply."""

from dataclasses import replace

import pytest
from botocore.exceptions import ClientError

from alternate_contacts.cli.aws.quota import Quota, quota_of
from alternate_contacts.cli.aws.session import Session
from alternate_contacts.cli.aws.stack import Stack
from alternate_contacts.cli.aws.worker_environment import read_worker_environment
from tests.fakes.cli import PARAMETERS, SECRETS, STACK, deny
from tests.fakes.environment import WORKER
from tests.fakes.wire import FakeWire, HttpResponse, error_response

RAISED = {"GET_RATE": "100", "PUT_RATE": "50", "QUOTA_SHARE": "60"}


def configure(aws: FakeWire, **variables: str) -> None:
    aws.respond("GetFunctionConfiguration", HttpResponse(body={"Environment": {"Variables": {**WORKER, **variables}}}))


def read(stack: Stack = STACK) -> Quota:
    return quota_of(stack, read_worker_environment(Session(), stack))


def test_the_quota_is_that_of_the_deployed_worker(aws: FakeWire) -> None:
    configure(aws, **RAISED)
    assert read() == Quota(get_rate=100, put_rate=50, share=0.6, from_worker=True)


def test_the_contacts_in_the_same_configuration_are_not_kept(aws: FakeWire) -> None:
    configure(aws)
    quota = read()
    assert not any(secret in f"{quota}{quota.document()}" for secret in SECRETS)


@pytest.mark.parametrize(
    ("arn", "parameters", "quota"),
    [
        (STACK.arn, {}, (10, 5, 1.0)),
        ("arn:aws-cn:cloudformation:cn-northwest-1:1:stack/a/1", {}, (3, 1, 1.0)),
        (STACK.arn, {"GetRate": "100", "PutRate": "50", "QuotaShare": "60"}, (100, 50, 0.6)),
    ],
    ids=["default", "China", "raised"],
)
def test_without_permission_the_defaults_of_the_template_apply(
    aws: FakeWire, arn: str, parameters: dict[str, str], quota: tuple[float, float, float]
) -> None:
    deny(aws, "GetFunctionConfiguration")
    actual = read(replace(STACK, arn=arn, parameters={**PARAMETERS, **parameters}))
    assert (actual.get_rate, actual.put_rate, actual.share, actual.from_worker) == (*quota, False)
    assert "lambda:GetFunctionConfiguration" in actual.source


def test_variables_that_these_credentials_cannot_decrypt_are_like_a_missing_permission(aws: FakeWire) -> None:
    error = {"ErrorCode": "AccessDeniedException", "Message": "kms:Decrypt"}
    aws.respond("GetFunctionConfiguration", HttpResponse(body={"Environment": {"Error": error}}))
    assert not read().from_worker


def test_other_errors_are_raised(aws: FakeWire) -> None:
    aws.respond("GetFunctionConfiguration", error_response("ResourceNotFoundException", 404))
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        read()
