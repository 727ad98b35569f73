"""The program as people start it: with any encoding, stream, terminal setting and AWS configuration.

Whatever happens, it ends with one line and the right exit code, never with a traceback.
"""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CLOSED = 141


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The environment of the program, without the AWS configuration of this machine."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("cli", "src", "custom-resources", ".")),
        "HOME": str(tmp_path),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
    }


def shell(command: str, environment: dict[str, str], **changes: str) -> subprocess.CompletedProcess[bytes]:
    """Run a line of bash in which ``$program`` is the command against AWS in memory, and ``$real`` without it."""
    variables = {
        "program": f"{sys.executable} -m tests.fakes.program",
        "real": f"{sys.executable} -m alternate_contacts.cli",
    }
    return subprocess.run(  # noqa: S603
        ["bash", "-c", f"set -o pipefail; {command}"],  # noqa: S607
        cwd=ROOT,
        env=environment | variables | changes,
        capture_output=True,
        timeout=60,
        check=False,
        start_new_session=True,
    )


def one_line(ended: subprocess.CompletedProcess[bytes], exit_code: int = 2) -> str:
    """Check that the program ended with one line on stderr, and return it."""
    assert ended.returncode == exit_code, ended.stderr.decode()
    text = ended.stderr.decode()
    assert text.count("\n") == 1, text
    assert "Traceback" not in text
    return text


@pytest.mark.parametrize(("variables", "exit_code"), [({"HEALTHY": "yes"}, 0), ({}, 1)])
def test_the_exit_code_is_the_answer(environment: dict[str, str], variables: dict[str, str], exit_code: int) -> None:
    for verb in ("status", "failures --json"):
        ended = shell(f"$program {verb}", environment, **variables)
        assert (ended.returncode, ended.stderr) == (exit_code, b"")
        assert ended.stdout


@pytest.mark.parametrize(
    "variables",
    [
        {"PYTHONIOENCODING": "cp1252"},
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=["cp1252", "ascii", "POSIX"],
)
def test_a_stream_replaces_what_it_cannot_encode(
    environment: dict[str, str], tmp_path: Path, variables: dict[str, str]
) -> None:
    files = f"--csv {tmp_path}/a.csv --html {tmp_path}/a.html"
    ended = shell(f"$program audit --rate 10 {files} | cat", environment, **variables)
    assert (ended.returncode, b"Traceback" in ended.stderr) == (1, False)
    assert b"\\u6771\\u4eac \\x1b[31m" in ended.stdout
    for name in ("a.csv", "a.html"):
        (tmp_path / name).read_text(encoding="utf-8")
    assert "東京" in (tmp_path / "a.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "verb", ["backfill", "replay", "replay --reason access_denied", "discard --account 111111111111"]
)
def test_without_standard_input_nothing_is_confirmed(environment: dict[str, str], verb: str) -> None:
    assert "no terminal to confirm on" in one_line(shell(f"$program {verb} <&- >/dev/null", environment))


@pytest.mark.parametrize(
    "verb", ["status", "failures --json", "audit --rate 10", "--help", "--version", "status --help"]
)
def test_a_full_device_is_one_line_with_2(environment: dict[str, str], verb: str) -> None:
    assert "No space left on device" in one_line(shell(f"$program {verb} > /dev/full", environment))


def test_a_closed_standard_output_is_one_line_with_2(environment: dict[str, str]) -> None:
    assert "cannot be written" in one_line(shell("$program status >&-", environment))


def test_without_standard_error_the_exit_code_stays(environment: dict[str, str]) -> None:
    for redirection in ("2>&-", "2>/dev/full"):
        assert shell(f"$program failures --nothing {redirection}", environment).returncode == 2


@pytest.mark.parametrize("verb", ["status", "failures --json", "audit --rate 10 --fresh", "--help", "failures --help"])
def test_a_closed_pipe_is_silent(environment: dict[str, str], verb: str) -> None:
    for encoding in ("utf-8", "ascii") if "help" not in verb else ("utf-8",):
        ended = shell(f"$program {verb} | true", environment, PYTHONIOENCODING=encoding)
        assert (ended.returncode, ended.stderr) == (CLOSED, b"")
    # head reads what was written in one piece.
    ended = shell(f"$program {verb} | head -1", environment)
    assert ended.returncode in (0, 1, CLOSED)
    assert ended.stderr == b""


def without_times(text: bytes) -> bytes:
    return re.sub(rb"[0-9]{2}:[0-9]{2}:[0-9]{2}", b"", text)


@pytest.mark.parametrize(
    "variables", [{"FORCE_COLOR": "1"}, {"TTY_COMPATIBLE": "1"}, {"COLUMNS": "40"}, {"COLUMNS": "²"}]
)
def test_a_pipe_is_no_terminal(environment: dict[str, str], variables: dict[str, str]) -> None:
    plain = shell("$program audit --rate 10", environment, NO_COLOR="1")
    ended = shell("$program audit --rate 10", environment, **variables)
    assert (ended.returncode, ended.stderr) == (1, b"")
    # Without the colors, every line is as wide as in a plain pipe.
    text = re.sub(rb"\x1b\[[0-9;]*m", b"", ended.stdout)
    assert b"\x1b" not in text
    assert without_times(text) == without_times(plain.stdout)
    assert (b"\x1b" in ended.stdout) == ("COLUMNS" not in variables)


CONFIG = """
[profile missing]
credential_process = /nonexistent/program
[profile text]
credential_process = echo hello
[profile list]
credential_process = echo []
[profile failed]
credential_process = false
[profile mfa]
role_arn = arn:aws:iam::111122223333:role/r
mfa_serial = arn:aws:iam::111122223333:mfa/m
source_profile = keys
[profile keys]
aws_access_key_id = a
aws_secret_access_key = b
[profile loop]
role_arn = arn:aws:iam::111122223333:role/r
source_profile = loop
[profile sso]
sso_session = s
sso_account_id = 111122223333
sso_role_name = r
[sso-session s]
sso_start_url = https://x.awsapps.com/start
sso_region = eu-west-1
[profile login]
login_session = arn:aws:iam::111122223333:user/u
"""


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ("missing", "FileNotFoundError (/nonexistent/program)"),
        ("text", "credential_process"),
        ("list", "credential_process"),
        ("failed", "credential_process"),
        ("mfa", "no terminal to ask on"),
        ("loop", "refers to itself"),
        ("sso", "aws sso login"),
        ("login", "aws login` with this profile|AWS Common Runtime"),
    ],
)
def test_credentials_that_cannot_be_loaded_have_a_remedy(
    environment: dict[str, str], tmp_path: Path, profile: str, expected: str
) -> None:
    (tmp_path / "config").write_text(CONFIG)
    del environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"]
    line = one_line(shell(f"$real --profile {profile} status < /dev/null", environment))
    assert re.search(expected if "|" in expected else re.escape(expected), line)


