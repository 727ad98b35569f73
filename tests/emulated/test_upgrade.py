"""The upgrade from the previous release, and back: no message is lost, and each release understands the other's."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections import Counter
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from alternate_contacts.backfill.message import account_message_body
from alternate_contacts.backfill.protocol import Mode, Trigger
from alternate_contacts.cli.aws import queue_lease
from alternate_contacts.cli.main import app
from control_tower.template import Template
from emulation import deploy
from emulation.organization import Emulation
from emulation.settings import ROOT
from emulation.waiting import eventually
from tests.emulated.conftest import write_byte_code
from tests.emulated.package import QUEUES, Package, event

LINK = re.compile(r"^\[[^]]+\]: \S+/compare/([0-9a-f]{40})\.\.\.\S+$", re.MULTILINE)
"""The link of a release to its changes since the commit of the previous release."""
STABLE_TYPES = {
    "AWS::SQS::Queue",
    "AWS::SQS::QueuePolicy",
    "AWS::SNS::Topic",
    "AWS::SNS::TopicPolicy",
    "AWS::Serverless::Function",
    "AWS::IAM::Role",
    "AWS::Logs::LogGroup",
}
"""Types of the resources that hold state or permissions."""
OLD_REASONS = {
    "not_authorized": "access_denied",
    "contact_refused": "invalid_contact",
    "unreadable_letter": "invalid_message",
}
"""Failure reasons of these releases, and their names today."""


def git(*arguments: str) -> bytes | None:
    """Return the output of git, or None if it fails."""
    program = shutil.which("git")
    if program is None:
        return None
    process = subprocess.run([program, *arguments], cwd=ROOT, capture_output=True, check=False)  # noqa: S603
    return process.stdout if process.returncode == 0 else None


@dataclass(frozen=True)
class Release:
    """An earlier release: the files of its repository, and its build."""

    project: Path
    build: Path

    @property
    def resources(self) -> dict[str, Any]:
        resources: dict[str, Any] = Template.read(self.project / "template.yaml").content["Resources"]
        return resources


def previous_commit() -> str:
    """Return the commit of the previous release, from the first link in CHANGELOG.md: a clone may lack the tags."""
    links = LINK.findall((ROOT / "CHANGELOG.md").read_text())
    return str(links[0])


def build_release(project: Path, folder: Path) -> None:
    """Build a release with its Makefiles, as `sam build` does, whose own start takes longer than they run."""
    template = (project / "template.yaml").read_text()
    # Release 0.1.0 calls `python3 -m pip`, which with pyenv fails if another build runs at the same time.
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for source, function in (("src", "WorkerFunction"), ("custom-resources", "BackfillFunction")):
        artifacts = folder / "build" / function
        artifacts.mkdir(parents=True)
        make = [
            "make",
            "--silent",
            f"--directory={project / source}",
            f"build-{function}",
            f"ARTIFACTS_DIR={artifacts}",
        ]
        subprocess.run(make, env=environment, check=True)  # noqa: S603
        template = template.replace(f"CodeUri: {source}/\n", f"CodeUri: {function}\n")
    (folder / "build" / "template.yaml").write_text(template)
    write_byte_code(folder)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """The previous release; skips the tests where git does not have its commit."""
    commit = previous_commit()
    archive = git("archive", "--format=tar", commit)
    if archive is None:
        pytest.skip(f"commit {commit} is not here: not a git clone, or a shallow one")
    project = tmp_path_factory.mktemp("project")
    with tarfile.open(fileobj=BytesIO(archive)) as files:
        files.extractall(project, filter="data")
    folder = tmp_path_factory.mktemp("build")
    build_release(project, folder)
    return Release(project, folder)


@pytest.fixture(scope="module")
def package(release: Release, shared_emulation: Emulation) -> Package:
    """The earlier release, deployed to an organization of four accounts that are compliant; the worker is stopped."""
    package = Package(shared_emulation, release.build, shared_emulation.create_accounts(3), release.project)
    package.update()
    eventually(
        lambda: package.is_compliant(*package.accounts) and package.message_count("AccountQueue") == 0, within=30
    )
    package.enable_worker(False)
    return package


def test_resources_that_hold_state_or_permissions_keep_their_logical_ids(release: Release) -> None:
    """CloudFormation deletes a resource whose logical ID is gone from the template."""
    now = Template.read(ROOT / "template.yaml").content["Resources"]
    stable = {name: each["Type"] for name, each in release.resources.items() if each["Type"] in STABLE_TYPES}
    assert {*QUEUES, "WorkerFunction", "WorkerRole"} <= stable.keys()
    assert {name: now.get(name, {}).get("Type") for name in stable} == stable
    # The logical ID of the event source mapping contains the name of the event.
    assert release.resources["WorkerFunction"]["Properties"]["Events"].keys() == {"Letters"}
    assert now["WorkerFunction"]["Properties"]["Events"].keys() == {"Letters"}


# ---- the upgrade ----------------------------------------------------------------------------------------------------


@dataclass
class Upgrade:
    """A package that was upgraded while messages of the earlier release were waiting."""

    package: Package
    urls: dict[str, str]
    """Queue URLs before the upgrade."""
    sent: dict[str, set[str]]
    """IDs of the messages by queue."""
    waiting: list[str]
    """Accounts with a message on AccountQueue."""
    failed: dict[str, str]
    """Accounts on FailedAccountQueue by their failure reason in the earlier release."""
    kept: dict[str, set[str]] = field(default_factory=dict)
    """IDs of the messages after the upgrade by queue."""


@pytest.fixture(scope="module")
def upgrade(package: Package, build: Path) -> Upgrade:
    upgrade = send_messages(package)
    # The update may enable the worker: hide the messages from it until they are counted.
    hidden = package.sqs.receive_message(
        QueueUrl=package.url("AccountQueue"), MaxNumberOfMessages=10, VisibilityTimeout=600
    )["Messages"]
    package.build, package.project = build, ROOT
    package.update()
    package.enable_worker(False)
    for message in hidden:
        package.sqs.change_message_visibility(
            QueueUrl=package.url("AccountQueue"), ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
        )
    upgrade.kept = {queue: {each["MessageId"] for each in package.messages(queue)} for queue in QUEUES}
    package.enable_worker(True)
    return upgrade


def send_messages(package: Package) -> Upgrade:
    """Send a message of every kind that an earlier release has on its queues."""
    waiting = [manual, reconcile, created] = package.emulation.create_accounts(3)
    denied, rejected = package.emulation.create_accounts(2)
    failed = {"not_authorized": denied, "contact_refused": rejected, "unreadable_letter": "unknown"}
    sent = {
        "AccountQueue": package.send(old_message(manual, "manual"), event("create-account-result", created))
        | package.send(old_message(reconcile, "reconcile"), group="backfill"),
        "FailedAccountQueue": set(),
        "UndeliveredQueue": package.send(
            event("create-account-result", package.accounts[0]),
            json.dumps({"requestPayload": {"reason": "reconcile"}}),
            queue="UndeliveredQueue",
        ),
    }
    for reason, account in failed.items():
        body = old_message(account, "backfill") if account != "unknown" else "not json"
        sent["FailedAccountQueue"] |= package.send(
            body, queue="FailedAccountQueue", AccountId=account, Reason=reason, **failure_attributes()
        )
    return Upgrade(package, {queue: package.url(queue) for queue in QUEUES}, sent, waiting, failed)


def old_message(account: str, reason: str) -> str:
    return json.dumps({"version": 1, "accountId": account, "reason": reason, "mode": "enforce"})


def failure_attributes() -> dict[str, str]:
    return {
        "ErrorCode": "AccessDeniedException",
        "Operation": "PutAlternateContact",
        "ContactTypes": "SECURITY",
        "Tries": "10",
        "FailedAt": "2026-11-24T00:00:00+00:00",
    }


def run(package: Package, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> dict[str, Any]:
    """Run the command of this release, and return its JSON document."""
    for name, value in package.emulation.environment.items():
        if name.startswith("AWS_") or name == "NO_PROXY":
            monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    # The emulated SQS has one server, so a short poll finds every message.
    monkeypatch.setattr(queue_lease, "LONG_POLL", 0)
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert result.exit_code in (0, 1), result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


@pytest.mark.parametrize("queue", QUEUES)
def test_an_upgrade_loses_no_message(upgrade: Upgrade, queue: str) -> None:
    assert upgrade.package.url(queue) == upgrade.urls[queue]
    assert upgrade.sent[queue] <= upgrade.kept[queue]


def test_the_new_worker_processes_every_message_of_the_earlier_release(upgrade: Upgrade) -> None:
    package = upgrade.package
    eventually(lambda: package.message_count("AccountQueue") == 0, within=30)
    assert package.is_compliant(*upgrade.waiting)
    # The backfill of the upgrade may have set the contacts too. But the worker would move an unknown message here.
    failed = {each["MessageId"] for each in package.messages("FailedAccountQueue")}
    assert failed <= upgrade.sent["FailedAccountQueue"]


def test_the_command_understands_the_failure_reasons_of_the_earlier_release(
    upgrade: Upgrade, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = upgrade.package
    accounts = run(package, monkeypatch, "failures")["accounts"]
    assert sorted(each["reason"] for each in accounts) == sorted(OLD_REASONS.values())
    # Under the new name, and under the old one
    run(package, monkeypatch, "replay", "--reason", "access_denied", "--yes")
    run(package, monkeypatch, "replay", "--reason", "contact_refused", "--yes")
    run(package, monkeypatch, "discard", "--reason", "invalid_message", "--yes")
    accounts = [upgrade.failed["not_authorized"], upgrade.failed["contact_refused"]]
    eventually(lambda: package.is_compliant(*accounts), within=30)
    assert package.message_count("FailedAccountQueue") == 0


def test_a_failed_invocation_of_the_earlier_release_is_redriven(
    upgrade: Upgrade, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = upgrade.package
    [account] = package.emulation.create_accounts(1)
    run(package, monkeypatch, "replay", "--undelivered", "--yes")
    eventually(lambda: package.is_compliant(account), within=30)
    assert package.message_count("UndeliveredQueue") == 0


def test_the_new_backfill_understands_the_invocations_of_the_earlier_release(upgrade: Upgrade) -> None:
    """Scheduler retries an invocation for a day, and an operator may still have the earlier command."""
    eventually(lambda: upgrade.package.message_count("AccountQueue") == 0, within=30)
    for reason in ("reconcile", "manual"):
        assert "summary" in upgrade.package.invoke_backfill(reason=reason)
    # CloudWatch returns the start of a period of two hours, so a backfill of a minute ago may count as 0.1 days old.
    assert upgrade.package.invoke_backfill(reason="watch")["daysSinceBackfill"] < 1


# ---- the way back ---------------------------------------------------------------------------------------------------


def failing_build(build: Path, folder: Path) -> Path:
    """Return a copy of a build whose deployment fails after the backfill has sent its messages."""
    copy = shutil.copytree(build, folder / "failing", symlinks=True)
    path = copy / "build" / "template.yaml"
    template = yaml.safe_load(path.read_text())
    # A disabled mapping, so that the messages are still there for the worker of the earlier release
    template["Resources"]["WorkerFunction"]["Properties"]["Events"]["Letters"]["Properties"]["Enabled"] = False
    template["Resources"]["Failing"] = {
        "Type": "AWS::Lambda::EventSourceMapping",
        "DependsOn": ["Backfill", "ReconcileSchedule", "BackfillAgeSchedule"],
        "Properties": {
            "EventSourceArn": {"Fn::GetAtt": ["AccountQueue", "Arn"]},
            "FunctionName": {"Ref": "WorkerFunction"},
            "BatchSize": 100,  # more than 10, which Lambda rejects without a batching window
        },
    }
    path.write_text(yaml.safe_dump(template, sort_keys=False))
    return copy


def count_processed(package: Package) -> Counter[str]:
    """Return the number of log lines by account ID."""
    return Counter(str(line.get("account_id")) for line in package.log_lines())


def schedule_inputs() -> list[dict[str, str]]:
    resources = Template.read(ROOT / "template.yaml").content["Resources"].values()
    return [json.loads(each["Properties"]["Target"]["Input"]) for each in resources if "Schedule" in each["Type"]]


def test_deployed_again_and_after_a_rollback_the_earlier_release_understands_the_messages_of_this_one(
    upgrade: Upgrade, release: Release, build: Path, tmp_path: Path
) -> None:
    """The last test of `upgrade`: it leaves the earlier release behind."""
    package = upgrade.package
    eventually(lambda: package.message_count("AccountQueue") == 0, within=30)
    package.purge(*QUEUES)
    package.enable_worker(False)
    processed_before = count_processed(package)
    # Given the earlier release, deployed again while a message was waiting
    [waiting] = package.emulation.create_accounts(1)
    package.send(message(waiting))
    package.build, package.project = release.build, release.project
    package.update()
    package.enable_worker(False)
    assert package.url("AccountQueue") == upgrade.urls["AccountQueue"]
    # and an update to this release that failed
    package.build, package.project = failing_build(build, tmp_path), ROOT
    with pytest.raises(deploy.DeploymentError, match="Failing"):
        package.update(SecurityName="Our SOC")
    eventually(lambda: package.stack()["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE", within=60)
    # The template of the earlier release reads the attributes of the custom resource.
    assert {each["OutputKey"] for each in package.stack()["Outputs"]} == package.outputs.keys()

    # and messages of the command, the worker and EventBridge too
    sent = dict(zip(Trigger, package.emulation.create_accounts(len(Trigger)), strict=True))
    failed, created = package.emulation.create_accounts(2)
    bodies = [message(account, trigger) for trigger, account in sent.items()]
    package.send(*bodies, event("create-account-result", created))
    package.send(
        message(failed),
        queue="FailedAccountQueue",
        AccountId=failed,
        Reason="access_denied",
        **failure_attributes(),
    )
    package.redrive()

    package.enable_worker(True)

    eventually(lambda: package.message_count("AccountQueue") == 0, within=30)
    assert package.is_compliant(*package.accounts, waiting, *sent.values(), failed, created)
    assert package.messages("FailedAccountQueue") == []

    # One message each of the second deployment, the failed update and its rollback
    def every_message_is_logged() -> bool:
        processed = count_processed(package) - processed_before
        return all(processed[account] >= 3 for account in package.accounts)

    eventually(every_message_is_logged)

    # And what Scheduler retries
    if "ReconcileSchedule" in release.resources:
        assert not any("errorMessage" in package.invoke_backfill(**each) for each in schedule_inputs())


def message(account: str, trigger: Trigger = Trigger.MANUAL) -> str:
    return account_message_body(account, trigger=trigger, mode=Mode.ENFORCE)
