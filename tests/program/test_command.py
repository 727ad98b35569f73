"""The command in a process of its own. tests/unit/cli/test_program.py starts it in many more situations, faster."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.fakes.ended import CLOSED, Ended, check_encoded, has_state_file, one_line

ROOT = Path(__file__).parents[2]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The environment of the command, without the AWS configuration of this machine."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("cli", "src", "custom-resources", ".")),
        "HOME": str(tmp_path),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }


def shell(command: str, environment: dict[str, str], **changes: str) -> Ended:
    """Run a line of bash in which ``$program`` is the command against AWS in memory."""
    ended = subprocess.run(  # noqa: S603
        ["bash", "-c", f"set -o pipefail; {command}"],  # noqa: S607
        cwd=ROOT,
        env=environment | {"program": f"{sys.executable} -m tests.fakes.program"} | changes,
        capture_output=True,
        timeout=60,
        check=False,
        start_new_session=True,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def test_without_utf8_it_replaces_what_it_cannot_encode_and_has_the_exit_code(
    environment: dict[str, str], tmp_path: Path
) -> None:
    variables = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    line = f"$program audit --rate 10 --csv {tmp_path}/a.csv --html {tmp_path}/a.html | cat"
    check_encoded(shell(line, environment, **variables), tmp_path)


def test_without_standard_input_nothing_is_confirmed(environment: dict[str, str]) -> None:
    assert "no terminal to confirm on" in one_line(shell("$program replay <&- >/dev/null", environment))


def test_a_full_device_is_one_line_with_2(environment: dict[str, str]) -> None:
    assert "No space left on device" in one_line(shell("$program status > /dev/full", environment))


def test_without_standard_output_an_audit_is_one_line_with_2_and_leaves_no_state_file(
    environment: dict[str, str], tmp_path: Path
) -> None:
    assert "cannot be written" in one_line(shell("$program audit --rate 10 >&-", environment))
    assert not has_state_file(tmp_path)


def test_without_standard_error_the_exit_code_stays(environment: dict[str, str]) -> None:
    assert shell("$program failures --nothing 2>&-", environment).returncode == 2


def test_a_closed_pipe_is_silent(environment: dict[str, str]) -> None:
    ended = shell("$program status | true", environment)
    assert (ended.returncode, ended.stderr) == (CLOSED, b"")


def test_a_pipe_that_closes_is_silent_and_a_finished_audit_leaves_no_state_file(
    environment: dict[str, str], tmp_path: Path
) -> None:
    # head reads what was written in one piece.
    ended = shell("$program audit --rate 10 | head -1", environment)
    assert ended.returncode in (1, CLOSED)
    assert ended.stderr == b""
    assert not has_state_file(tmp_path)


@pytest.mark.parametrize("moment", ["at once", "after 0.2 s", "after the first output"])
def test_ctrl_c_ends_it_at_any_moment_with_130(environment: dict[str, str], moment: str) -> None:
    program = [sys.executable, "-m", "tests.fakes.program", "status", "--watch"]
    running = subprocess.Popen(  # noqa: S603
        program, cwd=ROOT, env=environment | {"WAITING": "yes"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert running.stderr is not None
    assert running.stdout is not None
    # From the import of the command on. Before, Python itself ends with a traceback.
    assert running.stderr.readline() == b"loading\n"
    if moment == "after 0.2 s":
        time.sleep(0.2)
    elif moment == "after the first output":
        assert running.stdout.readline()
    running.send_signal(signal.SIGINT)
    _, error = running.communicate(timeout=30)
    assert b"Traceback" not in error
    # Before Python has started, the signal itself ends the process, which a shell shows as 130 too.
    assert running.returncode in (130, -signal.SIGINT)
