"""The package: template.yaml, deployed by `sam` to an organization of 45 accounts."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from emulation.organization import Emulation
from emulation.settings import MANAGEMENT_ACCOUNT
from emulation.waiting import eventually
from tests.emulated.package import EVENTS, Package, event

MEMBERS, SUSPENDED = 44, 3
"""With the management account three pages of ListAccounts."""


@pytest.fixture(scope="module")
def deployed(build: Path, shared_emulation: Emulation) -> Package:
    """The package after its first deployment; each test creates its own accounts."""
    accounts = shared_emulation.create_accounts(MEMBERS, suspended=SUSPENDED)
    return Package.deploy_with_sam(shared_emulation, build, accounts)


@pytest.fixture
def package(deployed: Package) -> Package:
    """The deployed package with empty FailedAccountQueue and UndeliveredQueue."""
    deployed.purge("FailedAccountQueue", "UndeliveredQueue")
    return deployed


def test_the_first_deployment_sets_the_contacts_of_every_account(package: Package) -> None:
    active = [MANAGEMENT_ACCOUNT, *package.accounts[:-SUSPENDED]]
    eventually(lambda: package.is_compliant(*active), within=30)
    assert not any(package.emulation.contacts().get(account) for account in package.accounts[-SUSPENDED:])
    summary = package.outputs["BackfillSummary"]
    assert re.findall(r"\d+", summary) == [str(len(active) + SUSPENDED), str(len(active)), str(SUSPENDED)]
    services = package.emulation.client("organizations").list_aws_service_access_for_organization()
    assert [each["ServicePrincipal"] for each in services["EnabledServicePrincipals"]] == ["account.amazonaws.com"]
    assert package.messages("FailedAccountQueue") == []


@pytest.mark.parametrize(
    "name",
    [
        "create-account-result",
        "create-managed-account",
        "update-managed-account",
        "account-joined-organization",
        "account-joined-organization-other-shape",
    ],
)
def test_the_event_of_a_new_account_sets_its_contacts(package: Package, name: str) -> None:
    account = package.new_account()
    package.emit_event(account, name)
    eventually(lambda: package.is_compliant(account))


@pytest.mark.parametrize("name", ["create-account-result-failed", "create-managed-account-failed"])
def test_the_event_of_a_failed_creation_does_nothing(package: Package, name: str) -> None:
    account, next_account = package.new_account(), package.new_account()
    package.emit_event(account, name)
    package.emit_event(next_account)
    eventually(lambda: package.is_compliant(next_account))
    assert package.emulation.contacts().get(account) is None
    assert package.messages("FailedAccountQueue") == []


def test_the_event_of_a_new_organization_is_ignored(package: Package) -> None:
    account, before = package.new_account(), package.emulation.counts()
    package.emit_event("no such account", "account-joined-organization-management")
    eventually(lambda: any(line.get("message") == "message ignored" for line in package.log_lines()))
    assert package.emulation.counts() == before
    assert package.messages("FailedAccountQueue") == []
    package.emit_event(account)
    eventually(lambda: package.is_compliant(account))


def test_a_compliant_account_costs_three_gets_and_no_put(package: Package) -> None:
    account = package.new_account()
    package.emit_event(account)
    eventually(lambda: package.is_compliant(account))
    before = package.emulation.counts()
    package.emit_event(account, "create-managed-account")
    eventually(lambda: package.calls_since(before, "GetAlternateContact") == 3)
    assert package.calls_since(before, "PutAlternateContact") == 0


def test_an_account_with_denied_access_fails_with_the_reason_and_is_replayed(package: Package) -> None:
    account = package.new_account()
    package.emulation.set_fault(
        account, "AccessDeniedException", operation="PutAlternateContact", contact_type="BILLING"
    )
    package.emit_event(account)
    failure = package.failure_of(account)
    assert failure.pop("FailedAt")
    assert failure == {
        "AccountId": account,
        "Reason": "access_denied",
        "ErrorCode": "AccessDeniedException",
        "Operation": "PutAlternateContact",
        "ContactTypes": "BILLING",
        "Tries": "10",
    }
    # The failure of one contact does not stop the other two.
    assert set(package.emulation.contacts()[account]) == {"OPERATIONS", "SECURITY"}
    package.emulation.clear_fault(account)
    package.redrive()
    eventually(lambda: package.is_compliant(account))
    assert package.messages("FailedAccountQueue") == []


def test_an_invalid_contact_fails_at_once(package: Package) -> None:
    account = package.new_account()
    package.emulation.set_fault(account, "ValidationException", operation="PutAlternateContact")
    package.emit_event(account)
    failure = package.failure_of(account)
    assert (failure["Reason"], failure["Tries"]) == ("invalid_contact", "1")
    assert failure["ContactTypes"] == "BILLING,OPERATIONS,SECURITY"


def test_disabled_trusted_access_is_the_failure_reason(package: Package) -> None:
    account = package.new_account()
    organizations = package.emulation.client("organizations")
    organizations.disable_aws_service_access(ServicePrincipal="account.amazonaws.com")
    try:
        package.emit_event(account)
        assert package.failure_of(account)["Reason"] == "trusted_access_off"
    finally:
        organizations.enable_aws_service_access(ServicePrincipal="account.amazonaws.com")
    package.redrive()
    eventually(lambda: package.is_compliant(account))


def test_an_account_outside_the_organization_fails_at_once(package: Package) -> None:
    package.send(package.message_body("999999999999"))
    failure = package.failure_of("999999999999")
    assert (failure["Reason"], failure["Tries"]) == ("not_in_organization", "1")


def test_a_suspended_account_is_skipped_with_its_state(package: Package) -> None:
    account = package.new_account()
    package.emulation.set_state(account, "SUSPENDED")
    package.send(package.message_body(account))
    [line] = eventually(lambda: [each for each in package.log_lines() if each.get("account_id") == account])
    assert (line["message"], line["state"]) == ("account skipped", "SUSPENDED")
    assert package.messages("FailedAccountQueue") == []


@pytest.mark.parametrize("body", ["not json", "{}", '{"detail": {}}', '{"version": 3, "accountId": "111122223333"}'])
def test_an_invalid_message_fails_after_every_replay_and_stops_no_other(package: Package, body: str) -> None:
    account = package.new_account()
    package.send(body, package.message_body(account))
    eventually(lambda: package.is_compliant(account))
    assert package.failure_of("unknown")["Reason"] == "invalid_message"
    [first] = package.messages("FailedAccountQueue")
    package.redrive()
    [second] = eventually(
        lambda: [each for each in package.messages("FailedAccountQueue") if each["MessageId"] != first["MessageId"]]
    )
    assert second["Body"] == first["Body"] == body
    assert second["MessageAttributes"]["Reason"]["StringValue"] == "invalid_message"


def test_the_largest_message_fails_at_once_and_can_be_replayed(package: Package) -> None:
    attributes = package.sqs.get_queue_attributes(QueueUrl=package.url("AccountQueue"), AttributeNames=["All"])
    body = "x" * int(attributes["Attributes"]["MaximumMessageSize"])
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        package.sqs.send_message(QueueUrl=package.url("AccountQueue"), MessageBody=f"{body}x")
    package.send(body)
    failure = package.failure_of("unknown")
    assert (failure["Reason"], failure["Tries"]) == ("invalid_message", "1")
    [message] = package.messages("FailedAccountQueue")
    assert message["Body"] == body


def test_an_event_without_an_account_fails(package: Package) -> None:
    package.send(event("create-account-result-failed", "111122223333"))
    assert package.failure_of("unknown")["Reason"] == "event_without_account"


@pytest.mark.parametrize("error", ["TooManyRequestsException", "InternalServerException", "dropped", "not-ready"])
def test_a_temporary_error_is_retried(package: Package, error: str) -> None:
    account = package.new_account()
    package.emulation.set_fault(account, error, times=4)
    package.emit_event(account)
    eventually(lambda: package.is_compliant(account), within=20)
    assert package.messages("FailedAccountQueue") == []


def test_a_worker_killed_during_a_batch_loses_no_message_and_repeats_no_put(package: Package) -> None:
    accounts = package.emulation.create_accounts(3)
    url, folder = package.url("AccountQueue"), package.emulation.log.parent
    before = package.emulation.counts()
    # Given a short visibility timeout, and one account whose last call takes 30 seconds
    package.sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "4"})
    try:
        package.emulation.set_fault(
            accounts[0], "slow", operation="PutAlternateContact", contact_type="SECURITY", times=1, seconds=30
        )
        package.send(*(package.message_body(account) for account in accounts))
        eventually(lambda: package.is_compliant(*accounts))
        # When the worker is killed before it returns the result of the batch
        subprocess.run(["pkill", "-KILL", "-f", f"{folder}/ministack-lambda-.*WorkerFunction"], check=True)  # noqa: S603, S607
        # Then the messages are processed again, with Gets only
        eventually(lambda: package.calls_since(before, "GetAlternateContact") >= 3 * len(accounts) + 3, within=20)
        eventually(lambda: package.message_count("AccountQueue") == 0, within=20)
    finally:
        package.sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "1080"})
    assert package.calls_since(before, "PutAlternateContact") == 3 * len(accounts)
    assert package.calls_since(before, "unchanged puts") == 0
    assert package.messages("FailedAccountQueue") == []


def test_an_event_that_cannot_be_delivered_is_on_undelivered_queue(package: Package) -> None:
    account, url = package.new_account(), package.url("AccountQueue")
    policy = package.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"]
    package.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    try:
        package.emit_event(account)
        [message] = eventually(lambda: package.messages("UndeliveredQueue"))
    finally:
        package.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    assert account in message["Body"]


def test_the_rule_matches_every_recorded_event_of_this_account_but_failures(package: Package) -> None:
    events = package.emulation.client("events")
    [rule] = events.list_rules()["Rules"]

    def matches(event: str) -> bool:
        return bool(events.test_event_pattern(EventPattern=rule["EventPattern"], Event=event)["Result"])

    matched = {path.stem: matches(path.read_text()) for path in EVENTS.glob("*.json")}
    # Moves have a rule of their own, which exists only with a contact configuration.
    assert matched == {name: not name.endswith("-failed") and name != "move-account" for name in matched}
    # A central event bus may receive the events of other organizations too.
    foreign = [
        json.dumps({**json.loads(path.read_text()), "account": "999999999999"}) for path in EVENTS.glob("*.json")
    ]
    assert not any(map(matches, foreign))


def test_a_principal_of_the_account_cannot_put_an_event_that_the_rule_matches(
    package: Package,
) -> None:
    """Only AWS puts events whose source begins with `aws.`, and the rule matches no other."""
    account = package.new_account()
    forged = json.loads(event("create-account-result", account))
    put = package.client_of_role("events", Action="events:PutEvents", Resource="*").put_events
    sources = ["aws.organizations", "aws.controltower", "AWS.organizations", "acme.organizations"]
    entries = [
        {"Source": source, "DetailType": forged["detail-type"], "Detail": json.dumps(forged["detail"])}
        for source in sources
    ]
    results = [put(Entries=[entry])["Entries"][0].get("ErrorCode") for entry in entries]
    assert results[:2] == ["NotAuthorizedForSourceException"] * 2
    next_account = package.new_account()
    package.emit_event(next_account)
    eventually(lambda: package.is_compliant(next_account))
    assert package.emulation.contacts().get(account) is None


def test_a_forged_message_sets_no_other_contact_than_that_of_the_configuration(package: Package) -> None:
    account = package.new_account()
    contact = {"Name": "Mallory", "EmailAddress": "mallory@attacker.test", "contacts": {"SECURITY": "Mallory"}}
    package.send(json.dumps(json.loads(package.message_body(account)) | contact), Reason="forged", AccountId="0" * 12)
    eventually(lambda: package.is_compliant(account))


def test_no_contact_data_and_no_response_url_is_logged(package: Package) -> None:
    account = package.new_account()
    package.emulation.set_fault(account, "ValidationException", operation="PutAlternateContact")
    package.emit_event(account)
    package.failure_of(account)
    lines = str(package.log_lines()) + str(package.log_lines("BackfillLogGroupName"))
    lines += str(package.messages("FailedAccountQueue"))
    assert account in lines
    secrets = {
        value
        for contact in package.desired.values()
        for name, value in contact.items()
        if name != "AlternateContactType"
    }
    assert [secret for secret in [*secrets, "cfn-response"] if secret in lines] == []
