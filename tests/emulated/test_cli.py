"""The operator's command on the deployed package, with IAM: what breaks is named, mended and replayed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from alternate_contacts.cli.aws import queues
from alternate_contacts.cli.main import app
from emulation import deploy
from emulation.demo import wanted_contacts
from emulation.organization import Emulation
from emulation.settings import MANAGEMENT_ACCOUNT, ROOT, Settings
from emulation.waiting import eventually
from tests.fakes.cli import failed_attributes
from tools.permissions import (
    ACCOUNT_QUEUE,
    BACKFILL_FUNCTION,
    BACKFILL_LOG_GROUP,
    FAILED_ACCOUNT_QUEUE,
    STACK,
    UNDELIVERED_QUEUE,
    statements,
)

MEMBERS, SUSPENDED = 6, 1
EVENTS = Path(__file__).parents[1] / "events"
QUEUES = ("AccountQueue", "FailedAccountQueue", "UndeliveredQueue")

#: A thousand accounts in seconds, and an hour of tries in half a second.
SETTINGS = Settings(quota_speed=400, delay_speed=6000)
QUOTA = {"PutRate": "2000", "GetRate": "4000"}


@dataclass
class Operator:
    """Somebody with the command, and with an eye on what really happens."""

    emulation: Emulation
    outputs: dict[str, str]
    wanted: dict[str, dict[str, str]]

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, arguments)

    def json(self, *arguments: str) -> dict[str, Any]:
        """The one document that the command prints, whatever its exit code."""
        result = self.run(*arguments, "--json")
        document: dict[str, Any] = json.loads(result.stdout)
        return document

    def new_account(self) -> str:
        [account] = self.emulation.create_accounts(1)
        return account

    def is_right(self, *accounts: str) -> bool:
        contacts = self.emulation.contacts()
        return all(contacts.get(account) == self.wanted for account in accounts)

    @property
    def sqs(self) -> Any:
        return self.emulation.client("sqs")

    def url(self, queue: str) -> str:
        return self.outputs[f"{queue}Url"]

    def send(self, queue: str, *bodies: str, attributes: dict[str, str] | None = None) -> None:
        named = {name: {"DataType": "String", "StringValue": value} for name, value in (attributes or {}).items()}
        for body in bodies:
            self.sqs.send_message(QueueUrl=self.url(queue), MessageBody=body, MessageAttributes=named)

    def letter(self, account: str) -> str:
        return json.dumps({"version": 1, "accountId": account, "reason": "manual", "mode": "enforce"})

    def count(self, queue: str) -> int:
        """Messages on a queue, in flight or delayed ones too."""
        names = [f"ApproximateNumberOfMessages{kind}" for kind in ("", "NotVisible", "Delayed")]
        answer = self.sqs.get_queue_attributes(QueueUrl=self.url(queue), AttributeNames=names)
        return sum(int(answer["Attributes"][name]) for name in names)

    def fail(self, accounts: list[str], reason: str) -> None:
        """Put accounts on FailedAccountQueue as the worker does, at most ten."""

        def named(account: str) -> dict[str, dict[str, str]]:
            told = failed_attributes(account, reason)
            return {name: {"DataType": "String", "StringValue": value} for name, value in told.items()}

        entries = [
            {"Id": account, "MessageBody": self.letter(account), "MessageAttributes": named(account)}
            for account in accounts
        ]
        self.sqs.send_message_batch(QueueUrl=self.url("FailedAccountQueue"), Entries=entries)

    def slow(self, account: str, seconds: float = 2) -> None:
        """Let the last call about an account take its time, once."""
        kind = {"operation": "PutAlternateContact"} if account not in self.emulation.contacts() else {}
        self.emulation.set_fault(account, "slow", contact_type="SECURITY", times=1, seconds=seconds, **kind)

    def reconcile(self) -> None:
        """What the schedule does, and wait for its end."""
        function = self.outputs["BackfillFunctionName"]
        payload = json.dumps({"reason": "reconcile"})
        answer = self.emulation.client("lambda").invoke(FunctionName=function, Payload=payload)
        assert "FunctionError" not in answer

    @contextmanager
    def hasty_worker(self) -> Iterator[None]:
        """A worker that works a second on a letter, and gives up after two tries."""
        function, client = self.outputs["WorkerFunctionName"], self.emulation.client("lambda")
        before = client.get_function_configuration(FunctionName=function)
        variables = before["Environment"]["Variables"]

        def change(timeout: int, **changes: str) -> None:
            environment = {"Variables": variables | changes}
            client.update_function_configuration(FunctionName=function, Timeout=timeout, Environment=environment)

        change(61, MAX_TRIES="2")  # 60 s of it are kept for the end
        try:
            yield
        finally:
            change(before["Timeout"])

    @contextmanager
    def worker_may_not_put(self) -> Iterator[None]:
        """A worker whose role may only look."""
        iam = self.emulation.client("iam")
        stack = self.emulation.client("cloudformation").describe_stack_resource(
            StackName="alternate-contacts", LogicalResourceId="WorkerRole"
        )
        role = stack["StackResourceDetail"]["PhysicalResourceId"]
        policy = iam.get_role_policy(RoleName=role, PolicyName="worker")["PolicyDocument"]
        without = json.dumps(policy).replace('"account:PutAlternateContact"', '"account:GetContactInformation"')
        iam.put_role_policy(RoleName=role, PolicyName="worker", PolicyDocument=without)
        try:
            yield
        finally:
            iam.put_role_policy(RoleName=role, PolicyName="worker", PolicyDocument=json.dumps(policy))

    def kill_workers(self) -> None:
        """Kill the worker's processes in the middle of whatever they do."""
        pattern = f"{self.emulation.log.parent}/ministack-lambda-.*WorkerFunction"
        found = subprocess.run(["pgrep", "-f", pattern], capture_output=True, text=True, check=True)  # noqa: S603, S607
        for process in found.stdout.split():
            os.kill(int(process), signal.SIGKILL)

    def credentials(self, role: str, allowed: list[dict[str, object]]) -> dict[str, str]:
        """The environment of somebody with a new role that allows this."""
        iam = self.emulation.client("iam")
        trust = {"Effect": "Allow", "Principal": {"AWS": MANAGEMENT_ACCOUNT}, "Action": "sts:AssumeRole"}
        arn = iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))["Role"]["Arn"]
        policy = json.dumps({"Version": "2012-10-17", "Statement": allowed})
        iam.put_role_policy(RoleName=role, PolicyName="policy", PolicyDocument=policy)
        keys = self.emulation.assume_role(arn)
        return {
            "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
            "AWS_SESSION_TOKEN": keys["SessionToken"],
        }

    def arns(self) -> dict[str, str]:
        """What `permissions` names, as a policy does."""
        here = f"us-east-1:{MANAGEMENT_ACCOUNT}"
        return {
            STACK: f"arn:aws:cloudformation:{here}:stack/alternate-contacts/*",
            ACCOUNT_QUEUE: self.attribute("AccountQueue", "QueueArn"),
            FAILED_ACCOUNT_QUEUE: self.attribute("FailedAccountQueue", "QueueArn"),
            UNDELIVERED_QUEUE: self.attribute("UndeliveredQueue", "QueueArn"),
            BACKFILL_FUNCTION: f"arn:aws:lambda:{here}:function:{self.outputs['BackfillFunctionName']}",
            BACKFILL_LOG_GROUP: f"arn:aws:logs:{here}:log-group:{self.outputs['BackfillLogGroupName']}:*",
        }

    def attribute(self, queue: str, name: str) -> str:
        answer = self.sqs.get_queue_attributes(QueueUrl=self.url(queue), AttributeNames=[name])
        value: str = answer["Attributes"][name]
        return value

    def set(self, queue: str, **attributes: str) -> None:
        self.sqs.set_queue_attributes(QueueUrl=self.url(queue), Attributes=attributes)


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """The package on its first deployment."""
    folder = tmp_path_factory.mktemp("build")
    deploy.build(folder)
    with Emulation(SETTINGS) as emulation:
        emulation.create_accounts(MEMBERS, suspended=SUSPENDED)
        outputs = deploy.deploy(emulation, folder, parameters=QUOTA)
        yield Operator(emulation, outputs, wanted_contacts(deploy.parameters()))


