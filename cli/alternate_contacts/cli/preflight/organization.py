"""The checks of the backfill, which makes them again itself: `alternate_contacts.backfill.preflight`."""

from collections.abc import Callable, Iterator
from functools import partial

from alternate_contacts.backfill.error_codes import ACCESS_DENIED
from alternate_contacts.backfill.preflight import (
    CHECKS,
    ENABLE_TRUSTED_ACCESS,
    TRUSTED_ACCESS,
    OrganizationView,
    PreflightCheck,
)
from alternate_contacts.cli.preflight.finding import CheckResult, CheckState, missing, not_looked_at, ok, unknown

Look = Callable[[str, Callable[[], CheckResult]], CheckResult]
"""Makes a look that AWS refuses a finding of its own: nobody could look."""

MANAGEMENT_ACCOUNT = "management account"
REGION = "region"
READ = "a contact can be read"


def check(subject: OrganizationView, look: Look) -> Iterator[CheckResult]:
    """All of them. One that is missing makes those after it meaningless, but for the region."""
    stops = ""
    for each in CHECKS:
        if stops:
            yield not_looked_at(each.name, stops)
            continue
        finding = look(each.name, partial(_one, each, subject))
        if finding.state is CheckState.MISSING and each.name != REGION:
            stops = each.name
        yield finding


def _one(check: PreflightCheck, subject: OrganizationView) -> CheckResult:
    failure = check.run(subject)
    if failure is None:
        return ok(check.name)
    if check.name == READ and subject.get_contact_error(None) in ACCESS_DENIED:
        # No policy of the organization binds the management account: these very credentials may not read.
        return unknown(
            check.name,
            "These credentials may not account:GetAlternateContact, so they cannot try what the package will do.",
        )
    if check is TRUSTED_ACCESS:
        told = f"{failure.message} A deployment whose Mode is enforce does that itself."
        return missing(check.name, told, ENABLE_TRUSTED_ACCESS)
    return missing(check.name, failure.message)
