"""The command finds the stack by its Description, and reads its parameters and outputs."""

from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from alternate_contacts.cli.aws.stack import Stack, find_stack
from alternate_contacts.cli.terminal.errors import CliError
from alternate_contacts.worker.contacts import Contact, ContactType
from alternate_contacts.worker.decision import Policy
from alternate_contacts.worker.protocol import Mode
from tests.fakes.cli import PARAMETERS, SECRETS, STACK
from tests.fakes.environment import WORKER

OURS = "Alternate Contacts for AWS: sets the contacts."
ACCOUNT = "000000000000"


def described(name: str, description: str = OURS, **changes: Any) -> dict[str, Any]:
    return {
        "StackName": name,
        "StackId": f"arn:aws:cloudformation:us-east-1:{ACCOUNT}:stack/{name}/1",
        "StackStatus": "UPDATE_COMPLETE",
        "CreationTime": "2026-01-01T00:00:00Z",
        "Description": description,
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in PARAMETERS.items()],
        "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in STACK.outputs.items()],
    } | changes


def test_a_stack_of_another_release_is_named_as_such() -> None:
    parameters = {name: value for name, value in PARAMETERS.items() if name != "BillingName"}
    for stack in (
        replace(STACK, parameters=parameters),
        replace(STACK, parameters={**PARAMETERS, "SecurityPolicy": "delete"}),
        replace(STACK, parameters={**PARAMETERS, "Mode": "plan"}),
        replace(STACK, outputs={}),
    ):
        with pytest.raises(CliError, match="different releases"):
            _ = (stack.desired, stack.mode, stack.queue_url("AccountQueue"))


class FakeSession:
    """A session with stubs of CloudFormation and Organizations, which have no JSON protocol for `FakeWire`."""

    def __init__(self, session: boto3.Session, region: str = "us-east-1") -> None:
        self.region = region
        self.account_id = ACCOUNT
        self._clients: dict[str, Any] = {
            name: session.client(name, region_name=region) for name in ("cloudformation", "organizations")
        }
        self._stubs = {name: Stubber(client) for name, client in self._clients.items()}
        for stub in self._stubs.values():
            stub.activate()

    def client(self, name: str) -> Any:
        return self._clients[name]

    def add_stacks(self, *stacks: dict[str, Any], name: str | None = None, token: str | None = None) -> None:
        """Respond to the next DescribeStacks, which must be for this ``name`` or ``token``."""
        request = {"StackName": name} if name else {"NextToken": token} if token else {}
        self._stubs["cloudformation"].add_response("describe_stacks", {"Stacks": list(stacks)}, request)

    def add_first_page(self, *stacks: dict[str, Any], token: str) -> None:
        page = {"Stacks": list(stacks), "NextToken": token}
        self._stubs["cloudformation"].add_response("describe_stacks", page, {})

    def add_error(self, code: str, message: str = "") -> None:
        self._stubs["cloudformation"].add_client_error("describe_stacks", code, message)

    def add_organization(self, management_account: str | None) -> None:
        """Respond to the next DescribeOrganization; None: the account is in no organization."""
        stub = self._stubs["organizations"]
        if management_account:
            stub.add_response("describe_organization", {"Organization": {"MasterAccountId": management_account}})
        else:
            stub.add_client_error("describe_organization", "AWSOrganizationsNotInUseException")


@pytest.fixture
def aws(session: boto3.Session) -> FakeSession:
    return FakeSession(session)


def find(aws: Any, name: str | None = None) -> Stack:
    return find_stack(aws, name)


def error_message(aws: Any, name: str | None = None) -> str:
    with pytest.raises(CliError) as caught:
        find_stack(aws, name)
    assert caught.value.exit_code == 2
    return str(caught.value)