@pytest.fixture
def operator(deployed: Operator, monkeypatch: pytest.MonkeyPatch) -> Operator:
    """The root user of the management account, and empty queues."""
    for name, value in deployed.emulation.environment.items():
        if name.startswith("AWS_") or name == "NO_PROXY":
            monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    # Here an empty queue is empty at once; the program that runs by itself below waits as it does on AWS.
    monkeypatch.setattr(queues, "LONG_POLL", 0)
    eventually(lambda: deployed.count("AccountQueue") == 0, within=30)
    for queue in QUEUES:
        deployed.sqs.purge_queue(QueueUrl=deployed.url(queue))
    return deployed


def test_status_tells_of_the_last_backfill_and_reconcile(operator: Operator) -> None:
    account = operator.new_account()
    figures = {"listed": 8, "enqueued": 7, "skipped": {"SUSPENDED": 1}}
    # Given a scheduled run, and one that leaves the quota to a letter that is still worked on
    operator.reconcile()
    eventually(lambda: operator.is_right(account))
    first = operator.json("status")
    operator.slow(account)
    operator.send("AccountQueue", operator.letter(account))
    operator.reconcile()

    # When somebody watches until nothing waits any more
    result = operator.run("status", "--watch", "--interval", "0.1", "--json")

    assert result.exit_code == 0
    last = json.loads(result.stdout)
    assert all(not any(depth.values()) for depth in last["queues"].values())
    assert last["lastBackfill"].items() >= {"reason": "backfill", "mode": "enforce", "listed": 7}.items()
    assert first["lastReconcile"].items() >= {"reason": "reconcile", **figures}.items()
    assert last["lastReconcile"].items() >= {"stoodBack": True, "lettersWaiting": 1}.items()
    assert (first["mode"], first["enabled"], first["reconcile"]) == ("enforce", True, "weekly")


