"""Which checks run in which account, and the results of checks whose calls to AWS fail."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from alternate_contacts.backfill.enqueue import ListedAccount
from alternate_contacts.backfill.preflight import CHECKS, ENABLE_TRUSTED_ACCESS, OrganizationDescription
from alternate_contacts.cli.preflight import bucket, execution_role, organization, pipeline, trail
from alternate_contacts.cli.preflight.execution_role import Role
from alternate_contacts.cli.preflight.pipeline import LandingZone
from alternate_contacts.cli.preflight.policy import Policy
from alternate_contacts.cli.preflight.result import CheckResult, CheckState
from alternate_contacts.cli.preflight.run import (
    CONTROL_TOWER_TRAIL,
    PreflightOptions,
    PreflightReport,
    run_preflight,
)
from alternate_contacts.cli.preflight.trail import Trail
from tests.fakes.backfill import MANAGEMENT_ACCOUNT as ACCOUNT
from tests.fakes.backfill import FakeAccountDirectory

MEMBER = "444455556666"
ORGANIZATION = [check.name for check in CHECKS]
ELSEWHERE = OrganizationDescription("999999999999", "ALL", "o-1")
ZONE = LandingZone("eu-west-1", "3.3")
CFCT = [pipeline.NAME, pipeline.LANDING_ZONE, execution_role.NAME, execution_role.PERMISSIONS]
EXECUTION_ROLE = Role(
    f"arn:aws:iam::{ACCOUNT}:role/AWSControlTowerExecution",
    {"Statement": [{"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}]},
)


def access_denied(operation: str) -> ClientError:
    return ClientError({"Error": {"Code": "AccessDenied", "Message": "secret"}}, operation)


def directory(**changes: Any) -> FakeAccountDirectory:
    """Return an organization with one member that passes every check."""
    return FakeAccountDirectory([ListedAccount(MEMBER)], **changes)


@dataclass
class FakeEnvironment:
    """A management account with Control Tower and CfCT in eu-west-1 that passes every check.

    Methods named in ``denied_calls`` raise AccessDenied.
    """

    denied_calls: Sequence[str] = ()
    partition: str = "aws"
    roles: Sequence[str] = (execution_role.NAME, execution_role.ADMINISTRATION_ROLE)
    denied: Sequence[str] = ()
    trail_list: Sequence[Trail] = (
        Trail(CONTROL_TOWER_TRAIL, "eu-west-1", multi_region=True, logging=True, basic=[{}]),
    )
    zone: LandingZone | None = ZONE
    zone_seen_from: str | None = None
    """The only region that shows the landing zone, if it is in an opt-in region."""
    cfct: dict[str, str] = field(default_factory=lambda: {"eu-west-1": "v2.8.4"})
    stack_sets: dict[str, str] = field(default_factory=lambda: {pipeline.BASELINE: "eu-west-1"})
    buckets: dict[str, str] = field(default_factory=lambda: {"code": "us-east-1"})

    def role(self, name: str) -> Role | None:
        self._called("role")
        return EXECUTION_ROLE if name in self.roles else None

    def denied_actions(self, role_arn: str, actions: Sequence[str], resource: str = "*") -> list[str]:
        self._called("denied_actions")
        assert role_arn == EXECUTION_ROLE.arn
        assert resource in ("*", "arn:aws:s3:::code/*")
        return [action for action in actions if action in self.denied]

    def trails(self) -> list[Trail]:
        self._called("trails")
        return list(self.trail_list)

    def landing_zone(self, region: str | None = None) -> LandingZone | None:
        self._called("landing_zone")
        return self.zone if self.zone_seen_from in (None, region) else None

    def cfct_version(self, region: str) -> str | None:
        self._called("cfct_version")
        return self.cfct.get(region)

    def has_stack_set(self, name: str, region: str) -> bool:
        self._called("has_stack_set")
        return self.stack_sets.get(name) == region

    def bucket_region(self, bucket: str) -> str | None:
        self._called("bucket_region")
        return self.buckets.get(bucket)

    def bucket_policy(self, bucket: str) -> Policy | None:
        self._called("bucket_policy")
        assert bucket in self.buckets
        return None

    def _called(self, name: str) -> None:
        if name in self.denied_calls:
            raise access_denied(name)


def preflight(
    view: FakeAccountDirectory | None = None, environment: FakeEnvironment | None = None, **options: Any
) -> PreflightReport:
    return run_preflight(view or directory(), environment or FakeEnvironment(), PreflightOptions(**options))


def states(report: PreflightReport) -> dict[str, CheckState]:
    return {result.check: result.state for result in report.results}


def result_of(report: PreflightReport, check: str) -> CheckResult:
    [result] = [result for result in report.results if result.check == check]
    return result


def test_every_check_runs_once_and_is_ok() -> None:
    report = preflight(bucket="code")
    assert [result.check for result in report.results] == [
        *ORGANIZATION,
        trail.NAME,
        *CFCT,
        bucket.REGION,
        bucket.READABLE,
    ]
    assert set(states(report).values()) == {CheckState.OK}
    assert (report.home_region, report.control_tower, report.remark) == ("eu-west-1", True, "")


# ---- the organization -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("view", "check"),
    [
        (directory(organization=ELSEWHERE), "management account"),
        (
            directory(organization=OrganizationDescription(ACCOUNT, "CONSOLIDATED_BILLING", "o-1")),
            "all features",
        ),
        (directory(trusted_access=False), "trusted access"),
    ],
)
def test_the_checks_after_a_missing_one_are_not_run(view: FakeAccountDirectory, check: str) -> None:
    report = preflight(view)
    assert result_of(report, check).state is CheckState.MISSING
    assert result_of(report, check).message
    for later in ORGANIZATION[ORGANIZATION.index(check) + 1 :]:
        assert result_of(report, later).state is CheckState.UNKNOWN
        assert check in result_of(report, later).message


def test_in_another_account_only_the_organization_is_checked() -> None:
    report = preflight(directory(organization=ELSEWHERE), bucket="code")
    assert [result.check for result in report.results] == ORGANIZATION
    assert "management account" in report.remark


def test_the_checks_after_the_region_are_run_in_another_region() -> None:
    report = preflight(directory(region="eu-west-1"))
    assert states(report)["region"] is CheckState.MISSING
    assert states(report)["a contact can be read"] is CheckState.OK


def test_the_command_enables_trusted_access_and_the_preflight_does_not() -> None:
    view = directory(trusted_access=False)
    assert result_of(preflight(view), "trusted access").commands == (ENABLE_TRUSTED_ACCESS,)
    assert view.times_enabled == 0


def test_a_contact_that_no_credentials_may_read_is_unknown() -> None:
    error = "AccessDeniedException"
    check = organization.READ
    report = preflight(directory(contact_errors={MEMBER: [error]}))
    assert result_of(report, check).state is CheckState.MISSING
    report = preflight(directory(contact_errors={MEMBER: [error], None: [error]}))
    assert result_of(report, check).state is CheckState.UNKNOWN
    assert "account:GetAlternateContact" in result_of(report, check).message


@pytest.mark.parametrize(
    ("call", "check"),
    [
        ("describe_organization", "management account"),
        ("has_trusted_access", "trusted access"),
        ("list_active_members", "a contact can be read"),
    ],
)
def test_access_denied_for_the_organization_is_unknown(call: str, check: str) -> None:
    result = result_of(preflight(directory(errors={call: [access_denied(call)]})), check)
    assert result.state is CheckState.UNKNOWN
    assert call in result.message
    assert "secret" not in result.message


def test_the_names_of_the_checks_are_those_of_the_backfill() -> None:
    assert {organization.REGION, organization.MANAGEMENT_ACCOUNT, organization.READ} <= set(ORGANIZATION)


# ---- the other prerequisites ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "checks"),
    [
        ("trails", {trail.NAME}),
        ("cfct_version", {pipeline.NAME}),
        ("role", {execution_role.NAME, execution_role.PERMISSIONS, bucket.READABLE}),
        ("denied_actions", {execution_role.PERMISSIONS, bucket.READABLE}),
        ("bucket_region", {bucket.REGION}),
        ("bucket_policy", {bucket.READABLE}),
    ],
)
def test_access_denied_makes_only_the_checks_that_need_the_call_unknown(call: str, checks: set[str]) -> None:
    report = preflight(environment=FakeEnvironment([call]), bucket="code")
    assert {result.check for result in report.results if result.state is CheckState.UNKNOWN} == checks
    assert CheckState.MISSING not in states(report).values()


@pytest.mark.parametrize(
    ("denied_calls", "state"),
    [
        (["landing_zone"], CheckState.OK),  # The StackSet exists.
        (["has_stack_set"], CheckState.OK),  # The version has it.
        (["landing_zone", "has_stack_set"], CheckState.UNKNOWN),
    ],
)
def test_the_stack_set_or_the_version_is_enough(denied_calls: list[str], state: CheckState) -> None:
    report = preflight(environment=FakeEnvironment(denied_calls))
    assert result_of(report, pipeline.LANDING_ZONE).state is state


def test_a_missing_stack_set_means_nothing_if_the_home_region_is_an_assumption() -> None:
    environment = FakeEnvironment(zone=None, trail_list=[Trail("ours", "us-east-1")], stack_sets={})
    assumed = preflight(environment=environment, control_tower=True)
    assert result_of(assumed, pipeline.LANDING_ZONE).state is CheckState.UNKNOWN
    assert "--home-region" in result_of(assumed, pipeline.LANDING_ZONE).message
    named = preflight(environment=environment, control_tower=True, home_region="us-east-1")
    assert result_of(named, pipeline.LANDING_ZONE).state is CheckState.MISSING


def test_a_landing_zone_without_the_stack_set_needs_sam() -> None:
    environment = FakeEnvironment(zone=LandingZone("eu-west-1", "4.0"), stack_sets={})
    result = result_of(preflight(environment=environment), pipeline.LANDING_ZONE)
    assert result.state is CheckState.MISSING
    assert "landing zone 4.0" in result.message
    assert result.commands[-1].startswith("sam deploy")


def test_without_the_role_the_checks_that_need_it_are_not_run() -> None:
    environment = FakeEnvironment(roles=[execution_role.ADMINISTRATION_ROLE])
    by_check = states(preflight(environment=environment, bucket="code"))
    assert by_check[execution_role.NAME] is CheckState.MISSING
    assert by_check[execution_role.PERMISSIONS] is by_check[bucket.READABLE] is CheckState.UNKNOWN


def test_the_actions_that_the_role_lacks_are_named() -> None:
    report = preflight(environment=FakeEnvironment(denied=["sqs:CreateQueue", "s3:GetObject"]), bucket="code")
    assert "sqs:CreateQueue" in result_of(report, execution_role.PERMISSIONS).message
    assert result_of(report, bucket.READABLE).state is CheckState.MISSING


def test_a_bucket_in_another_region_is_not_read() -> None:
    by_check = states(preflight(environment=FakeEnvironment(buckets={"code": "eu-west-1"}), bucket="code"))
    assert by_check[bucket.REGION] is CheckState.MISSING
    assert by_check[bucket.READABLE] is CheckState.UNKNOWN


# ---- whether CfCT is checked, and in which region -------------------------------------------------------------------


def test_without_control_tower_cfct_is_not_checked_and_the_remark_says_so() -> None:
    environment = FakeEnvironment(zone=None, roles=["Any"], trail_list=[Trail("ours", "us-east-1")])
    report = preflight(environment=environment, bucket="code")
    assert [result.check for result in report.results] == [*ORGANIZATION, trail.NAME, bucket.REGION]
    assert "--control-tower" in report.remark
    assert report.home_region is None


def test_without_cfct_its_prerequisites_are_not_checked_and_the_remark_says_so() -> None:
    report = preflight(environment=FakeEnvironment(cfct={}))
    assert not report.control_tower
    assert "CfCT is not in eu-west-1" in report.remark


def test_the_option_leaves_cfct_out() -> None:
    report = preflight(control_tower=False)
    assert (report.control_tower, report.remark) == (False, "")
    assert not set(CFCT) & set(states(report))


def test_the_option_checks_cfct_even_if_nothing_was_found() -> None:
    report = preflight(environment=FakeEnvironment(cfct={}, zone=None, trail_list=[]), control_tower=True)
    assert set(CFCT) <= set(states(report))


def test_a_guessed_home_region_is_not_reported_as_the_home_region() -> None:
    report = preflight(environment=FakeEnvironment(cfct={}, zone=None, trail_list=[]), control_tower=True)
    assert states(report)[pipeline.NAME] is CheckState.UNKNOWN
    assert report.home_region is None
    environment = FakeEnvironment(["landing_zone", "trails"], cfct={})
    assert "its home region could not be determined" in preflight(environment=environment).remark


def test_the_named_home_region_has_precedence() -> None:
    report = preflight(home_region="eu-central-1", control_tower=True)
    assert report.home_region == "eu-central-1"
    assert states(report)[pipeline.NAME] is CheckState.MISSING


@pytest.mark.parametrize(("zone", "version"), [(LandingZone("af-south-1", "3.3"), "3.3"), (None, None)])
def test_the_trail_of_control_tower_shows_an_opt_in_home_region(zone: LandingZone | None, version: str | None) -> None:
    environment = FakeEnvironment(
        zone=zone,
        zone_seen_from="af-south-1",
        trail_list=[Trail(CONTROL_TOWER_TRAIL, "af-south-1", multi_region=True, logging=True, basic=[{}])],
        cfct={"af-south-1": "v2.8.4"},
        stack_sets={},
    )
    report = preflight(environment=environment)
    assert report.home_region == "af-south-1"
    assert (f"landing zone {version}" in result_of(report, pipeline.LANDING_ZONE).message) == bool(version)


def test_the_role_of_control_tower_shows_it_if_other_calls_are_denied() -> None:
    environment = FakeEnvironment(["landing_zone", "trails"], cfct={"us-east-1": "v2.8.4"})
    report = preflight(environment=environment)
    assert (report.control_tower, report.home_region) == (True, "us-east-1")
