"""Fixtures of the emulated tests.

One emulation serves the tests of a process. `emulation` is reset for each test, `shared_emulation` for each file, whose
tests share a deployed stack. A test uses one of the two, and a file too.
"""

import fcntl
import io
import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from botocore.loaders import JSONFileLoader

from emulation import deploy
from emulation.organization import Emulation
from emulation.settings import ROOT, RUNTIME, Settings
from tools import release

#: The quotas of samconfig.toml, which configures the worker for them; an hour of retries takes six seconds.
SETTINGS = Settings(quota_speed=10, delay_speed=600)

Statement = dict[str, Any]


@pytest.fixture(scope="session", autouse=True)
def _read_service_models_once() -> Iterator[None]:
    """Every run of the command has a session of its own, which would read the models of its services again."""
    read = cache(JSONFileLoader().load_file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONFileLoader, "load_file", lambda _, path: read(path))
        yield


@pytest.fixture(scope="session")
def builds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `sam_build` and `build`, which all processes of pytest-xdist share."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder = shared / "shared-builds"
    with (shared / "build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            unfinished = tmp_path_factory.mktemp("builds")
            plain, compiled = unfinished / "plain", unfinished / "compiled"
            plain.mkdir()
            deploy.build(plain)
            shutil.copytree(plain, compiled)
            write_byte_code(compiled)
            unfinished.rename(folder)
    return folder


@pytest.fixture(scope="session")
def sam_build(builds: Path) -> Path:
    """The folder with the result of `sam build`."""
    return builds / "plain"


@pytest.fixture(scope="session")
def build(builds: Path) -> Path:
    """The same with byte code for the emulation's runtime, as in Lambda, where cold starts compile nothing either."""
    return builds / "compiled"


@pytest.fixture(scope="session")
def bundle_folder(sam_build: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of a release of the files here, with byte code only where this machine has python3.13."""
    functions = {"src": "WorkerFunction", "custom-resources": "BackfillFunction"}
    code = {folder: release.read_files(sam_build / "build" / name) for folder, name in functions.items()}
    files = release.bundle_files(ROOT, code, {"commit": "none", "python": "none"})
    return release.write_bundle(files, tmp_path_factory.mktemp("release"))[0]


@pytest.fixture(scope="session")
def running_emulation() -> Iterator[Emulation]:
    """The organization as the last test left it: use `emulation` or `shared_emulation`."""
    with Emulation(SETTINGS) as emulation:
        yield emulation


@pytest.fixture
def emulation(running_emulation: Emulation) -> Emulation:
    """An organization of one account, without trusted access, stacks, queues or contacts."""
    running_emulation.reset()
    return running_emulation


@pytest.fixture(scope="module")
def shared_emulation(running_emulation: Emulation) -> Emulation:
    """The same organization for all tests of a file."""
    running_emulation.reset()
    return running_emulation


@pytest.fixture
def role(emulation: Emulation) -> Callable[..., str]:
    """Create a role with these statements; returns its ARN."""

    def make(
        name: str, *statements: Statement, trusts: str = "lambda.amazonaws.com", condition: Statement | None = None
    ) -> str:
        iam = emulation.client("iam")
        principals = {"Service": trusts, "AWS": emulation.management_account}
        allow = {"Effect": "Allow", "Principal": principals, "Action": "sts:AssumeRole", "Condition": condition or {}}
        trust = {"Statement": [allow]}
        arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        if statements:
            policy = {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", **statement} for statement in statements],
            }
            iam.put_role_policy(RoleName=name, PolicyName="policy", PolicyDocument=json.dumps(policy))
        return arn

    return make


@pytest.fixture
def caller(emulation: Emulation, role: Callable[..., str]) -> Callable[..., Callable[[str], Any]]:
    """Create a caller with these statements; returns a function that creates the caller's clients."""

    def make(*statements: Statement) -> Callable[[str], Any]:
        arn = role("caller", *statements)
        keys = emulation.assume_role(arn)

        def client(service: str) -> Any:
            return emulation.client(
                service,
                aws_access_key_id=keys["AccessKeyId"],
                aws_secret_access_key=keys["SecretAccessKey"],
                aws_session_token=keys["SessionToken"],
            )

        return client

    return make


@pytest.fixture
def function(emulation: Emulation, role: Callable[..., str]) -> Callable[..., str]:
    """Create a Lambda function from a source with a `handler`; returns its ARN."""

    def make(name: str, source: str, *statements: Statement, timeout: int = 3, **variables: str) -> str:
        arn: str = emulation.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.13",
            Handler="index.handler",
            Role=role(f"{name}-role", *statements),
            Code={"ZipFile": zipped(source)},
            Timeout=timeout,
            Environment={"Variables": variables},
        )["FunctionArn"]
        return arn

    return make


@pytest.fixture
def dead_letters(emulation: Emulation) -> tuple[str, str]:
    """The ARNs of a dead-letter queue and of its source queue, which has a maxReceiveCount of 2."""
    sqs = emulation.client("sqs")
    arn = f"arn:aws:sqs:us-east-1:{emulation.management_account}"
    sqs.create_queue(QueueName="dead")
    redrive = json.dumps({"deadLetterTargetArn": f"{arn}:dead", "maxReceiveCount": 2})
    sqs.create_queue(QueueName="alive", Attributes={"RedrivePolicy": redrive})
    return f"{arn}:dead", f"{arn}:alive"


@pytest.fixture
def event_queue(emulation: Emulation) -> str:
    """The URL of a queue that receives every event of AWS in us-east-1."""
    events = emulation.client("events")
    pattern = json.dumps({"source": [{"prefix": "aws."}]})
    rule = events.put_rule(Name="everything", EventPattern=pattern)["RuleArn"]
    arn = f"arn:aws:sqs:us-east-1:{emulation.management_account}:events"
    policy = queue_policy(arn, rule)
    url: str = emulation.client("sqs").create_queue(QueueName="events", Attributes={"Policy": policy})["QueueUrl"]
    events.put_targets(Rule="everything", Targets=[{"Id": "queue", "Arn": arn}])
    return url


def write_byte_code(folder: Path) -> None:
    """Compile the functions of a build for the emulation's runtime."""
    command = [str(RUNTIME), "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", str(folder)]
    subprocess.run(command, check=True)  # noqa: S603


def queue_policy(queue_arn: str, rule_arn: str) -> str:
    """Return a queue policy that allows a rule to send."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule_arn}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def zipped(source: str) -> bytes:
    """Return a zip with one module, index.py."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("index.py", dedent(source))
    return content.getvalue()