def test_backfill_tells_its_figures_and_brings_all_right(operator: Operator) -> None:
    new, another = operator.new_account(), operator.new_account()
    assert operator.run("backfill", "--account", new, "--report", "--yes").exit_code == 0
    eventually(lambda: operator.count("AccountQueue") == 0)
    assert operator.emulation.contacts().get(new) is None
    planned = operator.json("backfill", "--dry-run")
    assert planned == {"plan": {"accounts": "all", "mode": "enforce"}}
    done = operator.json("backfill", "--yes")["done"]
    assert done["skipped"] == {"SUSPENDED": SUSPENDED}
    assert done["enqueued"] == done["listed"] - SUSPENDED
    eventually(lambda: operator.is_right(new, another))


def test_whatever_breaks_is_named_mended_and_replayed(operator: Operator) -> None:
    emulation = operator.emulation
    forbidden, refused, broken, throttled, closed, off = emulation.create_accounts(6)
    outside = "999999999999"
    # Given trusted access was off for a while
    organizations = emulation.client("organizations")
    organizations.disable_aws_service_access(ServicePrincipal="account.amazonaws.com")
    operator.send("AccountQueue", operator.letter(off))
    eventually(lambda: operator.count("FailedAccountQueue") == 1)
    organizations.enable_aws_service_access(ServicePrincipal="account.amazonaws.com")
    # and accounts that are broken in every other way, tried for less than an hour
    emulation.set_fault(refused, "ValidationException", operation="PutAlternateContact")
    emulation.set_fault(broken, "InternalServerException", operation="GetAlternateContact")
    emulation.set_fault(throttled, "TooManyRequestsException")
    emulation.set_state(closed, "SUSPENDED")
    with operator.hasty_worker():
        with operator.worker_may_not_put():
            operator.send("AccountQueue", operator.letter(forbidden))
            eventually(lambda: operator.count("FailedAccountQueue") == 2, within=20)
        for account in (refused, broken, throttled, closed, outside):
            operator.send("AccountQueue", operator.letter(account))
        operator.send("AccountQueue", "poison", (EVENTS / "create-account-result-failed.json").read_text())
        eventually(lambda: operator.count("FailedAccountQueue") == 8, within=30)
        eventually(lambda: operator.count("AccountQueue") == 0)

    # Then every reason is named with its account; an account that is closed is skipped, and no failure
    result = operator.run("failures", "--json")
    assert result.exit_code == 1
    accounts = json.loads(result.stdout)["accounts"]
    named = [(each["accountId"], each["reason"], each["contactTypes"]) for each in accounts]
    every = ["BILLING", "OPERATIONS", "SECURITY"]
    assert sorted(named) == sorted(
        [
            (off, "trusted_access_off", every),
            (forbidden, "not_authorized", every),
            (refused, "contact_refused", every),
            (broken, "unavailable", every),
            (throttled, "throttled", every),
            (outside, "not_in_organization", every),
            ("unknown", "unreadable_letter", []),
            ("unknown", "event_without_account", []),
        ]
    )
    # and looking has taken nothing away
    assert operator.run("status").exit_code == 1
    assert operator.count("FailedAccountQueue") == 8

    # When the causes are mended: what no replay can help is discarded, the rest goes back in two steps
    for account in (refused, broken, throttled):
        emulation.clear_fault(account)
    hopeless = ["--account", outside, "--reason", "not_in_organization"]
    assert operator.json("discard", *hopeless, "--yes")["done"] == {"deleted": 1, "left": 0}
    poison = ["--reason", "unreadable_letter", "--reason", "event_without_account"]
    assert operator.json("discard", *poison, "--yes")["done"] == {"deleted": 2, "left": 0}
    assert operator.json("replay", "--account", refused, "--reason", "contact_refused", "--yes")["done"]["sent"] == 1
    assert operator.json("replay", "--yes")["done"] == {"moved": 4, "left": 0}

    # Then all is right
    eventually(lambda: operator.is_right(off, forbidden, refused, broken, throttled))
    eventually(lambda: operator.count("AccountQueue") == 0)
    assert emulation.contacts().get(closed) is None
    assert operator.run("failures").exit_code == 0
    assert operator.run("status").exit_code == 0


