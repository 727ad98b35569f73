"""The adapter: what it asks of AWS, and what it makes of the answers."""

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


class Wires:
    """Stubbed clients by service and region; a client that no test expected fails."""

    def __init__(self, session: boto3.Session, stack: ExitStack) -> None:
        self._session = session
        self._stack = stack
        self._stubbed: dict[tuple[str, str], tuple[Any, Stubber]] = {}

    def connect(self, service: Any, region: str | None = None) -> Any:
        return self._get(service, region or "us-east-1")[0]

    def stub(self, service: str, region: str = "us-east-1") -> Stubber:
        return self._get(service, region)[1]

    def assert_all_asked(self) -> None:
        for _, stubber in self._stubbed.values():
            stubber.assert_no_pending_responses()

    def _get(self, service: str, region: str) -> tuple[Any, Stubber]:
        if (service, region) not in self._stubbed:
            client = self._session.client(service, region_name=region)  # type: ignore[call-overload]
            self._stubbed[service, region] = client, self._stack.enter_context(Stubber(client))
        return self._stubbed[service, region]


@pytest.fixture
def wires(session: boto3.Session) -> Iterator[Wires]:
    with ExitStack() as stack:
        made = Wires(session, stack)
        yield made
        made.assert_all_asked()


@pytest.fixture
def surroundings(wires: Wires) -> AwsEnvironment:
    return AwsEnvironment(wires.connect)


def test_a_role_with_its_trust_policy(wires: Wires, surroundings: AwsEnvironment) -> None:
    trust = {"Version": "2012-10-17", "Statement": []}
    described = {
        "Path": "/",
        "RoleName": "AWSControlTowerExecution",
        "RoleId": "AROAEXAMPLEEXAMPLE",
        "Arn": ARN,
        "CreateDate": datetime(2026, 1, 1, tzinfo=UTC),
        "AssumeRolePolicyDocument": quote(json.dumps(trust)),
    }
    wires.stub("iam").add_response("get_role", {"Role": described}, {"RoleName": "AWSControlTowerExecution"})
    found = surroundings.role("AWSControlTowerExecution")
    assert found is not None
    assert (found.arn, found.partition, found.account_id) == (ARN, "aws", "111122223333")


def test_no_such_role(wires: Wires, surroundings: AwsEnvironment) -> None:
    wires.stub("iam").add_client_error("get_role", "NoSuchEntity", "no", 404)
    assert surroundings.role("AWSControlTowerExecution") is None


def test_what_a_role_may_not_do_is_read_off_every_page(wires: Wires, surroundings: AwsEnvironment) -> None:
    def page(*decisions: tuple[str, str], **more: Any) -> dict[str, Any]:
        return {
            "EvaluationResults": [{"EvalActionName": name, "EvalDecision": told} for name, told in decisions],
            "IsTruncated": bool(more),
            **more,
        }

    asked = {"PolicySourceArn": ARN, "ActionNames": ["a:A", "b:B", "c:C"], "ResourceArns": ["*"]}
    iam = wires.stub("iam")
    iam.add_response("simulate_principal_policy", page(("a:A", "implicitDeny"), Marker="next"), asked)
    iam.add_response(
        "simulate_principal_policy", page(("b:B", "allowed"), ("c:C", "explicitDeny")), {**asked, "Marker": "next"}
    )
    assert surroundings.refused(ARN, ["a:A", "b:B", "c:C"]) == ["a:A", "c:C"]


# ---- trails ---------------------------------------------------------------------------------------------------------


def described(name: str, region: str, **more: Any) -> dict[str, Any]:
    return {"Name": name, "HomeRegion": region, "TrailARN": f"arn:of:{name}", **more}


def test_each_trail_is_asked_at_home_by_its_arn(wires: Wires, surroundings: AwsEnvironment) -> None:
    listed = [described("one", "us-east-1"), described("two", "eu-west-1", IsMultiRegionTrail=True)]
    here, there = wires.stub("cloudtrail"), wires.stub("cloudtrail", "eu-west-1")
    here.add_response("describe_trails", {"trailList": listed}, {"includeShadowTrails": True})
    here.add_response("get_trail_status", {"IsLogging": False}, {"Name": "arn:of:one"})
    here.add_response(
        "get_event_selectors", {"EventSelectors": [{"ReadWriteType": "All"}]}, {"TrailName": "arn:of:one"}
    )
    there.add_response("get_trail_status", {"IsLogging": True}, {"Name": "arn:of:two"})
    fields = [{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]}]
    there.add_response("get_event_selectors", {"AdvancedEventSelectors": fields}, {"TrailName": "arn:of:two"})
    assert surroundings.trails() == [
        Trail("one", "us-east-1", basic=[{"ReadWriteType": "All"}]),
        Trail("two", "eu-west-1", multi_region=True, logging=True, advanced=fields),
    ]


def test_a_trail_that_may_not_be_read_does_not_hide_the_others(wires: Wires, surroundings: AwsEnvironment) -> None:
    stub = wires.stub("cloudtrail")
    stub.add_response(
        "describe_trails", {"trailList": [described("theirs", "us-east-1"), described("ours", "us-east-1")]}
    )
    stub.add_client_error("get_trail_status", "AccessDeniedException", "arn:of:secret", 400)
    stub.add_response("get_trail_status", {"IsLogging": True})
    stub.add_response("get_event_selectors", {"EventSelectors": []})
    theirs, ours = surroundings.trails()
    assert theirs.unread
    assert "secret" not in theirs.unread
    assert ours == Trail("ours", "us-east-1", logging=True, basic=[])
    assert not ours.unread


