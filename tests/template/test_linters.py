"""The linters have no finding in template.yaml."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.template.conftest import ROOT


@pytest.mark.parametrize(
    "command",
    [
        [str(Path(sys.executable).with_name("cfn-lint")), "template.yaml"],
        [str(ROOT / ".venv/sam/bin/sam"), "validate", "--lint", "--region", "us-east-1"],
    ],
    ids=["cfn-lint", "sam validate --lint"],
)
def test_a_linter_has_no_finding(command: list[str]) -> None:
    process = subprocess.run(  # noqa: S603
        command,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "SAM_CLI_TELEMETRY": "0", "PYTHONWARNINGS": "ignore"},
    )
    assert process.returncode == 0, process.stdout + process.stderr
