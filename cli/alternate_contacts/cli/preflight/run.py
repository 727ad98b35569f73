"""Which checks run, and in which order."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from alternate_contacts.backfill.preflight import OrganizationView, region_of_events
from alternate_contacts.cli.preflight import bucket as buckets
from alternate_contacts.cli.preflight import execution_role, organization, pipeline, trail
from alternate_contacts.cli.preflight.execution_role import Role
from alternate_contacts.cli.preflight.pipeline import LandingZone
from alternate_contacts.cli.preflight.policy import Policy
from alternate_contacts.cli.preflight.result import CheckResult, CheckState, not_checked, run_check
from alternate_contacts.cli.preflight.trail import Trail

Value = TypeVar("Value")

CONTROL_TOWER_TRAIL = "aws-controltower-BaselineCloudTrail"
"""https://docs.aws.amazon.com/controltower/latest/userguide/shared-account-resources.html"""


class Environment(Protocol):
    """The management account. Every method may raise botocore's errors."""

    partition: str

    def role(self, name: str) -> Role | None: ...

    def denied_actions(self, role_arn: str, actions: Sequence[str], resource: str = "*") -> list[str]: ...

    def trails(self) -> list[Trail]: ...

    def landing_zone(self, region: str | None = None) -> LandingZone | None: ...

    def cfct_version(self, region: str) -> str | None: ...

    def has_stack_set(self, name: str, region: str) -> bool: ...

    def bucket_region(self, bucket: str) -> str | None: ...

    def bucket_policy(self, bucket: str) -> Policy | None: ...


@dataclass(frozen=True)
class PreflightOptions:
    """The options of the command; None: not given."""

    bucket: str | None = None
    home_region: str | None = None
    control_tower: bool | None = None


@dataclass(frozen=True)
class PreflightReport:
    """The results.

    Attributes:
        home_region: of Control Tower, if it is known.
        control_tower: whether the prerequisites of CfCT were checked.
        remark: what was not checked, and why.
    """

    results: Sequence[CheckResult]
    home_region: str | None = None
    control_tower: bool = False
    remark: str = ""


def run_preflight(
    view: OrganizationView,
    environment: Environment,
    options: PreflightOptions,
    check_protection: Callable[[], Iterable[CheckResult]] = tuple,
) -> PreflightReport:
    """Run every check that applies to this account; ``check_protection`` is for the management account only."""
    results = list(organization.run_checks(view))
    if any(
        result.check == organization.MANAGEMENT_ACCOUNT and result.state is CheckState.MISSING for result in results
    ):
        return PreflightReport(results, remark="The other checks only apply to the management account.")
    region = region_of_events(view.region)
    results.append(run_check(trail.NAME, lambda: trail.check_trails(environment.trails(), region)))
    results += check_protection()
    landing_zone, remark = _find_landing_zone(environment, options, region)
    if landing_zone:
        results += _check_control_tower(environment, landing_zone, account_id=view.account_id, main_region=region)
    if options.bucket:
        results += _check_bucket(environment, options.bucket, region, read_by_cfct=landing_zone is not None)
    return PreflightReport(
        results,
        home_region=landing_zone.home_region if landing_zone and not landing_zone.guessed else None,
        control_tower=landing_zone is not None,
        remark=remark,
    )


def _find_landing_zone(
    environment: Environment, options: PreflightOptions, region: str
) -> tuple[LandingZone | None, str]:
    """Return the landing zone, None if the prerequisites of CfCT are not checked, and the remark."""
    if options.control_tower is False:
        return None, ""
    found = _try(lambda: environment.landing_zone(options.home_region))
    if found is None and options.home_region is None:
        # Other regions do not show a landing zone in an opt-in region, but they show the trail of Control Tower.
        trails = _try(environment.trails) or []
        home_regions = [visible.home_region for visible in trails if visible.name == CONTROL_TOWER_TRAIL]
        if home_regions:
            found = _try(lambda: environment.landing_zone(home_regions[0])) or LandingZone(home_regions[0])
    landing_zone = found or LandingZone(region, guessed=True)
    if options.home_region:
        landing_zone = LandingZone(options.home_region, landing_zone.version)
    if options.control_tower:
        return landing_zone, ""
    if not found and not _try(lambda: environment.role(execution_role.ADMINISTRATION_ROLE)):
        return None, "Control Tower was not found. Use --control-tower to check the prerequisites of CfCT anyway."
    try:
        version = environment.cfct_version(landing_zone.home_region)
    except (ClientError, BotoCoreError):
        return landing_zone, ""
    if version:
        return replace(landing_zone, guessed=False), ""  # CfCT is in the home region, or it would not work
    where = "and its home region could not be determined" if landing_zone.guessed else "its home region"
    return None, (
        f"Control Tower was found, but CfCT is not in {landing_zone.home_region}, {where}. "
        "Use --control-tower to check its prerequisites anyway."
    )


def _check_control_tower(
    environment: Environment, landing_zone: LandingZone, *, account_id: str, main_region: str
) -> Iterator[CheckResult]:
    region = landing_zone.home_region
    yield run_check(pipeline.NAME, lambda: pipeline.check_cfct(environment.cfct_version(region), landing_zone))
    baseline = _try(lambda: environment.has_stack_set(pipeline.BASELINE, region))
    yield pipeline.check_landing_zone(landing_zone, baseline=baseline, main_region=main_region)

    def check_trust() -> CheckResult:
        role = environment.role(execution_role.NAME)
        return execution_role.check_trust(role, partition=environment.partition, account_id=account_id)

    def check_permissions(role: Role) -> CheckResult:
        denied = environment.denied_actions(role.arn, execution_role.DEPLOYMENT_ACTIONS)
        return execution_role.check_permissions(role, denied)

    yield run_check(execution_role.NAME, check_trust)
    yield _check_with_role(environment, execution_role.PERMISSIONS, check_permissions)


def _check_bucket(environment: Environment, bucket: str, region: str, *, read_by_cfct: bool) -> Iterator[CheckResult]:
    def check_region() -> CheckResult:
        return buckets.check_region(bucket, environment.bucket_region(bucket), region)

    def check_readable(role: Role) -> CheckResult:
        code = f"arn:{role.partition}:s3:::{bucket}/*"
        denied = environment.denied_actions(role.arn, [buckets.READ_ACTION], code)
        return buckets.check_readable(bucket, role, denied=denied, policy=environment.bucket_policy(bucket))

    result = run_check(buckets.REGION, check_region)
    yield result
    if read_by_cfct and result.state is CheckState.MISSING:
        yield not_checked(buckets.READABLE, buckets.REGION)
    elif read_by_cfct:
        yield _check_with_role(environment, buckets.READABLE, check_readable)


def _check_with_role(environment: Environment, check: str, function: Callable[[Role], CheckResult]) -> CheckResult:
    """Run a check on the execution role, if the role exists."""

    def check_role() -> CheckResult:
        role = environment.role(execution_role.NAME)
        return function(role) if role else not_checked(check, execution_role.NAME)

    return run_check(check, check_role)


def _try(function: Callable[[], Value]) -> Value | None:
    """Return the value, or None if a call to AWS failed. The checks report that failure."""
    try:
        return function()
    except (ClientError, BotoCoreError):
        return None
