"""The options of make, outputs, parameters and roles in docs/control-tower.md exist."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from cfnlint.decode.cfn_yaml import load

from alternate_contacts.cli.preflight.execution_role import TRUSTED_PATHS
from control_tower.manifest import Manifest
from control_tower.violations import look_ups
from tests.template.cfct.samples import filled, with_values

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "control-tower.md").read_text()
SCRIPTS = "\n".join(re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))


@pytest.fixture(scope="session")
def home() -> dict[str, Any]:
    loaded: dict[str, Any] = load(str(ROOT / "control_tower" / "home_region.yaml"))
    return loaded


def dry_run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Let make print what it would run."""
    return subprocess.run(  # noqa: S603
        ["make", "--dry-run", *arguments],  # noqa: S607
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("line", [line for line in SCRIPTS.splitlines() if line.startswith("make ")])
def test_make_has_the_target_and_uses_the_variables(line: str) -> None:
    _, target, *variables = line.split()
    process = dry_run(target, *variables)
    assert process.returncode == 0, process.stderr
    assert all(f'"{variable.partition("=")[2]}"' in process.stdout for variable in variables)


@pytest.mark.parametrize("name", ["BUCKET", "BUNDLE", "MANIFEST", "MERGE"])
def test_make_takes_no_option_from_the_environment(name: str) -> None:
    process = dry_run("package", **{name: "value"})
    assert process.returncode != 0
    assert f"{name} is set in the environment" in process.stderr
    assert "value" not in process.stdout
    assert f'--{name.lower()} "other"' in dry_run("package", f"{name}=other", **{name: "value"}).stdout


def test_make_does_not_pass_an_exported_home_region() -> None:
    assert "--home-region" not in dry_run("package", HOME_REGION="eu-west-1").stdout
    assert '--home-region "eu-west-1"' in dry_run("package", "HOME_REGION=eu-west-1").stdout


def test_the_outputs_on_the_page_exist(template: dict[str, Any], home: dict[str, Any]) -> None:
    named = set(re.findall(r"output\s+`(\w+)`", PAGE))
    assert named == {"BackfillSummary", "WorkerLogGroupName", "AlarmTopicArn", "ForwardingFailedQueueUrl"}
    assert named <= template["Outputs"].keys() | home["Outputs"].keys()


def test_the_look_up_on_the_page_is_one_that_the_package_accepts() -> None:
    [pair] = yaml.safe_load("\n".join(re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)))
    text = with_values(filled(), {pair["parameter_key"]: f'"{pair["parameter_value"]}"'})
    [(_, _, name)] = look_ups(Manifest.parse(text))
    assert f"--name {name} " in SCRIPTS


def test_the_page_names_the_roles_that_the_preflight_asks_for() -> None:
    section = PAGE.partition("#### The role that CfCT deploys with")[2].partition("\n### ")[0]
    assert re.findall(r"^- `([\w/-]+)`", section, re.MULTILINE) == list(TRUSTED_PATHS)


def test_the_policy_of_the_trails_bucket_is_json_for_cloudtrail() -> None:
    [block] = re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    statements = json.loads(block)["Statement"]
    assert [statement["Action"] for statement in statements] == ["s3:GetBucketAcl", "s3:PutObject"]
    assert all(statement["Principal"] == {"Service": "cloudtrail.amazonaws.com"} for statement in statements)


def test_the_alarm_points_to_a_heading_of_this_page(home: dict[str, Any]) -> None:
    description = home["Resources"]["ForwardingFailedAlarm"]["Properties"]["AlarmDescription"]
    [heading] = re.findall(r'docs/control-tower\.md, "(.*?)"', description)
    assert f"\n### {heading}\n" in PAGE
