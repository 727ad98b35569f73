"""Calls to AWS about the organization, the home region, a bucket and SSM parameters."""

from typing import Any

import boto3
import pytest
from botocore.exceptions import NoCredentialsError
from botocore.stub import Stubber

from control_tower.aws import Aws, region_violation
from control_tower.errors import NotVerifiedError, PackagingError

MANAGEMENT, MEMBER = "012345670123", "222222222222"


class Clients:
    """Makes clients for which a test has stubbed responses."""

    def __init__(self, session: boto3.Session, *services: str, region: str = "us-east-1") -> None:
        self.region = region
        clients: dict[str, Any] = {service: session.client(service, region_name=region) for service in services}  # type: ignore[call-overload]
        self.clients = clients
        self.stubs = {service: Stubber(client) for service, client in clients.items()}
        for stub in self.stubs.values():
            stub.activate()

    def __call__(self, service: str, region_name: str) -> Any:
        assert region_name == self.region
        return self.clients[service]


def organization(session: boto3.Session, caller: str) -> Clients:
    clients = Clients(session, "organizations", "sts")
    clients.stubs["organizations"].add_response(
        "describe_organization", {"Organization": {"MasterAccountId": MANAGEMENT}}
    )
    clients.stubs["sts"].add_response("get_caller_identity", {"Account": caller})
    return clients


def without_credentials(*_: object, **__: object) -> Any:
    raise NoCredentialsError


def test_the_management_account_is_the_one_of_the_organization(session: boto3.Session) -> None:
    assert Aws(organization(session, MANAGEMENT)).management_account() == MANAGEMENT


def test_credentials_of_a_member_account_are_an_error(session: boto3.Session) -> None:
    """DescribeOrganization works in every account, and the code would go to a bucket of the member."""
    with pytest.raises(PackagingError, match=f"are of account {MEMBER}. Use credentials of the management account"):
        Aws(organization(session, MEMBER)).management_account()


def test_a_denied_call_names_the_error_and_the_credentials_to_use(session: boto3.Session) -> None:
    clients = Clients(session, "organizations")
    clients.stubs["organizations"].add_client_error("describe_organization", "AccessDeniedException", "no", 403)
    with pytest.raises(
        PackagingError, match=r"DescribeOrganization failed: AccessDeniedException\. Use credentials of"
    ):
        Aws(clients).management_account()


def test_missing_credentials_are_reported() -> None:
    aws = Aws(without_credentials)
    with pytest.raises(PackagingError, match="Unable to locate credentials"):
        aws.management_account()
    assert "Unable to locate credentials" in str(aws.bucket_violation("code"))
    with pytest.raises(NotVerifiedError, match="Unable to locate credentials"):
        aws.home_region("eu-west-1")
    with pytest.raises(NotVerifiedError, match="Unable to locate credentials"):
        aws.parameter_values(["/a"], "eu-west-1")


# ---- the bucket -----------------------------------------------------------------------------------------------------


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
    metadata = {"HTTPStatusCode": 200, "HTTPHeaders": {"x-amz-bucket-region": region}}
    clients.stubs["s3"].add_response("head_bucket", {"ResponseMetadata": metadata}, {"Bucket": "code"})
    assert Aws(clients).bucket_violation("code") == violation


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
    clients.stubs["s3"].add_client_error(
        "head_bucket", str(status), http_status_code=status, response_meta={"HTTPHeaders": headers}
    )
    assert str(Aws(clients).bucket_violation("code")).startswith(violation)


def test_a_bucket_with_dots_is_a_violation_without_a_call() -> None:
    assert str(Aws(without_credentials).bucket_violation("code.acme.test")).startswith("Choose a bucket without dots")


# ---- the home region ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1", "ap-southeast-4", "il-central-1"])
def test_a_region_of_control_tower_is_accepted(region: str) -> None:
    assert region_violation(region) is None


@pytest.mark.parametrize(
    ("region", "violation"),
    [
        ("us-gov-west-1", "us-gov-west-1 is in AWS GovCloud (US), where alternate contacts have no API."),
        ("cn-north-1", "cn-north-1 is not a region of AWS Control Tower."),
        ("us-iso-east-1", "us-iso-east-1 is not a region of AWS Control Tower."),
        ("eu-west-9", "eu-west-9 is not a region of AWS Control Tower."),
        ("REPLACE_ME", "REPLACE_ME is not a region of AWS Control Tower."),
    ],
)
def test_another_region_is_a_violation(region: str, violation: str) -> None:
    assert str(region_violation(region)).startswith(violation)


@pytest.mark.parametrize(
    ("zones", "home"),
    [([{"arn": f"arn:aws:controltower:eu-west-1:{MANAGEMENT}:landingzone/1A2B"}], "eu-west-1"), ([], None)],
)
def test_the_home_region_is_that_of_the_landing_zone(session: boto3.Session, zones: Any, home: str | None) -> None:
    clients = Clients(session, "controltower", region="eu-central-1")
    clients.stubs["controltower"].add_response("list_landing_zones", {"landingZones": zones})
    assert Aws(clients).home_region("eu-central-1") == home


def test_a_denied_call_leaves_the_home_region_unverified(session: boto3.Session) -> None:
    clients = Clients(session, "controltower")
    clients.stubs["controltower"].add_client_error("list_landing_zones", "AccessDeniedException", "no", 403)
    with pytest.raises(NotVerifiedError, match=r"ListLandingZones failed: AccessDeniedException\."):
        Aws(clients).home_region("us-east-1")


# ---- SSM parameters -------------------------------------------------------------------------------------------------


def test_the_values_of_existing_parameters_are_read_ten_at_a_time(session: boto3.Session) -> None:
    clients = Clients(session, "ssm", region="eu-west-1")
    names = [f"/contacts/{number}" for number in range(12)]
    for some in (names[:10], names[10:]):
        found = [{"Name": name, "Value": f"value of {name}"} for name in some if name != names[11]]
        clients.stubs["ssm"].add_response(
            "get_parameters", {"Parameters": found}, {"Names": some, "WithDecryption": True}
        )
    values = Aws(clients).parameter_values(names, "eu-west-1")
    assert values == {name: f"value of {name}" for name in names[:11]}
