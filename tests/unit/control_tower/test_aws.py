"""What AWS says of the organization and of a bucket."""

from typing import Any

import boto3
import pytest
from botocore.exceptions import NoCredentialsError
from botocore.stub import Stubber

from control_tower import aws
from control_tower.refusal import RefusalError


class Clients:
    """Makes the one client that a test has prepared answers for."""

    def __init__(self, session: boto3.Session, service: str) -> None:
        self.client: Any = session.client(service, region_name="us-east-1")  # type: ignore[call-overload]
        self.stub = Stubber(self.client)
        self.stub.activate()

    def __call__(self, service: str, region_name: str) -> Any:
        assert (service, region_name) == (self.client.meta.service_model.service_name, "us-east-1")
        return self.client


def test_the_management_account_is_the_organizations(session: boto3.Session) -> None:
    clients = Clients(session, "organizations")
    clients.stub.add_response("describe_organization", {"Organization": {"MasterAccountId": "012345670123"}})
    assert aws.management_account(clients) == "012345670123"


def test_whoever_may_not_ask_is_told_what_to_use(session: boto3.Session) -> None:
    clients = Clients(session, "organizations")
    clients.stub.add_client_error("describe_organization", "AccessDeniedException", "no", 403)
    with pytest.raises(RefusalError, match=r"Use credentials of the management account.*AccessDeniedException"):
        aws.management_account(clients)


def test_no_credentials_at_all_is_a_sentence_too() -> None:
    def nobody(*_: object, **__: object) -> Any:
        raise NoCredentialsError

    with pytest.raises(RefusalError, match="Unable to locate credentials"):
        aws.management_account(nobody)
    assert "Unable to locate credentials" in str(aws.bucket_complaint("code", nobody))


def head(region: str) -> dict[str, Any]:
    return {"ResponseMetadata": {"HTTPStatusCode": 200, "HTTPHeaders": {"x-amz-bucket-region": region}}}


@pytest.mark.parametrize(
    ("region", "complaint"),
    [
        ("us-east-1", None),
        (
            "eu-west-1",
            "The bucket code is in eu-west-1, but Lambda takes code only from its own region, us-east-1.",
        ),
    ],
)
def test_a_bucket_must_be_in_the_region_of_the_functions(
    session: boto3.Session, region: str, complaint: str | None
) -> None:
    clients = Clients(session, "s3")
    clients.stub.add_response("head_bucket", head(region), {"Bucket": "code"})
    assert aws.bucket_complaint("code", clients) == complaint


@pytest.mark.parametrize(
    ("status", "region", "complaint"),
    [
        (404, None, "There is no bucket code. Make one in us-east-1, or leave the bucket out for SAM's own."),
        (403, "us-east-1", "AWS does not let you use the bucket code (status 403)."),
        (403, "eu-west-1", "The bucket code is in eu-west-1, but"),
        (301, "eu-west-1", "The bucket code is in eu-west-1, but"),
    ],
)
def test_a_bucket_that_will_not_do_is_refused(
    session: boto3.Session, status: int, region: str | None, complaint: str
) -> None:
    clients = Clients(session, "s3")
    headers = {"x-amz-bucket-region": region} if region else {}
    clients.stub.add_client_error(
        "head_bucket", str(status), http_status_code=status, response_meta={"HTTPHeaders": headers}
    )
    assert str(aws.bucket_complaint("code", clients)).startswith(complaint)


def test_a_bucket_with_dots_is_refused_unasked() -> None:
    assert str(aws.bucket_complaint("code.acme.test")).startswith("Choose a bucket without dots in its name")
