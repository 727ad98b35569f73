"""cfn-lint and `sam validate --lint` have nothing to say."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "command",
    [
        [str(Path(sys.executable).with_name("cfn-lint")), "template.yaml"],
        [str(ROOT / ".venv/sam/bin/sam"), "validate", "--lint", "--region", "us-east-1"],
    ],
    ids=["cfn-lint", "sam validate --lint"],
)
def test_no_finding(command: list[str]) -> None:
    done = subprocess.run(  # noqa: S603
        command,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "SAM_CLI_TELEMETRY": "0", "PYTHONWARNINGS": "ignore"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
