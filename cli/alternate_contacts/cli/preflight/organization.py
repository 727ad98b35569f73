"""The checks that the backfill runs too: `alternate_contacts.backfill.preflight`."""

from collections.abc import Iterator
from functools import partial

from alternate_contacts.backfill.preflight import (
    CHECKS,
    ENABLE_TRUSTED_ACCESS,
    TRUSTED_ACCESS,
    OrganizationView,
    PreflightCheck,
)
from alternate_contacts.cli.preflight.result import (
    CheckResult,
    CheckState,
    missing,
    not_checked,
    ok,
    run_check,
    unknown,
)
from alternate_contacts.worker.error_codes import ACCESS_DENIED

MANAGEMENT_ACCOUNT = "management account"
REGION = "region"
READ = "a contact can be read"


def run_checks(view: OrganizationView) -> Iterator[CheckResult]:
    """Run all checks. After a missing one the others are meaningless, except after the region."""
    failed = ""
    for check in CHECKS:
        if failed:
            yield not_checked(check.name, failed)
            continue
        result = run_check(check.name, partial(_run, check, view))
        if result.state is CheckState.MISSING and check.name != REGION:
            failed = check.name
        yield result


def _run(check: PreflightCheck, view: OrganizationView) -> CheckResult:
    failure = check.run(view)
    if failure is None:
        return ok(check.name)
    if check.name == READ and view.get_contact_error(None) in ACCESS_DENIED:
        # No policy of the organization limits the management account, so these credentials lack the permission.
        return unknown(
            check.name,
            "These credentials need the permission account:GetAlternateContact to try what the package does.",
        )
    if check is TRUSTED_ACCESS:
        return missing(
            check.name, f"{failure.message} A deployment with Mode enforce enables it.", ENABLE_TRUSTED_ACCESS
        )
    return missing(check.name, failure.message)
