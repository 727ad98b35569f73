"""The adapter: its calls to AWS and what it returns."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from alternate_contacts.cli.preflight.aws import AwsEnvironment
from alternate_contacts.cli.preflight.execution_role import Role
from alternate_contacts.cli.preflight.pipeline import LandingZone
from alternate_contacts.cli.preflight.trail import Trail

ARN = "arn:aws:iam::111122223333:role/AWSControlTowerExecution"
ZONE = "arn:aws:controltower:eu-west-1:111122223333:landingzone/1A2B3C4D5E6F7G8H"


class StubbedClients:
    """Clients by service and region. A call without a stubbed response fails."""

    def __init__(self, session: boto3.Session, stack: ExitStack) -> None:
        self._session = session
        self._stack = stack
        self._stubbed: dict[tuple[str, str], tuple[Any, Stubber]] = {}

    def create(self, service: Any, region: str | None = None) -> Any:
        return self._get(service, region or "us-east-1")[0]

    def stub(self, service: str, region: str = "us-east-1") -> Stubber:
        return self._get(service, region)[1]

    def assert_no_pending_responses(self) -> None:
        for _, stubber in self._stubbed.values():
            stubber.assert_no_pending_responses()

    def _get(self, service: str, region: str) -> tuple[Any, Stubber]:
        if (service, region) not in self._stubbed:
            client = self._session.client(service, region_name=region)  # type: ignore[call-overload]
            self._stubbed[service, region] = client, self._stack.enter_context(Stubber(client))
        return self._stubbed[service, region]


@pytest.fixture
def clients(session: boto3.Session) -> Iterator[StubbedClients]:
    with ExitStack() as stack:
        stubbed = StubbedClients(session, stack)
        yield stubbed
        stubbed.assert_no_pending_responses()


@pytest.fixture
def environment(clients: StubbedClients) -> AwsEnvironment:
    return AwsEnvironment(clients.create)


def test_a_role_has_its_trust_policy(clients: StubbedClients, environment: AwsEnvironment) -> None:
    trust = {"Version": "2012-10-17", "Statement": []}
    described = {
        "Path": "/",
        "RoleName": "AWSControlTowerExecution",
        "RoleId": "AROAEXAMPLEEXAMPLE",
        "Arn": ARN,
        "CreateDate": datetime(2026, 1, 1, tzinfo=UTC),
        "AssumeRolePolicyDocument": quote(json.dumps(trust)),
    }
    clients.stub("iam").add_response("get_role", {"Role": described}, {"RoleName": "AWSControlTowerExecution"})
    assert environment.role("AWSControlTowerExecution") == Role(ARN, trust)


def test_a_role_that_does_not_exist_is_none(clients: StubbedClients, environment: AwsEnvironment) -> None:
    clients.stub("iam").add_client_error("get_role", "NoSuchEntity", "no", 404)
    assert environment.role("AWSControlTowerExecution") is None


def test_denied_actions_come_from_every_page(clients: StubbedClients, environment: AwsEnvironment) -> None:
    def page(*decisions: tuple[str, str], **more: Any) -> dict[str, Any]:
        return {
            "EvaluationResults": [{"EvalActionName": name, "EvalDecision": decision} for name, decision in decisions],
            "IsTruncated": bool(more),
            **more,
        }

    request = {"PolicySourceArn": ARN, "ActionNames": ["a:A", "b:B", "c:C"], "ResourceArns": ["*"]}
    iam = clients.stub("iam")
    iam.add_response("simulate_principal_policy", page(("a:A", "implicitDeny"), Marker="next"), request)
    iam.add_response(
        "simulate_principal_policy", page(("b:B", "allowed"), ("c:C", "explicitDeny")), {**request, "Marker": "next"}
    )
    assert environment.denied_actions(ARN, ["a:A", "b:B", "c:C"]) == ["a:A", "c:C"]


# ---- trails ---------------------------------------------------------------------------------------------------------


def description(name: str, region: str, **more: Any) -> dict[str, Any]:
    return {"Name": name, "HomeRegion": region, "TrailARN": f"arn:of:{name}", **more}


def test_each_trail_is_read_in_its_home_region_by_its_arn(clients: StubbedClients, environment: AwsEnvironment) -> None:
    trails = [description("one", "us-east-1"), description("two", "eu-west-1", IsMultiRegionTrail=True)]
    here, elsewhere = clients.stub("cloudtrail"), clients.stub("cloudtrail", "eu-west-1")
    here.add_response("describe_trails", {"trailList": trails}, {"includeShadowTrails": True})
    here.add_response("get_trail_status", {"IsLogging": False}, {"Name": "arn:of:one"})
    here.add_response(
        "get_event_selectors", {"EventSelectors": [{"ReadWriteType": "All"}]}, {"TrailName": "arn:of:one"}
    )
    elsewhere.add_response("get_trail_status", {"IsLogging": True}, {"Name": "arn:of:two"})
    fields = [{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]}]
    elsewhere.add_response("get_event_selectors", {"AdvancedEventSelectors": fields}, {"TrailName": "arn:of:two"})
    assert environment.trails() == [
        Trail("one", "us-east-1", basic=[{"ReadWriteType": "All"}]),
        Trail("two", "eu-west-1", multi_region=True, logging=True, advanced=fields),
    ]


def test_a_trail_that_cannot_be_read_does_not_hide_the_others(
    clients: StubbedClients, environment: AwsEnvironment
) -> None:
    stub = clients.stub("cloudtrail")
    stub.add_response(
        "describe_trails", {"trailList": [description("theirs", "us-east-1"), description("ours", "us-east-1")]}
    )
    stub.add_client_error("get_trail_status", "AccessDeniedException", "arn:of:secret", 400)
    stub.add_response("get_trail_status", {"IsLogging": True})
    stub.add_response("get_event_selectors", {"EventSelectors": []})
    theirs, ours = environment.trails()
    assert theirs.error
    assert "secret" not in theirs.error
    assert ours == Trail("ours", "us-east-1", logging=True, basic=[])
    assert not ours.error


# ---- Control Tower and CfCT -----------------------------------------------------------------------------------------


def test_the_arn_of_the_landing_zone_has_the_home_region_and_the_home_region_the_version(
    clients: StubbedClients, environment: AwsEnvironment
) -> None:
    clients.stub("controltower").add_response("list_landing_zones", {"landingZones": [{"arn": ZONE}]}, {})
    details = {"landingZone": {"version": "3.3", "manifest": {}}}
    clients.stub("controltower", "eu-west-1").add_response("get_landing_zone", details, {"landingZoneIdentifier": ZONE})
    assert environment.landing_zone() == LandingZone("eu-west-1", "3.3")


def test_without_a_landing_zone_the_result_is_none(clients: StubbedClients, environment: AwsEnvironment) -> None:
    clients.stub("controltower", "af-south-1").add_response("list_landing_zones", {"landingZones": []}, {})
    assert environment.landing_zone("af-south-1") is None


def test_a_version_that_cannot_be_read_leaves_the_home_region(
    clients: StubbedClients, environment: AwsEnvironment
) -> None:
    clients.stub("controltower").add_response("list_landing_zones", {"landingZones": [{"arn": ZONE}]})
    clients.stub("controltower", "eu-west-1").add_client_error("get_landing_zone", "AccessDeniedException", "no", 403)
    assert environment.landing_zone() == LandingZone("eu-west-1")


@pytest.mark.parametrize(
    ("exports", "version"), [([("other", "x"), ("Custom-Control-Tower-Version", "v2.8.4")], "v2.8.4"), ([], None)]
)
def test_an_export_has_the_version_of_cfct(
    clients: StubbedClients, environment: AwsEnvironment, exports: list[tuple[str, str]], version: str | None
) -> None:
    stub = clients.stub("cloudformation", "eu-west-1")
    stub.add_response("list_exports", {"Exports": [], "NextToken": "next"}, {})
    page = [{"Name": name, "Value": value} for name, value in exports]
    stub.add_response("list_exports", {"Exports": page}, {"NextToken": "next"})
    assert environment.cfct_version("eu-west-1") == version


@pytest.mark.parametrize(("status", "exists"), [("ACTIVE", True), ("DELETED", False)])
def test_a_deleted_stack_set_does_not_exist(
    clients: StubbedClients, environment: AwsEnvironment, status: str, exists: bool
) -> None:
    stub = clients.stub("cloudformation", "eu-west-1")
    stub.add_response("describe_stack_set", {"StackSet": {"Status": status}}, {"StackSetName": "BASELINE"})
    assert environment.has_stack_set("BASELINE", "eu-west-1") is exists


def test_a_stack_set_that_is_not_found_does_not_exist(clients: StubbedClients, environment: AwsEnvironment) -> None:
    stub = clients.stub("cloudformation", "eu-west-1")
    stub.add_client_error("describe_stack_set", "StackSetNotFoundException", "no", 404)
    assert environment.has_stack_set("BASELINE", "eu-west-1") is False


# ---- the bucket -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("location", "region"),
    [
        ({}, "us-east-1"),
        ({"LocationConstraint": "EU"}, "eu-west-1"),
        ({"LocationConstraint": "ap-south-1"}, "ap-south-1"),
    ],
)
def test_the_region_of_a_bucket(
    clients: StubbedClients, environment: AwsEnvironment, location: dict[str, str], region: str
) -> None:
    clients.stub("s3").add_response("get_bucket_location", location, {"Bucket": "code"})
    assert environment.bucket_region("code") == region


def test_a_bucket_that_does_not_exist_has_no_region(clients: StubbedClients, environment: AwsEnvironment) -> None:
    clients.stub("s3").add_client_error("get_bucket_location", "NoSuchBucket", "no", 404)
    assert environment.bucket_region("code") is None


def test_the_policy_of_a_bucket(clients: StubbedClients, environment: AwsEnvironment) -> None:
    clients.stub("s3").add_response("get_bucket_policy", {"Policy": '{"Statement": []}'}, {"Bucket": "code"})
    assert environment.bucket_policy("code") == {"Statement": []}


def test_a_bucket_without_a_policy(clients: StubbedClients, environment: AwsEnvironment) -> None:
    clients.stub("s3").add_client_error("get_bucket_policy", "NoSuchBucketPolicy", "no", 404)
    assert environment.bucket_policy("code") is None


CALLS: list[tuple[str, str, Callable[[AwsEnvironment], object]]] = [
    ("iam", "get_role", lambda environment: environment.role("any")),
    ("iam", "simulate_principal_policy", lambda environment: environment.denied_actions(ARN, ["s3:GetObject"])),
    ("cloudtrail", "describe_trails", lambda environment: environment.trails()),
    ("controltower", "list_landing_zones", lambda environment: environment.landing_zone()),
    ("cloudformation", "list_exports", lambda environment: environment.cfct_version("us-east-1")),
    ("cloudformation", "describe_stack_set", lambda environment: environment.has_stack_set("any", "us-east-1")),
    ("s3", "get_bucket_location", lambda environment: environment.bucket_region("any")),
    ("s3", "get_bucket_policy", lambda environment: environment.bucket_policy("any")),
]


@pytest.mark.parametrize(("service", "method", "call"), CALLS, ids=[method for _, method, _ in CALLS])
def test_access_denied_is_an_error(
    clients: StubbedClients,
    environment: AwsEnvironment,
    service: str,
    method: str,
    call: Callable[[AwsEnvironment], object],
) -> None:
    clients.stub(service).add_client_error(method, "AccessDenied", "no", 403)
    with pytest.raises(ClientError):
        call(environment)


def test_a_role_has_partition_account_and_name() -> None:
    role = Role(ARN.replace("arn:aws:", "arn:aws-cn:"), {})
    assert (role.partition, role.account_id, role.name) == ("aws-cn", "111122223333", "AWSControlTowerExecution")
