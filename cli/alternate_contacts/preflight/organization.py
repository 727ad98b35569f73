"""The checks of the backfill, which makes them again itself: `backfill.preflight`."""

from collections.abc import Callable, Iterator
from functools import partial

from alternate_contacts.preflight.finding import Finding, State, missing, not_looked_at, ok, unknown
from backfill.preflight import CHECKS, ENABLE_TRUSTED_ACCESS, TRUSTED_ACCESS, Check, Subject

Look = Callable[[str, Callable[[], Finding]], Finding]
"""Makes a look that AWS refuses a finding of its own: nobody could look."""

MANAGEMENT_ACCOUNT = "management account"
REGION = "region"
READ = "a contact can be read"
_REFUSED = ("AccessDeniedException", "AccessDenied")


def check(subject: Subject, look: Look) -> Iterator[Finding]:
    """All of them. One that is missing makes those after it meaningless, but for the region."""
    stops = ""
    for each in CHECKS:
        if stops:
            yield not_looked_at(each.name, stops)
            continue
        finding = look(each.name, partial(_one, each, subject))
        if finding.state is State.MISSING and each.name != REGION:
            stops = each.name
        yield finding


def _one(check: Check, subject: Subject) -> Finding:
    sentence = check.obstacle(subject)
    if sentence is None:
        return ok(check.name)
    if check.name == READ and subject.read(None) in _REFUSED:
        # No policy of the organization binds the management account: these very credentials may not read.
        return unknown(
            check.name,
            "These credentials may not account:GetAlternateContact, so they cannot try what the package will do.",
        )
    if check is TRUSTED_ACCESS:
        told = f"{sentence} A deployment whose Mode is enforce does that itself."
        return missing(check.name, told, ENABLE_TRUSTED_ACCESS)
    return missing(check.name, sentence)
