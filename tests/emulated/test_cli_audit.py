"""`audit` on the deployed package: 45 accounts and more, some broken in every way that it has a word for."""

import csv
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from alternate_contacts.cli.main import app
from emulation import deploy
from emulation.demo import wanted_contacts
from emulation.organization import Emulation
from emulation.settings import MANAGEMENT_ACCOUNT, ROOT, Settings
from emulation.waiting import eventually
from tools.audit_permissions import EVERYTHING, MEMBERS, OWN_ACCOUNT, PERMISSIONS
from tools.permissions import STACK

PRODUCTION, SANDBOX, IN_ROOT, SUSPENDED = 24, 12, 8, 3
DRIFTED = {"Name": "Dora Drift", "Title": "Guest", "EmailAddress": "dora@drift.invalid", "PhoneNumber": "+1 99 0000"}

SETTINGS = Settings(quota_speed=100, delay_speed=6000)
QUOTA = {"PutRate": "500", "GetRate": "1000"}


@dataclass
class Auditor:
    """Somebody with the command, before an organization that was right before it was broken."""

    emulation: Emulation
    stack_id: str
    wanted: dict[str, dict[str, str]]
    production: list[str]
    sandbox: list[str]
    suspended: list[str]
    broken: dict[str, str] = field(default_factory=dict)
    """Account ids by what is wrong with them."""

    def run(self, *arguments: str) -> Result:
        # Who names the stack needs no permission for every stack.
        return CliRunner().invoke(app, ["--stack-name", "alternate-contacts", "audit", *arguments])

    def json(self, *arguments: str) -> dict[str, Any]:
        result = self.run("--json", *arguments)
        assert result.stdout, result.stderr
        document: dict[str, Any] = json.loads(result.stdout)
        return document

    @property
    def secrets(self) -> list[str]:
        """Contact data that nobody is to see."""
        contacts = [*self.wanted.values(), DRIFTED]
        return [value for each in contacts for name, value in each.items() if name != "AlternateContactType"]

    def drift(self, account: str, kind: str) -> None:
        self.emulation.set_contact(account, {**DRIFTED, "AlternateContactType": kind})

    def forget(self, account: str, kind: str) -> None:
        self.emulation.client("account").delete_alternate_contact(AccountId=account, AlternateContactType=kind)

    def environment_of(self, role: str) -> dict[str, str]:
        """Somebody who may do what `audit.permissions` says, and no more."""
        organization = self.emulation.client("organizations").describe_organization()["Organization"]["Id"]
        names = {"MANAGEMENT_ACCOUNT": MANAGEMENT_ACCOUNT, "ORGANIZATION": organization}
        stack = f"{self.stack_id.rpartition('/')[0]}/*"
        arns = {STACK: stack, EVERYTHING: "*", OWN_ACCOUNT: OWN_ACCOUNT, MEMBERS: MEMBERS}
        for name, value in names.items():
            arns = {resource: arn.replace(name, value) for resource, arn in arns.items()}
        statements = [
            {"Effect": "Allow", "Action": list(each.actions), "Resource": arns[each.resource]} for each in PERMISSIONS
        ]
        iam = self.emulation.client("iam")
        trust = {"Effect": "Allow", "Principal": {"AWS": MANAGEMENT_ACCOUNT}, "Action": "sts:AssumeRole"}
        arn = iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))["Role"]["Arn"]
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_role_policy(RoleName=role, PolicyName="policy", PolicyDocument=policy)
        keys = self.emulation.assume_role(arn)
        return {
            "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
            "AWS_SESSION_TOKEN": keys["SessionToken"],
        }


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Auditor]:
    """The package on its first deployment, when all accounts are right."""
    folder = tmp_path_factory.mktemp("build")
    deploy.build(folder)
    with Emulation(SETTINGS) as emulation:
        organizations = emulation.client("organizations")
        root = organizations.list_roots()["Roots"][0]["Id"]
        workloads = _unit(organizations, root, "Workloads")
        production = _members(emulation, _unit(organizations, workloads, "Production"), PRODUCTION)
        sandbox = _members(emulation, _unit(organizations, root, "Sandbox"), SANDBOX)
        in_root = emulation.create_accounts(IN_ROOT, suspended=SUSPENDED)
        outputs = deploy.deploy(emulation, folder, parameters=QUOTA)
        [stack] = emulation.client("cloudformation").describe_stacks(StackName="alternate-contacts")["Stacks"]
        wanted = wanted_contacts(deploy.parameters())
        active = [MANAGEMENT_ACCOUNT, *production, *sandbox, *in_root[:-SUSPENDED]]
        eventually(lambda: all(emulation.contacts().get(account) == wanted for account in active), within=30)
        eventually(lambda: _waiting(emulation, outputs["AccountQueueUrl"]) == 0, within=30)
        yield Auditor(emulation, stack["StackId"], wanted, production, sandbox, in_root[-SUSPENDED:])


