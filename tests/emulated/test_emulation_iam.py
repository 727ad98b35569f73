"""IAM is enforced, down to the member account, the queue and the condition key."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulation.organization import Emulation

Callers = Callable[..., Callable[[str], Any]]

GET = {"AlternateContactType": "BILLING"}
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


def test_the_loopback_interface_counts_as_tls(emulation: Emulation) -> None:
    sqs = emulation.client("sqs")
    policy = {"Version": "2012-10-17", "Statement": [TLS_ONLY]}
    queue = sqs.create_queue(QueueName="queue", Attributes={"Policy": json.dumps(policy)})["QueueUrl"]
    sqs.send_message(QueueUrl=queue, MessageBody="message")


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
