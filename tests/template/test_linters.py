"""cfn-lint has no finding in the templates, and each check that a scanner skips has its reason."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from control_tower.configuration import FORWARDER_TEMPLATE, TEMPLATE
from control_tower.template import Template
from tests.template.conftest import ROOT

TEMPLATES = (TEMPLATE, FORWARDER_TEMPLATE)


def test_cfn_lint_has_no_finding() -> None:
    """In the regions of the main template, and in a home region of Control Tower in each partition."""
    regions = ["us-east-1", "cn-northwest-1", "eu-west-1", "cn-north-1"]
    process = subprocess.run(  # noqa: S603
        [str(Path(sys.executable).with_name("cfn-lint")), "--regions", *regions, "--", *map(str, TEMPLATES)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "PYTHONWARNINGS": "ignore"},
    )
    assert process.returncode == 0, process.stdout + process.stderr


def test_make_scan_scans_every_template() -> None:
    [recipe] = re.findall(r"^scan:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for template in TEMPLATES:
        assert recipe.count(str(template.relative_to(ROOT))) == 2  # cfn-lint and checkov


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_check_that_a_scanner_skips_stands_beside_its_resource_with_its_reason(path: Path) -> None:
    skips = [
        skip
        for resource in Template.read(path).content["Resources"].values()
        for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", [])
    ]
    assert skips
    for skip in skips:
        assert re.fullmatch(r"CKV_AWS_\d+", skip["id"])
        assert len(skip["comment"]) > 30
    assert "checkov:skip" not in path.read_text()
