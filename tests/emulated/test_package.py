"""The package itself: template.yaml, deployed by `sam` to an organization of 45 accounts, and what becomes of them."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from emulation import deploy
from emulation.demo import wanted_contacts
from emulation.organization import Emulation
from emulation.settings import MANAGEMENT_ACCOUNT
from emulation.waiting import eventually
from tests.emulated.conftest import SETTINGS
from tests.emulated.package import EVENTS, Package

MEMBERS, SUSPENDED = 44, 3
"""Three pages of ListAccounts, with the management account."""


@pytest.fixture(scope="module")
def deployed(build: Path) -> Iterator[Package]:
    """The package on its first deployment; tests bring accounts of their own."""
    with Emulation(SETTINGS) as emulation:
        accounts = emulation.create_accounts(MEMBERS, suspended=SUSPENDED)
        outputs = deploy.deploy(emulation, build)
        yield Package(emulation, build, outputs, wanted_contacts(deploy.parameters()), accounts)


@pytest.fixture
def package(deployed: Package) -> Package:
    """The deployed package with nothing on FailedAccountQueue and UndeliveredQueue."""
    for queue in ("FailedAccountQueue", "UndeliveredQueue"):
        deployed.sqs.purge_queue(QueueUrl=deployed.outputs[f"{queue}Url"])
    return deployed


def test_the_first_deployment_brings_every_account_right(package: Package) -> None:
    active = [MANAGEMENT_ACCOUNT, *package.accounts[:-SUSPENDED]]
    eventually(lambda: all(package.is_right(account) for account in active), within=30)
    assert not any(package.emulation.contacts().get(account) for account in package.accounts[-SUSPENDED:])
    assert package.outputs["BackfillSummary"] == ("Accounts: 45 listed, 42 enqueued, skipped: 3 SUSPENDED")
    services = package.emulation.client("organizations").list_aws_service_access_for_organization()
    assert [each["ServicePrincipal"] for each in services["EnabledServicePrincipals"]] == ["account.amazonaws.com"]
    assert package.messages("FailedAccountQueue") == []


@pytest.mark.parametrize(
    "event",
    [
        "create-account-result",
        "create-managed-account",
        "update-managed-account",
        "account-joined-organization",
        "account-joined-organization-other-shape",
    ],
)
def test_a_new_account_gets_its_contacts_when_aws_tells_of_it(package: Package, event: str) -> None:
    account = package.new_account()
    package.tell_of(account, event)
    eventually(lambda: package.is_right(account))


@pytest.mark.parametrize("event", ["create-account-result-failed", "create-managed-account-failed"])
def test_a_failed_creation_wakes_nobody(package: Package, event: str) -> None:
    account, next_account = package.new_account(), package.new_account()
    package.tell_of(account, event)
    package.tell_of(next_account)
    eventually(lambda: package.is_right(next_account))
    assert package.emulation.contacts().get(account) is None
    assert package.messages("FailedAccountQueue") == []


def test_the_management_account_of_a_new_organization_asks_for_nothing(package: Package) -> None:
    account, before = package.new_account(), package.emulation.counts()
    package.tell_of("no such account", "account-joined-organization-management")
    eventually(lambda: any(line.get("message") == "nothing to do" for line in package.log_lines()))
    assert package.emulation.counts() == before
    assert package.messages("FailedAccountQueue") == []
    package.tell_of(account)
    eventually(lambda: package.is_right(account))


def test_an_account_that_is_right_costs_three_looks_and_no_put(package: Package) -> None:
    account = package.new_account()
    package.tell_of(account)
    eventually(lambda: package.is_right(account))
    before = package.emulation.counts()
    package.tell_of(account, "create-managed-account")
    eventually(lambda: package.emulation.counts()["GetAlternateContact"] == before["GetAlternateContact"] + 3)
    assert package.emulation.counts()["PutAlternateContact"] == before["PutAlternateContact"]


def test_a_refused_account_is_kept_with_the_reason_and_moved_back_when_mended(package: Package) -> None:
    account = package.new_account()
    package.emulation.set_fault(
        account, "AccessDeniedException", operation="PutAlternateContact", contact_type="BILLING"
    )
    package.tell_of(account)
    failure = package.failure_of(account)
    assert failure.pop("FailedAt")
    assert failure == {
        "AccountId": account,
        "Reason": "not_authorized",
        "ErrorCode": "AccessDeniedException",
        "Operation": "PutAlternateContact",
        "ContactTypes": "BILLING",
        "Tries": "10",
    }
    # One contact's failure does not stop the other two.
    assert set(package.emulation.contacts()[account]) == {"OPERATIONS", "SECURITY"}
    package.emulation.clear_fault(account)
    package.move_back()
    eventually(lambda: package.is_right(account))
    assert package.messages("FailedAccountQueue") == []


def test_a_contact_that_aws_does_not_take_is_kept_at_once(package: Package) -> None:
    account = package.new_account()
    package.emulation.set_fault(account, "ValidationException", operation="PutAlternateContact")
    package.tell_of(account)
    failure = package.failure_of(account)
    assert (failure["Reason"], failure["Tries"]) == ("contact_refused", "1")
    assert failure["ContactTypes"] == "BILLING,OPERATIONS,SECURITY"


def test_trusted_access_switched_off_is_named(package: Package) -> None:
    account = package.new_account()
    organizations = package.emulation.client("organizations")
    organizations.disable_aws_service_access(ServicePrincipal="account.amazonaws.com")
    try:
        package.tell_of(account)
        assert package.failure_of(account)["Reason"] == "trusted_access_off"
    finally:
        organizations.enable_aws_service_access(ServicePrincipal="account.amazonaws.com")
    package.move_back()
    eventually(lambda: package.is_right(account))


def test_an_account_outside_the_organization_is_kept_at_once(package: Package) -> None:
    package.send(package.letter("999999999999"))
    failure = package.failure_of("999999999999")
    assert (failure["Reason"], failure["Tries"]) == ("not_in_organization", "1")


def test_a_suspended_account_is_skipped_with_its_state(package: Package) -> None:
    account = package.new_account()
    package.emulation.set_state(account, "SUSPENDED")
    package.send(package.letter(account))
    [line] = eventually(lambda: [each for each in package.log_lines() if each.get("account_id") == account])
    assert (line["message"], line["state"]) == ("account skipped", "SUSPENDED")
    assert package.messages("FailedAccountQueue") == []


@pytest.mark.parametrize("poison", ["not json", "{}", '{"detail": {}}', '{"version": 2, "accountId": "111122223333"}'])
def test_a_poison_letter_is_kept_again_and_again_and_harms_nobody(package: Package, poison: str) -> None:
    account = package.new_account()
    package.send(poison, package.letter(account))
    eventually(lambda: package.is_right(account))
    assert package.failure_of("unknown")["Reason"] == "unreadable_letter"
    [kept] = package.messages("FailedAccountQueue")
    package.move_back()
    [again] = eventually(
        lambda: [each for each in package.messages("FailedAccountQueue") if each["MessageId"] != kept["MessageId"]]
    )
    assert again["Body"] == kept["Body"] == poison
    assert again["MessageAttributes"]["Reason"]["StringValue"] == "unreadable_letter"


def test_a_letter_without_an_account_is_kept(package: Package) -> None:
    package.send((EVENTS / "create-account-result-failed.json").read_text())
    assert package.failure_of("unknown")["Reason"] == "event_without_account"


@pytest.mark.parametrize("error", ["TooManyRequestsException", "InternalServerException", "dropped", "not-ready"])
def test_passing_trouble_passes(package: Package, error: str) -> None:
    account = package.new_account()
    package.emulation.set_fault(account, error, times=4)
    package.tell_of(account)
    eventually(lambda: package.is_right(account), within=20)
    assert package.messages("FailedAccountQueue") == []


def test_a_worker_killed_in_the_middle_of_a_batch_loses_nothing_and_repeats_no_put(package: Package) -> None:
    accounts = package.emulation.create_accounts(3)
    url, folder = package.outputs["AccountQueueUrl"], package.emulation.log.parent
    before = package.emulation.counts()
    # Given a queue that brings back soon what a dead worker held, and one account whose last call takes its time
    package.sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "4"})
    try:
        package.emulation.set_fault(
            accounts[0], "slow", operation="PutAlternateContact", contact_type="SECURITY", times=1, seconds=30
        )
        package.send(*(package.letter(account) for account in accounts))
        eventually(lambda: all(package.is_right(account) for account in accounts))
        # When the worker dies before it could tell SQS
        subprocess.run(["pkill", "-KILL", "-f", f"{folder}/ministack-lambda-.*WorkerFunction"], check=True)  # noqa: S603, S607
        # Then the letters are read again, by looks alone
        eventually(lambda: package.counted("GetAlternateContact", before) >= 3 * len(accounts) + 3, within=20)
        eventually(lambda: package.waiting("AccountQueue") == 0, within=20)
    finally:
        package.sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "1080"})
    assert package.counted("PutAlternateContact", before) == 3 * len(accounts)
    assert package.counted("unchanged puts", before) == 0
    assert package.messages("FailedAccountQueue") == []


def test_what_eventbridge_cannot_hand_over_is_kept(package: Package) -> None:
    account, url = package.new_account(), package.outputs["AccountQueueUrl"]
    policy = package.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"]
    package.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    try:
        package.tell_of(account)
        [message] = eventually(lambda: package.messages("UndeliveredQueue"))
    finally:
        package.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    assert account in message["Body"]


def test_the_rules_match_what_aws_sends(package: Package) -> None:
    events = package.emulation.client("events")
    patterns = [each["EventPattern"] for each in events.list_rules()["Rules"]]
    assert len(patterns) == 3

    def matches(path: Path) -> int:
        event = path.read_text()
        return sum(events.test_event_pattern(EventPattern=pattern, Event=event)["Result"] for pattern in patterns)

    matched = {path.stem: matches(path) for path in EVENTS.glob("*.json")}
    assert matched == {name: 0 if name.endswith("-failed") else 1 for name in matched}


def test_no_contact_data_and_no_response_url_is_logged(package: Package) -> None:
    account = package.new_account()
    package.emulation.set_fault(account, "ValidationException", operation="PutAlternateContact")
    package.tell_of(account)
    package.failure_of(account)
    lines = str(package.log_lines()) + str(package.log_lines("BackfillLogGroupName"))
    assert account in lines
    secrets = {
        value
        for contact in package.wanted.values()
        for name, value in contact.items()
        if name != "AlternateContactType"
    }
    assert [secret for secret in [*secrets, "cfn-response"] if secret in lines] == []


# ---- deployments of their own ---------------------------------------------------------------------------------------


@pytest.fixture
def small(emulation: Emulation, build: Path) -> Package:
    """A fresh deployment to five accounts, for tests that change the stack."""
    accounts = emulation.create_accounts(4)
    outputs = deploy.deploy(emulation, build)
    return Package(emulation, build, outputs, wanted_contacts(deploy.parameters()), [MANAGEMENT_ACCOUNT, *accounts])


def test_a_changed_contact_reaches_every_account_and_a_deletion_leaves_them(small: Package) -> None:
    eventually(lambda: all(small.is_right(account) for account in small.accounts))
    small.accounts.append(small.new_account())  # by a way that nobody told of
    changed = {"SecurityEmailAddress": "soc@acme.test", "SecurityName": "Our SOC, all of it"}
    deploy.deploy(small.emulation, small.build, parameters=changed)
    small.wanted = wanted_contacts({**deploy.parameters(), **changed})
    eventually(lambda: all(small.is_right(account) for account in small.accounts), within=20)

    # Nothing to update is no error, and no reason to run again.
    eventually(lambda: small.waiting("AccountQueue") == 0)
    before = small.emulation.counts()
    deploy.deploy(small.emulation, small.build, parameters=changed)
    assert small.emulation.counts() == before

    deploy.delete(small.emulation)
    assert all(small.is_right(account) for account in small.accounts)
    assert small.sqs.list_queues().get("QueueUrls", []) == []
    assert small.emulation.client("lambda").list_functions()["Functions"] == []


def test_policies_are_kept_to(emulation: Emulation, build: Path) -> None:
    has, has_not = emulation.create_accounts(2)
    old = {"Name": "Old", "Title": "Old", "EmailAddress": "old@acme.test", "PhoneNumber": "1"}
    for kind in ("BILLING", "OPERATIONS", "SECURITY"):
        emulation.set_contact(has, {**old, "AlternateContactType": kind})
    nothing = {f"Operations{part}": "none" for part in ("Name", "Title", "EmailAddress", "PhoneNumber")}
    choice = {"BillingPolicy": "fill", "OperationsPolicy": "ignore", **nothing}
    deploy.deploy(emulation, build, parameters=choice)
    wanted = wanted_contacts(deploy.parameters())
    eventually(lambda: len(emulation.contacts()) == 3 and set(emulation.contacts()[has_not]) == {"BILLING", "SECURITY"})
    eventually(lambda: emulation.contacts()[has]["SECURITY"] == wanted["SECURITY"])
    assert emulation.contacts()[has]["BILLING"]["Name"] == "Old"
    assert emulation.contacts()[has]["OPERATIONS"]["Name"] == "Old"
    assert emulation.contacts()[has_not]["BILLING"] == wanted["BILLING"]


def test_a_bad_e_mail_address_is_refused_with_cloudformations_sentence(emulation: Emulation, build: Path) -> None:
    with pytest.raises(deploy.DeploymentError, match="an e-mail address of at most 254 characters"):
        deploy.deploy(emulation, build, parameters={"BillingEmailAddress": "billing at acme"})
    assert emulation.contacts() == {}


def create_stack(emulation: Emulation, build: Path, changes: dict[str, str], region: str = "us-east-1") -> None:
    """What `sam deploy` does in the end, without the code."""
    template = (build / "build" / "template.yaml").read_text()
    emulation.client("cloudformation", region=region).create_stack(
        StackName="refused",
        TemplateBody=re.sub(r"CodeUri: \w+", "CodeUri: s3://bucket/key", template),
        Parameters=[
            {"ParameterKey": key, "ParameterValue": value} for key, value in {**deploy.parameters(), **changes}.items()
        ],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"BillingEmailAddress": "jdoe@example.com"}, "not one of example.com"),
        ({"SecurityPhoneNumber": "+316xxxx"}, "a phone number of at most 25 digits"),
        ({"SecurityName": "REPLACE_ME"}, "SecurityName is missing or a placeholder"),
        ({"OperationsTitle": "none"}, "OperationsTitle is missing or a placeholder"),
        ({"QuotaShare": "49"}, "a percentage from 50 to 100"),
        ({"PutRate": "0"}, "a whole number from 1 to 9999"),
        (
            {"BillingPolicy": "ignore", "OperationsPolicy": "ignore", "SecurityPolicy": "ignore"},
            "All three contact types are ignored",
        ),
    ],
)
def test_a_senseless_parameter_is_refused_with_a_sentence(
    emulation: Emulation, build: Path, changes: dict[str, str], sentence: str
) -> None:
    with pytest.raises(ClientError, match=sentence):
        create_stack(emulation, build, changes)


def test_a_region_without_events_is_refused(emulation: Emulation, build: Path) -> None:
    with pytest.raises(ClientError, match="Deploy this stack in us-east-1"):
        create_stack(emulation, build, {}, region="eu-west-1")
