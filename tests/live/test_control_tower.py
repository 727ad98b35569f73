"""Control Tower: what CfCT needs on each landing zone."""

import pytest
from botocore.exceptions import ClientError

from tests.live.aws import Aws, skip

STACK_SET = "AWSControlTowerBP-BASELINE-CONFIG"


@pytest.mark.fact(
    "Landing zone 4.0 has no StackSet AWSControlTowerBP-BASELINE-CONFIG, which CfCT 2.8.4 lists before it runs any.",
    otherwise="CfCT works on landing zone 4.0 too: docs/control-tower.md.",
)
@pytest.mark.aws_only("it has no Control Tower")
def test_landing_zone_4_has_no_baseline_stack_set(aws: Aws) -> None:
    home = aws.session.region_name or aws.region
    zones = aws.client("controltower", home).list_landing_zones()["landingZones"]
    if not zones:
        skip(f"no landing zone in {home}: set AWS_REGION to the home region")
    zone = aws.client("controltower", home).get_landing_zone(landingZoneIdentifier=zones[0]["arn"])["landingZone"]
    if not zone["version"].startswith("4."):
        skip(f"the landing zone has version {zone['version']}")
    with pytest.raises(ClientError) as raised:
        aws.client("cloudformation", home).describe_stack_set(StackSetName=STACK_SET)
    assert raised.value.response["Error"]["Code"] == "StackSetNotFoundException"
