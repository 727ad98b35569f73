"""CfCT, and whether it works with the landing zone.

CfCT validates account IDs with the accounts of one StackSet of Control Tower, which has a fixed name and is in the
home region. Landing zones from 4.0 on do not have it (source of CfCT 2.8.4, manifest_parser.py and template; its issue
106; aws-samples/aws-security-reference-architecture-examples, pull request 344).
"""

import re
from dataclasses import dataclass

from alternate_contacts.cli.preflight.result import CheckResult, missing, ok, unknown

NAME = "CfCT in the home region"
LANDING_ZONE = "CfCT and the landing zone"
BASELINE = "AWSControlTowerBP-BASELINE-CONFIG"
WITHOUT_BASELINE = 4
"""The first major version of landing zones without the StackSet."""
EXPORT = "Custom-Control-Tower-Version"
"""The export of the CfCT stack that holds its version."""
GUIDE = "https://docs.aws.amazon.com/controltower/latest/userguide/customize-landing-zone.html"


@dataclass(frozen=True)
class LandingZone:
    """``version``: None if it could not be read. ``guessed``: the home region is an assumption."""

    home_region: str
    version: str | None = None
    guessed: bool = False


def check_cfct(version: str | None, landing_zone: LandingZone) -> CheckResult:
    """Check that CfCT is deployed; ``version``: None if it is not in the home region."""
    home_region = landing_zone.home_region
    if version:
        return ok(NAME, f"CfCT has version {version}.")
    if landing_zone.guessed:
        return unknown(
            NAME,
            f"CfCT is not deployed in {home_region}, and the home region of Control Tower could not be determined. "
            "Name it with --home-region.",
        )
    return missing(
        NAME,
        f"CfCT is not deployed in {home_region}, the home region of Control Tower. Without CfCT its pipeline cannot "
        f"deploy the package. Deploy CfCT there ({GUIDE}), name another home region with --home-region, or deploy the "
        "package with sam deploy.",
    )


def check_landing_zone(landing_zone: LandingZone, *, baseline: bool | None, main_region: str) -> CheckResult:
    """Check that CfCT works with the landing zone; ``baseline``: whether the StackSet exists, None if unknown."""
    home_region = landing_zone.home_region
    name = f"landing zone {landing_zone.version}" if landing_zone.version else "this landing zone"
    if baseline:
        return ok(LANDING_ZONE, f"StackSet {BASELINE} exists.")
    major = _major_version(landing_zone)
    if major is None and (baseline is None or landing_zone.guessed):
        return unknown(
            LANDING_ZONE,
            f"CfCT needs StackSet {BASELINE} in the home region of Control Tower, and it could not be checked in "
            f"{home_region}. Landing zones from {WITHOUT_BASELINE}.0 on do not have it. Name another home region with "
            "--home-region.",
        )
    if baseline is None and major is not None and major < WITHOUT_BASELINE:
        return ok(LANDING_ZONE, f"CfCT works with {name}.")
    return missing(
        LANDING_ZONE,
        f"StackSet {BASELINE} does not exist in {home_region}: {name} does not have it. CfCT needs it, so the pipeline "
        "may fail. Deploy the package without CfCT.",
        "sam build",
        "cp samconfig.toml samconfig.local.toml",
        f"sam deploy --guided --config-file samconfig.local.toml --region {main_region}",
    )


def _major_version(landing_zone: LandingZone) -> int | None:
    match = re.match(r"\d+", landing_zone.version or "")
    return int(match[0]) if match else None
