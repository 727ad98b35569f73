"""Organizations through boto3."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulation.organization import Emulation
from emulation.waiting import eventually


def test_a_page_has_at_most_twenty_accounts_and_may_be_empty(emulation: Emulation) -> None:
    created = emulation.create_accounts(45, suspended=2)

    pages = list(emulation.client("organizations").get_paginator("list_accounts").paginate())

    accounts = [account for page in pages for account in page["Accounts"]]
    assert [len(page["Accounts"]) for page in pages] == [20, 0, 20, 6]
    assert {account["Id"] for account in accounts} == {emulation.management_account, *created}
    assert sum(account["State"] == "SUSPENDED" for account in accounts) == 2


def test_every_list_has_pages(emulation: Emulation) -> None:
    organizations = emulation.client("organizations")
    root = organizations.list_roots()["Roots"][0]["Id"]
    for number in range(25):
        organizations.create_organizational_unit(ParentId=root, Name=f"unit {number}")

    pages = list(organizations.get_paginator("list_organizational_units_for_parent").paginate(ParentId=root))

    assert [len(page["OrganizationalUnits"]) for page in pages] == [20, 0, 5]


@pytest.mark.parametrize(
    ("operation", "parameters", "reason"),
    [
        ("list_accounts", {"MaxResults": 21}, "MAX_VALUE_EXCEEDED"),
        ("list_accounts", {"NextToken": "not a token"}, "INVALID_NEXT_TOKEN"),
        ("list_accounts", {"NextToken": "40"}, "INVALID_NEXT_TOKEN"),
        ("list_roots", {"NextToken": "not a token"}, "INVALID_NEXT_TOKEN"),
        ("list_aws_service_access_for_organization", {"NextToken": "not a token"}, "INVALID_NEXT_TOKEN"),
        ("describe_account", {"AccountId": "12"}, "INVALID_PATTERN"),
        ("describe_account", {"AccountId": "1234567890123"}, "MAX_LENGTH_EXCEEDED"),
        ("list_parents", {"ChildId": "child"}, "INVALID_PATTERN"),
        ("list_policies", {"Filter": "POLICY"}, "INVALID_ENUM"),
        ("enable_aws_service_access", {"ServicePrincipal": "account"}, "UNRECOGNIZED_SERVICE_PRINCIPAL"),
    ],
)
def test_an_invalid_parameter_is_rejected_with_its_reason(
    emulation: Emulation, operation: str, parameters: dict[str, Any], reason: str
) -> None:
    organizations = emulation.client("organizations")
    with pytest.raises(organizations.exceptions.InvalidInputException) as error:
        getattr(organizations, operation)(**parameters)
    assert error.value.response["Reason"] == reason


def test_an_unknown_parent_is_not_found(emulation: Emulation) -> None:
    organizations = emulation.client("organizations")
    with pytest.raises(organizations.exceptions.ParentNotFoundException):
        organizations.list_accounts_for_parent(ParentId="ou-abcd-12345678")


def test_an_operation_that_the_emulation_does_not_have_is_unknown(emulation: Emulation) -> None:
    with pytest.raises(ClientError, match=r"UnknownOperation.*organizations:ListHandshakesForOrganization"):
        emulation.client("organizations").list_handshakes_for_organization()


def test_an_account_has_state_status_and_paths(emulation: Emulation) -> None:
    organizations = emulation.client("organizations")
    [member] = emulation.create_accounts(1)
    organization = organizations.describe_organization()["Organization"]["Id"]
    root = organizations.list_roots()["Roots"][0]["Id"]
    unit = organizations.create_organizational_unit(ParentId=root, Name="unit")["OrganizationalUnit"]["Id"]

    organizations.move_account(AccountId=member, SourceParentId=root, DestinationParentId=unit)
    organizations.close_account(AccountId=member)

    account = organizations.describe_account(AccountId=member)["Account"]
    assert (account["State"], account["Status"]) == ("SUSPENDED", "SUSPENDED")
    assert account["Paths"] == [f"{organization}/{root}/{unit}/{member}/"]


@pytest.mark.parametrize("state", ["PENDING_ACTIVATION", "CLOSED"])
def test_some_states_have_no_status(emulation: Emulation, state: str) -> None:
    [member] = emulation.create_accounts(1)
    emulation.set_state(member, state)
    account = emulation.client("organizations").describe_account(AccountId=member)["Account"]
    assert account["State"] == state
    assert "Status" not in account


def test_a_removed_account_is_not_found(emulation: Emulation) -> None:
    organizations = emulation.client("organizations")
    [member] = emulation.create_accounts(1)
    organizations.remove_account_from_organization(AccountId=member)
    with pytest.raises(organizations.exceptions.AccountNotFoundException):
        organizations.describe_account(AccountId=member)


def test_trusted_access_is_off_until_it_is_enabled(emulation: Emulation) -> None:
    organizations = emulation.client("organizations")
    assert organizations.list_aws_service_access_for_organization()["EnabledServicePrincipals"] == []

    organizations.enable_aws_service_access(ServicePrincipal="account.amazonaws.com")

    [enabled] = organizations.list_aws_service_access_for_organization()["EnabledServicePrincipals"]
    assert enabled["ServicePrincipal"] == "account.amazonaws.com"


def test_trusted_access_needs_all_features(emulation: Emulation) -> None:
    organizations = emulation.client("organizations")
    emulation.set_feature_set("CONSOLIDATED_BILLING")
    assert organizations.describe_organization()["Organization"]["FeatureSet"] == "CONSOLIDATED_BILLING"
    with pytest.raises(organizations.exceptions.ConstraintViolationException):
        organizations.enable_aws_service_access(ServicePrincipal="account.amazonaws.com")


def test_an_organization_can_be_deleted_and_created(emulation: Emulation) -> None:
    organizations = emulation.client("organizations")
    organizations.delete_organization()
    with pytest.raises(organizations.exceptions.AWSOrganizationsNotInUseException):
        organizations.describe_organization()

    organizations.create_organization(FeatureSet="CONSOLIDATED_BILLING")

    assert organizations.describe_organization()["Organization"]["FeatureSet"] == "CONSOLIDATED_BILLING"
    with pytest.raises(organizations.exceptions.AlreadyInOrganizationException):
        organizations.create_organization()


def test_a_member_may_describe_the_organization_and_nothing_else(emulation: Emulation) -> None:
    [member] = emulation.create_accounts(1)
    organizations = emulation.client("organizations", account=member)
    described = organizations.describe_organization()["Organization"]
    assert described["MasterAccountId"] == emulation.management_account
    with pytest.raises(organizations.exceptions.AccessDeniedException):
        organizations.list_accounts()


def test_calls_can_be_throttled(emulation: Emulation) -> None:
    organizations = emulation.client("organizations")
    emulation.throttle_organizations(1)
    with pytest.raises(organizations.exceptions.TooManyRequestsException):
        organizations.list_accounts()
    organizations.list_accounts()


@pytest.mark.parametrize(
    ("operation", "burst"), [("list_roots", 2), ("list_accounts", 12), ("describe_account", 30), ("list_parents", 8)]
)
def test_the_published_quotas_throttle_on_request(emulation: Emulation, operation: str, burst: int) -> None:
    organizations = emulation.client("organizations")
    account = emulation.management_account
    parameters = {"describe_account": {"AccountId": account}, "list_parents": {"ChildId": account}}.get(operation, {})

    def call() -> None:
        getattr(organizations, operation)(**parameters)

    for _ in range(2 * burst):
        call()
    emulation.enforce_quotas(speed=0.01)
    for _ in range(burst):
        call()
    with pytest.raises(organizations.exceptions.TooManyRequestsException):
        call()
    emulation.reset(stacks=False)
    call()


def test_a_created_account_has_the_access_role_and_an_invited_one_has_not(emulation: Emulation) -> None:
    organizations = emulation.client("organizations")
    status = organizations.create_account(Email="a@acme.test", AccountName="a", RoleName="Custom")
    [added], [invited] = emulation.create_accounts(1), emulation.create_accounts(1, invited=True)

    for account, name in {
        status["CreateAccountStatus"]["AccountId"]: "Custom",
        added: "OrganizationAccountAccessRole",
    }.items():
        keys = emulation.assume_role(f"arn:aws:iam::{account}:role/{name}")
        member = emulation.client(
            "sts",
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )
        assert member.get_caller_identity()["Account"] == account
    with pytest.raises(ClientError, match="AccessDenied"):
        emulation.assume_role(f"arn:aws:iam::{invited}:role/OrganizationAccountAccessRole")
    joined = {added: "CREATED", invited: "INVITED"}
    for account, method in joined.items():
        assert organizations.describe_account(AccountId=account)["Account"]["JoinedMethod"] == method


def test_the_access_role_needs_a_permission_of_the_caller(emulation: Emulation, caller: Callable[..., Any]) -> None:
    one, other = emulation.create_accounts(2)
    role = "arn:aws:iam::{}:role/OrganizationAccountAccessRole"
    sts = caller({"Action": "sts:AssumeRole", "Resource": role.format(one)})("sts")

    sts.assume_role(RoleArn=role.format(one), RoleSessionName="test")
    with pytest.raises(ClientError, match="not authorized to perform: sts:AssumeRole"):
        sts.assume_role(RoleArn=role.format(other), RoleSessionName="test")


def test_create_account_emits_an_event(emulation: Emulation, event_queue: str) -> None:
    status = emulation.client("organizations").create_account(Email="a@acme.test", AccountName="a")
    sqs = emulation.client("sqs")
    [message] = eventually(lambda: sqs.receive_message(QueueUrl=event_queue).get("Messages"))
    detail = json.loads(message["Body"])["detail"]
    assert detail["eventName"] == "CreateAccountResult"
    result = detail["serviceEventDetails"]["createAccountStatus"]
    assert result["accountId"] == status["CreateAccountStatus"]["AccountId"]


def test_every_move_emits_an_event_in_us_east_1_and_a_failed_one_has_its_error(
    emulation: Emulation, event_queue: str, caller: Callable[..., Any]
) -> None:
    organizations = caller({"Action": "organizations:MoveAccount", "Resource": "*"})("organizations")
    [member] = emulation.create_accounts(1)
    [root] = emulation.client("organizations").list_roots()["Roots"]
    unit = emulation.client("organizations").create_organizational_unit(ParentId=root["Id"], Name="unit")
    unit_id = unit["OrganizationalUnit"]["Id"]
    move = {"AccountId": member, "SourceParentId": root["Id"], "DestinationParentId": unit_id}

    organizations.move_account(**move)
    with pytest.raises(ClientError, match="SourceParentNotFoundException"):
        organizations.move_account(**move)

    messages = emulation.client("sqs").receive_message(QueueUrl=event_queue, MaxNumberOfMessages=10)["Messages"]
    moved, failed = (json.loads(message["Body"]) for message in messages)
    assert (moved["source"], moved["detail-type"]) == ("aws.organizations", "AWS API Call via CloudTrail")
    assert moved["detail"]["requestParameters"] == {
        "accountId": member,
        "sourceParentId": root["Id"],
        "destinationParentId": unit_id,
    }
    assert moved["detail"]["userIdentity"]["arn"].endswith(":assumed-role/caller/test")
    assert "errorCode" not in moved["detail"]
    assert failed["detail"]["errorCode"] == "SourceParentNotFoundException"
