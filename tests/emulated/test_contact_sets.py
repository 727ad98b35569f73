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
    """The package with a contact configuration, in an organization with OUs."""

    def __init__(self, emulation: Emulation) -> None:
        """Find the root; change nothing."""
        self.emulation = emulation
        self._ssm = emulation.client("ssm")
        self._organizations = emulation.client("organizations")
        [root] = self._organizations.list_roots()["Roots"]
        self.root: str = root["Id"]

    def deploy(self, build: Path) -> None:
        """Deploy the package, whose backfill processes all accounts that exist."""
        self.package = Package.deploy(self.emulation, build, [], ContactsPath=PATH)

    def put(self, parameters: Mapping[str, object]) -> None:
        for name, value in parameters.items():
            text = value if isinstance(value, str) else json.dumps(value)
            self._ssm.put_parameter(Name=f"{PATH}/{name}", Type="String", Value=text, Overwrite=True)

    def configure(self, targets: Mapping[str, object], *sets: str) -> None:
        """Replace the configuration."""
        self.clear()
        named = {f"targets/{target_id}": target for target_id, target in targets.items()}
        self.put({"version": "1"} | {f"sets/{name}": contact(name) for name in sets} | named)

    def parameters(self) -> dict[str, str]:
        """Return the values of all parameters by name."""
        pages = self._ssm.get_paginator("get_parameters_by_path").paginate(Path=PATH, Recursive=True)
        return {parameter["Name"]: parameter["Value"] for page in pages for parameter in page["Parameters"]}

    def clear(self) -> None:
        for name in self.parameters():
            self._ssm.delete_parameter(Name=name)

    def new_ou(self, parent: str, name: str) -> str:
        """Create an OU, and return its ID."""
        ou = self._organizations.create_organizational_unit(ParentId=parent, Name=name)
        return str(ou["OrganizationalUnit"]["Id"])

    def new_account(self, parent: str = "") -> str:
        """Create an account below the root without an event, and move it if there is an OU."""
        [account] = self.emulation.create_accounts(1)
        if parent:
            self.move(account, parent)
        return account

    def move(self, account: str, parent: str) -> None:
        self._organizations.move_account(AccountId=account, SourceParentId=self.root, DestinationParentId=parent)

    def process(self, account: str) -> None:
        """Send a message about the account as after a move, for which the worker uses no older configuration."""
        self.package.send(self.package.message_body(account, "account_moved"))

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

    def wait_for_line(self, account: str, message: str, **fields: str) -> list[dict[str, Any]]:
        """Wait for log lines about the account with these fields, and return them."""
        return eventually(
            lambda: [line for line in self.lines(account, message) if fields.items() <= line.items()], within=30
        )


OUTSIDE = [f"{number:012}" for number in range(1, 26)]
"""IDs of targets that are not in the organization: with them the configuration has more than three pages."""


class Configured(Organization):
    """An organization with a configuration, and an account in every place that the tests here are about.

    ::

        root             billing: root, operations: root
        ├── plain
        ├── ou 0         operations: top
        │   └── ou 1
        │       └── ou 2     security: third, billing: default
        │           └── ou 3
        │               └── ou 4
        │                   └── nested
        └── left out     exclude: true, billing: top
            ├── excluded
            └── taken in     exclude: false, operations: second
                ├── included
                ├── broken       billing: missing, color: red
                │   └── invalid
                └── left out again   exclude: true
                    └── excluded_again
    """

    def __init__(self, emulation: Emulation) -> None:
        super().__init__(emulation)
        self.ous: list[str] = []
        for level in range(DEPTH):
            self.ous.append(self.new_ou([self.root, *self.ous][-1], f"ou {level}"))
        self.left_out = self.new_ou(self.root, "left out")
        self.taken_in = self.new_ou(self.left_out, "taken in")
        self.left_out_again = self.new_ou(self.taken_in, "left out again")
        self.broken = self.new_ou(self.taken_in, "broken")
        parents = ("", self.ous[-1], self.left_out, self.taken_in, self.left_out_again, self.broken)
        accounts = map(self.new_account, parents)
        self.plain, self.nested, self.excluded, self.included, self.excluded_again, self.invalid = accounts
        targets: dict[str, object] = {
            self.root: {"billing": "root", "operations": "root"},
            self.ous[0]: {"operations": "top"},
            self.ous[2]: {"security": "third", "billing": "default"},
            self.left_out: {"exclude": True, "billing": "top"},
            self.taken_in: {"exclude": False, "operations": "second"},
            self.left_out_again: {"exclude": True},
            self.broken: {"billing": "missing", "color": "red"},
            MANAGEMENT_ACCOUNT: {"security": "own"},
        }
        more_pages = {target_id: {"billing": "root"} for target_id in OUTSIDE}
        self.configure(targets | more_pages, "root", "top", "third", "second", "own")