def _waiting(emulation: Emulation, url: str) -> int:
    """Letters that the worker may still read, or is at work on."""
    names = [f"ApproximateNumberOfMessages{kind}" for kind in ("", "NotVisible", "Delayed")]
    counts = emulation.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(counts[name]) for name in names)


def _unit(organizations: Any, parent: str, name: str) -> str:
    made = organizations.create_organizational_unit(ParentId=parent, Name=name)
    identifier: str = made["OrganizationalUnit"]["Id"]
    return identifier


def _members(emulation: Emulation, unit: str, count: int) -> list[str]:
    organizations = emulation.client("organizations")
    accounts = emulation.create_accounts(count)
    for account in accounts:
        parent = organizations.list_parents(ChildId=account)["Parents"][0]["Id"]
        organizations.move_account(AccountId=account, SourceParentId=parent, DestinationParentId=unit)
    return accounts


@pytest.fixture
def auditor(deployed: Auditor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Auditor:
    """The root user of the management account."""
    for name, value in deployed.emulation.environment.items():
        if name.startswith("AWS_") or name == "NO_PROXY":
            monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return deployed


@pytest.fixture
def broken(auditor: Auditor) -> Iterator[Auditor]:
    """Two accounts that lost a contact, one whose contact was changed, one that AWS refuses."""
    lost, lost_too, drifted, refused = auditor.production[:4]
    auditor.forget(lost, "SECURITY")
    auditor.forget(lost_too, "BILLING")
    auditor.drift(drifted, "OPERATIONS")
    auditor.emulation.set_fault(refused, "AccessDeniedException", operation="GetAlternateContact")
    auditor.broken = {"lost": lost, "lost too": lost_too, "drifted": drifted, "refused": refused}
    yield auditor
    auditor.emulation.clear_fault(refused)
    for account in auditor.broken.values():
        for contact in auditor.wanted.values():
            auditor.emulation.set_contact(account, contact)


ACTIVE = 1 + PRODUCTION + SANDBOX + IN_ROOT - SUSPENDED


def test_after_a_deployment_all_is_right_and_an_audit_changes_nothing(auditor: Auditor) -> None:
    before = auditor.emulation.counts()
    result = auditor.run()
    assert (result.exit_code, result.stderr) == (0, "")
    assert f"{ACTIVE} of {ACTIVE} accounts read, 0 not right" in result.stdout
    assert f"Skipped: {SUSPENDED} SUSPENDED" in result.stdout
    after = auditor.emulation.counts()
    assert after["GetAlternateContact"] - before["GetAlternateContact"] == 3 * ACTIVE
    assert after["PutAlternateContact"] == before["PutAlternateContact"]
    assert after["throttled"] == before["throttled"]


def test_whatever_is_broken_has_its_word_in_every_output(broken: Auditor, tmp_path: Path) -> None:
    page, lines = tmp_path / "audit.html", tmp_path / "audit.csv"
    result = broken.run("--json", "--html", str(page), "--csv", str(lines))
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    words = {
        account["accountId"]: [contact["word"] for contact in account["contacts"].values()]
        for account in document["accounts"]
    }
    assert words[broken.broken["lost"]] == ["right", "right", "missing"]
    assert words[broken.broken["lost too"]] == ["missing", "right", "right"]
    assert words[broken.broken["drifted"]] == ["right", "different", "right"]
    assert words[broken.broken["refused"]] == ["unreadable"] * 3
    assert all(words[account] == ["skipped"] * 3 for account in broken.suspended)
    assert Counter(map(tuple, words.values()))["right", "right", "right"] == ACTIVE - 4

    units = {unit["path"]: unit for unit in document["organizationalUnits"]}
    assert {path: unit["accounts"] for path, unit in units.items()} == {
        "Root": ACTIVE + SUSPENDED,
        "Root / Sandbox": SANDBOX,
        "Root / Workloads": PRODUCTION,
        "Root / Workloads / Production": PRODUCTION,
    }
    assert units["Root / Workloads / Production"]["contactTypes"]["SECURITY"]["percentRight"] == 91  # 22 of 24
    checks = {check["name"]: check["accounts"] for check in document["checks"]}
    assert checks["Account.1"] == {"failed": 1, "passed": ACTIVE - 2, "skipped": SUSPENDED, "unknown": 1}
    assert checks["Contacts differ"]["failed"] == 2

    with lines.open(newline="") as file:
        by_id = {line["account_id"]: line for line in csv.DictReader(file)}
    assert by_id[broken.broken["refused"]]["billing_reason"] == "not_authorized"
    assert by_id[broken.broken["lost"]]["account_1"] == "failed"
    assert by_id[broken.suspended[0]]["state"] == "SUSPENDED"
    assert json.loads(page.read_text().split('id="data">')[1].split("</script>")[0]) == document

    table = broken.run().stdout
    assert all(account in table for account in broken.broken.values())
    for output in (result.output, table, page.read_text(), lines.read_text()):
        assert [secret for secret in broken.secrets if secret in output] == []
    assert DRIFTED["EmailAddress"] in broken.run("--show-contacts").stdout


def test_the_listed_permissions_are_all_that_it_takes(broken: Auditor, monkeypatch: pytest.MonkeyPatch) -> None:
    as_root = broken.json()
    for name, value in broken.environment_of("auditor").items():
        monkeypatch.setenv(name, value)
    as_auditor = broken.json("--fresh")
    for document in (as_root, as_auditor):
        for account in document["accounts"]:
            account.pop("readAt", None)
    assert as_auditor["accounts"] == as_root["accounts"]


def test_trusted_access_switched_off_is_named(auditor: Auditor) -> None:
    organizations = auditor.emulation.client("organizations")
    organizations.disable_aws_service_access(ServicePrincipal="account.amazonaws.com")
    try:
        document = auditor.json()
    finally:
        organizations.enable_aws_service_access(ServicePrincipal="account.amazonaws.com")
    contacts = {each["accountId"]: each["contacts"]["BILLING"] for each in document["accounts"]}
    assert contacts[MANAGEMENT_ACCOUNT]["word"] == "right"
    assert contacts[auditor.sandbox[0]]["reason"] == "trusted_access_off"


def test_a_busy_quota_slows_it_down_and_costs_no_account(auditor: Auditor) -> None:
    auditor.emulation.set_fault("*", "TooManyRequestsException", operation="GetAlternateContact", times=10)
    result = auditor.run()
    assert (result.exit_code, result.stderr) == (0, "")


def test_ctrl_c_and_on_again(broken: Auditor, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "alternate_contacts.cli", "audit", "--json"]
    path = os.pathsep.join(str(ROOT / folder) for folder in ("cli", "src", "custom-resources"))
    environment = {**broken.emulation.environment, "PYTHONPATH": path, "XDG_CACHE_HOME": str(tmp_path / "cache")}

    # Given a run that takes a while (3 x 42 / 20 = 6 s), and Ctrl-C when some accounts are read
    with subprocess.Popen(  # noqa: S603
        [*command, "--rate", "20"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        [kept] = eventually(lambda: list(tmp_path.glob("cache/alternate-contacts/*.jsonl")))
        eventually(lambda: len(kept.read_text().splitlines()) > 5)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=15)
    first = json.loads(stdout)
    assert process.returncode == 130
    assert (first["complete"], first["accountsActive"]) == (False, ACTIVE)
    assert 5 <= first["accountsRead"] < ACTIVE
    assert f"Stopped: {first['accountsRead']} of {ACTIVE} accounts read." in stderr
    assert [secret for secret in broken.secrets if secret in kept.read_text() + stdout + stderr] == []

    # When it is run again
    before = broken.emulation.counts()["GetAlternateContact"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603

    # Then it reads the rest only, and knows all
    assert done.returncode == 1
    unreadable = [each for each in first["accounts"] if each["accountId"] == broken.broken["refused"]]
    known = first["accountsRead"] - len(unreadable)
    assert f"{known} of {ACTIVE} accounts were read then" in done.stderr
    assert broken.emulation.counts()["GetAlternateContact"] - before == 3 * (ACTIVE - known)
    assert json.loads(done.stdout)["complete"] is True
    assert not kept.exists()
