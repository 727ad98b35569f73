"""The Terraform module passes the parameters of the template, and is valid where terraform is installed."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.template.conftest import ROOT

MODULE = ROOT / "terraform"
MAIN, VARIABLES = ((MODULE / name).read_text() for name in ("main.tf", "variables.tf"))
EXAMPLE = (MODULE / "example" / "main.tf").read_text()
README = (MODULE / "README.md").read_text()


def test_the_module_passes_every_parameter_of_a_contact(template: dict[str, Any]) -> None:
    suffixes = re.findall(r'"\$\{prefix\}(\w+)" += contact\.(\w+)', MAIN)
    prefixes = dict(re.findall(r"(\w+) = var\.(billing|operations|security)\b", MAIN))
    assert {name.lower(): name for name in prefixes} == {value: key for key, value in prefixes.items()}
    passed = {f"{prefix}{suffix}" for prefix in prefixes for suffix, _ in suffixes}
    assert passed == {name for name in template["Parameters"] if name.startswith(tuple(prefixes))}
    for _, attribute in suffixes:
        assert VARIABLES.count(f"    {attribute} ") == len(prefixes)


def test_the_timeouts_are_longer_than_two_backfills(template: dict[str, Any]) -> None:
    """An update may run one, and its rollback another."""
    seconds = int(template["Resources"]["Backfill"]["Properties"]["ServiceTimeout"])
    timeouts = [int(minutes) for minutes in re.findall(r'(?:create|update) = "(\d+)m"', MAIN)]
    assert len(timeouts) == 2
    assert min(timeouts) * 60 > 2 * seconds
    assert f"take {seconds // 60} minutes" in MAIN


def test_a_plan_shows_no_contact() -> None:
    for name in ("billing", "operations", "security"):
        assert re.search(rf'variable "{name}" {{\n[^}}]*?sensitive +=? ?true', VARIABLES)


def test_options_and_outputs_in_the_example_exist(template: dict[str, Any]) -> None:
    [block] = re.findall(r"options = {(.*?)}", EXAMPLE, re.DOTALL)
    options = re.findall(r"^ +(\w+) +=", block, re.MULTILINE)
    outputs = re.findall(r'outputs\["(\w+)"\]', EXAMPLE)
    assert options
    assert outputs
    assert {*options} <= template["Parameters"].keys()
    assert {*outputs} <= template["Outputs"].keys()


def test_the_contacts_in_the_example_differ() -> None:
    for field in ("name", "email_address", "phone_number"):
        values = re.findall(rf'{field} += "(.*)"', EXAMPLE)
        assert len(values) == len(set(values)) == 3


def test_the_module_is_formatted() -> None:
    terraform = shutil.which("terraform")
    if terraform is None:
        pytest.skip("terraform is not installed here")
    process = subprocess.run(  # noqa: S603
        [terraform, "fmt", "-check", "-diff", "-recursive", str(MODULE)], capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stdout + process.stderr


def test_the_module_is_valid(tmp_path: Path) -> None:
    """`terraform init` needs the provider, from a mirror on this machine or from a registry."""
    terraform = shutil.which("terraform")
    if terraform is None:
        pytest.skip("terraform is not installed here")
    module = shutil.copytree(MODULE, tmp_path / "terraform")
    (module / "example" / "packaged.yaml").touch()

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [terraform, f"-chdir={module / 'example'}", *arguments, "-no-color"]
        return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603

    if run("init", "-backend=false").returncode:
        pytest.skip("terraform cannot install the provider here")
    validated = run("validate")
    assert validated.returncode == 0, validated.stderr