@pytest.mark.parametrize(
    "config", ["[broken", "[profile a]\nx = 1\n[profile a]\n", "\xff"], ids=["section", "twice", "bytes"]
)
def test_a_broken_configuration_file_is_named(environment: dict[str, str], tmp_path: Path, config: str) -> None:
    (tmp_path / "config").write_text(config, encoding="latin-1")
    assert str(tmp_path / "config") in one_line(shell("$real status", environment))


def test_an_endpoint_without_a_scheme_is_a_configuration_error(environment: dict[str, str]) -> None:
    assert "AWS_ENDPOINT_URL" in one_line(shell("$real status", environment, AWS_ENDPOINT_URL="localhost:4566"))


def test_an_unexpected_error_is_one_line_with_class_and_place(environment: dict[str, str]) -> None:
    line = one_line(shell("$program failures", environment, INCOMPLETE="yes"))
    assert line.startswith("Unexpected error: KeyError at cli.aws.queues:")


@pytest.mark.parametrize("home", ["/proc", "/dev/null"])
def test_a_home_that_cannot_be_written_is_only_a_remark(environment: dict[str, str], home: str) -> None:
    ended = shell("$program audit --rate 10 --json", environment, HOME=home)
    assert ended.returncode == 1
    assert b"the next one reads all accounts" in ended.stderr


@pytest.mark.parametrize("end", ["| head -1", "--json | true", "> /dev/full", ">&-"])
def test_a_finished_audit_leaves_no_state_file(environment: dict[str, str], tmp_path: Path, end: str) -> None:
    shell(f"$program audit --rate 10 {end}", environment)
    assert (tmp_path / ".cache" / "alternate-contacts").is_dir()
    assert list(tmp_path.rglob("*.jsonl")) == []


@pytest.mark.parametrize("delay", [0, 0.2, 0.5, 2])
def test_ctrl_c_ends_it_at_any_moment_with_130(environment: dict[str, str], delay: float) -> None:
    program = [sys.executable, "-m", "tests.fakes.program", "status", "--watch"]
    running = subprocess.Popen(  # noqa: S603
        program, cwd=ROOT, env=environment | {"WAITING": "yes"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert running.stderr is not None
    assert running.stderr.readline() == b"loading\n"
    # From the import of the command on. Before, Python itself ends with a traceback.
    time.sleep(delay)
    running.send_signal(signal.SIGINT)
    _, error = running.communicate(timeout=30)
    assert b"Traceback" not in error
    # Before Python has started, the signal itself ends the process, which a shell shows as 130 too.
    assert running.returncode in (130, -signal.SIGINT)


def test_a_hangup_that_the_parent_ignores_stays_ignored(environment: dict[str, str]) -> None:
    ended = shell("trap '' HUP; $program --version", environment)
    assert ended.returncode == 0