def test_what_sqs_redrove_after_a_crash_is_told_apart_in_spite_of_its_old_attributes(operator: Operator) -> None:
    account = operator.new_account()
    operator.slow(account, seconds=30)
    # Given a letter that once failed for another reason, and whose worker is killed as often as SQS gives it out
    operator.send("FailedAccountQueue", operator.letter(account), attributes=failed_attributes(account, "throttled"))
    redrive = operator.attribute("AccountQueue", "RedrivePolicy")
    impatient = json.dumps({**json.loads(redrive), "maxReceiveCount": 1})
    operator.set("AccountQueue", VisibilityTimeout="2", RedrivePolicy=impatient)
    try:
        assert operator.run("replay", "--yes").exit_code == 0
        eventually(lambda: operator.is_right(account))
        operator.kill_workers()
        eventually(lambda: operator.count("FailedAccountQueue") == 1)
    finally:
        operator.set("AccountQueue", VisibilityTimeout="1080", RedrivePolicy=redrive)

    [failure] = operator.json("failures")["accounts"]
    assert (failure["accountId"], failure["reason"], failure["tries"]) == (account, "crash_or_timeout", None)

    assert operator.run("replay", "--reason", "crash_or_timeout", "--yes").exit_code == 0
    eventually(lambda: operator.is_right(account))
    assert operator.count("FailedAccountQueue") == 0


def test_what_was_undelivered_goes_back_or_is_made_up_for(operator: Operator) -> None:
    told, untold = operator.new_account(), operator.new_account()
    event = (EVENTS / "create-account-result.json").read_text().replace("111122223333", told)
    # Given an event, and a call of the backfill that Lambda gave up, with what nobody is to see
    operator.send("UndeliveredQueue", event, json.dumps({"requestPayload": {"ResponseURL": "https://secret.invalid"}}))
    result = operator.run("failures")
    assert result.exit_code == 1
    assert "1 event, 1 failed invocation" in result.stdout
    assert "secret.invalid" not in result.output

    planned = operator.json("replay", "--undelivered", "--dry-run")["plan"]
    assert (planned["send"], planned["failedInvocations"], planned["backfill"]) == (1, 1, True)
    assert operator.count("UndeliveredQueue") == 2
    assert operator.run("replay", "--undelivered", "--yes").exit_code == 0

    eventually(lambda: operator.is_right(told, untold))
    assert operator.count("UndeliveredQueue") == 0


