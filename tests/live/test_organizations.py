"""AWS Organizations: what it returns about accounts."""

import json
import time
from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError

from alternate_contacts.backfill.deadline import RESERVED_SECONDS
from tests.live.aws import CONTACT_TYPES, NOT_MY_ACCOUNT, Aws, skip

BACKFILL_TIMEOUT = 900


@pytest.mark.fact(
    "ListAccounts returns the field State for every account.",
    otherwise="`account_state` of protocol.py has to go on reading Status, without CLOSED and PENDING_ACTIVATION.",
)
def test_every_account_has_a_state(aws: Aws, save: Callable[..., None]) -> None:
    for state in {account.get("State") for account in aws.accounts}:
        account = next(account for account in aws.accounts if account.get("State") == state)
        save({"Accounts": [account]}, f"list-accounts-{str(state).lower().replace('_', '-')}", member=account["Id"])
    assert [account["Id"] for account in aws.accounts if "State" not in account] == []


@pytest.mark.fact(
    "The botocore of Lambda's runtime returns State too: the backfill has skipped the accounts that are not ACTIVE.",
    otherwise="Closed accounts fail as access_denied instead of being skipped: the zip of the functions needs its own "
    "botocore.",
)
def test_the_backfill_skipped_accounts_by_their_state(aws: Aws) -> None:
    inactive = [account for account in aws.accounts if account.get("State") != "ACTIVE"]
    completed = aws.backfill_lines("backfill completed")
    if not inactive or not completed:
        skip("needs an account that is not ACTIVE, and a backfill within 14 days")
    assert sum(completed[-1]["skipped"].values()) > 0


@pytest.mark.fact(
    "DescribeAccount fails with AccountNotFoundException for an account outside the organization.",
    otherwise="`classify` of errors.py needs the code: such accounts now fail as access_denied.",
)
def test_an_account_outside_the_organization_is_not_found(aws: Aws) -> None:
    with pytest.raises(ClientError) as raised:
        aws.client("organizations").describe_account(AccountId=NOT_MY_ACCOUNT)
    assert raised.value.response["Error"]["Code"] == "AccountNotFoundException"


@pytest.mark.fact(
    "DescribeAccount returns Paths, the OUs above an account.",
    otherwise="The worker calls ListParents instead, at two calls per second: `describes_ancestry` of ancestry.py.",
)
def test_an_account_has_paths(aws: Aws, save: Callable[..., None]) -> None:
    account = aws.client("organizations").describe_account(AccountId=aws.members[0])["Account"]
    save({"Account": account}, "describe-account", member=account["Id"])
    assert account.get("Paths")


@pytest.mark.fact(
    "The botocore of Lambda's runtime knows Paths: WorkerFunction never calls ListParents.",
    otherwise="A backfill with an OU as a target is slower: the zip of the worker needs its own botocore.",
)
@pytest.mark.aws_only("it has no CloudTrail history of Organizations")
def test_the_worker_lists_no_parents(aws: Aws) -> None:
    if aws.parameters["ContactsPath"] == "none":
        skip("ContactsPath is none")
    calls = aws.client("cloudtrail").lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "ListParents"}], MaxResults=50
    )["Events"]
    assert aws.outputs["WorkerFunctionName"] not in {call.get("Username") for call in calls}


@pytest.mark.fact(
    "All pages of ListAccounts fit into one invocation of BackfillFunction.",
    otherwise="A very large organization does not fit into one backfill: benchmarks/backfill-size.md.",
)
def test_the_accounts_are_listed_in_time(aws: Aws) -> None:
    start = time.monotonic()
    pages = sum(1 for _ in aws.client("organizations").get_paginator("list_accounts").paginate())
    seconds = time.monotonic() - start
    print(f"ListAccounts: {pages} pages, {seconds:.1f} s")  # noqa: T201 - the measurement, for benchmarks/backfill-size.md
    assert seconds < BACKFILL_TIMEOUT - RESERVED_SECONDS


@pytest.mark.fact(
    "The service control policy of the stack is attached to ProtectedTargetId, with the document of the template.",
    otherwise="ProtectionPolicy of template.yaml: members can change their contacts, and the reconcile corrects them.",
)
def test_the_protection_policy_is_attached(aws: Aws) -> None:
    target = aws.parameters["ProtectedTargetId"]
    if target == "none" or aws.parameters["Mode"] != "enforce":
        skip("ProtectedTargetId is none, or the mode is report")
    organizations, policy_id = aws.client("organizations"), aws.physical_id("ProtectionPolicy")
    pages = organizations.get_paginator("list_policies_for_target").paginate(
        TargetId=target, Filter="SERVICE_CONTROL_POLICY"
    )
    assert policy_id in [policy["Id"] for page in pages for policy in page["Policies"]]
    [statement] = json.loads(organizations.describe_policy(PolicyId=policy_id)["Policy"]["Content"])["Statement"]
    policies = {contact_type: aws.parameters[f"{contact_type.capitalize()}Policy"] for contact_type in CONTACT_TYPES}
    types = {contact_type for contact_type, policy in policies.items() if policy == "overwrite"}
    assert statement["Effect"] == "Deny"
    assert set(statement["Action"]) == {"account:PutAlternateContact", "account:DeleteAlternateContact"}
    assert set(statement["Condition"]["ForAnyValue:StringEquals"]["account:AlternateContactTypes"]) == types
