"""Calls to AWS about the organization and a bucket."""

from typing import Any

import boto3
import pytest
from botocore.exceptions import NoCredentialsError
from botocore.stub import Stubber

from control_tower import aws
from control_tower.errors import PackagingError


class Clients:
    """Makes the one client that a test has stubbed responses for."""

    def __init__(self, session: boto3.Session, service: str) -> None:
        self.client: Any = session.client(service, region_name="us-east-1")  # type: ignore[call-overload]
        self.stub = Stubber(self.client)
        self.stub.activate()

    def __call__(self, service: str, region_name: str) -> Any:
        assert (service, region_name) == (self.client.meta.service_model.service_name, "us-east-1")
        return self.client


def test_the_management_account_is_the_one_of_the_organization(session: boto3.Session) -> None:
    clients = Clients(session, "organizations")
    clients.stub.add_response("describe_organization", {"Organization": {"MasterAccountId": "012345670123"}})
    assert aws.management_account(clients) == "012345670123"


def test_a_denied_call_names_the_error_and_the_credentials_to_use(session: boto3.Session) -> None:
    clients = Clients(session, "organizations")
    clients.stub.add_client_error("describe_organization", "AccessDeniedException", "no", 403)
    with pytest.raises(PackagingError, match=r"AccessDeniedException.*Use credentials of the management account"):
        aws.management_account(clients)


def test_missing_credentials_are_reported() -> None:
    def without_credentials(*_: object, **__: object) -> Any:
        raise NoCredentialsError

    with pytest.raises(PackagingError, match="Unable to locate credentials"):
        aws.management_account(without_credentials)
    assert "Unable to locate credentials" in str(aws.bucket_violation("code", without_credentials))


def head(region: str) -> dict[str, Any]:
    return {"ResponseMetadata": {"HTTPStatusCode": 200, "HTTPHeaders": {"x-amz-bucket-region": region}}}


@pytest.mark.parametrize(
    ("region", "violation"),
    [
        ("us-east-1", None),
        (
            "eu-west-1",
            "The bucket code is in eu-west-1. Lambda needs the code in its own region, us-east-1.",
        ),
    ],
)
def test_a_bucket_must_be_in_the_region_of_the_functions(
    session: boto3.Session, region: str, violation: str | None
) -> None:
    clients = Clients(session, "s3")
    clients.stub.add_response("head_bucket", head(region), {"Bucket": "code"})
    assert aws.bucket_violation("code", clients) == violation


@pytest.mark.parametrize(
    ("status", "region", "violation"),
    [
        (404, None, "The bucket code does not exist. Create it in us-east-1, or leave BUCKET out."),
        (403, "us-east-1", "HeadBucket failed for code: status 403."),
        (403, "eu-west-1", "The bucket code is in eu-west-1."),
        (301, "eu-west-1", "The bucket code is in eu-west-1."),
    ],
)
def test_a_bucket_that_cannot_be_used_is_a_violation(
    session: boto3.Session, status: int, region: str | None, violation: str
) -> None:
    clients = Clients(session, "s3")
    headers = {"x-amz-bucket-region": region} if region else {}
    clients.stub.add_client_error(
        "head_bucket", str(status), http_status_code=status, response_meta={"HTTPHeaders": headers}
    )
    assert str(aws.bucket_violation("code", clients)).startswith(violation)


def test_a_bucket_with_dots_is_a_violation_without_a_call() -> None:
    assert str(aws.bucket_violation("code.acme.test")).startswith("Choose a bucket without dots in its name")
