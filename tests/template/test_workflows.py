"""The workflows in .github call targets of the Makefile, and actions of a fixed commit. `make scan` runs zizmor."""

import re
from typing import Any

import pytest
import yaml

from control_tower.bundle import bundle_name
from emulation.settings import ROOT
from tools import release

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
OTHER_COMMANDS = ("gh release create ",)


def steps(workflow: Any) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return every step with its job."""
    return [(job, step) for job in workflow["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_runs_targets_of_the_makefile_only(path: Any) -> None:
    ran = set()
    for job, step in steps(yaml.safe_load(path.read_text())):
        if command := step.get("run"):
            if command.startswith(OTHER_COMMANDS):
                continue
            program, target = command.split()
            assert program == "make"
            ran |= set(job["strategy"]["matrix"]["target"]) if target == '"$TARGET"' else {target}
    assert ran
    assert ran - TARGETS == set()


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_to_a_commit_with_its_release(path: Any) -> None:
    uses = re.findall(r"uses: (.*)", path.read_text())
    assert [action for action in uses if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_no_permission_is_granted_to_the_whole_workflow(path: Any) -> None:
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {}
    assert all("permissions" in job and "timeout-minutes" in job for job in workflow["jobs"].values())


def test_the_workflow_publishes_the_files_of_make_release() -> None:
    [_, publish] = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())["jobs"].values()
    command = publish["steps"][-1]["run"]
    assert re.findall(r'release/([^" ]+)', command.replace("${TAG#v}", "1.2.3")) == [
        release.NOTES,
        f"{bundle_name('1.2.3')}.zip",
        f"{bundle_name('1.2.3')}.zip.sha256",
        "alternate_contacts-1.2.3-py3-none-any.whl",  # the name of a wheel: PEP 427
    ]


def test_the_hook_runs_what_make_check_runs() -> None:
    [repository] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    [hook] = repository["hooks"]
    assert (repository["repo"], hook["entry"]) == ("local", "make check")
