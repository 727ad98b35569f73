"""Which checks are made, and in which order."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from alternate_contacts.backfill.preflight import OrganizationView, region_of_events
from alternate_contacts.cli.preflight import bucket as buckets
from alternate_contacts.cli.preflight import execution_role, organization, pipeline, trail
from alternate_contacts.cli.preflight.execution_role import Role
from alternate_contacts.cli.preflight.finding import CheckResult, CheckState, not_looked_at, unknown
from alternate_contacts.cli.preflight.pipeline import LandingZone
from alternate_contacts.cli.preflight.policy import Policy
from alternate_contacts.cli.preflight.trail import Trail
from alternate_contacts.cli.terminal.errors import describe_aws_error

Found = TypeVar("Found")

CONTROL_TOWERS_TRAIL = "aws-controltower-BaselineCloudTrail"
"""https://docs.aws.amazon.com/controltower/latest/userguide/shared-account-resources.html"""


class Environment(Protocol):
    """What is looked at besides the organization. Every look may raise botocore's errors."""

    partition: str

    def role(self, name: str) -> Role | None: ...

    def refused(self, role_arn: str, actions: Sequence[str], resource: str = "*") -> list[str]: ...

    def trails(self) -> list[Trail]: ...

    def landing_zone(self, region: str | None = None) -> LandingZone | None: ...

    def cfct_version(self, region: str) -> str | None: ...

    def has_stack_set(self, name: str, region: str) -> bool: ...

    def bucket_region(self, bucket: str) -> str | None: ...

    def bucket_policy(self, bucket: str) -> Policy | None: ...


@dataclass(frozen=True)
class PreflightOptions:
    """What the operator asked for; None leaves it to what is found."""

    bucket: str | None = None
    home_region: str | None = None
    control_tower: bool | None = None


@dataclass(frozen=True)
class PreflightReport:
    """``pipeline``: whether what CfCT needs was looked at; ``home_region``: of Control Tower, as far as is known."""

    findings: Sequence[CheckResult]
    home_region: str | None = None
    pipeline: bool = False
    remark: str = ""


def run_preflight(subject: OrganizationView, surroundings: Environment, wanted: PreflightOptions) -> PreflightReport:
    """Make all checks that can tell something here."""
    findings = list(organization.check(subject, _look))
    if any(each.check == organization.MANAGEMENT_ACCOUNT and each.state is CheckState.MISSING for each in findings):
        return PreflightReport(findings, remark="The rest was not looked at: it is in the management account.")
    region = region_of_events(subject.region)
    findings.append(_look(trail.NAME, lambda: trail.check(surroundings.trails(), region)))
    home, remark = _home(surroundings, wanted, region)
    if home:
        findings += _pipeline(surroundings, home, account_id=subject.account_id, main_region=region)
    if wanted.bucket:
        findings += _bucket(surroundings, wanted.bucket, region, read_by_cfct=home is not None)
    return PreflightReport(findings, home.home_region if home else None, home is not None, remark)


def _home(surroundings: Environment, wanted: PreflightOptions, region: str) -> tuple[LandingZone | None, str]:
    """Where CfCT is to be looked at, None where it is not, and what to say about that."""
    if wanted.control_tower is False:
        return None, ""
    found = _quietly(lambda: surroundings.landing_zone(wanted.home_region))
    if found is None and wanted.home_region is None:
        # An opt-in region as home is told nowhere else, but Control Tower's trail is seen from everywhere.
        trails = _quietly(surroundings.trails) or []
        elsewhere = [each.home_region for each in trails if each.name == CONTROL_TOWERS_TRAIL]
        if elsewhere:
            found = _quietly(lambda: surroundings.landing_zone(elsewhere[0])) or LandingZone(elsewhere[0])
    home = found or LandingZone(region, guessed=True)
    if wanted.home_region:
        home = LandingZone(wanted.home_region, home.version)
    if wanted.control_tower:
        return home, ""
    if not found and not _quietly(lambda: surroundings.role(execution_role.ADMINISTRATION_ROLE)):
        return None, "Control Tower was not found; --control-tower looks at what its pipeline needs all the same."
    try:
        version = surroundings.cfct_version(home.home_region)
    except (ClientError, BotoCoreError):
        return home, ""
    if version:
        return home, ""
    return None, (
        f"Control Tower is here, but CfCT is not in {home.home_region}; "
        "--control-tower looks at what it needs all the same."
    )


def _pipeline(
    surroundings: Environment, home: LandingZone, *, account_id: str, main_region: str
) -> Iterator[CheckResult]:
    region = home.home_region
    yield _look(pipeline.NAME, lambda: pipeline.check(surroundings.cfct_version(region), region))
    baseline = _quietly(lambda: surroundings.has_stack_set(pipeline.BASELINE, region))
    yield pipeline.check_landing_zone(home, baseline=baseline, main_region=main_region)

    def trust() -> CheckResult:
        role = surroundings.role(execution_role.NAME)
        return execution_role.check_trust(role, partition=surroundings.partition, account_id=account_id)

    def permissions(role: Role) -> CheckResult:
        return execution_role.check_permissions(role, surroundings.refused(role.arn, execution_role.DEPLOYING))

    yield _look(execution_role.NAME, trust)
    yield _with_role(surroundings, execution_role.PERMISSIONS, permissions)


def _bucket(surroundings: Environment, bucket: str, region: str, *, read_by_cfct: bool) -> Iterator[CheckResult]:
    def where() -> CheckResult:
        return buckets.check_region(bucket, surroundings.bucket_region(bucket), region)

    def reading(role: Role) -> CheckResult:
        code = f"arn:{role.partition}:s3:::{bucket}/*"
        refused = surroundings.refused(role.arn, [buckets.READ], code)
        return buckets.check_reading(bucket, role, refused=refused, policy=surroundings.bucket_policy(bucket))

    found = _look(buckets.REGION, where)
    yield found
    if read_by_cfct and found.state is CheckState.MISSING:
        yield not_looked_at(buckets.READING, buckets.REGION)
    elif read_by_cfct:
        yield _with_role(surroundings, buckets.READING, reading)


def _with_role(surroundings: Environment, check: str, function: Callable[[Role], CheckResult]) -> CheckResult:
    def look() -> CheckResult:
        role = surroundings.role(execution_role.NAME)
        return function(role) if role else not_looked_at(check, execution_role.NAME)

    return _look(check, look)


def _look(check: str, function: Callable[[], CheckResult]) -> CheckResult:
    """The finding, or that AWS did not let us look, and why."""
    try:
        return function()
    except (ClientError, BotoCoreError) as error:
        return unknown(check, str(describe_aws_error(error)))


def _quietly(function: Callable[[], Found]) -> Found | None:
    """What was found; None where AWS did not let us look, which the checks themselves tell."""
    try:
        return function()
    except (ClientError, BotoCoreError):
        return None
