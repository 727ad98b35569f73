"""An emulation starts without the user's settings, and nothing of it remains, however its parent process ends."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from emulation.organization import Emulation, EmulationError
from emulation.settings import ROOT, Settings
from emulation.waiting import eventually
from tests.emulated.conftest import zipped

# A process that starts an emulation and a stack, prints the emulation's URL and folder, and waits.
PARENT = """
import json, signal, sys, time
from emulation.organization import Emulation

signal.signal(signal.SIGINT, signal.default_int_handler)  # shells make background jobs ignore it
with Emulation() as emulation:
    create_stack(emulation)
    print(json.dumps([emulation.endpoint_url, str(emulation.log.parent)]), flush=True)
    sys.stdin.read()
"""
# A stack with a custom resource that never responds.
STACK = """
import json, time

TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
RESOURCES = {
    "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {"Statement": [TRUST]}}},
    "Function": {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Runtime": "python3.13",
            "Handler": "index.handler",
            "Role": {"Fn::GetAtt": ["Role", "Arn"]},
            "Code": {"ZipFile": "def handler(event, context): pass"},
        },
    },
    "Resource": {
        "Type": "Custom::Resource",
        "Properties": {"ServiceToken": {"Fn::GetAtt": ["Function", "Arn"]}, "ServiceTimeout": 1800},
    },
}

def create_stack(emulation):
    cloudformation = emulation.client("cloudformation")
    template = json.dumps({"Resources": RESOURCES})
    cloudformation.create_stack(StackName="stack", TemplateBody=template, Capabilities=["CAPABILITY_IAM"])
    while not any(
        event["LogicalResourceId"] == "Resource"
        for event in cloudformation.describe_stack_events(StackName="stack")["StackEvents"]
    ):
        time.sleep(0.05)
    time.sleep(0.5)

"""
# A function that runs long, and listens on a port meanwhile.
BUSY = """
import os, pathlib, socket, time

def handler(event, context):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        pathlib.Path(os.environ["TMPDIR"], "busy").write_text(f"http://127.0.0.1:{listener.getsockname()[1]}")
        time.sleep(60)
