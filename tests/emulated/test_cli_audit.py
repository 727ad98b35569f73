"""`audit` on the deployed package: more than 20 accounts, among them contacts of every compliance status."""

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from alternate_contacts.cli.main import app
from alternate_contacts.worker.errors import AccessDenied, TrustedAccessOff
from emulation import deploy
from emulation.demo import wanted_contacts
from emulation.organization import Emulation
from emulation.settings import MANAGEMENT_ACCOUNT, ROOT, Settings
from emulation.waiting import eventually
from tests.emulated.caller import use_role, use_root_user
from tests.fakes.contact_data import api_contact
from tools.audit_permissions import AUDIT, EVERYTHING, MEMBERS, OWN_ACCOUNT
from tools.permissions import CONTACTS_PATH, STACK, WORKER_FUNCTION

PRODUCTION, SANDBOX, IN_ROOT, SUSPENDED = 12, 5, 6, 3
DRIFTED = api_contact(7000)

SETTINGS = Settings(quota_speed=100, delay_speed=6000)
QUOTA = {"PutRate": "500", "GetRate": "1000"}


@dataclass
class Auditor:
    """An operator with the command, and an organization that was compliant after the deployment."""

    emulation: Emulation
    stack_id: str
    wanted: dict[str, dict[str, str]]
    production: list[str]
    sandbox: list[str]
    suspended: list[str]
    broken: dict[str, str] = field(default_factory=dict)
    """Account IDs by what is wrong with the account."""

    def run(self, *arguments: str) -> Result:
        # With the name of the stack the command needs no permission for every stack.
        return CliRunner().invoke(app, ["--stack-name", "alternate-contacts", "audit", *arguments])

    def json(self, *arguments: str) -> dict[str, Any]:
        result = self.run("--json", *arguments)
        assert result.stdout, result.stderr
        document: dict[str, Any] = json.loads(result.stdout)
        return document

    @property
    def secrets(self) -> list[str]:
        """Contact data."""
        contacts = [*self.wanted.values(), DRIFTED]
        return [value for contact in contacts for name, value in contact.items() if name != "AlternateContactType"]

    def change(self, account: str, contact_type: str) -> None:
        self.emulation.set_contact(account, {**DRIFTED, "AlternateContactType": contact_type})

    def delete(self, account: str, contact_type: str) -> None:
        self.emulation.client("account").delete_alternate_contact(AccountId=account, AlternateContactType=contact_type)

    def statements(self) -> list[dict[str, Any]]:
        """Return policy statements with the permissions in tools/audit_permissions.py."""
        organization = self.emulation.client("organizations").describe_organization()["Organization"]["Id"]
        names = {"MANAGEMENT_ACCOUNT": MANAGEMENT_ACCOUNT, "ORGANIZATION": organization}
        stack = f"{self.stack_id.rpartition('/')[0]}/*"
        worker = f"arn:aws:lambda:us-east-1:{MANAGEMENT_ACCOUNT}:function:alternate-contacts-WorkerFunction-*"
        arns = {STACK: stack, WORKER_FUNCTION: worker, EVERYTHING: "*", OWN_ACCOUNT: OWN_ACCOUNT, MEMBERS: MEMBERS}
        for name, value in names.items():
            arns = {resource: arn.replace(name, value) for resource, arn in arns.items()}
        return [
            {"Effect": "Allow", "Action": list(permission.actions), "Resource": arns[permission.resource]}
            for permission in AUDIT
            if permission.resource != CONTACTS_PATH
        ]


@pytest.fixture(scope="module")
def deployed(build: Path) -> Iterator[Auditor]:
    """The package after its first deployment, when every account is compliant."""
    with Emulation(SETTINGS) as emulation:
        organizations = emulation.client("organizations")
        root = organizations.list_roots()["Roots"][0]["Id"]
        workloads = _unit(organizations, root, "Workloads")
        production = _members(emulation, _unit(organizations, workloads, "Production"), PRODUCTION)
        sandbox = _members(emulation, _unit(organizations, root, "Sandbox"), SANDBOX)
        in_root = emulation.create_accounts(IN_ROOT, suspended=SUSPENDED)
        outputs = deploy.deploy_without_sam(emulation, build, parameters=QUOTA)
        [stack] = emulation.client("cloudformation").describe_stacks(StackName="alternate-contacts")["Stacks"]
        wanted = wanted_contacts(deploy.parameters())
        active = [MANAGEMENT_ACCOUNT, *production, *sandbox, *in_root[:-SUSPENDED]]
        eventually(lambda: all(emulation.contacts().get(account) == wanted for account in active), within=30)
        eventually(lambda: _waiting(emulation, outputs["AccountQueueUrl"]) == 0, within=30)
        yield Auditor(emulation, stack["StackId"], wanted, production, sandbox, in_root[-SUSPENDED:])


