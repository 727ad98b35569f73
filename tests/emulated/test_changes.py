"""Changes of the contact configuration and moves of accounts, applied without a deployment and with IAM enforced."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from alternate_contacts.cli.aws import queue_lease
from alternate_contacts.cli.main import app
from emulation.organization import Emulation
from emulation.settings import MANAGEMENT_ACCOUNT
from emulation.waiting import eventually
from tests.emulated.caller import use_root_user
from tests.emulated.package import EVENTS
from tests.emulated.test_contact_sets import PATH, Organization, contact

SECRET = "session-of-jane-doe"


class Deployed(Organization):
    """The organization after the deployment. Each test has a contact set, and an OU or an account, of its own."""

    def __init__(self, emulation: Emulation) -> None:
        super().__init__(emulation)
        self.many, self.kept, self.moved, self.sent = (
            self.new_ou(self.root, name) for name in ("many", "kept", "moved", "sent")
        )
        self.kept_account = self.new_account(self.kept)
        targets = {self.kept: {"billing": "kept"}, self.moved: {"operations": "moved"}, self.sent: {"security": "sent"}}
        self.configure(targets, "own", "kept", "moved", "sent")


@pytest.fixture(scope="module")
def deployed(build: Path, shared_emulation: Emulation) -> Deployed:
    organization = Deployed(shared_emulation)
    organization.deploy(build)
    return organization


@pytest.fixture
def organization(deployed: Deployed) -> Deployed:
    """The organization when every change has been applied."""
    settle(deployed)
    deployed.package.purge("FailedAccountQueue", "UndeliveredQueue")
    return deployed


def settle(organization: Organization) -> None:
    """Wait until no change and no account waits."""
    queues = ("ChangeQueue", "AccountQueue")
    eventually(lambda: not any(map(organization.package.message_count, queues)), within=60)


def expire_configuration(organization: Organization) -> None:
    """Apply every change, and let no worker have a cached configuration.

    On AWS it has expired before the messages of a change are visible. By the clock of this emulation it has not.
    """
    settle(organization)
    organization.package.restart_worker()


def enable_changes(organization: Organization, *, enabled: bool) -> None:
    """Start or stop the delivery of changes to the backfill."""
    functions = organization.emulation.client("lambda")
    [mapping] = functions.list_event_source_mappings(FunctionName=organization.package.outputs["BackfillFunctionName"])[
        "EventSourceMappings"
    ]
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=enabled)


def backfills(organization: Organization) -> list[dict[str, Any]]:
    """Return the log lines of the backfills after a change."""
    return [
        line
        for line in organization.package.log_lines("BackfillLogGroupName")
        if line.get("message") == "backfill completed" and line["trigger"] == "configuration_change"
    ]


def test_a_target_of_an_account_processes_that_account_and_no_other(organization: Deployed) -> None:
    account, other = organization.new_account(), organization.new_account()
    before = len(backfills(organization))

    expire_configuration(organization)
    organization.put({f"targets/{account}": {"billing": "own"}, "targets/999999999999": {"billing": "default"}})

    organization.wait_for(account, "own", "default", "default")
    [line] = organization.wait_for_line(account, "account processed")
    assert line["trigger"] == "configuration_change"

    expire_configuration(organization)
    organization.emulation.client("ssm").delete_parameter(Name=f"{PATH}/targets/{account}")

    organization.wait_for(account, "default", "default", "default")
    settle(organization)
    assert organization.contacts(other) == {}
    assert len(backfills(organization)) == before
    assert organization.package.messages("FailedAccountQueue") == []


def test_many_changes_of_a_batch_run_one_backfill(organization: Deployed) -> None:
    ou = organization.many
    account = organization.new_account(ou)
    before = len(backfills(organization))

    expire_configuration(organization)
    enable_changes(organization, enabled=False)
    organization.put({f"sets/set-{number}": contact(f"set-{number}") for number in range(18)})
    organization.put({f"targets/{ou}": {"security": "set-17"}, f"targets/{account}": {"billing": "set-1"}})
    enable_changes(organization, enabled=True)

    organization.wait_for(account, "set-1", "default", "set-17")
    settle(organization)
    assert len(backfills(organization)) - before == 1


def test_a_deleted_version_is_never_the_default_and_reaches_an_operator(organization: Deployed) -> None:
    sqs, ssm = organization.emulation.client("sqs"), organization.emulation.client("ssm")
    account, other = organization.kept_account, organization.new_account()
    organization.wait_for(account, "kept", "default", "default")
    url = organization.package.url("ChangeQueue")
    names = ["VisibilityTimeout", "RedrivePolicy"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    one_try = json.dumps({**json.loads(attributes["RedrivePolicy"]), "maxReceiveCount": 1})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "1", "RedrivePolicy": one_try})

    expire_configuration(organization)
    ssm.delete_parameter(Name=f"{PATH}/version")
    organization.process(other)

    [message] = eventually(lambda: organization.package.messages("UndeliveredQueue"), within=60)
    sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)
    assert json.loads(message["Body"]) == {"version": 1, "parameter": f"{PATH}/version"}
    failures = [line for line in organization.package.log_lines("BackfillLogGroupName") if "failure" in line]
    assert "configuration_unreadable, no_version" in failures[-1]["failure"]
    organization.wait_for_line(other, "retry scheduled", reason="configuration_unreadable", error_code="no_version")
    assert organization.contacts(account)["BILLING"] == "kept"
    assert organization.contacts(other) == {}

    organization.put({"version": "1"})
    organization.wait_for(other, "default", "default", "default")
    assert organization.contacts(account)["BILLING"] == "kept"


# ---- moves ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def mover(organization: Deployed) -> Callable[..., None]:
    """Move an account, in a role session whose name is the name of a person."""
    emulation = organization.emulation
    iam = emulation.client("iam")
    trust = {"Effect": "Allow", "Principal": {"AWS": emulation.management_account}, "Action": "sts:AssumeRole"}
    name = "mover"
    if name not in {role["RoleName"] for role in iam.list_roles()["Roles"]}:
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)
        iam.attach_role_policy(RoleName=name, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    keys = emulation.assume_role(f"arn:aws:iam::{emulation.management_account}:role/{name}", SECRET)
    organizations = emulation.client(
        "organizations",
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )

    def move(account: str, source: str, destination: str) -> None:
        organizations.move_account(AccountId=account, SourceParentId=source, DestinationParentId=destination)

    return move


def test_a_move_to_an_ou_with_its_own_contact_changes_the_contact(
    organization: Deployed, mover: Callable[..., None]
) -> None:
    ou = organization.moved
    account = organization.new_account()

    mover(account, organization.root, ou)
    organization.wait_for(account, "default", "moved", "default")
    mover(account, ou, organization.root)
    organization.wait_for(account, "default", "default", "default")
    lines = organization.wait_for_line(account, "account processed")
    assert {line["trigger"] for line in lines} == {"account_moved"}


def test_a_failed_move_does_nothing(organization: Deployed, mover: Callable[..., None]) -> None:
    account = organization.new_account()
    organization.package.enable_worker(False)
    with pytest.raises(ClientError, match="SourceParentNotFoundException"):
        mover(account, organization.moved, organization.sent)
    assert organization.package.message_count("AccountQueue") == 0
    organization.package.enable_worker(True)


def test_a_member_cannot_move_itself(organization: Deployed) -> None:
    account = organization.new_account()
    organization.package.enable_worker(False)
    keys = organization.emulation.assume_role(f"arn:aws:iam::{account}:role/OrganizationAccountAccessRole")
    organizations = organization.emulation.client(
        "organizations",
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )
    with pytest.raises(ClientError, match="AccessDeniedException"):
        organizations.move_account(
            AccountId=account, SourceParentId=organization.root, DestinationParentId=organization.moved
        )
    assert organization.package.message_count("AccountQueue") == 0
    organization.package.enable_worker(True)


MOVE: dict[str, Any] = json.loads((EVENTS / "move-account.json").read_text())
CHANGE: dict[str, Any] = {
    "version": "0",
    "id": "1",
    "detail-type": "Parameter Store Change",
    "source": "aws.ssm",
    "account": MANAGEMENT_ACCOUNT,
    "time": "2026-11-25T10:15:30Z",
    "region": "us-east-1",
    "resources": [f"arn:aws:ssm:us-east-1:{MANAGEMENT_ACCOUNT}:parameter{PATH}/version"],
    "detail": {"operation": "Update", "name": f"{PATH}/version", "type": "String"},
}


@pytest.mark.parametrize(
    ("rule", "event", "matches"),
    [
        ("AccountMovesRule", MOVE, True),
        ("AccountMovesRule", MOVE | {"account": "999999999999"}, False),
        ("AccountMovesRule", MOVE | {"detail": MOVE["detail"] | {"errorCode": "AccessDeniedException"}}, False),
        ("ParameterChangesRule", CHANGE, True),
        ("ParameterChangesRule", CHANGE | {"account": "999999999999"}, False),
        ("ParameterChangesRule", CHANGE | {"region": "eu-west-1"}, False),
        ("ParameterChangesRule", CHANGE | {"detail": CHANGE["detail"] | {"name": f"{PATH}-of-others/version"}}, False),
        ("ParameterChangesRule", CHANGE | {"detail": CHANGE["detail"] | {"operation": "LabelParameterVersion"}}, False),
    ],
)
def test_a_rule_matches_successful_events_of_its_own_account_and_path(
    deployed: Deployed, rule: str, event: dict[str, Any], matches: bool
) -> None:
    emulation = deployed.emulation
    resource = emulation.client("cloudformation").describe_stack_resource(
        StackName="alternate-contacts", LogicalResourceId=rule
    )["StackResourceDetail"]
    events = emulation.client("events")
    pattern = events.describe_rule(Name=resource["PhysicalResourceId"])["EventPattern"]
    assert events.test_event_pattern(EventPattern=pattern, Event=json.dumps(event))["Result"] is matches


def test_the_queues_have_names_and_ids_only(
    organization: Deployed, mover: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    sqs = organization.emulation.client("sqs")
    account = organization.new_account()
    organization.package.enable_worker(False)
    enable_changes(organization, enabled=False)
    organization.emulation.client("ssm").put_parameter(
        Name=f"{PATH}/sets/described", Type="String", Value=json.dumps(contact("described")), Description=SECRET
    )
    mover(account, organization.root, organization.many)

    [change] = sqs.receive_message(QueueUrl=organization.package.url("ChangeQueue"), VisibilityTimeout=0)["Messages"]
    [move] = organization.package.messages("AccountQueue")
    use_root_user(organization.emulation, monkeypatch)
    status = json.loads(CliRunner().invoke(app, ["status", "--json"]).stdout)

    assert json.loads(change["Body"]) == {"version": 1, "parameter": f"{PATH}/sets/described"}
    assert json.loads(move["Body"]) == json.loads(organization.package.message_body(account, "account_moved"))
    assert status["queues"]["ChangeQueue"] == {"visible": 1, "inFlight": 0, "delayed": 0}
    enable_changes(organization, enabled=True)
    organization.package.enable_worker(True)


def test_undelivered_moves_and_changes_are_replayed_without_session_names(
    organization: Deployed, mover: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_lease, "LONG_POLL", 0)  # as in test_cli.py
    account, other = organization.new_account(), organization.new_account()
    sqs = organization.emulation.client("sqs")
    urls = [organization.package.url("AccountQueue"), organization.package.url("ChangeQueue")]
    policies = {
        url: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"] for url in urls
    }
    for url in urls:
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    organization.package.restart_worker()
    mover(account, organization.root, organization.sent)
    organization.put({"sets/sent": contact("new")})
    undelivered = organization.package.messages("UndeliveredQueue")
    assert SECRET in str(undelivered)  # as AWS sent the event
    assert len(undelivered) == 2
    for url, policy in policies.items():
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})

    use_root_user(organization.emulation, monkeypatch)
    result = CliRunner().invoke(app, ["replay", "--undelivered", "--yes", "--json"])

    assert result.exit_code == 0, result.output
    assert SECRET not in result.output
    organization.wait_for(account, "default", "default", "new")
    organization.wait_for(other, "default", "default", "default")  # by the backfill
    assert organization.package.messages("UndeliveredQueue") == []
