"""IAM is enforced, down to the member account, the queue and the condition key."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulation.organization import Emulation
from emulation.waiting import eventually
from tests.emulated.conftest import zipped

Callers = Callable[..., Callable[[str], Any]]

GET = {"AlternateContactType": "BILLING"}
PARAMETER = "arn:aws:ssm:us-east-1:000000000000:parameter"
ROLE = "arn:aws:iam::000000000000:role/missing"
SCHEDULER = "arn:aws:scheduler:us-east-1:000000000000"
TLS_ONLY = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "sqs:*",
    "Resource": "*",
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}


def test_calls_on_a_member_need_the_members_arn(emulation: Emulation, caller: Callers) -> None:
    emulation.enable_trusted_access()
    one, other = emulation.create_accounts(2)
    organization = emulation.client("organizations").describe_organization()["Organization"]["Id"]
    allowed = f"arn:aws:account::{emulation.management_account}:account/{organization}/{one}"
    account = caller({"Action": "account:GetAlternateContact", "Resource": allowed})("account")

    with pytest.raises(account.exceptions.ResourceNotFoundException):
        account.get_alternate_contact(AccountId=one, **GET)
    with pytest.raises(account.exceptions.AccessDeniedException, match="no identity-based policy"):
        account.get_alternate_contact(AccountId=other, **GET)
    with pytest.raises(account.exceptions.AccessDeniedException, match="no identity-based policy"):
        account.get_alternate_contact(**GET)


def test_calls_on_the_own_account_need_its_own_arn(emulation: Emulation, caller: Callers) -> None:
    own = f"arn:aws:account::{emulation.management_account}:account"
    account = caller({"Action": "account:*AlternateContact", "Resource": own})("account")
    with pytest.raises(account.exceptions.ResourceNotFoundException):
        account.get_alternate_contact(**GET)


def test_contact_types_are_a_condition_key(caller: Callers) -> None:
    condition = {"ForAllValues:StringEquals": {"account:AlternateContactTypes": ["BILLING", "SECURITY"]}}
    account = caller({"Action": "account:GetAlternateContact", "Resource": "*", "Condition": condition})("account")

    with pytest.raises(account.exceptions.ResourceNotFoundException):
        account.get_alternate_contact(AlternateContactType="SECURITY")
    with pytest.raises(account.exceptions.AccessDeniedException):
        account.get_alternate_contact(AlternateContactType="OPERATIONS")


def test_the_service_principal_is_a_condition_key(caller: Callers) -> None:
    condition = {"StringEquals": {"organizations:ServicePrincipal": "account.amazonaws.com"}}
    statement = {"Action": "organizations:EnableAWSServiceAccess", "Resource": "*", "Condition": condition}
    organizations = caller(statement)("organizations")

    organizations.enable_aws_service_access(ServicePrincipal="account.amazonaws.com")
    with pytest.raises(organizations.exceptions.AccessDeniedException):
        organizations.enable_aws_service_access(ServicePrincipal="cloudtrail.amazonaws.com")


def test_describe_account_needs_the_arn_of_the_account(emulation: Emulation, caller: Callers) -> None:
    one, other = emulation.create_accounts(2)
    arn = emulation.client("organizations").describe_account(AccountId=one)["Account"]["Arn"]
    organizations = caller({"Action": "organizations:Describe*", "Resource": arn})("organizations")

    assert organizations.describe_account(AccountId=one)["Account"]["Id"] == one
    with pytest.raises(organizations.exceptions.AccessDeniedException):
        organizations.describe_account(AccountId=other)


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("list_accounts", {}),
        ("describe_organization", {}),
        ("list_aws_service_access_for_organization", {}),
        ("enable_aws_service_access", {"ServicePrincipal": "account.amazonaws.com"}),
    ],
)
def test_calls_on_the_organization_have_no_resource_type(
    caller: Callers, operation: str, parameters: dict[str, str]
) -> None:
    narrow = {"Action": "organizations:*", "Resource": "arn:aws:organizations::*:*"}
    organizations = caller(narrow)("organizations")
    with pytest.raises(organizations.exceptions.AccessDeniedException):
        getattr(organizations, operation)(**parameters)


def test_a_batch_needs_the_action_of_the_single_call(emulation: Emulation, caller: Callers) -> None:
    queue = emulation.client("sqs").create_queue(QueueName="queue")["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{emulation.management_account}:queue"
    sqs = caller({"Action": "sqs:SendMessage", "Resource": arn})("sqs")
    entries = [{"Id": "1", "MessageBody": "message"}]

    assert sqs.send_message_batch(QueueUrl=queue, Entries=entries)["Successful"]
    with pytest.raises(ClientError, match="AccessDenied"):
        sqs.receive_message(QueueUrl=queue)


def test_the_simulator_evaluates_condition_keys_and_the_permissions_boundary(
    emulation: Emulation, role: Callable[..., str]
) -> None:
    condition = {"ForAnyValue:StringEquals": {"account:AlternateContactTypes": ["BILLING"]}}
    arn = role("worker", {"Action": "account:*AlternateContact", "Resource": "*", "Condition": condition})
    iam = emulation.client("iam")
    actions = ["account:GetAlternateContact", "account:PutAlternateContact"]

    def simulate(contact_type: str) -> list[str]:
        key = {
            "ContextKeyName": "account:AlternateContactTypes",
            "ContextKeyValues": [contact_type],
            "ContextKeyType": "stringList",
        }
        results = iam.simulate_principal_policy(
            PolicySourceArn=arn, ActionNames=actions, ResourceArns=["*"], ContextEntries=[key]
        )["EvaluationResults"]
        assert [result["EvalActionName"] for result in results] == actions
        return [result["EvalDecision"] for result in results]

    assert simulate("BILLING") == ["allowed", "allowed"]
    assert simulate("SECURITY") == ["implicitDeny", "implicitDeny"]

    statement = {"Effect": "Allow", "Action": "account:GetAlternateContact", "Resource": "*"}
    boundary = iam.create_policy(
        PolicyName="boundary", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )["Policy"]["Arn"]
    iam.put_role_permissions_boundary(RoleName="worker", PermissionsBoundary=boundary)
    assert simulate("BILLING") == ["allowed", "implicitDeny"]
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.simulate_principal_policy(PolicySourceArn=ROLE, ActionNames=actions)


def test_a_policy_may_require_tls(emulation: Emulation, role: Callable[..., str]) -> None:
    policy = {"Version": "2012-10-17", "Statement": [TLS_ONLY]}
    emulation.client("sqs").create_queue(QueueName="queue", Attributes={"Policy": json.dumps(policy)})
    keys = emulation.assume_role(role("caller", {"Action": "sqs:*", "Resource": "*"}))
    credentials: dict[str, Any] = {
        "aws_access_key_id": keys["AccessKeyId"],
        "aws_secret_access_key": keys["SecretAccessKey"],
        "aws_session_token": keys["SessionToken"],
    }

    emulation.client("sqs", **credentials).send_message(QueueUrl="queue", MessageBody="message")
    with pytest.raises(ClientError, match="explicit deny"):
        emulation.client("sqs", secure=False, **credentials).send_message(QueueUrl="queue", MessageBody="message")


def test_the_root_user_may_not_assume_a_role(emulation: Emulation, role: Callable[..., str]) -> None:
    arn = role("role")
    with pytest.raises(ClientError, match="Roles may not be assumed by root accounts"):
        emulation.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")
    assert emulation.assume_role(arn)


@pytest.mark.parametrize(
    ("condition", "parameters", "allowed"),
    [
        ({"StringEquals": {"sts:ExternalId": "secret"}}, {"ExternalId": "secret"}, True),
        ({"StringEquals": {"sts:ExternalId": "secret"}}, {"ExternalId": "other"}, False),
        ({"StringEquals": {"sts:ExternalId": "secret"}}, {}, False),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/caller"}}, {}, True),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/other"}}, {}, False),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:sts::*:assumed-role/*"}}, {}, False),
        ({"StringEquals": {"aws:PrincipalOrgID": "organization"}}, {}, True),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-other"}}, {}, False),
        ({"StringEquals": {"aws:PrincipalAccount": "111111111111"}}, {}, False),
    ],
)
def test_conditions_of_a_trust_policy_count(
    emulation: Emulation,
    caller: Callers,
    condition: dict[str, dict[str, str]],
    parameters: dict[str, str],
    allowed: bool,
) -> None:
    organization = emulation.client("organizations").describe_organization()["Organization"]["Id"]
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": emulation.management_account},
        "Action": "sts:AssumeRole",
        "Condition": json.loads(json.dumps(condition).replace('"organization"', f'"{organization}"')),
    }
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    arn = emulation.client("iam").create_role(RoleName="target", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    sts = caller({"Action": "sts:AssumeRole", "Resource": arn})("sts")

    def assume() -> None:
        sts.assume_role(RoleArn=arn, RoleSessionName="test", **parameters)

    if allowed:
        assume()
    else:
        with pytest.raises(ClientError, match=f"not authorized to perform: sts:AssumeRole on resource: {arn}"):
            assume()


@pytest.mark.parametrize(
    ("service", "call", "action", "resource"),
    [
        ("organizations", ("list_accounts", {}), "organizations:ListAccounts", "*"),
        ("sts", ("assume_role", {"RoleArn": ROLE, "RoleSessionName": "test"}), "sts:AssumeRole", ROLE),
        (
            "account",
            ("get_alternate_contact", GET),
            "account:GetAlternateContact",
            "arn:aws:account::000000000000:account",
        ),
        (
            "sqs",
            ("receive_message", {"QueueUrl": "queue"}),
            "sqs:receivemessage",
            "arn:aws:sqs:us-east-1:000000000000:queue",
        ),
        ("ssm", ("get_parameters_by_path", {"Path": "/a/b"}), "ssm:GetParametersByPath", f"{PARAMETER}/a/b"),
    ],
)
def test_access_denied_names_caller_action_and_resource(
    caller: Callers, service: str, call: tuple[str, dict[str, Any]], action: str, resource: str
) -> None:
    operation, parameters = call
    with pytest.raises(ClientError) as error:
        getattr(caller()(service), operation)(**parameters)
    assert error.value.response["Error"]["Message"] == (
        f"User: arn:aws:sts::000000000000:assumed-role/caller/test is not authorized to perform: {action} "
        f"on resource: {resource} because no identity-based policy allows the {action} action"
    )


def test_the_account_api_names_the_caller_too(emulation: Emulation, caller: Callers) -> None:
    [member] = emulation.create_accounts(1)
    account = caller({"Action": "account:*", "Resource": "*"})("account")
    with pytest.raises(ClientError, match=r"assumed-role/caller/test is not authorized to perform.*trusted access"):
        account.get_alternate_contact(AccountId=member, **GET)


def test_a_role_that_does_not_exist_is_denied_to_the_caller_by_name(caller: Callers) -> None:
    sts = caller({"Action": "sts:AssumeRole", "Resource": "*"})("sts")
    with pytest.raises(ClientError, match="User: arn:aws:sts::000000000000:assumed-role/caller/test is not authorized"):
        sts.assume_role(RoleArn=ROLE, RoleSessionName="test")


@pytest.mark.parametrize(
    ("condition", "allowed"),
    [
        ({}, True),
        ({"StringEquals": {"aws:SourceAccount": "000000000000"}}, True),
        ({"StringEquals": {"aws:SourceAccount": "111111111111"}}, False),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:lambda:us-east-1:000000000000:function:worker"}}, True),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:lambda:us-east-1:000000000000:function:other"}}, False),
    ],
)
def test_lambda_assumes_a_role_only_if_its_conditions_hold(
    emulation: Emulation, role: Callable[..., str], condition: dict[str, Any], allowed: bool
) -> None:
    arn = role("worker-role", condition=condition)
    functions = emulation.client("lambda")

    def create() -> None:
        functions.create_function(
            FunctionName="worker",
            Runtime="python3.13",
            Handler="index.handler",
            Role=arn,
            Code={"ZipFile": zipped("def handler(event, context): pass")},
        )

    if allowed:
        create()
        other = role("other-role", condition={"StringEquals": {"aws:SourceAccount": "111111111111"}})
        with pytest.raises(ClientError, match="cannot be assumed by Lambda"):
            functions.update_function_configuration(FunctionName="worker", Role=other)
    else:
        with pytest.raises(ClientError, match="cannot be assumed by Lambda"):
            create()


@pytest.mark.parametrize(
    ("condition", "allowed"),
    [
        ({"StringEquals": {"aws:SourceAccount": "000000000000"}}, True),
        ({"ArnEquals": {"aws:SourceArn": f"{SCHEDULER}:schedule-group/default"}}, True),
        ({"ArnEquals": {"aws:SourceArn": f"{SCHEDULER}:schedule-group/other"}}, False),
        ({"ArnLike": {"aws:SourceArn": f"{SCHEDULER}:schedule/default/*"}}, False),
        ({"StringEquals": {"aws:SourceAccount": "111111111111"}}, False),
    ],
)
def test_scheduler_assumes_a_role_for_the_group_of_the_schedule(
    emulation: Emulation, role: Callable[..., str], condition: dict[str, Any], allowed: bool
) -> None:
    arn = role("schedule-role", trusts="scheduler.amazonaws.com", condition=condition)
    scheduler = emulation.client("scheduler")

    def create() -> None:
        scheduler.create_schedule(
            Name="schedule",
            ScheduleExpression="rate(1 day)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": "arn:aws:sqs:us-east-1:000000000000:queue", "RoleArn": arn},
        )

    if allowed:
        create()
    else:
        with pytest.raises(scheduler.exceptions.ValidationException, match="to assume the role"):
            create()


def test_scheduler_delivers_with_a_role_that_names_the_group(emulation: Emulation, role: Callable[..., str]) -> None:
    """Also for a new schedule that has the name of a deleted one."""
    queue = "arn:aws:sqs:us-east-1:000000000000:queue"
    sqs = emulation.client("sqs")
    sqs.create_queue(QueueName="queue")
    condition = {"ArnEquals": {"aws:SourceArn": f"{SCHEDULER}:schedule-group/default"}}
    send = {"Action": "sqs:SendMessage", "Resource": queue}
    scheduler = emulation.client("scheduler")
    target = {"Arn": queue, "RoleArn": role("r", send, trusts="scheduler.amazonaws.com", condition=condition)}
    for _ in ("a schedule", "a new one with its name"):
        scheduler.create_schedule(
            Name="schedule",
            ScheduleExpression=f"at({datetime.now(UTC):%Y-%m-%dT%H:%M:%S})",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target=target,
        )
        [message] = eventually(lambda: sqs.receive_message(QueueUrl="queue").get("Messages"), within=20)
        sqs.delete_message(QueueUrl="queue", ReceiptHandle=message["ReceiptHandle"])
        scheduler.delete_schedule(Name="schedule")


def test_an_explicit_deny_in_the_queues_policy_wins(emulation: Emulation, caller: Callers) -> None:
    deny = {key: value for key, value in TLS_ONLY.items() if key != "Condition"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    queue = emulation.client("sqs").create_queue(QueueName="queue", Attributes={"Policy": policy})["QueueUrl"]
    sqs = caller({"Action": "sqs:*", "Resource": "*"})("sqs")
    with pytest.raises(ClientError, match="explicit deny"):
        sqs.send_message(QueueUrl=queue, MessageBody="message")


def test_a_redrive_needs_both_queues(caller: Callers, dead_letters: tuple[str, str]) -> None:
    source, destination = dead_letters
    on_source = ["StartMessageMoveTask", "ReceiveMessage", "DeleteMessage", "GetQueueAttributes"]
    statement = {"Action": [f"sqs:{action}" for action in on_source], "Resource": source}
    sqs = caller(statement)("sqs")
    with pytest.raises(ClientError, match="AccessDenied"):
        sqs.start_message_move_task(SourceArn=source, DestinationArn=destination)
    with pytest.raises(ClientError, match="AccessDenied"):
        sqs.list_message_move_tasks(SourceArn=source)