class TestFindStack:
    @pytest.mark.parametrize("name", ["contacts", "StackSet-CustomControlTower-alternate-contacts-0f6b7a52"])
    def test_by_its_description_whatever_its_name(self, aws: FakeSession, name: str) -> None:
        aws.add_stacks(described("network", "A network"), described(name), described("forwarder", OURS, Outputs=[]))
        stack = find(aws)
        assert (stack.name, stack.queue_url("AccountQueue")) == (name, STACK.queue_url("AccountQueue"))

    def test_on_a_later_page(self, aws: FakeSession) -> None:
        aws.add_first_page(described("network", "A network"), token="more")
        aws.add_stacks(described("contacts"), token="more")
        assert find(aws).name == "contacts"

    def test_by_its_name(self, aws: FakeSession) -> None:
        aws.add_stacks(described("contacts"), name="contacts")
        assert find(aws, "contacts").name == "contacts"

    @pytest.mark.parametrize(
        ("management_account", "next_step"),
        [
            (ACCOUNT, "Deploy it as described in the README"),
            ("999999999999", "Use credentials of the management account of the organization, 999999999999"),
            (None, "--profile"),
        ],
    )
    def test_a_missing_stack_is_explained_by_the_account(
        self, aws: FakeSession, management_account: str | None, next_step: str
    ) -> None:
        aws.add_stacks()
        aws.add_organization(management_account)
        message = error_message(aws)
        assert f"not deployed in account {ACCOUNT}, region us-east-1" in message
        assert next_step in message

    def test_a_missing_stack_is_explained_by_the_region(self, session: boto3.Session) -> None:
        aws = FakeSession(session, "eu-west-1")
        aws.add_stacks()
        assert "omit --region" in error_message(aws)

    def test_several_stacks_need_a_choice(self, aws: FakeSession) -> None:
        aws.add_stacks(described("one"), described("two"))
        assert "one, two. Choose one with --stack-name." in error_message(aws)

    def test_a_stack_without_outputs_is_not_complete(self, aws: FakeSession) -> None:
        aws.add_stacks(described("contacts", Outputs=[], StackStatus="ROLLBACK_COMPLETE"))
        message = error_message(aws)
        assert "stack contacts is ROLLBACK_COMPLETE" in message
        assert "delete it, then deploy again" in message

    def test_a_running_deployment_is_waited_for(self, aws: FakeSession) -> None:
        aws.add_stacks(described("contacts", Outputs=[], StackStatus="CREATE_IN_PROGRESS"))
        assert "Wait until it ends" in error_message(aws)

    def test_a_name_that_does_not_exist(self, aws: FakeSession) -> None:
        aws.add_error("ValidationError", "Stack with id wrong does not exist")
        assert f"Stack wrong does not exist in account {ACCOUNT}, region us-east-1" in error_message(aws, "wrong")

    def test_a_name_of_another_stack(self, aws: FakeSession) -> None:
        aws.add_stacks(described("network", "A network"), name="network")
        assert "Stack network is not a stack of this package" in error_message(aws, "network")

    def test_a_search_without_permission_suggests_the_name(self, aws: FakeSession) -> None:
        aws.add_error("AccessDenied")
        assert "use --stack-name" in error_message(aws)

    @pytest.mark.parametrize("name", [None, "contacts"])
    def test_other_errors_are_raised(self, aws: FakeSession, name: str | None) -> None:
        aws.add_error("ExpiredToken")
        with pytest.raises(ClientError, match="ExpiredToken"):
            find(aws, name)


class TestStack:
    def test_its_arn_holds_region_partition_and_account(self) -> None:
        assert (STACK.region, STACK.partition, STACK.account_id) == ("us-east-1", "aws", ACCOUNT)

    @pytest.mark.parametrize(
        ("parameters", "values"),
        [
            (PARAMETERS, (Mode.ENFORCE, True, "weekly")),
            ({"Mode": "report", "Enabled": "false", "Reconcile": "monthly"}, (Mode.REPORT, False, "monthly")),
            ({}, (Mode.ENFORCE, True, "off")),
        ],
        ids=["default", "changed", "release without these parameters"],
    )
    def test_mode_enabled_and_reconcile_are_parameters(
        self, parameters: dict[str, str], values: tuple[Mode, bool, str]
    ) -> None:
        stack = replace(STACK, parameters=parameters)
        assert (stack.mode, stack.enabled, stack.reconcile) == values

    def test_policies_and_contacts_are_parameters(self) -> None:
        stack = replace(STACK, parameters={**PARAMETERS, "OperationsPolicy": "fill"})
        assert stack.desired.keys() == set(ContactType)
        assert stack.desired[ContactType.OPERATIONS].policy is Policy.FILL
        security = stack.desired[ContactType.SECURITY].desired
        assert security == Contact.from_environment(WORKER, ContactType.SECURITY)

    def test_a_missing_output_is_an_output_of_another_release(self) -> None:
        with pytest.raises(CliError, match="no output AccountQueueUrl: stack and command are of different releases"):
            _ = replace(STACK, outputs={}).queue_url("AccountQueue")

    def test_its_repr_has_no_contact_data(self) -> None:
        assert not any(secret in f"{STACK!r}{STACK.desired!r}" for secret in SECRETS)
