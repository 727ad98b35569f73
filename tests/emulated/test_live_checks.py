"""The checks of tests/live, run as an operator runs them, on the emulation and with all the evidence that they need."""

import json
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from alternate_contacts.worker.message import AccountMessage, parse_message
from emulation.organization import Emulation
from emulation.settings import MANAGEMENT_ACCOUNT, ROOT, Settings
from emulation.waiting import eventually
from tests.emulated.package import EVENTS, Package
from tests.live.cleanup import PREFIX

DELAY_SPEED = 600
UNUSED_PLUGINS = ("cacheprovider", "cov", "hypothesispytest", "xdist")
"""Plugins that no check uses: without them pytest starts in two thirds of the time."""
PATH = "/alternate-contacts"
PAGE = (ROOT / "docs" / "verify-on-aws.md").read_text()
NO_BACKLOG = "a backfill of some hundred accounts would take minutes"
NOT_EMULATED = {
    "it does not evaluate alarms on metric math",
    "it has no CloudTrail history of Organizations",
    "it has no metrics of EventBridge",
    "it has no metric of concurrent executions",
    "it has no Control Tower",
    "it runs a rate schedule after its first period",
    NO_BACKLOG,
}


def run_checks(
    package: Package, *options: str, account: str = MANAGEMENT_ACCOUNT, **variables: str
) -> "subprocess.CompletedProcess[str]":
    """Run the checks in a process of their own, as the root user unless the variables name other credentials."""
    plugins = [option for name in UNUSED_PLUGINS for option in ("-p", f"no:{name}")]
    command = [sys.executable, "-m", "pytest", "tests/live", *plugins, "--live-account", account]
    return subprocess.run(  # noqa: S603
        [*command, "--live-emulation", str(DELAY_SPEED), *options],
        cwd=ROOT,
        env=package.emulation.environment | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def roll_back(package: Package) -> None:
    """Make an update of the stack fail."""
    cloudformation, name = package.emulation.client("cloudformation"), "alternate-contacts"
    keys = [each["ParameterKey"] for each in package.stack()["Parameters"] if each["ParameterKey"] != "SecurityTitle"]
    changed = {"ParameterKey": "SecurityTitle", "ParameterValue": "Another title"}
    package.emulation.set_feature_set("CONSOLIDATED_BILLING")
    cloudformation.update_stack(
        StackName=name,
        UsePreviousTemplate=True,
        Parameters=[changed, *({"ParameterKey": key, "UsePreviousValue": True} for key in keys)],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    eventually(lambda: package.stack()["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE", within=60)
    package.emulation.set_feature_set("ALL")


def provide_evidence(package: Package) -> None:
    """Make a rollback, a reconcile, a new account, a retry, a failed account and a replay."""
    emulation, (retried, failed, *_) = package.emulation, package.accounts
    eventually(lambda: package.message_count("AccountQueue") == 0, within=60)
    roll_back(package)
    package.run_schedule("ReconcileSchedule")
    new = package.new_account()
    emulation.set_fault(new, "not-ready", times=2)
    package.emit_event(new)
    emulation.set_fault(retried, "InternalServerException", times=1)
    emulation.set_fault(failed, "ValidationException", operation="GetAlternateContact", times=1)
    package.send(*(package.message_body(account) for account in (retried, failed)))
    package.failure_of(failed)
    package.redrive()
    queues = ("FailedAccountQueue", "AccountQueue")
    eventually(lambda: not any(map(package.message_count, queues)), within=60)


@pytest.fixture(scope="module")
def package(build: Path) -> Iterator[Package]:
    """The package at the quota of AWS, which a check uses up."""
    with Emulation(Settings(delay_speed=DELAY_SPEED)) as emulation:
        accounts = emulation.create_accounts(3, suspended=1)
        emulation.client("ssm").put_parameter(Name=f"{PATH}/version", Type="String", Value="1")
        [root] = emulation.client("organizations").list_roots()["Roots"]
        parameters = {"PutRate": "default", "GetRate": "default", "ContactsPath": PATH, "ProtectedTargetId": root["Id"]}
        package = Package.deploy(emulation, build, accounts, **parameters)
        provide_evidence(package)
        yield package


@pytest.fixture(scope="module")
def fixtures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the checks save fixtures."""
    return tmp_path_factory.mktemp("fixtures")


@pytest.fixture(scope="module")
def reading(package: Package, fixtures: Path) -> str:
    """Run the checks that read, with the permissions on the page; return what they print."""
    process = run_checks(package, "-m", "not writes", "--live-fixtures", str(fixtures), **reader(package))
    assert process.returncode == 0, process.stdout
    return process.stdout


@pytest.fixture(scope="module")
def writing(package: Package, fixtures: Path) -> str:
    """Run the checks that write, while AWS emits events of a new account; return what they print."""
    account, ended = package.new_account(), threading.Event()

    def emit() -> None:
        while not ended.wait(2):
            package.emit_event(account)

    emitter = threading.Thread(target=emit)
    emitter.start()
    try:
        options = ("--live-write", "--live-capture", "1", "--live-fixtures", str(fixtures))
        process = run_checks(package, "-m", "writes", *options)
    finally:
        ended.set()
        emitter.join()
    assert process.returncode == 0, process.stdout
    return process.stdout


def reader(package: Package) -> dict[str, str]:
    """Return the environment variables of a role with the policy on the page."""
    [policy] = re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    trust = {"Effect": "Allow", "Principal": {"AWS": MANAGEMENT_ACCOUNT}, "Action": "sts:AssumeRole"}
    iam = package.emulation.client("iam")
    role = iam.create_role(RoleName="reader", AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))["Role"]
    iam.put_role_policy(RoleName="reader", PolicyName="policy", PolicyDocument=policy)
    keys = package.emulation.assume_role(role["Arn"])
    return {
        "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
        "AWS_SESSION_TOKEN": keys["SessionToken"],
    }


def created_by_checks(package: Package) -> list[str]:
    """Return the names of everything that the checks have created and not deleted."""
    client = package.emulation.client
    names = [
        *client("sqs").list_queues().get("QueueUrls", []),
        *(rule["Name"] for rule in client("events").list_rules()["Rules"]),
        *(stack["StackName"] for stack in client("cloudformation").describe_stacks()["Stacks"]),
        *(
            change_set["ChangeSetName"]
            for change_set in client("cloudformation").list_change_sets(StackName="alternate-contacts")["Summaries"]
        ),
        *(message["Body"] for message in package.messages("UndeliveredQueue")),
    ]
    return [name for name in names if PREFIX in name]


def test_checks_that_are_killed_clean_up(package: Package) -> None:
    name = f"{PREFIX}killed"
    script = f"""
        import os, signal, boto3
        from tests.live.cleanup import Cleanup
        with Cleanup() as cleanup:
            cleanup.add("delete_queue", region="us-east-1", name="{name}")
            boto3.client("sqs").create_queue(QueueName="{name}")
            print("created", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        """
    process = subprocess.run(  # noqa: S603
        [sys.executable, "-c", dedent(script)],
        cwd=ROOT,
        env=package.emulation.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (process.returncode, process.stdout) == (-signal.SIGKILL, "created\n")
    eventually(lambda: created_by_checks(package) == [], within=30)


def facts(output: str) -> Counter[str]:
    """Return the number of facts by verdict. Each must state what changes if it is wrong."""
    verdicts = Counter(re.findall("^(holds|unknown|WRONG|ERROR) ", output, re.MULTILINE))
    assert output.count("    if not: ") == verdicts.total()
    return verdicts


def test_every_fact_that_is_read_holds_on_the_emulation_or_has_a_reason(reading: str) -> None:
    reasons = re.findall(r"not checked: not on the emulation: (.*)", reading)
    assert facts(reading).keys() == {"holds", "unknown"}
    assert len(reasons) == facts(reading)["unknown"]
    assert set(reasons) == NOT_EMULATED - {NO_BACKLOG}


def test_every_fact_that_needs_a_write_holds_on_the_emulation_or_has_a_reason(writing: str) -> None:
    assert facts(writing).keys() == {"holds", "unknown"}
    assert re.findall(r"not checked: not on the emulation: (.*)", writing) == [NO_BACKLOG]


@pytest.mark.usefixtures("reading", "writing")
def test_the_saved_fixtures_are_redacted_and_in_the_format_of_the_recorded_events(
    fixtures: Path, package: Package
) -> None:
    texts = {path.stem: path.read_text() for path in fixtures.iterdir()}
    assert {"create-account-result", "describe-account", "list-accounts-suspended"} <= texts.keys()
    event = json.loads(texts["create-account-result"])
    recorded = json.loads((EVENTS / "create-account-result.json").read_text())
    assert event["detail"]["serviceEventDetails"].keys() == recorded["detail"]["serviceEventDetails"].keys()
    assert parse_message(texts["create-account-result"]) == AccountMessage("111122223333", "CreateAccountResult")
    accounts = package.emulation.client("organizations").list_accounts()["Accounts"]
    secrets = {account[key] for account in accounts for key in ("Id", "Name", "Email")} - {MANAGEMENT_ACCOUNT}
    assert [secret for secret in secrets if secret in str(texts)] == []


@pytest.mark.usefixtures("writing")
def test_nothing_that_the_checks_created_is_left_and_no_contact_was_changed(package: Package) -> None:
    assert created_by_checks(package) == []
    assert package.stack()["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert package.is_compliant(*package.accounts[:-1])


def test_another_account_is_refused_before_anything_else_is_called(package: Package) -> None:
    eventually(lambda: package.message_count("AccountQueue") == 0, within=60)
    before = package.emulation.counts()
    process = run_checks(package, "--live-write", account="111122223333")
    assert process.returncode == 2
    assert "The credentials are of account 000000000000, not 111122223333." in process.stdout
    assert package.emulation.counts() == before
    assert created_by_checks(package) == []


def test_without_an_account_every_check_is_skipped(package: Package) -> None:
    process = run_checks(package, account="")
    assert process.returncode == 0
    assert re.search(r"= \d+ skipped in", process.stdout)
