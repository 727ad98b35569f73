"""What would make every account fail, looked at before anything is sent; each with a sentence that says what to do."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Event
from typing import Protocol

from alternate_contacts.backfill.errors import BackfillError
from alternate_contacts.backfill.protocol import SERVICE_PRINCIPAL

ENABLE_TRUSTED_ACCESS = f"aws organizations enable-aws-service-access --service-principal {SERVICE_PRINCIPAL}"

MEMBERS_TRIED = 5
"""One member may be refused for reasons of its own, such as having been created a moment ago; not five."""
_PAUSES = (0.5, 1, 2, 4, 8, 15, 15, 15, 15, 15)
"""Seconds, 90.5 in all. IAM and trusted access are eventually consistent: for a minute, good calls are refused."""


@dataclass(frozen=True)
class OrganizationDescription:
    """The organization as DescribeOrganization tells of it."""

    management_account_id: str
    feature_set: str


class OrganizationView(Protocol):
    """What the checks look at; a call that AWS refuses raises botocore's errors, but for :meth:`read`."""

    region: str
    account_id: str

    def organization(self) -> OrganizationDescription | None:
        """None where the account is in no organization."""

    def trusted_access(self) -> bool: ...

    def enable_trusted_access(self) -> None: ...

    def active_members(self) -> Iterator[str]:
        """The ids of active accounts other than our own."""

    def read(self, account_id: str | None) -> str | None:
        """Read a contact of an account, None: our own; the error code of a call that did not go through."""


@dataclass(frozen=True)
class PreflightCheck:
    """One condition. ``obstacle`` returns None where it is met, or else the sentence to show.

    ``settles``: right after deployment or a change of trusted access it may fail for a minute although all is well.
    """

    name: str
    obstacle: Callable[[OrganizationView], str | None]
    settles: bool = False


def region_of_events(region: str) -> str:
    """The one region of the partition of ``region`` where the events of AWS Organizations exist.

    https://docs.aws.amazon.com/organizations/latest/userguide/orgs_cloudtrail-integration.html
    """
    return "cn-northwest-1" if region.startswith("cn-") else "us-east-1"


def _region(subject: OrganizationView) -> str | None:
    home = region_of_events(subject.region)
    if subject.region == home:
        return None
    return f"The events of AWS Organizations exist only in {home}, and this is {subject.region}: deploy in {home}."


def _management_account(subject: OrganizationView) -> str | None:
    organization = subject.organization()
    if organization is None:
        return (
            f"Account {subject.account_id} is in no organization: deploy in the management account of your "
            "organization, or create one first with aws organizations create-organization --feature-set ALL."
        )
    if organization.management_account_id == subject.account_id:
        return None
    return (
        f"This is account {subject.account_id}, and the management account of the organization is "
        f"{organization.management_account_id}: deploy there."
    )


def _all_features(subject: OrganizationView) -> str | None:
    organization = subject.organization()
    if organization is not None and organization.feature_set == "ALL":
        return None
    return (
        "The organization has only consolidated billing, and alternate contacts of members need all features: "
        "enable them with aws organizations enable-all-features, and let the members agree."
    )


def _trusted_access(subject: OrganizationView) -> str | None:
    if subject.trusted_access():
        return None
    return f"Trusted access of {SERVICE_PRINCIPAL} is off: enable it with {ENABLE_TRUSTED_ACCESS}."


def _a_real_read(subject: OrganizationView) -> str | None:
    code = refused = "none"
    # An organization may have no member yet: then our own contact tells as much as can be known.
    members: list[str | None] = list(itertools.islice(subject.active_members(), MEMBERS_TRIED))
    for account_id in members or [None]:
        told = subject.read(account_id)
        if told is None:
            return None
        code, refused = told, f"{told} for {account_id or 'the management account'}"
    if code.startswith("AccessDenied"):
        remedy = "look for a permissions boundary or a policy that keeps the caller from account:GetAlternateContact."
    else:
        remedy = "AWS has trouble, or cannot be reached from here: try again."
    return f"GetAlternateContact does not go through ({refused}): {remedy}"


TRUSTED_ACCESS = PreflightCheck("trusted access", _trusted_access)
CHECKS = (
    PreflightCheck("region", _region),
    PreflightCheck("management account", _management_account),
    PreflightCheck("all features", _all_features),
    TRUSTED_ACCESS,
    PreflightCheck("a contact can be read", _a_real_read, settles=True),
)


def preflight(
    subject: OrganizationView,
    *,
    may_change: bool,
    stop: Event,
    refusal: Callable[[Exception], str | None] = lambda _: None,
) -> None:
    """Go through all checks; enable trusted access where it is off, if we ``may_change`` it.

    A new role, too, is refused at first, whatever it calls: ``refusal`` tells such an error from others, by a sentence.
    All checks together wait no longer than their pauses.

    Raises:
        BackfillError: a check is not met, or ``stop`` was set; nothing but trusted access was changed.
    """
    pauses = iter(_PAUSES)
    for check in CHECKS:
        settles = check.settles
        while True:
            if stop.is_set():
                raise BackfillError("Time ran out before everything was checked.")
            try:
                sentence = check.obstacle(subject)
                if sentence and check is TRUSTED_ACCESS and may_change:
                    subject.enable_trusted_access()
                    sentence = None
            except Exception as error:
                told = refusal(error)
                if told is None:
                    raise
                sentence, settles = told, True
            if sentence is None:
                break
            pause = next(pauses, None) if settles else None
            if pause is None or stop.wait(pause):
                raise BackfillError(sentence)