class TestLeastPrivilege:
    """An operator who may do what `permissions` lists, and no more."""

    @pytest.fixture
    def become(self, operator: Operator, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
        """Take a role with the permissions of these verbs."""

        def become(name: str, *verbs: str) -> None:
            for variable, value in operator.credentials(name, statements(verbs, operator.arns())).items():
                monkeypatch.setenv(variable, value)

        return become

    def test_the_listed_permissions_are_enough(self, operator: Operator, become: Callable[..., None]) -> None:
        replayed, chosen, looked_at = operator.emulation.create_accounts(3)
        operator.fail([replayed, chosen], "unavailable")
        operator.fail(["999999999999"], "not_in_organization")
        operator.send("UndeliveredQueue", "{}")
        become("first-aid", "status", "failures", "discard")
        named = ["--stack-name", "alternate-contacts"]
        assert operator.run(*named, "status").exit_code == 1
        assert operator.run(*named, "failures").exit_code == 1
        assert operator.run(*named, "discard", "--reason", "not_in_organization", "--yes").exit_code == 0
        become("operator", "replay", "replay --undelivered", "backfill", "backfill --account")
        assert operator.run(*named, "replay", "--account", chosen, "--yes").exit_code == 0
        assert operator.run(*named, "replay", "--yes").exit_code == 0
        assert operator.run(*named, "replay", "--undelivered", "--yes").exit_code == 0
        assert operator.run(*named, "backfill", "--account", looked_at, "--yes").exit_code == 0
        assert operator.run(*named, "backfill", "--yes").exit_code == 0
        eventually(lambda: operator.is_right(replayed, chosen, looked_at))

    def test_a_missing_permission_is_named(self, operator: Operator, become: Callable[..., None]) -> None:
        operator.fail(["999999999999"], "not_in_organization")
        become("onlooker", "status", "failures")
        named = ["--stack-name", "alternate-contacts"]
        missing = {
            ("replay",): "sqs:ListMessageMoveTasks",
            ("discard", "--reason", "not_in_organization"): "sqs:DeleteMessage",
            ("backfill",): "lambda:InvokeFunction",
            ("backfill", "--account", "999999999999"): "sqs:SendMessage",
        }
        for verb, action in missing.items():
            result = operator.run(*named, *verb, "--yes")
            assert result.exit_code == 2
            assert action in result.stderr
        assert operator.count("FailedAccountQueue") == 1


def test_a_member_account_is_told_which_account_to_use(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    member = operator.new_account()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", member)
    result = operator.run("status")
    assert result.exit_code == 2
    assert f"use credentials of the organization's management account, {MANAGEMENT_ACCOUNT}" in result.stderr


def test_a_thousand_failed_accounts_are_replayed_without_loss(operator: Operator) -> None:
    accounts = operator.emulation.create_accounts(1000)
    for number in range(0, len(accounts), 10):
        batch = accounts[number : number + 10]
        operator.fail(batch, "throttled" if number < 300 else "unavailable")
    chosen = operator.json("replay", "--reason", "throttled", "--yes")
    assert chosen["done"] == {"sent": 300, "notTaken": 0, "notDeleted": 0}
    rest = operator.json("replay", "--yes")
    assert rest["done"]["moved"] == 700
    assert operator.run("status", "--watch", "--interval", "0.2").exit_code == 0
    assert operator.is_right(*accounts)


def test_as_a_program_it_answers_json_alone_and_stops_on_a_signal(operator: Operator) -> None:
    account = operator.new_account()
    paths = [str(ROOT / folder) for folder in ("cli", "src", "custom-resources")]
    environment = {**operator.emulation.environment, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-m", "alternate_contacts.cli"]
    operator.slow(account, seconds=30)  # the last test here: nobody waits for it
    operator.send("AccountQueue", operator.letter(account))
    with subprocess.Popen(  # noqa: S603
        [*command, "status", "--watch", "--interval", "0.1"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as watching:
        done = subprocess.run([*command, "failures", "--json"], env=environment, capture_output=True, text=True)  # noqa: S603
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout)["accounts"] == []
        watching.send_signal(signal.SIGTERM)
        _, said = watching.communicate(timeout=10)
    assert (watching.returncode, said) == (130, "Stopped.\n")
