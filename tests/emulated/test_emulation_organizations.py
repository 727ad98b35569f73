"""Organizations through boto3."""

import json

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


def test_max_results_over_twenty_is_rejected(emulation: Emulation) -> None:
    with pytest.raises(ClientError, match="InvalidInputException"):
        emulation.client("organizations").list_accounts(MaxResults=21)


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


def test_create_account_emits_an_event(emulation: Emulation, event_queue: str) -> None:
    status = emulation.client("organizations").create_account(Email="a@acme.test", AccountName="a")
    sqs = emulation.client("sqs")
    [message] = eventually(lambda: sqs.receive_message(QueueUrl=event_queue).get("Messages"))
    detail = json.loads(message["Body"])["detail"]
    assert detail["eventName"] == "CreateAccountResult"
    result = detail["serviceEventDetails"]["createAccountStatus"]
    assert result["accountId"] == status["CreateAccountStatus"]["AccountId"]
