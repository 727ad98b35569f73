"""Checks of what every account depends on. The backfill runs them before it sends a message.

The command ``preflight`` runs the same checks before a deployment, so each message has to make sense in both places.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Protocol

from alternate_contacts.backfill.error_codes import ACCESS_DENIED
from alternate_contacts.backfill.errors import BackfillError, PreflightFailure
from alternate_contacts.backfill.protocol import SERVICE_PRINCIPAL

ENABLE_TRUSTED_ACCESS = f"aws organizations enable-aws-service-access --service-principal {SERVICE_PRINCIPAL}"

MEMBERS_TRIED = 5
"""A single member account may deny access for its own reason: it was created a moment ago, for example."""
_PAUSES = (0.5, 1, 2, 4, 8, 15, 15, 15, 15, 15)
"""Seconds, 90.5 in all. IAM and trusted access are eventually consistent: a new role is denied access for a minute."""


@dataclass(frozen=True)
class OrganizationDescription:
    """The organization as DescribeOrganization returns it."""

    management_account_id: str
    feature_set: str
    organization_id: str


class OrganizationView(Protocol):
    """What the checks read. All methods but `get_contact_error` raise botocore's errors.

    ``region`` and ``account_id`` are those of the caller.
    """

    region: str
    account_id: str

    def describe_organization(self) -> OrganizationDescription | None:
        """Return None if the account is not in an organization."""

    def has_trusted_access(self) -> bool: ...

    def enable_trusted_access(self) -> None: ...

    def list_active_members(self) -> Iterator[str]:
        """Yield the IDs of the active accounts without the caller's own."""

    def get_contact_error(self, account_id: str | None) -> str | None:
        """Call GetAlternateContact for an account, None: the caller's own; return the error code, or None."""


@dataclass(frozen=True)
class PreflightCheck:
    """One check. ``run`` returns None if the check passes."""

    name: str
    run: Callable[[OrganizationView], PreflightFailure | None]


def region_of_events(region: str) -> str:
    """Return the region to which AWS Organizations sends its events, in the partition of ``region``.

    https://docs.aws.amazon.com/organizations/latest/userguide/orgs_cloudtrail-integration.html
    """
    return "cn-northwest-1" if region.startswith("cn-") else "us-east-1"


def _check_region(view: OrganizationView) -> PreflightFailure | None:
    home = region_of_events(view.region)
    if view.region == home:
        return None
    return PreflightFailure(f"AWS Organizations sends no events to the region {view.region}. Deploy in {home}.")


def _check_management_account(view: OrganizationView) -> PreflightFailure | None:
    organization = view.describe_organization()
    if organization is None:
        return PreflightFailure(
            f"DescribeOrganization failed for {view.account_id}: AWSOrganizationsNotInUseException. Deploy in the "
            "management account of your organization, or create an organization with "
            "`aws organizations create-organization --feature-set ALL`."
        )
    if organization.management_account_id == view.account_id:
        return None
    return PreflightFailure(
        f"Account {view.account_id} is not the management account of its organization. "
        f"Deploy in the management account, {organization.management_account_id}."
    )


def _check_all_features(view: OrganizationView) -> PreflightFailure | None:
    organization = view.describe_organization()
    feature_set = organization.feature_set if organization else "none"
    if feature_set == "ALL":
        return None
    return PreflightFailure(
        f"The organization has the feature set {feature_set}, and alternate contacts of member accounts need ALL. "
        "Enable all features with `aws organizations enable-all-features`; each invited member account has to accept."
    )


def _check_trusted_access(view: OrganizationView) -> PreflightFailure | None:
    if view.has_trusted_access():
        return None
    return PreflightFailure(f"Trusted access is off for {SERVICE_PRINCIPAL}. Enable it with `{ENABLE_TRUSTED_ACCESS}`.")


def _check_contact_is_readable(view: OrganizationView) -> PreflightFailure | None:
    """Pass if one of the first few members is readable. Without members, the caller's own account stands for them."""
    members: list[str | None] = [*itertools.islice(view.list_active_members(), MEMBERS_TRIED)]
    for account_id in members or [None]:
        code = view.get_contact_error(account_id)
        if code is None:
            return None
    account = account_id or "the management account"  # the last of those that were tried
    if code in ACCESS_DENIED:
        next_step = "Check that policies and permissions boundary of the caller allow account:GetAlternateContact."
    else:
        next_step = "Retry in a few minutes."
    return PreflightFailure(
        f"GetAlternateContact failed for {account}: {code}. {next_step}", eventually_consistent=True
    )


TRUSTED_ACCESS = PreflightCheck("trusted access", _check_trusted_access)
CHECKS = (
    PreflightCheck("region", _check_region),
    PreflightCheck("management account", _check_management_account),
    PreflightCheck("all features", _check_all_features),
    TRUSTED_ACCESS,
    PreflightCheck("a contact can be read", _check_contact_is_readable),
)


def ensure_ready(
    view: OrganizationView,
    *,
    more_checks: Sequence[PreflightCheck] = (),
    may_enable_trusted_access: bool,
    stop: Event,
    describe_aws_error: Callable[[Exception], PreflightFailure | None],
) -> None:
    """Run all checks, then ``more_checks``; enable trusted access if it is off. Change nothing else.

    A failure that is eventually consistent is retried; all checks together pause no longer than `_PAUSES`.
    ``describe_aws_error`` returns None for an error that AWS did not cause.

    Raises:
        BackfillError: a check failed, or ``stop`` is set.
    """
    pauses = iter(_PAUSES)
    for check in (*CHECKS, *more_checks):
        while failure := _run_check(check, view, may_enable_trusted_access, stop, describe_aws_error):
            pause = next(pauses, None) if failure.eventually_consistent else None
            if pause is None or stop.wait(pause):
                raise BackfillError(failure.message)


def _run_check(
    check: PreflightCheck,
    view: OrganizationView,
    may_enable_trusted_access: bool,
    stop: Event,
    describe_aws_error: Callable[[Exception], PreflightFailure | None],
) -> PreflightFailure | None:
    if stop.is_set():
        raise BackfillError("The backfill ran out of time in its checks. Retry.")
    try:
        failure = check.run(view)
        if failure and check is TRUSTED_ACCESS and may_enable_trusted_access:
            view.enable_trusted_access()
            return None
    except Exception as error:
        failure = describe_aws_error(error)
        if failure is None:
            raise
    return failure
