"""The commands, options, outputs, parameters and links in docs/control-tower.md exist."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
from cfnlint.decode.cfn_yaml import load

from alternate_contacts.cli.main import app
from tests.fakes.aws_command import command_violations, commands

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "control-tower.md").read_text()
SCRIPTS = "\n".join(re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
[TERRAFORM] = re.findall(r"^```hcl\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
OURS = [line for line in SCRIPTS.splitlines() if line.startswith("alternate-contacts ")]


@pytest.fixture(scope="session")
def home() -> dict[str, Any]:
    loaded: dict[str, Any] = load(str(ROOT / "control_tower" / "home_region.yaml"))
    return loaded


@pytest.mark.parametrize("command", list(commands(SCRIPTS)))
def test_an_aws_command_exists_and_accepts_its_options(command: str) -> None:
    assert command_violations(command) == []


@pytest.mark.parametrize(
    ("command", "violation"),
    [
        ("aws cloudformation delete-stack-sets --stack-set-name x", "cloudformation has no delete-stack-sets"),
        ("aws cloudformation delete-stack-set --name x", "cloudformation delete-stack-set has no option --name"),
        ("aws cloudformation delete-stack-set", "cloudformation delete-stack-set needs --stack-set-name"),
        ("aws cloudfront3 list", "the service cloudfront3 does not exist"),
    ],
)
def test_a_wrong_command_is_found(command: str, violation: str) -> None:
    assert violation in command_violations(command)


def test_the_page_has_commands() -> None:
    assert len(list(commands(SCRIPTS))) >= 10
    assert len(OURS) >= 4


@pytest.mark.parametrize("line", OURS)
def test_a_command_of_ours_exists_and_accepts_its_options(line: str) -> None:
    _, verb, *options = shlex.split(line)
    group: Any = typer.main.get_command(app)
    known = {name for parameter in group.commands[verb].params for name in parameter.opts + parameter.secondary_opts}
    assert {option for option in options if option.startswith("--")} <= known


def test_the_makefile_has_the_targets_and_the_variables() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for line in SCRIPTS.splitlines():
        if line.startswith("make "):
            _, target, *variables = line.split()
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), line
            assert all(f"$({variable.partition('=')[0]})" in makefile for variable in variables), line


def test_the_terraform_example_uses_parameters_and_outputs_of_the_template(template: dict[str, Any]) -> None:
    [block] = re.findall(r"parameters = {(.*?)}", TERRAFORM, re.DOTALL)
    given = re.findall(r"^ +(\w+) += \"", block, re.MULTILINE)
    wanted = [name for name in template["Parameters"] if re.search("Name|Title|EmailAddress|PhoneNumber", name)]
    assert sorted(given) == sorted(wanted)
    for name in re.findall(r'outputs\["(\w+)"\]', TERRAFORM):
        assert name in template["Outputs"]
    timeout = template["Resources"]["Backfill"]["Properties"]["ServiceTimeout"]
    assert f"{int(timeout) // 60} minutes" in TERRAFORM


def test_the_outputs_on_the_page_exist(template: dict[str, Any], home: dict[str, Any]) -> None:
    named = set(re.findall(r"output `(\w+)`", PAGE))
    assert named == {"BackfillSummary", "WorkerLogGroupName", "AlarmTopicArn", "ForwardingFailedQueueUrl"}
    assert named <= template["Outputs"].keys() | home["Outputs"].keys()


def test_the_alarm_points_to_a_heading_of_this_page(home: dict[str, Any]) -> None:
    description = home["Resources"]["ForwardingFailedAlarm"]["Properties"]["AlarmDescription"]
    [heading] = re.findall(r'docs/control-tower\.md, "(.*?)"', description)
    assert f"\n### {heading}\n" in PAGE


def test_every_link_has_a_target() -> None:
    headings = {
        re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE)
    }
    for target in re.findall(r"\]\(([^)]+)\)", PAGE):
        if target.startswith("#"):
            assert target[1:] in headings, target
        elif not target.startswith("https://"):
            assert (ROOT / "docs" / target.partition("#")[0]).exists(), target
    for path in re.findall(r"`(tests/[\w/.]+)`", PAGE):
        assert (ROOT / path).exists(), path