@pytest.fixture(scope="module")
def organization(build: Path, shared_emulation: Emulation) -> Configured:
    """The organization after the deployment."""
    organization = Configured(shared_emulation)
    organization.deploy(build)
    # The tests here send the messages themselves: test_changes.py is about changes that arrive by themselves.
    events = shared_emulation.client("events")
    for rule in events.list_rules()["Rules"]:
        if "AccountEventsRule" not in rule["Name"]:
            events.disable_rule(Name=rule["Name"])
    return organization


def test_a_set_may_arrive_after_its_target(organization: Configured) -> None:
    ou = organization.new_ou(organization.root, "late")
    account = organization.new_account(ou)
    organization.put({f"targets/{ou}": {"billing": "late"}})
    organization.process(account)
    [*_, line] = organization.wait_for_line(account, "retry scheduled")
    assert (line["reason"], line["error_code"]) == ("unknown_contact_set", "sets/late")
    assert organization.contacts(account) == {"OPERATIONS": "root", "SECURITY": "default"}
    organization.put({"sets/late": contact("late")})
    organization.wait_for(account, "late", "root", "default")


def test_ous_nested_five_deep_each_state_one_type(organization: Configured) -> None:
    organization.wait_for(organization.nested, "default", "top", "third")
    organization.wait_for(organization.plain, "root", "root", "default")


def test_include_below_exclude(organization: Configured) -> None:
    organization.wait_for(organization.included, "top", "second", "default")
    for account in (organization.excluded, organization.excluded_again):
        [line] = organization.wait_for_line(account, "account skipped")
        assert line["state"] == "excluded"
        assert organization.contacts(account) == {}


def test_the_management_account_is_a_target(organization: Configured) -> None:
    organization.wait_for(MANAGEMENT_ACCOUNT, "root", "root", "own")


def test_a_new_account_waits_below_the_root_for_its_ou(organization: Configured) -> None:
    moved, stays = organization.new_account(), organization.new_account()
    organization.package.emit_event(moved)
    organization.package.emit_event(stays)
    [line, *_] = organization.wait_for_line(moved, "retry scheduled")
    assert (line["reason"], line["calls"]) == ("below_root", 0)
    organization.move(moved, organization.left_out)
    organization.wait_for_line(moved, "account skipped")
    assert organization.contacts(moved) == {}
    organization.wait_for(stays, "root", "root", "default")
    # Sorted, because two workers write within milliseconds of each other; the order is a unit test's.
    retries = sorted(line["retry_in_seconds"] for line in organization.lines(stays, "retry scheduled"))
    assert retries == [15, 30, 60, 120, 135, 240]


def test_an_account_waits_for_a_parameter_store_that_is_denied_and_then_throttled(organization: Configured) -> None:
    iam, role = organization.emulation.client("iam"), worker_role(organization.emulation)
    policy = iam.get_role_policy(RoleName=role, PolicyName="contact-configuration")["PolicyDocument"]
    account = organization.new_account()
    iam.delete_role_policy(RoleName=role, PolicyName="contact-configuration")
    organization.process(account)
    unreadable = {"reason": "configuration_unreadable"}
    organization.wait_for_line(account, "retry scheduled", **unreadable, error_code="AccessDeniedException")
    organization.emulation.throttle_parameter_store(6)
    iam.put_role_policy(RoleName=role, PolicyName="contact-configuration", PolicyDocument=json.dumps(policy))
    organization.wait_for_line(account, "retry scheduled", **unreadable, error_code="ThrottlingException")
    organization.wait_for(account, "root", "root", "default")


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


