"""The operator's command on the deployed package, with IAM: find failed accounts, fix the cause, and replay them."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from alternate_contacts.cli.aws import queue_lease
from alternate_contacts.cli.aws.queues import ACCOUNT_QUEUE, CHANGE_QUEUE, FAILED_ACCOUNT_QUEUE, UNDELIVERED_QUEUE
from alternate_contacts.cli.main import app
from emulation.organization import Emulation
from emulation.settings import MANAGEMENT_ACCOUNT, ROOT, Settings
from emulation.waiting import eventually
from tests.emulated.caller import use_role, use_root_user
from tests.emulated.package import QUEUES, Package, event
from tests.fakes.cli import failed_attributes
from tools.permissions import (
    ALARM_TOPIC,
    BACKFILL_FUNCTION,
    BACKFILL_LOG_GROUP,
    CONTACTS_PATH,
    STACK,
    WORKER_FUNCTION,
    statements,
)

MEMBERS, SUSPENDED = 6, 1
EVERY_TYPE = ["BILLING", "OPERATIONS", "SECURITY"]

#: The worker processes two hundred accounts in a second, and an hour of retries takes half a second.
SETTINGS = Settings(quota_speed=400, delay_speed=6000)
QUOTA = {"PutRate": "2000", "GetRate": "4000"}


class Operator(Package):
    """The command in a deployed package, and what tests need to break that package."""

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, arguments)

    def json(self, *arguments: str) -> dict[str, Any]:
        """Return the document that the command prints, whatever its exit code."""
        result = self.run(*arguments, "--json")
        document: dict[str, Any] = json.loads(result.stdout)
        return document

    def subscribe_to_alarms(self) -> None:
        """Subscribe a queue of the operator to the alarm topic."""
        url = self.emulation.client("sqs").create_queue(QueueName="pager")["QueueUrl"]
        attributes = self.emulation.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        self.emulation.client("sns").subscribe(
            TopicArn=self.outputs["AlarmTopicArn"], Protocol="sqs", Endpoint=attributes["Attributes"]["QueueArn"]
        )

    def request(self, *accounts: str) -> None:
        """Send a message to AccountQueue for each account."""
        self.send(*map(self.message_body, accounts))

    def fail(self, reason: str, *accounts: str) -> None:
        """Send a message to FailedAccountQueue for each account, as the worker does."""
        for account in accounts:
            self.send(self.message_body(account), queue=FAILED_ACCOUNT_QUEUE, **failed_attributes(account, reason))

    def failed_message(self, account: str) -> dict[str, str]:
        """Return the attributes of the message of an account on FailedAccountQueue."""
        messages = [
            {name: each["StringValue"] for name, each in message["MessageAttributes"].items()}
            for message in self.messages(FAILED_ACCOUNT_QUEUE)
        ]
        [attributes] = [each for each in messages if each["AccountId"] == account]
        return attributes

    def delay_last_call(self, account: str, seconds: float = 2) -> None:
        """Delay the last call for an account, once."""
        operation = {"operation": "PutAlternateContact"} if account not in self.emulation.contacts() else {}
        self.emulation.set_fault(account, "slow", contact_type="SECURITY", times=1, seconds=seconds, **operation)

    def reconcile(self) -> None:
        """Invoke BackfillFunction as the schedule does, and wait until it ends."""
        assert "errorMessage" not in self.invoke_backfill(trigger="reconcile", reason="reconcile")

    @contextmanager
    def worker_without_put_permission(self) -> Iterator[None]:
        iam = self.emulation.client("iam")
        resource = self.emulation.client("cloudformation").describe_stack_resource(
            StackName="alternate-contacts", LogicalResourceId="WorkerRole"
        )
        role = resource["StackResourceDetail"]["PhysicalResourceId"]
        policy = iam.get_role_policy(RoleName=role, PolicyName="worker")["PolicyDocument"]
        without = json.dumps(policy).replace('"account:PutAlternateContact"', '"account:GetContactInformation"')
        iam.put_role_policy(RoleName=role, PolicyName="worker", PolicyDocument=without)
        try:
            yield
        finally:
            iam.put_role_policy(RoleName=role, PolicyName="worker", PolicyDocument=json.dumps(policy))

    def kill_workers(self) -> None:
        """Kill the processes of the worker during an invocation."""
        pattern = f"{self.emulation.log.parent}/ministack-lambda-.*WorkerFunction"
        processes = subprocess.run(["pgrep", "-f", pattern], capture_output=True, text=True, check=True)  # noqa: S603, S607
        for process in processes.stdout.split():
            os.kill(int(process), signal.SIGKILL)

    def arns(self) -> dict[str, str]:
        """Return the ARNs of the resources in `tools.permissions`."""
        here = f"us-east-1:{MANAGEMENT_ACCOUNT}"
        return {
            STACK: f"arn:aws:cloudformation:{here}:stack/alternate-contacts/*",
            **{queue: self.arn(queue) for queue in QUEUES},
            CHANGE_QUEUE: f"arn:aws:sqs:{here}:alternate-contacts-ChangeQueue-*",  # this stack has none
            WORKER_FUNCTION: f"arn:aws:lambda:{here}:function:{self.outputs['WorkerFunctionName']}",
            BACKFILL_FUNCTION: f"arn:aws:lambda:{here}:function:{self.outputs['BackfillFunctionName']}",
            BACKFILL_LOG_GROUP: f"arn:aws:logs:{here}:log-group:{self.outputs['BackfillLogGroupName']}:*",
            ALARM_TOPIC: self.outputs["AlarmTopicArn"],
            CONTACTS_PATH: f"arn:aws:ssm:{here}:parameter/alternate-contacts",
        }


@pytest.fixture(scope="module")
def deployed(build: Path) -> Iterator[Operator]:
    """The package after its first deployment."""
    with Emulation(SETTINGS) as emulation:
        accounts = emulation.create_accounts(MEMBERS, suspended=SUSPENDED)
        operator = Operator(emulation, build, accounts)
        operator.update(**QUOTA)
        operator.subscribe_to_alarms()
        yield operator


@pytest.fixture
def operator(deployed: Operator, monkeypatch: pytest.MonkeyPatch) -> Operator:
    """The root user of the management account, with empty queues."""
    use_root_user(deployed.emulation, monkeypatch)
    # The emulated SQS has one server, so a short poll finds every message. The subprocess below uses the long poll.
    monkeypatch.setattr(queue_lease, "LONG_POLL", 0)
    eventually(lambda: deployed.message_count(ACCOUNT_QUEUE) == 0, within=30)
    deployed.purge(*QUEUES)
    return deployed


def test_status_shows_the_last_backfill_and_the_last_reconcile(operator: Operator) -> None:
    account = operator.new_account()
    counts = {"listed": 8, "enqueued": 7, "skipped": {"SUSPENDED": 1}}
    # Given a completed reconcile, and one that is skipped because a message is still processed
    operator.reconcile()
    eventually(lambda: operator.is_compliant(account))
    first = operator.json("status")
    operator.delay_last_call(account)
    operator.request(account)
    operator.reconcile()

    # When the operator watches until AccountQueue is empty
    result = operator.run("status", "--watch", "--interval", "0.1", "--json")

    assert result.exit_code == 0
    last = json.loads(result.stdout)
    assert all(not any(depth.values()) for depth in last["queues"].values())
    assert last["lastBackfill"].items() >= {"trigger": "backfill", "mode": "enforce", "listed": 7}.items()
    assert first["lastReconcile"].items() >= {"trigger": "reconcile", **counts}.items()
    assert last["lastReconcile"].items() >= {"reconcileSkipped": True, "messagesWaiting": 1}.items()
    assert (first["mode"], first["enabled"], first["reconcile"]) == ("enforce", True, "weekly")


def test_status_reads_the_quota_of_the_deployed_worker(operator: Operator) -> None:
    quota = operator.json("status")["quota"]
    assert (quota["getRate"], quota["putRate"], quota["share"]) == (4000, 2000, 1)
    assert quota["source"] == "configuration of WorkerFunction"


def test_backfill_prints_its_counts_and_sets_all_contacts(operator: Operator) -> None:
    new, another = operator.new_account(), operator.new_account()
    assert operator.run("backfill", "--account", new, "--report", "--yes").exit_code == 0
    eventually(lambda: operator.message_count(ACCOUNT_QUEUE) == 0)
    assert operator.emulation.contacts().get(new) is None
    assert operator.json("backfill", "--dry-run") == {"plan": {"accounts": "all", "mode": "enforce"}}
    result = operator.json("backfill", "--yes")["result"]
    assert result["skipped"] == {"SUSPENDED": SUSPENDED}
    assert result["enqueued"] == result["listed"] - SUSPENDED
    eventually(lambda: operator.is_compliant(new, another))


def test_every_failure_is_listed_with_its_reason_and_replayed_when_it_is_fixed(operator: Operator) -> None:
    emulation = operator.emulation
    forbidden, denied, invalid, broken, throttled, closed, untrusted = emulation.create_accounts(7)
    outside = "999999999999"
    # Given messages that failed for every reason; one account is denied one contact only
    organizations = emulation.client("organizations")
    organizations.disable_aws_service_access(ServicePrincipal="account.amazonaws.com")
    operator.request(untrusted)
    eventually(lambda: operator.message_count(FAILED_ACCOUNT_QUEUE) == 1)
    organizations.enable_aws_service_access(ServicePrincipal="account.amazonaws.com")
    emulation.set_fault(denied, "AccessDeniedException", operation="PutAlternateContact", contact_type="BILLING")
    emulation.set_fault(invalid, "ValidationException", operation="PutAlternateContact")
    emulation.set_fault(broken, "InternalServerException", operation="GetAlternateContact")
    emulation.set_state(closed, "SUSPENDED")
    with operator.worker_without_put_permission():
        operator.request(forbidden)
        eventually(lambda: operator.message_count(FAILED_ACCOUNT_QUEUE) == 2, within=20)
    operator.request(denied, invalid, broken, closed, outside)
    operator.send("poison", event("create-account-result-failed", "none"))
    # The worker retries a throttled call for two minutes in each of its tries.
    operator.fail("throttled", throttled)
    eventually(lambda: operator.message_count(FAILED_ACCOUNT_QUEUE) == 9, within=30)
    eventually(lambda: operator.message_count(ACCOUNT_QUEUE) == 0)

    # Then every failure is listed; the closed account is skipped and not a failure
    result = operator.run("failures", "--json")
    assert result.exit_code == 1
    failures = json.loads(result.stdout)["accounts"]
    assert sorted((failure["accountId"], failure["reason"], failure["contactTypes"]) for failure in failures) == sorted(
        [
            (untrusted, "trusted_access_off", EVERY_TYPE),
            (forbidden, "access_denied", EVERY_TYPE),
            (denied, "access_denied", ["BILLING"]),
            (invalid, "invalid_contact", EVERY_TYPE),
            (broken, "unavailable", EVERY_TYPE),
            (throttled, "throttled", ["BILLING"]),
            (outside, "not_in_organization", EVERY_TYPE),
            ("unknown", "invalid_message", []),
            ("unknown", "event_without_account", []),
        ]
    )
    # and all messages are still on the queue, with what the worker knows about them
    assert operator.run("status").exit_code == 1
    assert operator.message_count(FAILED_ACCOUNT_QUEUE) == 9
    attributes = operator.failed_message(denied)
    assert attributes.pop("FailedAt")
    assert attributes == {
        "AccountId": denied,
        "Reason": "access_denied",
        "ErrorCode": "AccessDeniedException",
        "Operation": "PutAlternateContact",
        "ContactTypes": "BILLING",
        "Tries": "10",
    }
    # and the failure of one contact did not stop the other two
    assert set(emulation.contacts()[denied]) == {"OPERATIONS", "SECURITY"}

    # When the causes are fixed, and messages are discarded or replayed in two steps
    for account in (denied, invalid, broken):
        emulation.clear_fault(account)
    removed = ["--account", outside, "--reason", "not_in_organization"]
    assert operator.json("discard", *removed, "--yes")["result"] == {"deleted": 1, "remaining": 0}
    poison = ["--reason", "invalid_message", "--reason", "event_without_account"]
    assert operator.json("discard", *poison, "--yes")["result"] == {"deleted": 2, "remaining": 0}
    assert operator.json("replay", "--account", invalid, "--reason", "invalid_contact", "--yes")["result"]["sent"] == 1
    assert operator.json("replay", "--yes")["result"] == {"moved": 5, "remaining": 0}

    # Then every account is compliant
    eventually(lambda: operator.is_compliant(untrusted, forbidden, denied, invalid, broken, throttled))
    eventually(lambda: operator.message_count(ACCOUNT_QUEUE) == 0)
    assert emulation.contacts().get(closed) is None
    assert operator.run("failures").exit_code == 0
    assert operator.run("status").exit_code == 0


def test_a_message_that_sqs_moved_after_crashes_has_that_reason_whatever_its_old_attributes_say(
    operator: Operator,
) -> None:
    account = operator.new_account()
    operator.delay_last_call(account, seconds=30)
    # Given a message that once failed for another reason, and a queue that moves it after the first crash
    operator.fail("throttled", account)
    queue = operator.url(ACCOUNT_QUEUE)
    attributes = operator.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["RedrivePolicy"])["Attributes"]
    redrive_policy = attributes["RedrivePolicy"]
    one_receive = json.dumps({**json.loads(redrive_policy), "maxReceiveCount": 1})

    def configure(visibility_timeout: str, redrive_policy: str) -> None:
        attributes = {"VisibilityTimeout": visibility_timeout, "RedrivePolicy": redrive_policy}
        operator.sqs.set_queue_attributes(QueueUrl=queue, Attributes=attributes)

    configure("2", one_receive)
    try:
        assert operator.run("replay", "--yes").exit_code == 0
        eventually(lambda: operator.is_compliant(account))
        operator.kill_workers()
        eventually(lambda: operator.message_count(FAILED_ACCOUNT_QUEUE) == 1)
    finally:
        configure("1080", redrive_policy)

    [failure] = operator.json("failures")["accounts"]
    assert (failure["accountId"], failure["reason"], failure["tries"]) == (account, "crash_or_timeout", None)

    assert operator.run("replay", "--reason", "crash_or_timeout", "--yes").exit_code == 0
    eventually(lambda: operator.is_compliant(account))
    assert operator.message_count(FAILED_ACCOUNT_QUEUE) == 0


def test_undelivered_events_are_sent_again_and_failed_invocations_start_a_backfill(operator: Operator) -> None:
    with_event, without_event = operator.new_account(), operator.new_account()
    invocation = json.dumps({"requestPayload": {"ResponseURL": "https://secret.invalid"}})
    operator.send(event("create-account-result", with_event), invocation, queue=UNDELIVERED_QUEUE)
    result = operator.run("failures")
    assert result.exit_code == 1
    assert "1 event, 1 failed invocation" in result.stdout
    assert "secret.invalid" not in result.output

    plan = operator.json("replay", "--undelivered", "--dry-run")["plan"]
    assert (plan["send"], plan["failedInvocations"], plan["backfill"]) == (1, 1, True)
    assert operator.message_count(UNDELIVERED_QUEUE) == 2
    assert operator.run("replay", "--undelivered", "--yes").exit_code == 0

    eventually(lambda: operator.is_compliant(with_event, without_event))
    assert operator.message_count(UNDELIVERED_QUEUE) == 0


class TestLeastPrivilege:
    """An operator with the permissions in `tools.permissions` and no other."""

    @pytest.fixture
    def assume_role(self, operator: Operator, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
        """Return a function that assumes a new role with the permissions of these verbs."""

        def assume_role(name: str, *verbs: str, without: str = "") -> None:
            arns = operator.arns()
            allowed = [each for each in statements(verbs, arns) if each["Resource"] != arns.get(without)]
            use_role(operator.emulation, monkeypatch, allowed, name)

        return assume_role

    def run(self, operator: Operator, *arguments: str) -> Result:
        """Run the command with the name of the stack, because the role may not describe every stack."""
        return operator.run("--stack-name", "alternate-contacts", *arguments)

    def test_the_listed_permissions_are_sufficient(self, operator: Operator, assume_role: Callable[..., None]) -> None:
        replayed, selected, backfilled = operator.emulation.create_accounts(3)
        operator.fail("unavailable", replayed, selected)
        operator.fail("not_in_organization", "999999999999")
        operator.send("{}", queue=UNDELIVERED_QUEUE)
        assume_role("first-aid", "status", "failures", "discard")
        status = self.run(operator, "status", "--json")
        assert status.exit_code == 1
        assert json.loads(status.stdout)["quota"]["source"] == "configuration of WorkerFunction"
        assert self.run(operator, "failures").exit_code == 1
        assert self.run(operator, "discard", "--reason", "not_in_organization", "--yes").exit_code == 0
        assume_role("operator", "replay", "replay --undelivered", "backfill", "backfill --account")
        for arguments in (
            ["replay", "--account", selected],
            ["replay"],
            ["replay", "--undelivered"],
            ["backfill", "--account", backfilled],
            ["backfill"],
        ):
            result = self.run(operator, *arguments, "--yes")
            assert result.exit_code == 0, result.output
        eventually(lambda: operator.is_compliant(replayed, selected, backfilled))

    def test_a_missing_permission_is_named(self, operator: Operator, assume_role: Callable[..., None]) -> None:
        operator.fail("not_in_organization", "999999999999")
        assume_role("reader", "status", "failures")
        missing = {
            ("replay",): "sqs:ListMessageMoveTasks",
            ("discard", "--reason", "not_in_organization"): "sqs:DeleteMessage",
            ("backfill",): "lambda:InvokeFunction",
            ("backfill", "--account", "999999999999"): "sqs:SendMessage",
        }
        for arguments, action in missing.items():
            result = self.run(operator, *arguments, "--yes")
            assert result.exit_code == 2
            assert action in result.stderr
        assert operator.message_count(FAILED_ACCOUNT_QUEUE) == 1

    def test_without_permission_for_the_configuration_status_uses_the_defaults(
        self, operator: Operator, assume_role: Callable[..., None]
    ) -> None:
        assume_role("no-configuration", "status", without=WORKER_FUNCTION)
        result = self.run(operator, "status", "--json")
        assert result.exit_code == 0
        assert "lambda:GetFunctionConfiguration" in json.loads(result.stdout)["quota"]["source"]


def test_a_member_account_gets_the_id_of_the_management_account(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", operator.new_account())
    result = operator.run("status")
    assert result.exit_code == 2
    assert f"management account of the organization, {MANAGEMENT_ACCOUNT}" in result.stderr


def test_many_failed_accounts_are_replayed_without_loss(operator: Operator) -> None:
    accounts = operator.emulation.create_accounts(60)
    operator.fail("throttled", *accounts[:25])
    operator.fail("unavailable", *accounts[25:])
    selected = operator.json("replay", "--reason", "throttled", "--yes")
    assert selected["result"] == {"sent": 25, "notSent": 0, "notDeleted": 0}
    others = operator.json("replay", "--yes")
    assert others["result"]["moved"] == 35
    assert operator.run("status", "--watch", "--interval", "0.2").exit_code == 0
    assert operator.is_compliant(*accounts)


def test_as_a_program_it_prints_json_only_and_stops_on_a_signal(operator: Operator) -> None:
    account = operator.new_account()
    paths = [str(ROOT / folder) for folder in ("cli", "src", "custom-resources")]
    environment = {**operator.emulation.environment, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-m", "alternate_contacts.cli"]
    operator.delay_last_call(account, seconds=30)  # this is the last test, so no other test waits for the call
    operator.request(account)
    with subprocess.Popen(  # noqa: S603
        [*command, "status", "--watch", "--interval", "1"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as watching:
        failures = subprocess.run([*command, "failures", "--json"], env=environment, capture_output=True, text=True)  # noqa: S603
        assert (failures.returncode, failures.stderr) == (0, "")
        assert json.loads(failures.stdout)["accounts"] == []
        watching.send_signal(signal.SIGTERM)
        _, stderr = watching.communicate(timeout=10)
    assert (watching.returncode, stderr) == (130, "Interrupted.\n")
