"""Whether CfCT is there, and gets on with the landing zone.

CfCT validates account ids against the accounts of one StackSet of Control Tower, by a fixed name and in its own
region; landing zones from 4.0 on no longer have it (source of CfCT 2.8.4, manifest_parser.py and template; its issue
106; aws-samples/aws-security-reference-architecture-examples, pull request 344).
"""

import re
from dataclasses import dataclass

from alternate_contacts.cli.preflight.finding import CheckResult, missing, ok, unknown

NAME = "CfCT in the home region"
LANDING_ZONE = "CfCT and the landing zone"
BASELINE = "AWSControlTowerBP-BASELINE-CONFIG"
WITHOUT_BASELINE = 4
"""The first major version of landing zones without it."""
EXPORT = "Custom-Control-Tower-Version"
"""The export in which CfCT's own stack tells its version."""
GUIDE = "https://docs.aws.amazon.com/controltower/latest/userguide/customize-landing-zone.html"


@dataclass(frozen=True)
class LandingZone:
    """``version`` is None where it could not be read; ``guessed``: nobody named the home region, nothing told it."""

    home_region: str
    version: str | None = None
    guessed: bool = False


def check(version: str | None, home_region: str) -> CheckResult:
    """``version``: of CfCT in the home region, None where it is not there."""
    if version:
        return ok(NAME, f"Its version is {version}.")
    return missing(
        NAME,
        f"CfCT is not deployed in {home_region}, Control Tower's home region, where it must be: deploy it there as "
        f"{GUIDE} says, name another region with --home-region, or do without it, with sam deploy.",
    )


def check_landing_zone(landing_zone: LandingZone, *, baseline: bool | None, main_region: str) -> CheckResult:
    """``baseline``: whether the StackSet is there; None where nobody could look."""
    home_region = landing_zone.home_region
    told = f"landing zone {landing_zone.version}" if landing_zone.version else "this landing zone"
    if baseline:
        return ok(LANDING_ZONE, f"StackSet {BASELINE} is there.")
    major = _major(landing_zone)
    if major is None and (baseline is None or landing_zone.guessed):
        return unknown(
            LANDING_ZONE,
            f"Whether StackSet {BASELINE} is in Control Tower's home region could not be found out in {home_region}; "
            f"--home-region names another. From landing zone {WITHOUT_BASELINE}.0 on it is not, and CfCT may fail.",
        )
    if baseline is None and major is not None and major < WITHOUT_BASELINE:
        return ok(LANDING_ZONE, f"CfCT gets on with {told}.")
    return missing(
        LANDING_ZONE,
        f"CfCT looks for StackSet {BASELINE} in {home_region}, which {told} does not have, so its pipeline may fail: "
        "deploy without it.",
        "sam build",
        f"sam deploy --guided --region {main_region}",
    )


def _major(landing_zone: LandingZone) -> int | None:
    found = re.match(r"\d+", landing_zone.version or "")
    return int(found[0]) if found else None
