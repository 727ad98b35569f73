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
from emulation.settings import MANAGEMENT_ACCOUNT, ROOT
from emulation.waiting import eventually

SAM = ROOT / ".venv" / "sam" / "bin" / "sam"
DEFAULT = ""
"""The answer of the Return key."""


@pytest.fixture
def clone(build: Path, tmp_path: Path) -> Path:
    """A git repository with the files that a user's clone has, and the result of `sam build`."""
    git = shutil.which("git")
    if git is None:
        pytest.skip("git is not installed")
    for name in (".gitignore", "template.yaml", "manifest.yaml", "samconfig.toml"):
        shutil.copy(ROOT / name, tmp_path)
    run([git, "init", "--quiet"], tmp_path)
    run([git, "add", "--all"], tmp_path)
    shutil.copytree(build / "build", tmp_path / ".aws-sam" / "build", symlinks=True)
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


def test_the_answers_are_saved_for_the_next_deployment_and_ignored_by_git(emulation: Emulation, clone: Path) -> None:
    desired = deploy.parameters()
    answers = [desired.get(name, DEFAULT) for name in Template.read(ROOT / "template.yaml").content["Parameters"]]
    before = files_for_git(clone)
    environment = {**emulation.environment, "SAM_CLI_TELEMETRY": "0"}

    # SAM does not create a configuration file that is named.
    shutil.copy(clone / "samconfig.toml", clone / "samconfig.local.toml")
    configuration = ["--config-file", "samconfig.local.toml"]
    stack = ["--stack-name", "alternate-contacts", "--region", "us-east-1"]
    guided = [str(SAM), "deploy", "--guided", *configuration, *stack]
    confirm_changes, the_rest = "n", [DEFAULT] * 5
    stdin = "\n".join([DEFAULT, DEFAULT, *answers, confirm_changes, *the_rest, ""])
    run(guided, clone, stdin=stdin, environment=environment)

    eventually(lambda: MANAGEMENT_ACCOUNT in emulation.contacts(), within=30)
    assert desired["BillingEmailAddress"] in (clone / "samconfig.local.toml").read_text()
    assert files_for_git(clone) == before

    # The next deployment needs no parameters, and the README has the command of the deletion.
    run([str(SAM), "deploy", *configuration], clone, environment=environment)
    [delete] = re.findall(r"^ *sam (delete .*)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    run([str(SAM), *delete.split()], clone, stdin="y\ny\n", environment=environment)
    assert emulation.client("lambda").list_functions()["Functions"] == []


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
