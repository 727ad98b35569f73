"""What is shipped works in the partitions of AWS and of China: no ARN, principal or endpoint of one of them only."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from cfnlint.decode.cfn_yaml import load

from tests.template.conftest import ROOT
from tools.check_language import tracked_files

SHIPPED = ("src/", "custom-resources/", "cli/", "control_tower/", "template.yaml", "terraform/")
TEMPLATES = ("template.yaml", "control_tower/home_region.yaml")
PARTITIONAL_PRINCIPALS = {"codedeploy", "elasticmapreduce", "logs", "states"}
"""Services whose principal in China has another ending, or the region in it. The others have the same everywhere.

https://github.com/aws/aws-cdk/blob/main/packages/aws-cdk-lib/region-info/lib/default.ts
"""


def lines() -> Iterator[tuple[str, str]]:
    """Yield the place and the text of each line of the shipped files."""
    for name in tracked_files(ROOT):
        if name.startswith(SHIPPED) and not name.endswith((".md", ".txt")):
            for number, line in enumerate((ROOT / name).read_text(encoding="utf-8").splitlines(), 1):
                yield f"{name}:{number}", line


@pytest.mark.parametrize(
    "pattern",
    [
        r"arn:aws:",  # ${AWS::Partition}, or the partition of an ARN that AWS returned
        r"https?://[^/\s\"']*amazonaws\.com",  # botocore knows the endpoints
        r"console\.aws\.amazon\.com",  # in China it is console.amazonaws.cn
    ],
)
def test_no_line_is_of_one_partition(pattern: str) -> None:
    every = list(lines())
    assert len(every) > 5000
    assert [place for place, line in every if re.search(pattern, line)] == []


def principals(value: Any) -> Iterator[str]:
    """Yield the service principals in a part of a template."""
    if isinstance(value, list):
        for each in value:
            yield from principals(each)
    elif isinstance(value, dict):
        principal = value.get("Principal")
        services = principal.get("Service", []) if isinstance(principal, dict) else []
        yield from [services] if isinstance(services, str) else services
        for each in value.values():
            yield from principals(each)


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_service_principal_is_valid_in_china(name: str) -> None:
    found = set(principals(load(str(ROOT / name))["Resources"]))
    assert found
    for principal in found:
        service, _, ending = principal.partition(".")
        assert (ending, service in PARTITIONAL_PRINCIPALS) == ("amazonaws.com", False)


def test_the_stack_is_deployed_in_the_region_of_organizations_of_each_partition(template: dict[str, Any]) -> None:
    [assertion] = template["Rules"]["RegionOfOrganizations"]["Assertions"]
    regions = {each["Fn::Equals"][1] for each in assertion["Assert"]["Fn::Or"]}
    assert regions == {"us-east-1", "cn-northwest-1"}