def _waiting(emulation: Emulation, url: str) -> int:
    """Return the number of messages that are not processed yet."""
    names = [f"ApproximateNumberOfMessages{suffix}" for suffix in ("", "NotVisible", "Delayed")]
    counts = emulation.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(counts[name]) for name in names)


def _unit(organizations: Any, parent: str, name: str) -> str:
    unit: str = organizations.create_organizational_unit(ParentId=parent, Name=name)["OrganizationalUnit"]["Id"]
    return unit


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
    use_root_user(deployed.emulation, monkeypatch)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return deployed


@pytest.fixture
def broken(auditor: Auditor) -> Iterator[Auditor]:
    """Two accounts without a contact, one with another contact, and one with access denied."""
    first, second, changed, denied = auditor.production[:4]
    auditor.delete(first, "SECURITY")
    auditor.delete(second, "BILLING")
    auditor.change(changed, "OPERATIONS")
    auditor.emulation.set_fault(denied, "AccessDeniedException", operation="GetAlternateContact")
    auditor.broken = {"no SECURITY": first, "no BILLING": second, "changed": changed, "denied": denied}
    yield auditor
    auditor.emulation.clear_fault(denied)
    for account in auditor.broken.values():
        for contact in auditor.wanted.values():
            auditor.emulation.set_contact(account, contact)


ACTIVE = 1 + PRODUCTION + SANDBOX + IN_ROOT - SUSPENDED


def test_after_a_deployment_every_account_is_compliant_and_an_audit_changes_nothing(auditor: Auditor) -> None:
    before = auditor.emulation.counts()
    result = auditor.run()
    assert (result.exit_code, result.stderr) == (0, "")
    assert f"{ACTIVE} of {ACTIVE} accounts read, 0 not compliant" in result.stdout
    assert f"Skipped: {SUSPENDED} SUSPENDED" in result.stdout
    after = auditor.emulation.counts()
    assert after["GetAlternateContact"] - before["GetAlternateContact"] == 3 * ACTIVE
    assert after["PutAlternateContact"] == before["PutAlternateContact"]
    assert after["throttled"] == before["throttled"]


def test_every_status_is_in_every_output(broken: Auditor, tmp_path: Path) -> None:
    page, lines = tmp_path / "audit.html", tmp_path / "audit.csv"
    result = broken.run("--json", "--html", str(page), "--csv", str(lines))
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    statuses = {
        account["accountId"]: [contact["status"] for contact in account["contacts"].values()]
        for account in document["accounts"]
    }
    assert statuses[broken.broken["no SECURITY"]] == ["compliant", "compliant", "missing"]
    assert statuses[broken.broken["no BILLING"]] == ["missing", "compliant", "compliant"]
    assert statuses[broken.broken["changed"]] == ["compliant", "different", "compliant"]
    assert statuses[broken.broken["denied"]] == ["unreadable"] * 3
    assert all(statuses[account] == ["skipped"] * 3 for account in broken.suspended)
    assert list(statuses.values()).count(["compliant"] * 3) == ACTIVE - 4

    units = {unit["path"]: unit for unit in document["organizationalUnits"]}
    assert {path: unit["accounts"] for path, unit in units.items()} == {
        "Root": ACTIVE + SUSPENDED,
        "Root / Sandbox": SANDBOX,
        "Root / Workloads": PRODUCTION,
        "Root / Workloads / Production": PRODUCTION,
    }
    assert units["Root / Workloads / Production"]["contactTypes"]["SECURITY"]["percentCompliant"] == 83  # 10 of 12
    checks = {check["name"]: check["accounts"] for check in document["checks"]}
    assert checks["Account.1"] == {"failed": 1, "passed": ACTIVE - 2, "skipped": SUSPENDED, "unknown": 1}
    assert checks["Contacts differ"]["failed"] == 2

    with lines.open(newline="") as file:
        by_id = {line["account_id"]: line for line in csv.DictReader(file)}
    assert by_id[broken.broken["denied"]]["billing_reason"] == AccessDenied.reason
    assert by_id[broken.broken["no SECURITY"]]["account_1"] == "failed"
    assert by_id[broken.suspended[0]]["state"] == "SUSPENDED"
    assert json.loads(page.read_text().split('id="data">')[1].split("</script>")[0]) == document

    table = broken.run().stdout
    assert all(account in table for account in broken.broken.values())
    for output in (result.output, table, page.read_text(), lines.read_text()):
        assert [secret for secret in broken.secrets if secret in output] == []
    assert DRIFTED["EmailAddress"] in broken.run("--show-contacts").stdout


