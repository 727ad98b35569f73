"""Own contacts of OUs and accounts: parameters below a path, the real worker and backfill, IAM enforced."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner, Result

from alternate_contacts.cli.main import app
from emulation import deploy
from emulation.account_api import CONTACT_FIELDS
from emulation.organization import Emulation
from emulation.settings import MANAGEMENT_ACCOUNT
from emulation.waiting import eventually
from tests.emulated.caller import use_role, use_root_user
from tests.emulated.package import Contacts, Package
from tests.fakes.contact_data import contact_set
from tools.audit_permissions import AUDIT, EVERYTHING, EXPLAIN, MEMBERS, OWN_ACCOUNT
from tools.permissions import (
    BACKFILL_FUNCTION,
    CONTACT_PARAMETERS,
    CONTACTS_PATH,
    ORGANIZATION,
    STACK,
    WORKER_FUNCTION,
    statements,
)

PATH = "/teams/contacts"
TYPES = ("BILLING", "OPERATIONS", "SECURITY")
DEPTH = 5
"""OUs nest five deep.

https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html
"""


def contact(name: str) -> dict[str, str]:
    """Return the contact set ``name``; its contact has that name."""
    return contact_set(1, name=name, email_address=f"{name}@acme.test")


def as_stored(contact_type: str, name: str) -> dict[str, str]:
    """Return the contact of a set as GetAlternateContact returns it."""
    fields = {key[0].upper() + key[1:]: value for key, value in contact(name).items()}
    return {"AlternateContactType": contact_type, **fields}


class Organization:
    """The package with a contact configuration, in an organization of OUs that are nested five deep."""

    def __init__(self, package: Package) -> None:
        self.package = package
        self.emulation = package.emulation
        self._ssm = self.emulation.client("ssm")
        self._organizations = self.emulation.client("organizations")
        [root] = self._organizations.list_roots()["Roots"]
        self.root: str = root["Id"]
        self.ous: list[str] = []
        for level in range(DEPTH):
            ou = self._organizations.create_organizational_unit(ParentId=[self.root, *self.ous][-1], Name=f"ou {level}")
            self.ous.append(ou["OrganizationalUnit"]["Id"])

    def put(self, parameters: Mapping[str, object]) -> None:
        for name, value in parameters.items():
            text = value if isinstance(value, str) else json.dumps(value)
            self._ssm.put_parameter(Name=f"{PATH}/{name}", Type="String", Value=text, Overwrite=True)

    def configure(self, targets: Mapping[str, object], *sets: str) -> None:
        """Replace the configuration."""
        self.clear()
        named = {f"targets/{target_id}": target for target_id, target in targets.items()}
        self.put({"version": "1"} | {f"sets/{name}": contact(name) for name in sets} | named)

    def clear(self) -> None:
        pages = self._ssm.get_paginator("get_parameters_by_path").paginate(Path=PATH, Recursive=True)
        for name in [parameter["Name"] for page in pages for parameter in page["Parameters"]]:
            self._ssm.delete_parameter(Name=name)

    def new_account(self, parent: str = "") -> str:
        """Create an account below the root, or in an OU."""
        account = self.package.new_account()
        if parent:
            self.move(account, parent)
        return account

    def move(self, account: str, parent: str) -> None:
        self._organizations.move_account(AccountId=account, SourceParentId=self.root, DestinationParentId=parent)

    def process(self, account: str) -> None:
        """Send a message about the account, to a worker that keeps no older configuration."""
        self.package.restart_worker()
        self.package.send(self.package.message_body(account))

    def contacts(self, account: str) -> dict[str, str]:
        """Return the names of the account's contacts by type; ``default`` is the stack's contact."""
        stored: Contacts = self.emulation.contacts().get(account, {})
        return {
            contact_type: "default" if found == self.package.desired[contact_type] else found["Name"]
            for contact_type, found in stored.items()
        }

    def wait_for(self, account: str, *names: str) -> None:
        """Wait until the account has these contacts, in the order of `TYPES`."""
        expected = dict(zip(TYPES, names, strict=True))
        eventually(lambda: self.contacts(account) == expected, within=30)

    def lines(self, account: str, message: str) -> list[dict[str, Any]]:
        return [
            line
            for line in self.package.log_lines()
            if line.get("account_id") == account and line.get("message") == message
        ]

    def wait_for_line(self, account: str, message: str) -> list[dict[str, Any]]:
        return eventually(lambda: self.lines(account, message))


@pytest.fixture(scope="module")
def deployed(build: Path, shared_emulation: Emulation) -> Organization:
    ssm = shared_emulation.client("ssm")
    ssm.put_parameter(Name=f"{PATH}/version", Type="String", Value="1")
    package = Package.deploy(shared_emulation, build, [], ContactsPath=PATH)
    # The tests here send the messages themselves: test_changes.py is about changes that arrive by themselves.
    events = shared_emulation.client("events")
    for rule in events.list_rules()["Rules"]:
        if "AccountEventsRule" not in rule["Name"]:
            events.disable_rule(Name=rule["Name"])
    return Organization(package)


@pytest.fixture
def organization(deployed: Organization) -> Organization:
    """The deployed organization, without contact sets, targets and failed messages."""
    deployed.package.purge("FailedAccountQueue", "UndeliveredQueue")
    deployed.configure({})
    return deployed


def test_ous_nested_five_deep_each_state_one_type(organization: Organization) -> None:
    top, _, third, _, deepest = organization.ous
    organization.configure(
        {
            organization.root: {"billing": "root", "operations": "root", "security": "root"},
            top: {"operations": "top"},
            third: {"security": "third", "billing": "default"},
            **{f"{number:012}": {"billing": "root"} for number in range(25)},  # three more pages
        },
        "root",
        "top",
        "third",
    )
    account, other = organization.new_account(deepest), organization.new_account()
    organization.process(account)
    organization.wait_for(account, "default", "top", "third")
    organization.package.send(organization.package.message_body(other))
    organization.wait_for(other, "root", "root", "root")


def test_include_below_exclude(organization: Organization) -> None:
    top, second, third, *_ = organization.ous
    organization.configure({top: {"exclude": True}, second: {"exclude": False}, third: {"exclude": True}})
    excluded, included, again = (organization.new_account(ou) for ou in (top, second, third))
    organization.package.restart_worker()
    organization.package.send(*map(organization.package.message_body, (excluded, included, again)))
    organization.wait_for(included, "default", "default", "default")
    for account in (excluded, again):
        [line] = organization.wait_for_line(account, "account skipped")
        assert line["state"] == "excluded"
        assert organization.contacts(account) == {}


def test_the_management_account_is_a_target(organization: Organization) -> None:
    organization.configure({MANAGEMENT_ACCOUNT: {"security": "own"}, organization.ous[0]: {}}, "own")
    organization.process(MANAGEMENT_ACCOUNT)
    organization.wait_for(MANAGEMENT_ACCOUNT, "default", "default", "own")


def test_a_set_may_arrive_after_its_target(organization: Organization) -> None:
    ou = organization.ous[0]
    organization.configure({ou: {"billing": "late"}})
    account = organization.new_account(ou)
    organization.process(account)
    [*_, line] = organization.wait_for_line(account, "retry scheduled")
    assert (line["reason"], line["error_code"]) == ("unknown_contact_set", "sets/late")
    assert organization.contacts(account) == {"OPERATIONS": "default", "SECURITY": "default"}
    organization.put({"sets/late": contact("late")})
    organization.package.restart_worker()
    organization.wait_for(account, "late", "default", "default")
    assert organization.package.messages("FailedAccountQueue") == []


def test_a_broken_target_is_reported_once_and_then_its_account_fails(organization: Organization) -> None:
    ou = organization.ous[0]
    organization.configure({ou: {"billing": "missing", "color": "red"}, organization.root: {"billing": "root"}}, "root")
    account = organization.new_account(ou)
    organization.package.restart_worker()
    result = organization.package.invoke_backfill(trigger="manual")
    assert f"Problems of the contact configuration: 1 (targets/{ou} invalid_target)" in result["summary"]
    problems = [
        line
        for line in organization.package.log_lines("BackfillLogGroupName")
        if line.get("message") == "configuration problem" and line["parameter"] == f"targets/{ou}"
    ]
    assert [(line["reason"], line["detail"]) for line in problems] == [("invalid_target", "unknown_key")]
    failure = organization.package.failure_of(account)
    assert (failure["Reason"], failure["ErrorCode"]) == ("invalid_target", f"targets/{ou}")
    assert organization.contacts(account) == {}


def test_a_deleted_configuration_is_not_the_default(organization: Organization) -> None:
    ou = organization.ous[0]
    organization.configure({ou: {"billing": "own"}}, "own")
    account, other = organization.new_account(ou), organization.new_account()
    organization.process(account)
    organization.wait_for(account, "own", "default", "default")
    organization.clear()
    organization.package.restart_worker()
    organization.package.send(*map(organization.package.message_body, (account, other)))
    failures = {organization.package.failure_of(each)["Reason"] for each in (account, other)}
    assert failures == {"configuration_unreadable"}
    assert organization.contacts(account)["BILLING"] == "own"
    assert organization.contacts(other) == {}
    result = organization.package.invoke_backfill(trigger="manual")
    assert f"{PATH}/version" in result["errorMessage"]


@pytest.mark.parametrize("is_denied", [True, False], ids=["denied", "throttled"])
def test_a_backfill_survives_a_parameter_store_that_fails_in_the_middle(
    organization: Organization, is_denied: bool
) -> None:
    ou = organization.ous[0]
    organization.configure({ou: {"security": "own"}}, "own")
    accounts = [organization.new_account(ou) for _ in range(12)]
    organization.package.enable_worker(enabled=False)
    organization.package.invoke_backfill(trigger="manual")
    iam, role = organization.emulation.client("iam"), worker_role(organization.emulation)
    policy = iam.get_role_policy(RoleName=role, PolicyName="contact-configuration")["PolicyDocument"]
    if is_denied:
        iam.delete_role_policy(RoleName=role, PolicyName="contact-configuration")
    else:
        organization.emulation.throttle_parameter_store(6)
    organization.package.restart_worker()
    organization.package.enable_worker(enabled=True)
    retried = eventually(lambda: unreadable(organization, accounts), within=30)
    expected = "AccessDeniedException" if is_denied else "ThrottlingException"
    assert {line["error_code"] for line in retried} == {expected}
    if is_denied:
        iam.put_role_policy(RoleName=role, PolicyName="contact-configuration", PolicyDocument=json.dumps(policy))
    # An hour of retries takes six seconds here, so that some accounts may be out of tries.
    eventually(lambda: are_processed(organization, accounts), within=30)


def are_processed(organization: Organization, accounts: list[str]) -> bool:
    """Return whether the accounts have their contacts and no message failed; replay failed messages."""
    if organization.package.messages("FailedAccountQueue"):
        organization.package.redrive()
        return False
    expected = dict(zip(TYPES, ("default", "default", "own"), strict=True))
    return all(organization.contacts(account) == expected for account in accounts)


def unreadable(organization: Organization, accounts: list[str]) -> list[dict[str, Any]]:
    return [
        line
        for account in accounts
        for line in organization.lines(account, "retry scheduled")
        if line["reason"] == "configuration_unreadable"
    ]


def test_a_new_account_waits_below_the_root_for_its_ou(organization: Organization) -> None:
    ou = organization.ous[0]
    organization.configure({ou: {"exclude": True}})
    organization.package.restart_worker()
    moved, stays = organization.new_account(), organization.new_account()
    organization.package.emit_event(moved)
    organization.package.emit_event(stays)
    [line, *_] = organization.wait_for_line(moved, "retry scheduled")
    assert (line["reason"], line["calls"]) == ("below_root", 0)
    organization.move(moved, ou)
    organization.wait_for_line(moved, "account skipped")
    assert organization.contacts(moved) == {}
    organization.wait_for(stays, "default", "default", "default")
    # Sorted, because two workers write within milliseconds of each other; the order is a unit test's.
    retries = sorted(line["retry_in_seconds"] for line in organization.lines(stays, "retry scheduled"))
    assert retries == [15, 30, 60, 120, 135, 240]


def worker_role(emulation: Emulation) -> str:
    cloudformation = emulation.client("cloudformation")
    resource = cloudformation.describe_stack_resource(StackName="alternate-contacts", LogicalResourceId="WorkerRole")
    return str(resource["StackResourceDetail"]["PhysicalResourceId"])


def test_the_worker_may_read_the_path_and_nothing_else(organization: Organization) -> None:
    emulation = organization.emulation
    iam = emulation.client("iam")
    # Only Lambda may assume the role of the worker, so this is another role with its policies.
    trust = {"Effect": "Allow", "Principal": {"AWS": MANAGEMENT_ACCOUNT}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName="reader", AssumeRolePolicyDocument=document)["Role"]
    for name in iam.list_role_policies(RoleName=worker_role(emulation))["PolicyNames"]:
        policy = iam.get_role_policy(RoleName=worker_role(emulation), PolicyName=name)["PolicyDocument"]
        iam.put_role_policy(RoleName="reader", PolicyName=name, PolicyDocument=json.dumps(policy))
    keys = emulation.assume_role(role["Arn"])
    ssm = emulation.client(
        "ssm",
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )
    assert ssm.get_parameters_by_path(Path=PATH, Recursive=True)["Parameters"]
    for path in ("/", "/teams", f"{PATH}/sets", f"{PATH}2"):
        with pytest.raises(ClientError, match="AccessDenied"):
            ssm.get_parameters_by_path(Path=path, Recursive=True)
    with pytest.raises(ClientError, match="AccessDenied"):
        ssm.get_parameter(Name=f"{PATH}/version")
    with pytest.raises(ClientError, match="AccessDenied"):
        ssm.delete_parameter(Name=f"{PATH}/version")


# ---- the command: what it reports is what the worker did ------------------------------------------------------------


class Reader:
    """The verbs `audit` and `explain` with ``--json``."""

    def run(self, *arguments: str) -> dict[str, Any]:
        result = CliRunner().invoke(app, ["--stack-name", "alternate-contacts", *arguments, "--json"])
        assert result.stdout, result.stderr
        return dict(json.loads(result.stdout))

    def explain(self, account: str) -> dict[str, Any]:
        return self.run("explain", account)


def read_as_auditor(organization: Organization, monkeypatch: pytest.MonkeyPatch) -> Reader:
    """Return the command with the permissions of `audit` and `explain`."""
    emulation = organization.emulation
    organization_id = emulation.client("organizations").describe_organization()["Organization"]["Id"]
    members = MEMBERS.replace("MANAGEMENT_ACCOUNT", MANAGEMENT_ACCOUNT).replace("ORGANIZATION", organization_id)
    here = f"us-east-1:{MANAGEMENT_ACCOUNT}"
    arns = {
        STACK: f"arn:aws:cloudformation:{here}:stack/alternate-contacts/*",
        WORKER_FUNCTION: f"arn:aws:lambda:{here}:function:{organization.package.outputs['WorkerFunctionName']}",
        CONTACTS_PATH: f"arn:aws:ssm:{here}:parameter{PATH}",
        EVERYTHING: "*",
        OWN_ACCOUNT: OWN_ACCOUNT.replace("MANAGEMENT_ACCOUNT", MANAGEMENT_ACCOUNT),
        MEMBERS: members,
    }
    statements = [
        {"Effect": "Allow", "Action": list(permission.actions), "Resource": arns[permission.resource]}
        for permission in (*AUDIT, *EXPLAIN)
    ]
    use_root_user(emulation, monkeypatch)
    use_role(emulation, monkeypatch, statements, "auditor")
    return Reader()


def statuses(contacts: Mapping[str, Any]) -> list[str]:
    return [contacts[contact_type]["status"] for contact_type in TYPES]


def test_audit_and_explain_report_what_the_worker_did(
    organization: Organization, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    top, second, third, fourth, deepest = organization.ous
    organization.configure(
        {
            top: {"billing": "top", "exclude": True},
            second: {"exclude": False, "operations": "second"},
            deepest: {"security": "ignore"},
            fourth: {"color": "red"},
            MANAGEMENT_ACCOUNT: {"security": "own"},
            "999999999999": {"billing": "own"},
        },
        "top",
        "second",
        "own",
    )
    excluded, included, plain = (organization.new_account(ou) for ou in (top, third, ""))
    invalid = organization.new_account(fourth)
    organization.package.restart_worker()
    processed = (excluded, included, plain, invalid, MANAGEMENT_ACCOUNT)
    organization.package.send(*map(organization.package.message_body, processed))
    organization.wait_for(included, "top", "second", "default")
    organization.wait_for(plain, "default", "default", "default")
    organization.wait_for(MANAGEMENT_ACCOUNT, "default", "default", "own")
    organization.wait_for_line(excluded, "account skipped")
    assert organization.package.failure_of(invalid)["Reason"] == "invalid_target"

    command = read_as_auditor(organization, monkeypatch)
    gets = organization.emulation.counts()["GetAlternateContact"]
    document = command.run("audit")
    read = organization.emulation.counts()["GetAlternateContact"] - gets
    assert read == 3 * document["accountsRead"]
    contacts = {account["accountId"]: account["contacts"] for account in document["accounts"]}
    for account in (included, plain, MANAGEMENT_ACCOUNT):
        assert statuses(contacts[account]) == ["compliant"] * 3
        explained = command.explain(account)
        assert statuses(explained["contacts"]) == ["compliant"] * 3
        assert {contact["outcome"] for contact in explained["contacts"].values()} == {"unchanged"}
        for contact_type in TYPES:
            assert explained["contacts"][contact_type]["target"] == contacts[account][contact_type]["target"]
    assert [contacts[included][contact_type]["target"] for contact_type in TYPES] == [top, second, "default"]
    assert contacts[included]["OPERATIONS"]["source"] == f"second from OU ou 1 ({second})"
    assert contacts[MANAGEMENT_ACCOUNT]["SECURITY"]["target"] == MANAGEMENT_ACCOUNT

    assert {contact["reason"] for contact in contacts[excluded].values()} == {"excluded"}
    assert command.explain(excluded)["excludedBy"] == top

    assert statuses(contacts[invalid]) == ["unknown"] * 3
    assert contacts[invalid]["BILLING"]["errorCode"] == f"targets/{fourth}"
    failed = command.explain(invalid)
    assert {contact["outcome"] for contact in failed["contacts"].values()} == {"failed"}
    assert [ancestor["id"] for ancestor in failed["ancestors"]] == [
        *(invalid, fourth, third, second, top, organization.root)
    ]
    problems = {problem["parameter"]: problem["reason"] for problem in document["contactConfiguration"]["problems"]}
    assert problems == {f"targets/{fourth}": "invalid_target", "targets/999999999999": "unknown_target"}


def test_the_command_gives_an_ou_its_own_contact_and_takes_it_back(
    organization: Organization, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ou = organization.ous[0]
    account = organization.new_account(ou)
    value, target = tmp_path / "own.json", tmp_path / "ou.json"
    value.write_text(json.dumps(contact("own")))
    target.write_text(json.dumps({"security": "own"}))
    act_as(organization, monkeypatch, "sets put", "sets delete", "targets put", "targets delete", "backfill")

    assert run("sets", "put", "own", str(value), "--yes").exit_code == 0
    result = run("targets", "put", ou, str(target), "--yes")
    assert (result.exit_code, f"The name of {ou} is ou 0." in result.stdout) == (0, True)
    organization.package.restart_worker()
    assert run("backfill", "--yes").exit_code == 0
    organization.wait_for(account, "default", "default", "own")
    assert run("sets", "put", "own", str(value)).stdout == f"{PATH}/sets/own is unchanged.\n"

    refused = run("sets", "delete", "own", "--yes")
    assert (refused.exit_code, f"1 target selects it ({ou})" in refused.stderr) == (2, True)
    assert run("targets", "delete", ou, "--yes").exit_code == 0
    assert run("sets", "delete", "own", "--yes").exit_code == 0
    assert run("sets", "list").stdout == f"0 contact sets below {PATH}.\n"
    organization.package.restart_worker()
    assert run("backfill", "--yes").exit_code == 0
    organization.wait_for(account, "default", "default", "default")


def test_the_command_writes_no_target_outside_the_organization_and_nothing_without_permission(
    organization: Organization, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    target = tmp_path / "target.json"
    target.write_text('{"exclude": true}')
    act_as(organization, monkeypatch, "targets put")
    for target_id in ("ou-zz99-12345678", "999999999999", "r-zz99"):
        result = run("targets", "put", target_id, str(target), "--yes")
        assert (result.exit_code, "not in the organization" in result.stderr) == (2, True)
    act_as(organization, monkeypatch, "targets list")
    denied = run("targets", "put", organization.root, str(target), "--yes")
    assert (denied.exit_code, "permission ssm:PutParameter" in denied.stderr) == (2, True)
    assert "ListRoots failed: AccessDenied" in denied.stdout
    assert run("targets", "list").stdout == f"0 targets below {PATH}.\n"


def act_as(organization: Organization, monkeypatch: pytest.MonkeyPatch, *verbs: str) -> None:
    """Assume the role of an operator with the listed permissions of these verbs."""
    here = f"us-east-1:{MANAGEMENT_ACCOUNT}"
    path = f"arn:aws:ssm:{here}:parameter{PATH}"
    arns = {
        STACK: f"arn:aws:cloudformation:{here}:stack/alternate-contacts/*",
        BACKFILL_FUNCTION: f"arn:aws:lambda:{here}:function:{organization.package.outputs['BackfillFunctionName']}",
        CONTACTS_PATH: path,
        CONTACT_PARAMETERS: f"{path}/*",
        ORGANIZATION: "*",
    }
    use_root_user(organization.emulation, monkeypatch)
    use_role(organization.emulation, monkeypatch, statements(verbs, arns))


def run(*arguments: str) -> Result:
    """Run the command with the name of the stack, because the role may not describe every stack."""
    return CliRunner().invoke(app, ["--stack-name", "alternate-contacts", *arguments])


# ---- deployments: these tests change the stack, and come last -------------------------------------------------------


def test_a_deployment_without_a_version_fails_with_one_message_and_its_rollback_succeeds(
    organization: Organization,
) -> None:
    organization.clear()
    with pytest.raises(deploy.DeploymentError, match=f"Create {PATH}/version with the value 1"):
        organization.package.update(ContactsPath=PATH, SecurityTitle="Another title")
    assert organization.package.stack()["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"


def test_one_managed_type_and_sets_where_the_stack_ignores(
    organization: Organization, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    ou = organization.ous[0]
    organization.configure({ou: {"security": "own"}}, "own")
    ignored = {f"{contact_type}{name}": "none" for contact_type in ("Billing", "Security") for name in CONTACT_FIELDS}
    organization.package.update(ContactsPath=PATH, BillingPolicy="ignore", SecurityPolicy="ignore", **ignored)
    account, other = organization.new_account(ou), organization.new_account()
    organization.package.send(*map(organization.package.message_body, (account, other)))
    eventually(lambda: organization.contacts(account) == {"OPERATIONS": "default", "SECURITY": "own"}, within=30)
    eventually(lambda: organization.contacts(other) == {"OPERATIONS": "default"}, within=30)
    command = read_as_auditor(organization, monkeypatch)
    contacts = {each["accountId"]: each["contacts"] for each in command.run("audit")["accounts"]}
    assert statuses(contacts[account]) == ["unmanaged", "compliant", "compliant"]
    assert statuses(contacts[other]) == ["unmanaged", "compliant", "unmanaged"]
    explained = command.explain(account)["contacts"]
    assert (explained["SECURITY"]["policy"], explained["SECURITY"]["outcome"]) == ("overwrite", "unchanged")


def test_switched_off_every_account_gets_the_contacts_of_the_stack(organization: Organization) -> None:
    ou = organization.ous[0]
    organization.configure({ou: {"exclude": True}})
    account = organization.new_account(ou)
    organization.package.update(ContactsPath="none", BillingPolicy="overwrite", SecurityPolicy="overwrite")
    organization.wait_for(account, "default", "default", "default")
    policies = organization.emulation.client("iam").list_role_policies(RoleName=worker_role(organization.emulation))
    assert policies["PolicyNames"] == ["worker"]