def test_a_broken_target_is_reported_once_and_then_its_account_fails(organization: Configured) -> None:
    lines = organization.package.log_lines("BackfillLogGroupName")
    assert [line["trigger"] for line in lines if line.get("message") == "backfill completed"] == ["backfill"]
    problems = [line for line in lines if line.get("message") == "configuration problem"]
    assert [(line["parameter"], line["reason"], line["detail"]) for line in problems] == [
        (f"targets/{organization.broken}", "invalid_target", "unknown_key")
    ]
    failure = organization.package.failure_of(organization.invalid)
    assert (failure["Reason"], failure["ErrorCode"]) == ("invalid_target", f"targets/{organization.broken}")
    assert organization.contacts(organization.invalid) == {}


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
    organization: Configured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    excluded, included = organization.excluded, organization.included
    plain, invalid = organization.plain, organization.invalid
    organization.wait_for(included, "top", "second", "default")
    organization.wait_for(plain, "root", "root", "default")
    organization.wait_for(MANAGEMENT_ACCOUNT, "root", "root", "own")
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
    left_out, taken_in, broken = organization.left_out, organization.taken_in, organization.broken
    assert [contacts[included][contact_type]["target"] for contact_type in TYPES] == [left_out, taken_in, "default"]
    assert contacts[included]["OPERATIONS"]["source"] == f"second from OU taken in ({taken_in})"
    assert contacts[MANAGEMENT_ACCOUNT]["SECURITY"]["target"] == MANAGEMENT_ACCOUNT

    assert {contact["reason"] for contact in contacts[excluded].values()} == {"excluded"}
    assert command.explain(excluded)["excludedBy"] == left_out

    assert statuses(contacts[invalid]) == ["unknown"] * 3
    assert contacts[invalid]["BILLING"]["errorCode"] == f"targets/{broken}"
    failed = command.explain(invalid)
    assert {contact["outcome"] for contact in failed["contacts"].values()} == {"failed"}
    assert [ancestor["id"] for ancestor in failed["ancestors"]] == [
        *(invalid, broken, taken_in, left_out, organization.root)
    ]
    problems = {problem["parameter"]: problem["reason"] for problem in document["contactConfiguration"]["problems"]}
    unknown = {f"targets/{target_id}": "unknown_target" for target_id in OUTSIDE}
    assert problems == {f"targets/{broken}": "invalid_target", **unknown}


def test_the_command_gives_an_ou_its_own_contact_and_takes_it_back(
    organization: Configured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ou = organization.new_ou(organization.root, "new")
    account = organization.new_account(ou)
    value, target = tmp_path / "new.json", tmp_path / "ou.json"
    value.write_text(json.dumps(contact("new")))
    target.write_text(json.dumps({"security": "new"}))
    act_as(organization, monkeypatch, "sets put", "sets delete", "targets put", "targets delete")

    assert run("sets", "put", "new", str(value), "--yes").exit_code == 0
    result = run("targets", "put", ou, str(target), "--yes")
    assert (result.exit_code, f"The name of {ou} is new." in result.stdout) == (0, True)
    organization.process(account)
    organization.wait_for(account, "root", "root", "new")
    assert run("sets", "put", "new", str(value)).stdout == f"{PATH}/sets/new is unchanged.\n"

    refused = run("sets", "delete", "new", "--yes")
    assert (refused.exit_code, f"1 target selects it ({ou})" in refused.stderr) == (2, True)
    assert run("targets", "delete", ou, "--yes").exit_code == 0
    assert run("sets", "delete", "new", "--yes").exit_code == 0
    assert f"{PATH}/sets/new" not in organization.parameters()
    organization.process(account)
    organization.wait_for(account, "root", "root", "default")


def test_the_command_writes_no_target_outside_the_organization_and_nothing_without_permission(
    organization: Configured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = organization.parameters()
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
    assert run("targets", "list").stdout.startswith(
        f"{sum('/targets/' in name for name in before)} targets below {PATH}"
    )
    assert organization.parameters() == before


def act_as(organization: Organization, monkeypatch: pytest.MonkeyPatch, *verbs: str) -> None:
    """Assume the role of an operator with the listed permissions of these verbs."""
    here = f"us-east-1:{MANAGEMENT_ACCOUNT}"
    path = f"arn:aws:ssm:{here}:parameter{PATH}"
    arns = {
        STACK: f"arn:aws:cloudformation:{here}:stack/alternate-contacts/*",
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
    organization: Configured,
) -> None:
    organization.clear()
    with pytest.raises(deploy.DeploymentError, match=f"Create {PATH}/version with the value 1"):
        organization.package.update(ContactsPath=PATH, SecurityTitle="Another title")
    assert organization.package.stack()["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"


def test_one_managed_type_and_sets_where_the_stack_ignores(
    organization: Configured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
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


def test_switched_off_every_account_gets_the_contacts_of_the_stack(organization: Configured) -> None:
    account = organization.new_account(organization.left_out)
    organization.configure({organization.left_out: {"exclude": True}})
    organization.package.update(ContactsPath="none", BillingPolicy="overwrite", SecurityPolicy="overwrite")
    organization.wait_for(account, "default", "default", "default")
    policies = organization.emulation.client("iam").list_role_policies(RoleName=worker_role(organization.emulation))
    assert policies["PolicyNames"] == ["worker"]
