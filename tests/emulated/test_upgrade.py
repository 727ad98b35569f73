"""The last release, upgraded to what is here with letters waiting on every queue: none is lost, all are understood."""

import json
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from control_tower.template import Template
from emulation import deploy
from emulation.demo import wanted_contacts
from emulation.organization import Emulation
from emulation.settings import ROOT
from emulation.waiting import eventually
from tests.emulated.conftest import SETTINGS

STACK = "upgraded"
QUEUES = ("AccountQueue", "FailedAccountQueue", "UndeliveredQueue")
EVENT = ROOT / "tests" / "events" / "create-account-result.json"
FAILURE = {
    "Reason": "not_authorized",
    "ErrorCode": "AccessDeniedException",
    "Operation": "PutAlternateContact",
    "ContactTypes": "SECURITY",
    "Tries": "10",
    "FailedAt": "2026-11-24T00:00:00+00:00",
}
"""Attributes of a failed account as v0.1.0 writes them."""


def git(*arguments: str) -> bytes | None:
    """What git says; None if it has nothing to say."""
    program = shutil.which("git")
    if program is None:
        return None
    done = subprocess.run([program, *arguments], cwd=ROOT, capture_output=True, check=False)  # noqa: S603
    return done.stdout if done.returncode == 0 else None


FIRST_RELEASE = "802aaa44"
"""The commit of v0.1.0, for clones that have the history but not the tags."""


def last_release() -> str | None:
    """The newest version tag before this commit, or this commit's own; without any tag the first release's commit."""
    for commit in ("HEAD^", "HEAD"):
        tag = git("describe", "--tags", "--abbrev=0", "--match", "v*", commit)
        if tag:
            return tag.decode().strip()
    return FIRST_RELEASE if git("cat-file", "-e", f"{FIRST_RELEASE}^{{commit}}") is not None else None