# ---- Control Tower and CfCT -----------------------------------------------------------------------------------------


def test_the_landing_zones_arn_tells_the_home_region_which_tells_its_version(
    wires: Wires, surroundings: AwsEnvironment
) -> None:
    wires.stub("controltower").add_response("list_landing_zones", {"landingZones": [{"arn": ZONE}]}, {})
    told = {"landingZone": {"version": "3.3", "manifest": {}}}
    wires.stub("controltower", "eu-west-1").add_response("get_landing_zone", told, {"landingZoneIdentifier": ZONE})
    assert surroundings.landing_zone() == LandingZone("eu-west-1", "3.3")


def test_without_a_landing_zone_there_is_none(wires: Wires, surroundings: AwsEnvironment) -> None:
    wires.stub("controltower", "af-south-1").add_response("list_landing_zones", {"landingZones": []}, {})
    assert surroundings.landing_zone("af-south-1") is None


def test_a_version_that_may_not_be_read_leaves_the_home_region(wires: Wires, surroundings: AwsEnvironment) -> None:
    wires.stub("controltower").add_response("list_landing_zones", {"landingZones": [{"arn": ZONE}]})
    wires.stub("controltower", "eu-west-1").add_client_error("get_landing_zone", "AccessDeniedException", "no", 403)
    assert surroundings.landing_zone() == LandingZone("eu-west-1")


@pytest.mark.parametrize(
    ("exports", "version"), [([("other", "x"), ("Custom-Control-Tower-Version", "v2.8.4")], "v2.8.4"), ([], None)]
)
def test_cfct_tells_its_version_in_an_export(
    wires: Wires, surroundings: AwsEnvironment, exports: list[tuple[str, str]], version: str | None
) -> None:
    stub = wires.stub("cloudformation", "eu-west-1")
    stub.add_response("list_exports", {"Exports": [], "NextToken": "next"}, {})
    told = [{"Name": name, "Value": value} for name, value in exports]
    stub.add_response("list_exports", {"Exports": told}, {"NextToken": "next"})
    assert surroundings.cfct_version("eu-west-1") == version


@pytest.mark.parametrize(("status", "there"), [("ACTIVE", True), ("DELETED", False)])
def test_a_stack_set_that_was_deleted_is_not_there(
    wires: Wires, surroundings: AwsEnvironment, status: str, there: bool
) -> None:
    stub = wires.stub("cloudformation", "eu-west-1")
    stub.add_response("describe_stack_set", {"StackSet": {"Status": status}}, {"StackSetName": "BASELINE"})
    assert surroundings.has_stack_set("BASELINE", "eu-west-1") is there


def test_a_stack_set_that_never_was(wires: Wires, surroundings: AwsEnvironment) -> None:
    stub = wires.stub("cloudformation", "eu-west-1")
    stub.add_client_error("describe_stack_set", "StackSetNotFoundException", "no", 404)
    assert surroundings.has_stack_set("BASELINE", "eu-west-1") is False


# ---- the bucket -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "region"),
    [
        ({}, "us-east-1"),
        ({"LocationConstraint": "EU"}, "eu-west-1"),
        ({"LocationConstraint": "ap-south-1"}, "ap-south-1"),
    ],
)
def test_where_a_bucket_is(wires: Wires, surroundings: AwsEnvironment, told: dict[str, str], region: str) -> None:
    wires.stub("s3").add_response("get_bucket_location", told, {"Bucket": "code"})
    assert surroundings.bucket_region("code") == region


def test_no_such_bucket(wires: Wires, surroundings: AwsEnvironment) -> None:
    wires.stub("s3").add_client_error("get_bucket_location", "NoSuchBucket", "no", 404)
    assert surroundings.bucket_region("code") is None


def test_a_buckets_policy(wires: Wires, surroundings: AwsEnvironment) -> None:
    wires.stub("s3").add_response("get_bucket_policy", {"Policy": '{"Statement": []}'}, {"Bucket": "code"})
    assert surroundings.bucket_policy("code") == {"Statement": []}


def test_a_bucket_without_policy(wires: Wires, surroundings: AwsEnvironment) -> None:
    wires.stub("s3").add_client_error("get_bucket_policy", "NoSuchBucketPolicy", "no", 404)
    assert surroundings.bucket_policy("code") is None


LOOKS: list[tuple[str, str, Callable[[AwsEnvironment], object]]] = [
    ("iam", "get_role", lambda s: s.role("any")),
    ("iam", "simulate_principal_policy", lambda s: s.refused(ARN, ["s3:GetObject"])),
    ("cloudtrail", "describe_trails", lambda s: s.trails()),
    ("controltower", "list_landing_zones", lambda s: s.landing_zone()),
    ("cloudformation", "list_exports", lambda s: s.cfct_version("us-east-1")),
    ("cloudformation", "describe_stack_set", lambda s: s.has_stack_set("any", "us-east-1")),
    ("s3", "get_bucket_location", lambda s: s.bucket_region("any")),
    ("s3", "get_bucket_policy", lambda s: s.bucket_policy("any")),
]


@pytest.mark.parametrize(("service", "method", "look"), LOOKS, ids=[method for _, method, _ in LOOKS])
def test_a_refusal_is_no_answer(
    wires: Wires, surroundings: AwsEnvironment, service: str, method: str, look: Callable[[AwsEnvironment], object]
) -> None:
    wires.stub(service).add_client_error(method, "AccessDenied", "no", 403)
    with pytest.raises(ClientError):
        look(surroundings)


def test_a_role_knows_its_partition() -> None:
    assert Role(ARN.replace("arn:aws:", "arn:aws-cn:"), {}).partition == "aws-cn"
