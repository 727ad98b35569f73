"""Which checks are made where, and what becomes of those that AWS did not let us make."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from alternate_contacts.backfill.preflight import CHECKS, OrganizationDescription
from alternate_contacts.cli.preflight import bucket, execution_role, organization, pipeline, trail
from alternate_contacts.cli.preflight.examination import (
    CONTROL_TOWERS_TRAIL,
    PreflightOptions,
    PreflightReport,
    run_preflight,
)
from alternate_contacts.cli.preflight.execution_role import Role
from alternate_contacts.cli.preflight.finding import CheckResult, CheckState
from alternate_contacts.cli.preflight.pipeline import LandingZone
from alternate_contacts.cli.preflight.policy import Policy
from alternate_contacts.cli.preflight.trail import Trail

ACCOUNT = "111122223333"
MEMBER = "444455556666"
ORGANIZATION = [check.name for check in CHECKS]
ZONE = LandingZone("eu-west-1", "3.3")
CFCT = [pipeline.NAME, pipeline.LANDING_ZONE, execution_role.NAME, execution_role.PERMISSIONS]


def refusal(operation: str = "AnyCall") -> ClientError:
    return ClientError({"Error": {"Code": "AccessDenied", "Message": "secret"}}, operation)


@dataclass
class FakeSubject:
    """An organization in good order."""

    region: str = "us-east-1"
    account_id: str = ACCOUNT
    management_account_id: str = ACCOUNT
    feature_set: str = "ALL"
    trusted: bool = True
    codes: dict[str | None, str | None] = field(default_factory=dict)
    """Error codes of reads by account, None: our own."""
    refuses: frozenset[str] = frozenset()

    def describe_organization(self) -> OrganizationDescription | None:
        self._look("describe_organization")
        return OrganizationDescription(self.management_account_id, self.feature_set)

    def has_trusted_access(self) -> bool:
        self._look("has_trusted_access")
        return self.trusted

    def enable_trusted_access(self) -> None:
        raise AssertionError("a preflight changes nothing")

    def list_active_members(self) -> Iterator[str]:
        self._look("list_active_members")
        yield MEMBER

    def get_contact_error(self, account_id: str | None) -> str | None:
        return self.codes.get(account_id)

    def _look(self, name: str) -> None:
        if name in self.refuses:
            raise refusal(name)


@dataclass
class FakeSurroundings:
    """Control Tower in eu-west-1 with CfCT, all as it should be."""

    partition: str = "aws"
    roles: dict[str, Role] = field(default_factory=dict)
    forbidden: Sequence[str] = ()
    trail_list: list[Trail] = field(default_factory=list)
    zone: LandingZone | None = ZONE
    zone_seen_from: str | None = None
    """The one region from which an opt-in landing zone is seen."""
    cfct: dict[str, str] = field(default_factory=lambda: {"eu-west-1": "v2.8.4"})
    stack_sets: dict[str, str] = field(default_factory=lambda: {pipeline.BASELINE: "eu-west-1"})
    buckets: dict[str, str] = field(default_factory=lambda: {"code": "us-east-1"})
    policy: Policy | None = None
    refuses: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.roles = self.roles or {execution_role.NAME: execution(), execution_role.ADMINISTRATION_ROLE: execution()}
        self.trail_list = self.trail_list or [
            Trail(CONTROL_TOWERS_TRAIL, "eu-west-1", multi_region=True, logging=True, basic=[{}])
        ]

    def role(self, name: str) -> Role | None:
        self._look("role")
        return self.roles.get(name)

    def refused(self, role_arn: str, actions: Sequence[str], resource: str = "*") -> list[str]:
        self._look("refused")
        assert role_arn == execution().arn
        assert resource in ("*", "arn:aws:s3:::code/*")
        return [action for action in actions if action in self.forbidden]

    def trails(self) -> list[Trail]:
        self._look("trails")
        return self.trail_list

    def landing_zone(self, region: str | None = None) -> LandingZone | None:
        self._look("landing_zone")
        return self.zone if self.zone_seen_from in (None, region) else None

    def cfct_version(self, region: str) -> str | None:
        self._look("cfct_version")
        return self.cfct.get(region)

    def has_stack_set(self, name: str, region: str) -> bool:
        self._look("has_stack_set")
        return self.stack_sets.get(name) == region

    def bucket_region(self, bucket: str) -> str | None:
        self._look("bucket_region")
        return self.buckets.get(bucket)

    def bucket_policy(self, bucket: str) -> Policy | None:
        self._look("bucket_policy")
        assert bucket in self.buckets
        return self.policy

    def _look(self, name: str) -> None:
        if name in self.refuses:
            raise refusal(name)


def execution() -> Role:
    statement = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
    return Role(f"arn:aws:iam::{ACCOUNT}:role/AWSControlTowerExecution", {"Statement": [statement]})


def look(
    subject: FakeSubject | None = None, surroundings: FakeSurroundings | None = None, **wanted: Any
) -> PreflightReport:
    return run_preflight(subject or FakeSubject(), surroundings or FakeSurroundings(), PreflightOptions(**wanted))


def states(examination: PreflightReport) -> dict[str, CheckState]:
    return {finding.check: finding.state for finding in examination.findings}


def finding(examination: PreflightReport, check: str) -> CheckResult:
    [found] = [each for each in examination.findings if each.check == check]
    return found


def test_where_all_is_in_order_every_check_is_made_once_and_ok() -> None:
    examination = look(bucket="code")
    assert [each.check for each in examination.findings] == [
        *ORGANIZATION,
        trail.NAME,
        *CFCT,
        bucket.REGION,
        bucket.READING,
    ]
    assert set(states(examination).values()) == {CheckState.OK}
    assert (examination.home_region, examination.pipeline, examination.remark) == ("eu-west-1", True, "")


# ---- the organization -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subject", "check"),
    [
        (FakeSubject(management_account_id="999999999999"), "management account"),
        (FakeSubject(feature_set="CONSOLIDATED_BILLING"), "all features"),
        (FakeSubject(trusted=False), "trusted access"),
    ],
)
def test_what_is_missing_ends_the_list_because_the_rest_can_tell_nothing(subject: FakeSubject, check: str) -> None:
    examination = look(subject)
    position = ORGANIZATION.index(check)
    assert finding(examination, check).state is CheckState.MISSING
    assert finding(examination, check).sentence
    for after in ORGANIZATION[position + 1 :]:
        assert finding(examination, after).sentence == f"Not looked at: {check} comes first."
        assert finding(examination, after).state is CheckState.UNKNOWN


def test_in_another_account_nothing_else_is_looked_at() -> None:
    examination = look(FakeSubject(management_account_id="999999999999"), bucket="code")
    assert [each.check for each in examination.findings] == ORGANIZATION
    assert "management account" in examination.remark


def test_another_region_says_nothing_about_the_rest() -> None:
    examination = look(FakeSubject(region="eu-west-1"))
    assert states(examination)["region"] is CheckState.MISSING
    assert states(examination)["a contact can be read"] is CheckState.OK


def test_trusted_access_is_told_with_the_command_and_not_switched_on() -> None:
    assert finding(look(FakeSubject(trusted=False)), "trusted access").commands == (
        "aws organizations enable-aws-service-access --service-principal account.amazonaws.com",
    )


def test_a_refused_member_is_missing_but_credentials_that_may_not_read_at_all_are_unknown() -> None:
    refused = "AccessDeniedException"
    check = organization.READ
    assert finding(look(FakeSubject(codes={MEMBER: refused})), check).state is CheckState.MISSING
    examination = look(FakeSubject(codes={MEMBER: refused, None: refused}))
    assert finding(examination, check).state is CheckState.UNKNOWN
    assert "account:GetAlternateContact" in finding(examination, check).sentence


@pytest.mark.parametrize(
    ("call", "check"),
    [
        ("describe_organization", "management account"),
        ("has_trusted_access", "trusted access"),
        ("list_active_members", "a contact can be read"),
    ],
)
def test_a_look_at_the_organization_that_aws_refuses_is_unknown(call: str, check: str) -> None:
    examination = look(FakeSubject(refuses=frozenset({call})))
    assert finding(examination, check).state is CheckState.UNKNOWN
    assert "need the permission" in finding(examination, check).sentence
    assert "secret" not in finding(examination, check).sentence


def test_the_names_that_this_list_leans_on_are_the_backfills() -> None:
    assert {organization.REGION, organization.MANAGEMENT_ACCOUNT, organization.READ} <= set(ORGANIZATION)


# ---- what else is needed, and what nobody may look at ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "checks"),
    [
        ("trails", {trail.NAME}),
        ("cfct_version", {pipeline.NAME}),
        ("role", {execution_role.NAME, execution_role.PERMISSIONS, bucket.READING}),
        ("refused", {execution_role.PERMISSIONS, bucket.READING}),
        ("bucket_region", {bucket.REGION}),
        ("bucket_policy", {bucket.READING}),
    ],
)
def test_a_look_that_aws_refuses_is_unknown_and_hides_nothing_else(call: str, checks: set[str]) -> None:
    examination = look(surroundings=FakeSurroundings(refuses=frozenset({call})), bucket="code")
    assert {each.check for each in examination.findings if each.state is CheckState.UNKNOWN} == checks
    assert CheckState.MISSING not in states(examination).values()


@pytest.mark.parametrize(
    ("refuses", "state"),
    [
        ({"landing_zone"}, CheckState.OK),  # the StackSet tells
        ({"has_stack_set"}, CheckState.OK),  # the version tells
        ({"landing_zone", "has_stack_set"}, CheckState.UNKNOWN),
    ],
)
def test_the_landing_zone_is_known_by_its_stack_set_or_by_its_version(refuses: set[str], state: CheckState) -> None:
    surroundings = FakeSurroundings(refuses=frozenset(refuses))
    assert finding(look(surroundings=surroundings), pipeline.LANDING_ZONE).state is state


def test_no_stack_set_where_the_home_region_is_only_guessed_says_nothing() -> None:
    surroundings = FakeSurroundings(zone=None, trail_list=[Trail("ours", "us-east-1")], stack_sets={})
    guessed = look(surroundings=surroundings, control_tower=True)
    assert finding(guessed, pipeline.LANDING_ZONE).state is CheckState.UNKNOWN
    assert "--home-region" in finding(guessed, pipeline.LANDING_ZONE).sentence
    named = look(surroundings=surroundings, control_tower=True, home_region="us-east-1")
    assert finding(named, pipeline.LANDING_ZONE).state is CheckState.MISSING


def test_a_landing_zone_of_today_is_told_to_use_sam() -> None:
    surroundings = FakeSurroundings(zone=LandingZone("eu-west-1", "4.0"), stack_sets={})
    found = finding(look(surroundings=surroundings), pipeline.LANDING_ZONE)
    assert found.state is CheckState.MISSING
    assert "landing zone 4.0" in found.sentence
    assert found.commands[-1].startswith("sam deploy")


def test_without_the_role_what_hangs_on_it_is_not_looked_at() -> None:
    surroundings = FakeSurroundings(roles={execution_role.ADMINISTRATION_ROLE: execution()})
    found = states(look(surroundings=surroundings, bucket="code"))
    assert found[execution_role.NAME] is CheckState.MISSING
    assert found[execution_role.PERMISSIONS] is found[bucket.READING] is CheckState.UNKNOWN


def test_a_role_that_may_not_deploy_or_read() -> None:
    surroundings = FakeSurroundings(forbidden=["sqs:CreateQueue", "s3:GetObject"])
    examination = look(surroundings=surroundings, bucket="code")
    assert "It may not sqs:CreateQueue:" in finding(examination, execution_role.PERMISSIONS).sentence
    assert finding(examination, bucket.READING).state is CheckState.MISSING


def test_a_bucket_elsewhere_is_not_read() -> None:
    surroundings = FakeSurroundings(buckets={"code": "eu-west-1"})
    found = states(look(surroundings=surroundings, bucket="code"))
    assert found[bucket.REGION] is CheckState.MISSING
    assert found[bucket.READING] is CheckState.UNKNOWN


# ---- whether CfCT is looked at, and where ---------------------------------------------------------------------------


def test_without_control_tower_its_pipeline_is_left_out_and_said_so() -> None:
    surroundings = FakeSurroundings(zone=None, roles={"Any": execution()}, trail_list=[Trail("ours", "us-east-1")])
    examination = look(surroundings=surroundings, bucket="code")
    assert [each.check for each in examination.findings] == [*ORGANIZATION, trail.NAME, bucket.REGION]
    assert "--control-tower" in examination.remark
    assert examination.home_region is None


def test_control_tower_without_cfct_is_left_out_and_said_so() -> None:
    examination = look(surroundings=FakeSurroundings(cfct={}))
    assert not examination.pipeline
    assert "CfCT is not in eu-west-1" in examination.remark


def test_without_means_without() -> None:
    examination = look(control_tower=False)
    assert (examination.pipeline, examination.remark) == (False, "")
    assert not set(CFCT) & set(states(examination))


def test_with_means_with_and_cfct_is_missing() -> None:
    examination = look(surroundings=FakeSurroundings(cfct={}, zone=None, trail_list=[]), control_tower=True)
    assert states(examination)[pipeline.NAME] is CheckState.MISSING
    assert set(CFCT) <= set(states(examination))


def test_the_home_region_that_was_named_goes_before_what_is_found() -> None:
    examination = look(home_region="eu-central-1", control_tower=True)
    assert examination.home_region == "eu-central-1"
    assert states(examination)[pipeline.NAME] is CheckState.MISSING


@pytest.mark.parametrize(("zone", "version"), [(LandingZone("af-south-1", "3.3"), "3.3"), (None, None)])
def test_an_opt_in_home_region_is_found_by_control_towers_trail(zone: LandingZone | None, version: str | None) -> None:
    surroundings = FakeSurroundings(
        zone=zone,
        zone_seen_from="af-south-1",
        trail_list=[Trail(CONTROL_TOWERS_TRAIL, "af-south-1", multi_region=True, logging=True, basic=[{}])],
        cfct={"af-south-1": "v2.8.4"},
        stack_sets={},
    )
    examination = look(surroundings=surroundings)
    assert examination.home_region == "af-south-1"
    assert (f"landing zone {version}" in finding(examination, pipeline.LANDING_ZONE).sentence) == bool(version)


def test_control_tower_is_found_by_its_role_where_nothing_else_may_be_read() -> None:
    surroundings = FakeSurroundings(refuses=frozenset({"landing_zone", "trails"}), cfct={"us-east-1": "v2.8.4"})
    examination = look(surroundings=surroundings)
    assert (examination.pipeline, examination.home_region) == (True, "us-east-1")
