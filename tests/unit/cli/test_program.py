"""The program as people start it: with any encoding, stream, terminal setting and AWS configuration.

Whatever happens, it ends with one line and the right exit code, never with a traceback. Most tests start it in this
process with other streams. What depends on the interpreter, a signal or a closed descriptor has a process of its own.
"""

import io
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from alternate_contacts.cli.aws import stack
from alternate_contacts.cli.main import app
from alternate_contacts.cli.terminal import process
from tests.fakes.cli import STACK
from tests.fakes.program import respond
from tests.fakes.wire import FakeWire

ROOT = Path(__file__).parents[3]
CLOSED = 141


@dataclass(frozen=True)
class Ended:
    """How the program ended, and what it wrote."""

    returncode: int
    stdout: bytes
    stderr: bytes


Start = Callable[..., Ended]


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


@pytest.fixture
def start(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Start:
    """Start the program in this process, with streams that belong to no terminal and these environment variables."""

    def start(
        line: str,
        *,
        prepare: Callable[[], object] = lambda: None,
        stdout: int | None = None,
        encoding: str = "utf-8",
        **variables: str,
    ) -> Ended:
        """``stdout`` is the descriptor of standard output, ``encoding`` that of both streams."""
        written, errors = io.BytesIO(), io.BytesIO()
        output = written if stdout is None else io.BufferedWriter(io.FileIO(stdout, "w"))
        with monkeypatch.context() as patch, kept_signal_handlers():
            for name in list(os.environ):
                patch.delenv(name)
            for name, value in (environment | variables).items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["alternate-contacts", *line.split()])
            patch.setattr(sys, "excepthook", sys.excepthook)
            patch.setattr(sys, "stdin", io.StringIO())
            patch.setattr(sys, "stdout", io.TextIOWrapper(output, encoding))
            patch.setattr(sys, "stderr", io.TextIOWrapper(errors, encoding))
            prepare()
            with pytest.raises(SystemExit) as end:
                process.run(lambda: app)
            exit_code = end.value.code
            texts = written.getvalue(), errors.getvalue()
            sys.stdout.close()
        assert isinstance(exit_code, int)
        return Ended(exit_code, *texts)

    return start


@contextmanager
def kept_signal_handlers() -> Iterator[None]:
    """Restore the signal handlers that the program replaces."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


@pytest.fixture
def program(start: Start, aws: FakeWire, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Start the program in this process, against AWS in memory."""
    monkeypatch.setattr(stack, "find_stack", lambda *_: STACK)
    return lambda line, **options: start(line, prepare=lambda: respond(aws), **options)


def shell(command: str, environment: dict[str, str], **changes: str) -> "subprocess.CompletedProcess[bytes]":
    """Run a line of bash in which ``$program`` is the command against AWS in memory."""
    return subprocess.run(  # noqa: S603
        ["bash", "-c", f"set -o pipefail; {command}"],  # noqa: S607
        cwd=ROOT,
        env=environment | {"program": f"{sys.executable} -m tests.fakes.program"} | changes,
        capture_output=True,
        timeout=60,
        check=False,
        start_new_session=True,
    )