def checked_out(release: str, folder: Path) -> Path:
    """The files of a release, in a folder of their own."""
    archive = git("archive", "--format=tar", release)
    assert archive is not None, release
    with tarfile.open(fileobj=BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    return folder


@dataclass
class Upgrade:
    """A stack of the last release, upgraded while letters waited."""

    emulation: Emulation
    before: dict[str, str]
    """The release's outputs."""
    after: dict[str, str] = field(default_factory=dict)
    """The outputs of what is here."""
    sent: dict[str, set[str]] = field(default_factory=dict)
    """Message ids by queue."""
    waiting: list[str] = field(default_factory=list)
    """Accounts that only a letter of before the upgrade tells of."""
    failed: str = ""
    """The account that was on FailedAccountQueue."""

    @property
    def sqs(self) -> Any:
        return self.emulation.client("sqs")

    def send(self, queue: str, body: str, **more: Any) -> None:
        answer = self.sqs.send_message(QueueUrl=self.before[f"{queue}Url"], MessageBody=body, **more)
        self.sent.setdefault(queue, set()).add(answer["MessageId"])

    def switch_worker(self, on: bool) -> None:
        """Let the worker read letters, or not."""
        functions = self.emulation.client("lambda")
        [source] = functions.list_event_source_mappings()["EventSourceMappings"]
        functions.update_event_source_mapping(UUID=source["UUID"], Enabled=on)

    def held(self) -> list[str]:
        """Hide the letters from the worker, whom the upgrade may switch on, and return how to show them again."""
        answer = self.sqs.receive_message(
            QueueUrl=self.before["AccountQueueUrl"], MaxNumberOfMessages=10, VisibilityTimeout=600
        )
        return [each["ReceiptHandle"] for each in answer["Messages"]]

    def kept(self, queue: str) -> dict[str, dict[str, Any]]:
        """The messages on a queue by id, left there."""
        found: dict[str, dict[str, Any]] = {}
        while True:
            answer = self.sqs.receive_message(
                QueueUrl=self.after[f"{queue}Url"],
                MaxNumberOfMessages=10,
                VisibilityTimeout=0,
                MessageAttributeNames=["All"],
            )
            new = {each["MessageId"]: each for each in answer.get("Messages", []) if each["MessageId"] not in found}
            if not new:
                return found
            found.update(new)

    def drained(self) -> bool:
        """Whether the worker has dealt with every letter, those too that are in flight or delayed."""
        names = [f"ApproximateNumberOfMessages{kind}" for kind in ("", "NotVisible", "Delayed")]
        answer = self.sqs.get_queue_attributes(QueueUrl=self.after["AccountQueueUrl"], AttributeNames=names)
        return not any(int(answer["Attributes"][name]) for name in names)

    def arn(self, queue: str) -> str:
        answer = self.sqs.get_queue_attributes(QueueUrl=self.after[f"{queue}Url"], AttributeNames=["QueueArn"])
        found: str = answer["Attributes"]["QueueArn"]
        return found

    def right(self, account: str) -> bool:
        return self.emulation.contacts().get(account) == wanted_contacts(deploy.parameters())


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The last release's repository."""
    tag = last_release()
    if tag is None:
        pytest.skip("no release to upgrade from: not a git clone, or a shallow one")
    return checked_out(tag, tmp_path_factory.mktemp("release"))


@pytest.fixture(scope="module")
def upgraded(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upgrade]:
    """The release deployed, letters sent, and what is here deployed over it; the letters still wait."""
    builds = [tmp_path_factory.mktemp("build") for _ in range(2)]
    with Emulation(SETTINGS) as emulation:
        settled = emulation.create_accounts(3)
        deploy.build(builds[0], release)
        known = Template.read(release / "template.yaml").parameters
        ours = {name: value for name, value in deploy.parameters().items() if name in known}
        before = deploy.deploy(emulation, builds[0], stack_name=STACK, parameters=ours, project=release)
        upgrade = Upgrade(emulation, before)
        eventually(lambda: all(map(upgrade.right, settled)), within=30)
        upgrade.switch_worker(on=False)
        send_letters(upgrade)
        held = upgrade.held()
        deploy.build(builds[1])
        upgrade.after = deploy.deploy(emulation, builds[1], stack_name=STACK)
        upgrade.switch_worker(on=False)
        for receipt in held:
            upgrade.sqs.change_message_visibility(
                QueueUrl=before["AccountQueueUrl"], ReceiptHandle=receipt, VisibilityTimeout=0
            )
        yield upgrade


def send_letters(upgrade: Upgrade) -> None:
    """One letter of each kind that a release has on its queues, about accounts that nobody else has told of."""
    one, another, third, upgrade.failed = upgrade.emulation.create_accounts(4)
    upgrade.waiting = [one, another, third]
    letter = {"version": 1, "accountId": one, "reason": "manual", "mode": "enforce"}
    upgrade.send("AccountQueue", json.dumps(letter))
    letter = {"version": 1, "accountId": another, "reason": "reconcile", "mode": "enforce"}
    upgrade.send("AccountQueue", json.dumps(letter), MessageGroupId="backfill")
    upgrade.send("AccountQueue", EVENT.read_text().replace("111122223333", third))
    letter = {"version": 1, "accountId": upgrade.failed, "reason": "backfill", "mode": "enforce"}
    attributes = {"AccountId": upgrade.failed, **FAILURE}
    upgrade.send(
        "FailedAccountQueue",
        json.dumps(letter),
        MessageAttributes={name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()},
    )
    upgrade.send("UndeliveredQueue", EVENT.read_text())


def test_what_holds_something_is_there_still(release: Path) -> None:
    """CloudFormation deletes a resource whose logical id is gone from a template, and what it holds with it."""
    before = Template.read(release / "template.yaml").content["Resources"]
    now = Template.read(ROOT / "template.yaml").content["Resources"]
    kinds = {"AWS::SQS::Queue", "AWS::SNS::Topic", "AWS::Logs::LogGroup"}
    held = {name: each["Type"] for name, each in before.items() if each["Type"] in kinds}
    assert set(QUEUES) <= held.keys()
    assert {name: now.get(name, {}).get("Type") for name in held} == held


@pytest.mark.parametrize("queue", QUEUES)
def test_no_letter_is_lost_in_an_upgrade(upgraded: Upgrade, queue: str) -> None:
    assert upgraded.after[f"{queue}Url"] == upgraded.before[f"{queue}Url"]
    kept = upgraded.kept(queue)
    assert upgraded.sent[queue]
    assert upgraded.sent[queue] <= kept.keys()


def test_a_failed_account_keeps_its_reason(upgraded: Upgrade) -> None:
    [message] = [upgraded.kept("FailedAccountQueue")[each] for each in upgraded.sent["FailedAccountQueue"]]
    attributes = {name: each["StringValue"] for name, each in message["MessageAttributes"].items()}
    assert attributes == {"AccountId": upgraded.failed, **FAILURE}


def test_the_new_worker_understands_every_letter_of_the_old_release(upgraded: Upgrade) -> None:
    upgraded.switch_worker(on=True)
    eventually(upgraded.drained, within=30)
    assert [account for account in upgraded.waiting if not upgraded.right(account)] == []
    # A letter of the upgrade's own backfill may have made them right; but what the worker cannot read it puts here.
    assert upgraded.kept("FailedAccountQueue").keys() == upgraded.sent["FailedAccountQueue"]

    upgraded.sqs.start_message_move_task(
        SourceArn=upgraded.arn("FailedAccountQueue"), DestinationArn=upgraded.arn("AccountQueue")
    )
    eventually(lambda: upgraded.right(upgraded.failed) and upgraded.drained(), within=30)
    assert upgraded.kept("FailedAccountQueue") == {}
