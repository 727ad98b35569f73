"""Which checks are made, and in which order."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from alternate_contacts.preflight import bucket as buckets
from alternate_contacts.preflight import execution_role, organization, pipeline, trail
from alternate_contacts.preflight.execution_role import Role
from alternate_contacts.preflight.finding import Finding, State, not_looked_at, unknown
from alternate_contacts.preflight.pipeline import LandingZone
from alternate_contacts.preflight.policy import Policy
from alternate_contacts.preflight.trail import Trail
from alternate_contacts.trouble import in_plain_words
from backfill.preflight import Subject, region_of_events

Found = TypeVar("Found")

CONTROL_TOWERS_TRAIL = "aws-controltower-BaselineCloudTrail"
"""https://docs.aws.amazon.com/controltower/latest/userguide/shared-account-resources.html"""


class Surroundings(Protocol):
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
class Wanted:
    """What the operator asked for; None leaves it to what is found."""

    bucket: str | None = None
    home_region: str | None = None
    control_tower: bool | None = None


@dataclass(frozen=True)
class Examination:
    """``pipeline``: whether what CfCT needs was looked at; ``home_region``: of Control Tower, as far as is known."""

    findings: Sequence[Finding]
    home_region: str | None = None
    pipeline: bool = False
    remark: str = ""


def examine(subject: Subject, surroundings: Surroundings, wanted: Wanted) -> Examination:
    """Make all checks that can tell something here."""
    findings = list(organization.check(subject, _look))
    if any(each.check == organization.MANAGEMENT_ACCOUNT and each.state is State.MISSING for each in findings):
        return Examination(findings, remark="The rest was not looked at: it is in the management account.")
    region = region_of_events(subject.region)
    findings.append(_look(trail.NAME, lambda: trail.check(surroundings.trails(), region)))
    home, remark = _home(surroundings, wanted, region)
    if home:
        findings += _pipeline(surroundings, home, account_id=subject.account_id, main_region=region)
    if wanted.bucket:
        findings += _bucket(surroundings, wanted.bucket, region, read_by_cfct=home is not None)
    return Examination(findings, home.home_region if home else None, home is not None, remark)


def _home(surroundings: Surroundings, wanted: Wanted, region: str) -> tuple[LandingZone | None, str]:
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


def _pipeline(surroundings: Surroundings, home: LandingZone, *, account_id: str, main_region: str) -> Iterator[Finding]:
    region = home.home_region
    yield _look(pipeline.NAME, lambda: pipeline.check(surroundings.cfct_version(region), region))
    baseline = _quietly(lambda: surroundings.has_stack_set(pipeline.BASELINE, region))
    yield pipeline.check_landing_zone(home, baseline=baseline, main_region=main_region)

    def trust() -> Finding:
        role = surroundings.role(execution_role.NAME)
        return execution_role.check_trust(role, partition=surroundings.partition, account_id=account_id)

    def permissions(role: Role) -> Finding:
        return execution_role.check_permissions(role, surroundings.refused(role.arn, execution_role.DEPLOYING))

    yield _look(execution_role.NAME, trust)
    yield _with_role(surroundings, execution_role.PERMISSIONS, permissions)


def _bucket(surroundings: Surroundings, bucket: str, region: str, *, read_by_cfct: bool) -> Iterator[Finding]:
    def where() -> Finding:
        return buckets.check_region(bucket, surroundings.bucket_region(bucket), region)

    def reading(role: Role) -> Finding:
        code = f"arn:{role.partition}:s3:::{bucket}/*"
        refused = surroundings.refused(role.arn, [buckets.READ], code)
        return buckets.check_reading(bucket, role, refused=refused, policy=surroundings.bucket_policy(bucket))

    found = _look(buckets.REGION, where)
    yield found
    if read_by_cfct and found.state is State.MISSING:
        yield not_looked_at(buckets.READING, buckets.REGION)
    elif read_by_cfct:
        yield _with_role(surroundings, buckets.READING, reading)


def _with_role(surroundings: Surroundings, check: str, function: Callable[[Role], Finding]) -> Finding:
    def look() -> Finding:
        role = surroundings.role(execution_role.NAME)
        return function(role) if role else not_looked_at(check, execution_role.NAME)

    return _look(check, look)


def _look(check: str, function: Callable[[], Finding]) -> Finding:
    """The finding, or that AWS did not let us look, and why."""
    try:
        return function()
    except (ClientError, BotoCoreError) as error:
        return unknown(check, str(in_plain_words(error)))


def _quietly(function: Callable[[], Found]) -> Found | None:
    """What was found; None where AWS did not let us look, which the checks themselves tell."""
    try:
        return function()
    except (ClientError, BotoCoreError):
        return None