def closed_pipe() -> int:
    """Return the descriptor of a pipe that nothing reads."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


def full_device() -> int:
    return os.open("/dev/full", os.O_WRONLY)


def one_line(ended: "Ended | subprocess.CompletedProcess[bytes]", exit_code: int = 2) -> str:
    """Check that the program ended with one line on stderr, and return it."""
    assert ended.returncode == exit_code, ended.stderr.decode()
    text = ended.stderr.decode()
    assert text.count("\n") == 1, text
    assert "Traceback" not in text
    return text


@pytest.mark.parametrize(("variables", "exit_code"), [({"HEALTHY": "yes"}, 0), ({}, 1)])
def test_the_exit_code_is_the_answer(program: Start, variables: dict[str, str], exit_code: int) -> None:
    for verb in ("status", "failures --json"):
        ended = program(verb, **variables)
        assert (ended.returncode, ended.stderr) == (exit_code, b"")
        assert ended.stdout


def test_the_process_has_the_exit_code(environment: dict[str, str]) -> None:
    ended = shell("$program failures --json", environment)
    assert (ended.returncode, ended.stderr) == (1, b"")
    assert ended.stdout


def check_encoded(ended: "Ended | subprocess.CompletedProcess[bytes]", folder: Path) -> None:
    """Check that the streams have escapes for what they cannot encode, and the files the characters."""
    assert (ended.returncode, b"Traceback" in ended.stderr) == (1, False)
    assert b"\\u6771\\u4eac \\x1b[31m" in ended.stdout
    for name in ("a.csv", "a.html"):
        (folder / name).read_text(encoding="utf-8")
    assert "東京" in (folder / "a.csv").read_text(encoding="utf-8")


FILES = "audit --rate 10 --csv {0}/a.csv --html {0}/a.html"


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_a_stream_replaces_what_it_cannot_encode(program: Start, tmp_path: Path, encoding: str) -> None:
    check_encoded(program(FILES.format(tmp_path), encoding=encoding), tmp_path)


def test_a_process_without_utf8_replaces_what_it_cannot_encode(environment: dict[str, str], tmp_path: Path) -> None:
    variables = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    check_encoded(shell(f"$program {FILES.format(tmp_path)} | cat", environment, **variables), tmp_path)


@pytest.mark.parametrize("verb", ["backfill", "replay --reason access_denied", "discard --account 111111111111"])
def test_without_a_terminal_nothing_is_confirmed(program: Start, verb: str) -> None:
    assert "no terminal to confirm on" in one_line(program(verb))


def test_without_standard_input_nothing_is_confirmed(environment: dict[str, str]) -> None:
    assert "no terminal to confirm on" in one_line(shell("$program replay <&- >/dev/null", environment))


@pytest.mark.parametrize("verb", ["failures --json", "audit --rate 10", "--help", "--version", "status --help"])
def test_a_full_device_is_one_line_with_2(program: Start, verb: str) -> None:
    assert "No space left on device" in one_line(program(verb, stdout=full_device()))


def test_a_process_ends_with_one_line_and_2_on_a_full_device(environment: dict[str, str]) -> None:
    assert "No space left on device" in one_line(shell("$program status > /dev/full", environment))


def test_a_closed_standard_output_is_one_line_with_2(environment: dict[str, str]) -> None:
    assert "cannot be written" in one_line(shell("$program status >&-", environment))


def test_without_standard_error_the_exit_code_stays(environment: dict[str, str]) -> None:
    for redirection in ("2>&-", "2>/dev/full"):
        assert shell(f"$program failures --nothing {redirection}", environment).returncode == 2


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize("verb", ["status", "failures --json", "audit --rate 10 --fresh", "--help", "failures --help"])
def test_a_closed_pipe_is_silent(program: Start, verb: str, encoding: str) -> None:
    ended = program(verb, stdout=closed_pipe(), encoding=encoding)
    assert (ended.returncode, ended.stderr) == (CLOSED, b"")


def test_a_process_is_silent_on_a_closed_pipe(environment: dict[str, str]) -> None:
    ended = shell("$program status | true", environment)
    assert (ended.returncode, ended.stderr) == (CLOSED, b"")
    # head reads what was written in one piece.
    ended = shell("$program audit --rate 10 | head -1", environment)
    assert ended.returncode in (0, 1, CLOSED)
    assert ended.stderr == b""


def without_times(text: bytes) -> bytes:
    return re.sub(rb"[0-9]{2}:[0-9]{2}:[0-9]{2}", b"", text)


@pytest.mark.parametrize(
    "variables", [{"FORCE_COLOR": "1"}, {"TTY_COMPATIBLE": "1"}, {"COLUMNS": "40"}, {"COLUMNS": "²"}]
)
def test_a_pipe_is_no_terminal(program: Start, variables: dict[str, str]) -> None:
    plain = program("audit --rate 10", NO_COLOR="1")
    ended = program("audit --rate 10", **variables)
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
    start: Start, environment: dict[str, str], tmp_path: Path, profile: str, expected: str
) -> None:
    (tmp_path / "config").write_text(CONFIG)
    del environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"]
    line = one_line(start(f"--profile {profile} status"))
    assert re.search(expected if "|" in expected else re.escape(expected), line)


@pytest.mark.parametrize(
    "config", ["[broken", "[profile a]\nx = 1\n[profile a]\n", "\xff"], ids=["section", "twice", "bytes"]
)
def test_a_broken_configuration_file_is_named(start: Start, tmp_path: Path, config: str) -> None:
    (tmp_path / "config").write_text(config, encoding="latin-1")
    assert str(tmp_path / "config") in one_line(start("status"))


def test_an_endpoint_without_a_scheme_is_a_configuration_error(start: Start) -> None:
    assert "AWS_ENDPOINT_URL" in one_line(start("status", AWS_ENDPOINT_URL="localhost:4566"))


def test_an_unexpected_error_is_one_line_with_class_and_place(program: Start) -> None:
    line = one_line(program("failures", INCOMPLETE="yes"))
    assert line.startswith("Unexpected error: KeyError at cli.aws.queues:")


@pytest.mark.parametrize("home", ["/proc", "/dev/null"])
def test_a_home_that_cannot_be_written_is_only_a_remark(program: Start, home: str) -> None:
    ended = program("audit --rate 10 --json", HOME=home)
    assert ended.returncode == 1
    assert b"the next one reads all accounts" in ended.stderr


def has_state_file(home: Path) -> bool:
    assert (home / ".cache" / "alternate-contacts").is_dir()
    return list(home.rglob("*.jsonl")) != []


@pytest.mark.parametrize(("json", "stdout"), [("", full_device), ("--json", closed_pipe)])
def test_a_finished_audit_leaves_no_state_file(
    program: Start, tmp_path: Path, json: str, stdout: Callable[[], int]
) -> None:
    program(f"audit --rate 10 {json}", stdout=stdout())
    assert not has_state_file(tmp_path)


@pytest.mark.parametrize("end", ["| head -1", ">&-"])
def test_the_process_of_a_finished_audit_leaves_no_state_file(
    environment: dict[str, str], tmp_path: Path, end: str
) -> None:
    shell(f"$program audit --rate 10 {end}", environment)
    assert not has_state_file(tmp_path)


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
