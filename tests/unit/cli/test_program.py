"""The program as people start it: with any encoding, stream, terminal setting and AWS configuration.

Whatever happens, it ends with one line and the right exit code, never with a traceback. These tests start it in this
process with other streams. What depends on the interpreter, a signal or a closed descriptor is in tests/program.
"""

import io
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.main import get_command

from alternate_contacts.cli.aws import stack
from alternate_contacts.cli.main import app
from alternate_contacts.cli.terminal import process
from tests.fakes.cli import STACK
from tests.fakes.ended import CLOSED, Ended, check_encoded, has_state_file, one_line
from tests.fakes.program import respond
from tests.fakes.wire import FakeWire

COMMAND = get_command(app)
Start = Callable[..., Ended]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The environment of the program, without the AWS configuration of this machine."""
    return {
        "PATH": os.environ["PATH"],
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
        command: Callable[[], object] = COMMAND,
        stdout: int | None = None,
        stderr: int | None = None,
        encoding: str = "utf-8",
        **variables: str,
    ) -> Ended:
        """``stdout`` and ``stderr`` are descriptors, ``encoding`` is that of both streams."""
        written, errors = io.BytesIO(), io.BytesIO()
        with monkeypatch.context() as patch, kept_signal_handlers():
            for name in list(os.environ):
                patch.delenv(name)
            for name, value in (environment | variables).items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["alternate-contacts", *line.split()])
            patch.setattr(sys, "excepthook", sys.excepthook)
            patch.setattr(sys, "stdin", io.StringIO())
            patch.setattr(sys, "stdout", io.TextIOWrapper(opened(stdout, written), encoding))
            patch.setattr(sys, "stderr", io.TextIOWrapper(opened(stderr, errors), encoding))
            prepare()
            with pytest.raises(SystemExit) as end:
                process.run(lambda: command)
            exit_code = end.value.code
            texts = written.getvalue(), errors.getvalue()
            sys.stdout.close()
            sys.stderr.close()
        assert isinstance(exit_code, int)
        return Ended(exit_code, *texts)

    return start


def opened(descriptor: int | None, written: io.BytesIO) -> io.BytesIO | io.BufferedWriter:
    return written if descriptor is None else io.BufferedWriter(io.FileIO(descriptor, "w"))


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


def closed_pipe() -> int:
    """Return the descriptor of a pipe that nothing reads."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


def full_device() -> int:
    return os.open("/dev/full", os.O_WRONLY)


@pytest.mark.parametrize(("variables", "exit_code"), [({"HEALTHY": "yes"}, 0), ({}, 1)])
def test_the_exit_code_is_the_answer(program: Start, variables: dict[str, str], exit_code: int) -> None:
    for verb in ("status", "failures --json"):
        ended = program(verb, **variables)
        assert (ended.returncode, ended.stderr) == (exit_code, b"")
        assert ended.stdout


FILES = "audit --rate 10 --csv {0}/a.csv --html {0}/a.html"


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_a_stream_replaces_what_it_cannot_encode(program: Start, tmp_path: Path, encoding: str) -> None:
    check_encoded(program(FILES.format(tmp_path), encoding=encoding), tmp_path)


@pytest.mark.parametrize("verb", ["backfill", "replay --reason access_denied", "discard --account 111111111111"])
def test_without_a_terminal_nothing_is_confirmed(program: Start, verb: str) -> None:
    assert "no terminal to confirm on" in one_line(program(verb))


@pytest.mark.parametrize("verb", ["failures --json", "audit --rate 10", "--help", "--version", "status --help"])
def test_a_full_device_is_one_line_with_2(program: Start, verb: str) -> None:
    assert "No space left on device" in one_line(program(verb, stdout=full_device()))


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize("verb", ["status", "failures --json", "audit --rate 10 --fresh", "--help", "failures --help"])
def test_a_closed_pipe_is_silent(program: Start, verb: str, encoding: str) -> None:
    ended = program(verb, stdout=closed_pipe(), encoding=encoding)
    assert (ended.returncode, ended.stderr) == (CLOSED, b"")


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


@pytest.mark.parametrize(("json", "stdout"), [("", full_device), ("--json", closed_pipe)])
def test_a_finished_audit_leaves_no_state_file(
    program: Start, tmp_path: Path, json: str, stdout: Callable[[], int]
) -> None:
    program(f"audit --rate 10 {json}", stdout=stdout())
    assert not has_state_file(tmp_path)


def test_a_full_standard_error_keeps_the_exit_code(program: Start) -> None:
    assert program("failures --nothing", stderr=full_device()).returncode == 2


def test_a_hangup_that_the_parent_ignores_stays_ignored(start: Start) -> None:
    handlers: list[object] = []
    with kept_signal_handlers():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        start("", command=lambda: handlers.extend(map(signal.getsignal, (signal.SIGHUP, signal.SIGTERM))))
    assert handlers == [signal.SIG_IGN, signal.default_int_handler]
