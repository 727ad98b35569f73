"""What the roles of the stack may do, whatever the code of the functions is: mode, policies and KMS key."""

from collections.abc import Callable
from pathlib import Path

import pytest

from emulation.account_api import CONTACT_FIELDS
from emulation.organization import Emulation
from emulation.settings import MANAGEMENT_ACCOUNT
from emulation.waiting import eventually
from tests.emulated.package import QUEUES, Package
from tests.fakes.contact_data import api_contact

KEY = f"arn:aws:kms:us-east-1:{MANAGEMENT_ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
NO_CONTACT = {f"Billing{field}": "none" for field in CONTACT_FIELDS}
CONTACT = api_contact(7000)
Call = Callable[..., str]


@pytest.fixture(scope="module")
def package(build: Path, shared_emulation: Emulation) -> Package:
    """The package in mode report, with one ignored contact type and a key."""
    shared_emulation.client("organizations").enable_aws_service_access(ServicePrincipal="account.amazonaws.com")
    accounts = shared_emulation.create_accounts(2)
    parameters = {"Mode": "report", "BillingPolicy": "ignore", "KmsKeyArn": KEY, **NO_CONTACT}
    package = Package.deploy(shared_emulation, build, accounts, **parameters)
    eventually(lambda: package.message_count("AccountQueue") == 0, within=30)
    return package


@pytest.fixture(scope="module")
def call(package: Package) -> Call:
    """Call an API with the role of a function of the stack; returns the error code or ``success``."""
    for function in ("WorkerFunction", "BackfillFunction"):
        package.create_caller(function)
    return package.call_as


@pytest.mark.parametrize("function", ["WorkerFunction", "BackfillFunction"])
def test_a_function_may_read_managed_contact_types_only(package: Package, call: Call, function: str) -> None:
    results = {
        contact_type: call(
            function,
            "account",
            "get_alternate_contact",
            AccountId=package.accounts[0],
            AlternateContactType=contact_type,
        )
        for contact_type in ("BILLING", "OPERATIONS", "SECURITY")
    }
    # No account has a contact yet. The backfill only checks that contacts can be read: of the first managed type.
    readable, denied = "ResourceNotFoundException", "AccessDeniedException"
    security = readable if function == "WorkerFunction" else denied
    assert results == {"BILLING": denied, "OPERATIONS": readable, "SECURITY": security}


def put(call: Call, function: str, contact_type: str, account: str) -> str:
    return call(
        function,
        "account",
        "put_alternate_contact",
        AccountId=account,
        AlternateContactType=contact_type,
        **CONTACT,
    )


def test_in_mode_report_no_role_may_change_anything(package: Package, call: Call) -> None:
    organizations = package.emulation.client("organizations")
    for function in ("WorkerFunction", "BackfillFunction"):
        assert put(call, function, "SECURITY", package.accounts[0]) == "AccessDeniedException"
    organizations.disable_aws_service_access(ServicePrincipal="account.amazonaws.com")
    try:
        result = call(
            "BackfillFunction",
            "organizations",
            "enable_aws_service_access",
            ServicePrincipal="account.amazonaws.com",
        )
        assert result == "AccessDeniedException"
        assert organizations.list_aws_service_access_for_organization()["EnabledServicePrincipals"] == []
    finally:
        organizations.enable_aws_service_access(ServicePrincipal="account.amazonaws.com")
    assert package.emulation.contacts() == {}


def test_the_simulation_of_the_first_deployment_denies_the_worker_nothing(package: Package) -> None:
    lines = package.log_lines("BackfillLogGroupName")
    assert [line["failure"] for line in lines if line.get("message") == "worker permissions unknown"] == []
    assert "denied" not in package.outputs["BackfillSummary"]


def test_the_key_encrypts_every_queue_and_the_roles_may_use_it(package: Package) -> None:
    for queue in QUEUES:
        attributes = package.sqs.get_queue_attributes(QueueUrl=package.url(queue), AttributeNames=["All"])["Attributes"]
        assert attributes["KmsMasterKeyId"] == KEY
        assert attributes.get("SqsManagedSseEnabled", "false") == "false"
    iam = package.emulation.client("iam")
    [policy] = [each for each in iam.list_policies(Scope="Local")["Policies"] if "KmsKeyPolicy" in each["PolicyName"]]
    roles = iam.list_entities_for_policy(PolicyArn=policy["Arn"])["PolicyRoles"]
    names = sorted(role["RoleName"].split("-")[-2] for role in roles)
    assert names == ["BackfillRole", "ScheduleRole", "WorkerRole"]


@pytest.mark.parametrize(("group", "accepted"), [("default", True), ("another", False)])
def test_only_a_schedule_of_the_group_of_the_stack_gets_the_role_of_scheduler(
    package: Package, group: str, accepted: bool
) -> None:
    """Scheduler names the group in aws:SourceArn when it assumes the role."""
    scheduler = package.emulation.client("scheduler")
    [name] = [each["Name"] for each in scheduler.list_schedules()["Schedules"] if "ReconcileSchedule" in each["Name"]]
    target = scheduler.get_schedule(Name=name)["Target"]
    if group != "default":
        scheduler.create_schedule_group(Name=group)
    schedule = {
        "Name": f"test-{group}",
        "GroupName": group,
        "ScheduleExpression": "rate(30 days)",
        "State": "DISABLED",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": target,
    }
    if accepted:
        scheduler.create_schedule(**schedule)
    else:
        with pytest.raises(scheduler.exceptions.ValidationException, match="to assume the role"):
            scheduler.create_schedule(**schedule)


def test_in_mode_enforce_the_worker_may_set_managed_contact_types_only(package: Package, call: Call) -> None:
    """The last test of this file: it updates the stack."""
    package.update(Mode="enforce", BillingPolicy="ignore", **NO_CONTACT)
    accounts = package.accounts
    eventually(lambda: all(len(package.emulation.contacts().get(each, {})) == 2 for each in accounts), within=30)
    assert put(call, "WorkerFunction", "SECURITY", accounts[0]) == "success"
    assert put(call, "WorkerFunction", "BILLING", accounts[0]) == "AccessDeniedException"
    assert put(call, "BackfillFunction", "SECURITY", accounts[0]) == "AccessDeniedException"
