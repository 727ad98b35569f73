"""Changes of the contact configuration and moves of accounts, applied without a deployment and with IAM enforced."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from alternate_contacts.cli.main import app
from emulation.organization import Emulation
from emulation.settings import MANAGEMENT_ACCOUNT, Settings
from emulation.waiting import eventually
from tests.emulated.caller import use_root_user
from tests.emulated.package import EVENTS, Package
from tests.emulated.test_contact_sets import PATH, Organization, contact

SETTINGS = Settings(quota_speed=10, delay_speed=100)
"""The batching window of a minute takes 0.6 s, the delay of messages 1.8 s."""
SECRET = "session-of-jane-doe"


@pytest.fixture(scope="module")
def deployed(build: Path) -> Iterator[Organization]:
    with Emulation(SETTINGS) as emulation:
        emulation.client("ssm").put_parameter(Name=f"{PATH}/version", Type="String", Value="1")
        yield Organization(Package.deploy(emulation, build, [], ContactsPath=PATH))


@pytest.fixture
def organization(deployed: Organization) -> Organization:
    """The deployed organization, with an empty configuration of which every change has been applied."""
    deployed.configure({})
    settle(deployed)
    deployed.package.purge("FailedAccountQueue", "UndeliveredQueue")
    return deployed


def waiting(organization: Organization, url: str) -> int:
    names = [f"ApproximateNumberOfMessages{suffix}" for suffix in ("", "NotVisible", "Delayed")]
    sqs = organization.emulation.client("sqs")
    return sum(map(int, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values()))


def settle(organization: Organization) -> None:
    """Wait until no change and no account waits, and no worker has a cached configuration."""
    urls = (organization.package.url("ChangeQueue"), organization.package.url("AccountQueue"))
    eventually(lambda: not any(waiting(organization, url) for url in urls), within=60)
    organization.package.restart_worker()


def change(organization: Organization, parameters: Mapping[str, object]) -> None:
    """Change parameters. The cache of the worker expires before their messages are visible, although by the clock of
    this emulation it does not.
    """
    organization.put(parameters)
    organization.package.restart_worker()


def backfills(organization: Organization) -> list[dict[str, Any]]:
    """Return the log lines of the backfills after a change."""
    return [
        line
        for line in organization.package.log_lines("BackfillLogGroupName")
        if line.get("message") == "backfill completed" and line["trigger"] == "configuration_change"
    ]


def test_a_target_of_an_account_processes_that_account_and_no_other(organization: Organization) -> None:
    organization.put({"sets/own": contact("own")})
    settle(organization)
    account, other = organization.new_account(), organization.new_account()
    before = len(backfills(organization))

    change(organization, {f"targets/{account}": {"billing": "own"}})

    organization.wait_for(account, "own", "default", "default")
    assert organization.contacts(other) == {}
    assert len(backfills(organization)) == before
    [line] = organization.wait_for_line(account, "account processed")
    assert line["trigger"] == "configuration_change"

    organization.emulation.client("ssm").delete_parameter(Name=f"{PATH}/targets/{account}")
    organization.package.restart_worker()
    organization.wait_for(account, "default", "default", "default")


def test_a_target_of_an_account_outside_the_organization_fails_no_account(organization: Organization) -> None:
    organization.put({"targets/999999999999": {"billing": "default"}})
    settle(organization)
    assert organization.package.messages("FailedAccountQueue") == []


def test_many_changes_within_a_minute_run_at_most_two_backfills(organization: Organization) -> None:
    ou = organization.ous[0]
    account = organization.new_account(ou)
    settle(organization)
    before = len(backfills(organization))

    for number in range(18):
        organization.put({f"sets/set-{number}": contact(f"set-{number}")})
    change(organization, {f"targets/{ou}": {"security": "set-17"}, f"targets/{account}": {"billing": "set-1"}})

    organization.wait_for(account, "set-1", "default", "set-17")
    settle(organization)
    assert 1 <= len(backfills(organization)) - before <= 2


def test_a_change_during_a_running_backfill_is_not_lost(organization: Organization) -> None:
    ou = organization.ous[0]
    account = organization.new_account(ou)
    organization.put({"sets/first": contact("first"), "sets/second": contact("second")})
    organization.put({f"targets/{ou}": {"billing": "first"}})
    # ListAccounts is slow from here on: the backfill of the first change is still running at the second one.
    organization.emulation.throttle_organizations(6)
    eventually(lambda: in_flight(organization) > 0, within=30)

    change(organization, {f"targets/{ou}": {"billing": "second"}})

    organization.wait_for(account, "second", "default", "default")
    settle(organization)
    assert organization.contacts(account)["BILLING"] == "second"


def in_flight(organization: Organization) -> int:
    response = organization.emulation.client("sqs").get_queue_attributes(
        QueueUrl=organization.package.url("ChangeQueue"), AttributeNames=["ApproximateNumberOfMessagesNotVisible"]
    )
    return int(response["Attributes"]["ApproximateNumberOfMessagesNotVisible"])


def test_a_deleted_version_is_never_the_default_and_reaches_an_operator(organization: Organization) -> None:
    sqs, ssm = organization.emulation.client("sqs"), organization.emulation.client("ssm")
    account = organization.new_account()
    change(organization, {"sets/own": contact("own"), f"targets/{organization.root}": {"billing": "own"}})
    organization.wait_for(account, "own", "default", "default")
    settle(organization)
    url = organization.package.url("ChangeQueue")
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "1"})  # for two hours of retries

    ssm.delete_parameter(Name=f"{PATH}/version")

    [message] = eventually(lambda: organization.package.messages("UndeliveredQueue"), within=60)
    sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)
    assert json.loads(message["Body"]) == {"version": 1, "parameter": f"{PATH}/version"}
    failures = [line for line in organization.package.log_lines("BackfillLogGroupName") if "failure" in line]
    assert "configuration_unreadable, no_version" in failures[-1]["failure"]
    assert organization.contacts(account)["BILLING"] == "own"

    change(organization, {"version": "1", "sets/own": contact("new")})
    organization.wait_for(account, "new", "default", "default")


# ---- moves ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def mover(organization: Organization) -> Callable[..., None]:
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
    organization: Organization, mover: Callable[..., None]
) -> None:
    ou = organization.ous[0]
    organization.configure({ou: {"operations": "own"}}, "own")
    account = organization.new_account()
    settle(organization)

    mover(account, organization.root, ou)
    organization.wait_for(account, "default", "own", "default")
    mover(account, ou, organization.root)
    organization.wait_for(account, "default", "default", "default")
    lines = organization.wait_for_line(account, "account processed")
    assert {line["trigger"] for line in lines} >= {"account_moved"}


def test_a_failed_move_does_nothing(organization: Organization, mover: Callable[..., None]) -> None:
    account = organization.new_account()
    organization.package.enable_worker(False)
    with pytest.raises(ClientError, match="SourceParentNotFoundException"):
        mover(account, organization.ous[0], organization.ous[1])
    assert waiting(organization, organization.package.url("AccountQueue")) == 0
    organization.package.enable_worker(True)


def test_a_member_cannot_move_itself(organization: Organization) -> None:
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
            AccountId=account, SourceParentId=organization.root, DestinationParentId=organization.ous[0]
        )
    assert waiting(organization, organization.package.url("AccountQueue")) == 0
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
    deployed: Organization, rule: str, event: dict[str, Any], matches: bool
) -> None:
    emulation = deployed.emulation
    resource = emulation.client("cloudformation").describe_stack_resource(
        StackName="alternate-contacts", LogicalResourceId=rule
    )["StackResourceDetail"]
    events = emulation.client("events")
    pattern = events.describe_rule(Name=resource["PhysicalResourceId"])["EventPattern"]
    assert events.test_event_pattern(EventPattern=pattern, Event=json.dumps(event))["Result"] is matches


def test_the_queues_have_names_and_ids_only(
    organization: Organization, mover: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    sqs = organization.emulation.client("sqs")
    account = organization.new_account()
    organization.package.enable_worker(False)
    change_mapping(organization, enabled=False)
    organization.emulation.client("ssm").put_parameter(
        Name=f"{PATH}/sets/own", Type="String", Value=json.dumps(contact("own")), Description=SECRET
    )
    mover(account, organization.root, organization.ous[0])

    [change] = sqs.receive_message(QueueUrl=organization.package.url("ChangeQueue"), VisibilityTimeout=0)["Messages"]
    [move] = organization.package.messages("AccountQueue")
    use_root_user(organization.emulation, monkeypatch)
    status = json.loads(CliRunner().invoke(app, ["status", "--json"]).stdout)

    assert json.loads(change["Body"]) == {"version": 1, "parameter": f"{PATH}/sets/own"}
    assert json.loads(move["Body"]) == json.loads(organization.package.message_body(account, "account_moved"))
    assert status["queues"]["ChangeQueue"] == {"visible": 1, "inFlight": 0, "delayed": 0}
    change_mapping(organization, enabled=True)
    organization.package.enable_worker(True)


def change_mapping(organization: Organization, *, enabled: bool) -> None:
    functions = organization.emulation.client("lambda")
    [mapping] = functions.list_event_source_mappings(FunctionName=organization.package.outputs["BackfillFunctionName"])[
        "EventSourceMappings"
    ]
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=enabled)


def test_undelivered_moves_and_changes_are_replayed_without_session_names(
    organization: Organization, mover: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    ou = organization.ous[0]
    organization.configure({ou: {"operations": "own"}}, "own")
    settle(organization)
    account, other = organization.new_account(), organization.new_account()
    sqs = organization.emulation.client("sqs")
    urls = [organization.package.url("AccountQueue"), organization.package.url("ChangeQueue")]
    policies = {
        url: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"] for url in urls
    }
    for url in urls:
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    mover(account, organization.root, ou)
    change(organization, {"sets/own": contact("new")})
    undelivered = organization.package.messages("UndeliveredQueue")
    assert SECRET in str(undelivered)  # as AWS sent the event
    assert len(undelivered) == 2
    for url, policy in policies.items():
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})

    use_root_user(organization.emulation, monkeypatch)
    result = CliRunner().invoke(app, ["replay", "--undelivered", "--yes", "--json"])

    assert result.exit_code == 0, result.output
    assert SECRET not in result.output
    organization.wait_for(account, "default", "new", "default")
    organization.wait_for(other, "default", "default", "default")  # by the backfill
    assert organization.package.messages("UndeliveredQueue") == []
