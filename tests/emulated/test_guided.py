"""`sam deploy --guided`, as docs/deploy.md describes it: no contact gets into git by accident."""

import re
import shutil
import subprocess
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from control_tower.template import Template
from emulation import deploy
from emulation.organization import Emulation
from emulation.settings import ROOT

SAM = ROOT / ".venv" / "sam" / "bin" / "sam"
DEFAULT = ""
"""The answer of the Return key."""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A git repository with the files of a user's clone. In place of its resources, the template has a topic.

    `sam` asks for the parameters, and reads a template of this size much faster. Other tests deploy the resources.
    """
    git = shutil.which("git")
    if git is None:
        pytest.skip("git is not installed")
    for name in (".gitignore", "manifest.yaml", "samconfig.toml"):
        shutil.copy(ROOT / name, tmp_path)
    parameters, _, _ = (ROOT / "template.yaml").read_text().partition("\nResources:\n")
    (tmp_path / "template.yaml").write_text(f"{parameters}\nResources:\n  Topic: {{Type: AWS::SNS::Topic}}\n")
    run([git, "init", "--quiet"], tmp_path)
    run([git, "add", "--all"], tmp_path)
    return tmp_path


def run(command: Sequence[str], folder: Path, *, stdin: str = "", environment: dict[str, str] | None = None) -> str:
    process = subprocess.run(  # noqa: S603
        command, cwd=folder, input=stdin, env=environment, capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


def files_for_git(folder: Path) -> str:
    """Return what `git add` would add or change."""
    return run(["git", "status", "--porcelain", "--untracked-files=all"], folder).replace("A ", "").strip()


def stacks(emulation: Emulation) -> dict[str, dict[str, str]]:
    """Return the parameters of each stack."""
    return {
        stack["StackName"]: {each["ParameterKey"]: each["ParameterValue"] for each in stack.get("Parameters", [])}
        for stack in emulation.client("cloudformation").describe_stacks()["Stacks"]
    }


def test_the_answers_are_saved_for_the_next_deployment_and_ignored_by_git(emulation: Emulation, clone: Path) -> None:
    desired = deploy.parameters()
    answers = [desired.get(name, DEFAULT) for name in Template.read(clone / "template.yaml").parameters]
    before = files_for_git(clone)

    def sam(*arguments: str, stdin: str = "") -> None:
        run([str(SAM), *arguments], clone, stdin=stdin, environment=emulation.environment)

    # SAM does not create a configuration file that is named.
    shutil.copy(clone / "samconfig.toml", clone / "samconfig.local.toml")
    configuration = ["--config-file", "samconfig.local.toml"]
    stack = ["--stack-name", "alternate-contacts", "--region", "us-east-1"]
    confirm_changes, the_rest = "n", [DEFAULT] * 5
    stdin = "\n".join([DEFAULT, DEFAULT, *answers, confirm_changes, *the_rest, ""])
    sam("deploy", "--guided", *configuration, *stack, stdin=stdin)

    parameters = stacks(emulation)["alternate-contacts"]
    assert desired.items() <= parameters.items()
    assert desired["BillingEmailAddress"] in (clone / "samconfig.local.toml").read_text()
    assert files_for_git(clone) == before

    # The README has the command of the deletion, and the next deployment needs no parameters.
    [delete] = re.findall(r"^ *sam (delete .*)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    sam(*delete.split(), stdin="y\ny\n")
    assert "alternate-contacts" not in stacks(emulation)
    sam("deploy", *configuration, stdin="y\n")
    assert stacks(emulation)["alternate-contacts"] == parameters


@pytest.mark.parametrize(
    "name", ["samconfig.local.toml", "manifest.local.yaml", "audit.html", "before.csv", "audit.json"]
)
def test_a_file_with_contacts_that_the_pages_name_is_ignored_by_git(clone: Path, name: str) -> None:
    before = files_for_git(clone)
    (clone / name).write_text(yaml.safe_dump({"EmailAddress": "security@acme.test"}))
    assert files_for_git(clone) == before


def test_the_tracked_configuration_holds_no_contact_of_a_user() -> None:
    """`sam deploy --guided` without --config-file would write into it."""
    configuration = tomllib.loads((ROOT / "samconfig.toml").read_text())
    assert "parameter_overrides" not in configuration["default"]["deploy"]["parameters"]