"""


def test_nothing_remains_after_the_block_even_if_it_raises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    emulation = Emulation()
    workers = []

    def use() -> None:
        with emulation:
            emulation.create_accounts(3)
            workers.append(_busy_worker(emulation))
            assert list(tmp_path.iterdir())
            _ = 1 / 0

    with pytest.raises(ZeroDivisionError):
        use()
    assert not list(tmp_path.iterdir())
    assert not _listens(emulation.endpoint_url)
    # The worker was killed, and the system may still be removing it.
    eventually(lambda: [_listens(worker) for worker in workers] == [False])


@pytest.fixture
def parent(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """The process of `PARENT`, with temporary files in `tmp_path`."""
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", STACK + PARENT],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_nothing_remains_after_its_parent_ended_while_a_custom_resource_is_waited_for(
    parent: "subprocess.Popen[str]", tmp_path: Path, end: signal.Signals
) -> None:
    """Python ends at SIGTERM and SIGHUP as at SIGKILL, without running any code."""
    assert parent.stdout
    url, folder = json.loads(parent.stdout.readline())
    assert _listens(url)
    assert Path(folder).parent == tmp_path

    parent.send_signal(end)
    parent.wait(timeout=20)

    eventually(lambda: not _listens(url), within=15)
    eventually(lambda: not list(tmp_path.iterdir()))
    assert not _processes(tmp_path)


@pytest.mark.parametrize(
    ("signals", "exit_code"),
    [
        ([signal.SIGINT] * 3, 130),
        ([signal.SIGKILL], -signal.SIGKILL),
    ],
)
def test_nothing_remains_after_the_demo_was_ended(
    tmp_path: Path, signals: list[signal.Signals], exit_code: int
) -> None:
    # Given a demo that runs `sam build`
    with subprocess.Popen(
        [sys.executable, "-m", "emulation.demo", "--accounts", "20"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as demo:
        assert demo.stdout
        assert demo.stdout.readline().startswith("starting an AWS organization of 20 accounts")
        assert demo.stdout.readline().startswith("✓ organization created: 20 accounts")
        eventually(lambda: any("sam build" in process for process in _processes(tmp_path)))

        # When
        for number in signals:
            demo.send_signal(number)
            time.sleep(0.1)
        output = demo.stdout.read()

    assert demo.returncode == exit_code
    eventually(lambda: not list(tmp_path.iterdir()), within=15)
    eventually(lambda: not _processes(tmp_path))
    if exit_code > 0:
        assert "no process or file remains" in output


def test_a_shell_calls_the_emulation_and_nothing_remains_after_it(tmp_path: Path) -> None:
    count = "import boto3; print(len(boto3.client('organizations').list_accounts()['Accounts']))"
    process = subprocess.run(
        [sys.executable, "-m", "emulation.shell", "--accounts", "3"],
        cwd=ROOT,
        env={**os.environ, "SHELL": "/bin/sh", "TMPDIR": str(tmp_path), "AWS_PROFILE": "mine"},
        input=f'command -v sam\n"{sys.executable}" -c "{count}"\nexit 7\n',
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 7
    assert process.stdout.splitlines() == [str(ROOT / ".venv" / "sam" / "bin" / "sam"), "3"]
    assert "An organization of 3 accounts" in process.stderr
    assert list(tmp_path.iterdir()) == []


def test_it_listens_on_the_loopback_interface_only_and_uses_none_of_the_users_aws_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {"AWS_PROFILE": "mine", "AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_REGION": "eu"}.items():
        monkeypatch.setenv(name, value)
    with Emulation() as emulation:
        assert emulation.client("sts").get_caller_identity()["Account"] == emulation.management_account
        assert "AWS_PROFILE" not in emulation.environment
        assert emulation.environment["AWS_ENDPOINT_URL"] == emulation.endpoint_url
        for url in (emulation.endpoint_url, emulation.insecure_endpoint_url):
            assert urlsplit(url).hostname == "127.0.0.1"
            with socket.socket() as probe:
                # Another address of this machine, which a server on 0.0.0.0 would answer
                assert probe.connect_ex(("127.0.0.2", urlsplit(url).port or 0)) != 0


def test_nothing_remains_after_the_emulation_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with Emulation() as emulation:
        worker = _busy_worker(emulation)
        assert emulation._process
        emulation._process.kill()
    assert not list(tmp_path.iterdir())
    eventually(lambda: not _listens(worker))


def test_a_failed_start_has_its_reason() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        settings = Settings(port=taken.getsockname()[1])
        with pytest.raises(EmulationError, match="Address already in use"), Emulation(settings):
            pass


def test_settings_can_be_passed_on_the_command_line(tmp_path: Path) -> None:
    settings = Settings(folder=tmp_path, quota_speed=20, delay_speed=60)
    assert Settings.from_arguments(settings.arguments()) == settings


def _busy_worker(emulation: Emulation) -> str:
    """Start a long invocation; returns the URL of the function's port."""
    statement = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Statement": [statement]})
    role = emulation.client("iam").create_role(RoleName="role", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    functions = emulation.client("lambda")
    functions.create_function(
        FunctionName="busy",
        Runtime="python3.13",
        Handler="index.handler",
        Role=role,
        Code={"ZipFile": zipped(BUSY)},
        Timeout=60,
    )
    functions.invoke(FunctionName="busy", InvocationType="Event")
    url_file = emulation.log.parent / "busy"
    eventually(url_file.exists)
    return eventually(url_file.read_text)


def _processes(folder: Path) -> list[str]:
    """The command lines of the processes that name the folder."""
    command = ["ps", "-axww", "-o", "args="]
    listed = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    return [line for line in listed.stdout.splitlines() if str(folder) in line]


def _listens(url: str) -> bool:
    address: Any = urlsplit(url)
    with socket.socket() as probe:
        return probe.connect_ex((address.hostname, address.port)) == 0