def test_the_listed_permissions_are_sufficient(broken: Auditor, monkeypatch: pytest.MonkeyPatch) -> None:
    as_root = broken.json()
    use_role(broken.emulation, monkeypatch, broken.statements(), "auditor")
    result = broken.run("--json", "--fresh")
    assert result.stderr == ""  # no note that the API quota could not be read
    as_auditor = json.loads(result.stdout)
    for document in (as_root, as_auditor):
        for account in document["accounts"]:
            account.pop("readAt", None)
    assert as_auditor["accounts"] == as_root["accounts"]


def test_trusted_access_that_is_off_is_reported(auditor: Auditor) -> None:
    organizations = auditor.emulation.client("organizations")
    organizations.disable_aws_service_access(ServicePrincipal="account.amazonaws.com")
    try:
        document = auditor.json()
    finally:
        organizations.enable_aws_service_access(ServicePrincipal="account.amazonaws.com")
    contacts = {account["accountId"]: account["contacts"]["BILLING"] for account in document["accounts"]}
    assert contacts[MANAGEMENT_ACCOUNT]["status"] == "compliant"
    assert contacts[auditor.sandbox[0]]["reason"] == TrustedAccessOff.reason


def test_throttled_calls_make_no_account_unreadable(auditor: Auditor) -> None:
    auditor.emulation.set_fault("*", "TooManyRequestsException", operation="GetAlternateContact", times=10)
    result = auditor.run()
    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_the_next_run_continues_after_ctrl_c_and_after_kill(
    broken: Auditor, tmp_path: Path, end: signal.Signals
) -> None:
    command = [sys.executable, "-m", "alternate_contacts.cli", "--stack-name", "alternate-contacts", "audit", "--json"]
    path = os.pathsep.join(str(ROOT / folder) for folder in ("cli", "src", "custom-resources"))
    environment = {**broken.emulation.environment, "PYTHONPATH": path, "XDG_CACHE_HOME": str(tmp_path / "cache")}

    # Given a run that takes 3 x 21 / 20 = 3 s, and its end after some accounts are read
    with subprocess.Popen(  # noqa: S603
        [*command, "--rate", "20"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        [state_file] = eventually(lambda: list(tmp_path.glob("cache/alternate-contacts/*.jsonl")))
        eventually(lambda: len(state_file.read_text().splitlines()) > 5)
        process.send_signal(end)
        stdout, stderr = process.communicate(timeout=15)
    saved = [json.loads(line) for line in state_file.read_text().splitlines()[1:]]
    assert 5 <= len(saved) < ACTIVE
    if end is signal.SIGINT:
        first = json.loads(stdout)
        assert process.returncode == 130
        assert (first["complete"], first["accountsActive"]) == (False, ACTIVE)
        assert {line["accountId"] for line in saved} == {
            account["accountId"] for account in first["accounts"] if account["state"] == "ACTIVE"
        }
        assert f"Interrupted: {first['accountsRead']} of {ACTIVE} accounts read." in stderr
    assert [secret for secret in broken.secrets if secret in state_file.read_text() + stdout + stderr] == []

    # When the command is run again
    before = broken.emulation.counts()["GetAlternateContact"]
    second = broken.run("--json")

    # Then it reads only the accounts that were not read or not compliant, and reports all of them
    assert second.exit_code == 1
    known = sum(line["accountId"] not in broken.broken.values() for line in saved)
    assert f"{known} of {ACTIVE} accounts had been read since" in second.stderr
    assert broken.emulation.counts()["GetAlternateContact"] - before == 3 * (ACTIVE - known)
    document = json.loads(second.stdout)
    assert document["complete"] is True
    assert document["firstReadAt"] <= document["startedAt"] <= document["lastReadAt"]
    assert not state_file.exists()
