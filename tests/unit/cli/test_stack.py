"""The stack is found by what it says of itself, and read for what it says."""

from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from alternate_contacts.cli.aws.stack import find_stack
from alternate_contacts.cli.terminal.errors import CliError
from alternate_contacts.worker.contacts import ContactType
from alternate_contacts.worker.decision import Policy
from alternate_contacts.worker.protocol import Mode
from tests.fakes.cli import PARAMETERS, SECRETS, STACK

OURS = "Alternate Contacts for AWS: keeps the contacts right."
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


class Aws:
    """A session whose CloudFormation, STS and Organizations say what they are told to."""

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

    def has(self, *stacks: dict[str, Any], name: str | None = None, token: str | None = None) -> None:
        asked = {"StackName": name} if name else {"NextToken": token} if token else {}
        self._stubs["cloudformation"].add_response("describe_stacks", {"Stacks": list(stacks)}, asked)

    def has_page(self, *stacks: dict[str, Any], token: str) -> None:
        answer = {"Stacks": list(stacks), "NextToken": token}
        self._stubs["cloudformation"].add_response("describe_stacks", answer, {})

    def refuses(self, code: str, message: str = "") -> None:
        self._stubs["cloudformation"].add_client_error("describe_stacks", code, message)

    def is_managed_by(self, account: str | None) -> None:
        stub = self._stubs["organizations"]
        if account:
            stub.add_response("describe_organization", {"Organization": {"MasterAccountId": account}})
        else:
            stub.add_client_error("describe_organization", "AWSOrganizationsNotInUseException")


@pytest.fixture
def aws(session: boto3.Session) -> Aws:
    return Aws(session)


def search(aws: Any, name: str | None = None) -> Any:
    return find_stack(aws, name)


def trouble(aws: Any, name: str | None = None) -> str:
    with pytest.raises(CliError) as caught:
        find_stack(aws, name)
    assert caught.value.exit_code == 2
    return str(caught.value)


class TestFind:
    @pytest.mark.parametrize("name", ["contacts", "StackSet-CustomControlTower-alternate-contacts-0f6b7a52"])
    def test_by_its_description_whatever_its_name(self, aws: Aws, name: str) -> None:
        aws.has(described("network", "A network"), described(name), described("forwarder", OURS, Outputs=[]))
        found = search(aws)
        assert (found.name, found.account_queue_url) == (name, STACK.account_queue_url)

    def test_on_a_later_page(self, aws: Aws) -> None:
        aws.has_page(described("network", "A network"), token="more")
        aws.has(described("contacts"), token="more")
        assert search(aws).name == "contacts"

    def test_by_its_name(self, aws: Aws) -> None:
        aws.has(described("contacts"), name="contacts")
        assert search(aws, "contacts").name == "contacts"

    def test_none_in_the_management_account(self, aws: Aws) -> None:
        aws.has()
        aws.is_managed_by(ACCOUNT)
        assert "deploy it as the README says" in trouble(aws)

    def test_none_and_no_organization(self, aws: Aws) -> None:
        aws.has()
        aws.is_managed_by(None)
        assert "deploy it as the README says" in trouble(aws)

    def test_none_because_it_is_the_wrong_account(self, aws: Aws) -> None:
        aws.has()
        aws.is_managed_by("999999999999")
        told = trouble(aws)
        assert f"not deployed in account {ACCOUNT}" in told
        assert "management account, 999999999999" in told

    def test_none_because_it_is_the_wrong_region(self, session: boto3.Session) -> None:
        aws = Aws(session, "eu-west-1")
        aws.has()
        assert "leave out --region" in trouble(aws)

    def test_several(self, aws: Aws) -> None:
        aws.has(described("one"), described("two"))
        assert "(one, two): choose one with --stack-name" in trouble(aws)

    def test_one_that_is_not_ready(self, aws: Aws) -> None:
        aws.has(described("contacts", Outputs=[], StackStatus="ROLLBACK_COMPLETE"))
        assert "contacts is ROLLBACK_COMPLETE" in trouble(aws)

    def test_a_name_that_is_not_there(self, aws: Aws) -> None:
        aws.refuses("ValidationError", "Stack with id wrong does not exist")
        assert f"no stack wrong in account {ACCOUNT}, region us-east-1" in trouble(aws, "wrong")

    def test_a_name_of_something_else(self, aws: Aws) -> None:
        aws.has(described("network", "A network"), name="network")
        assert "network is not one of this package" in trouble(aws, "network")

    def test_not_allowed_to_look_at_every_stack(self, aws: Aws) -> None:
        aws.refuses("AccessDenied")
        assert "name it with --stack-name" in trouble(aws)

    def test_other_refusals_are_left_to_the_caller(self, aws: Aws) -> None:
        for name in (None, "contacts"):
            aws.refuses("ExpiredToken")
            with pytest.raises(aws.client("cloudformation").exceptions.ClientError, match="ExpiredToken"):
                find_stack(aws, name)  # type: ignore[arg-type]


class TestStack:
    def test_it_says_where_it_is(self) -> None:
        assert (STACK.region, STACK.partition, STACK.account_id) == ("us-east-1", "aws", ACCOUNT)

    def test_what_it_was_told(self) -> None:
        assert (STACK.mode, STACK.enabled, STACK.reconcile) == (Mode.ENFORCE, True, "weekly")
        changed = replace(STACK, parameters={**PARAMETERS, "Mode": "report", "Enabled": "false", "Reconcile": "off"})
        assert (changed.mode, changed.enabled, changed.reconcile) == (Mode.REPORT, False, "off")

    def test_a_stack_of_an_earlier_release_has_what_was_fixed_then(self) -> None:
        assert (old := replace(STACK, parameters={})).mode is Mode.ENFORCE
        assert (old.enabled, old.reconcile) == (True, "off")

    @pytest.mark.parametrize(
        ("arn", "parameters", "rates"),
        [
            (STACK.arn, {}, (10, 5, 1.0)),
            ("arn:aws-cn:cloudformation:cn-northwest-1:1:stack/a/1", {}, (3, 1, 1.0)),
            (STACK.arn, {"GetRate": "100", "PutRate": "50", "QuotaShare": "60"}, (100, 50, 0.6)),
        ],
    )
    def test_its_quota_is_that_of_its_partition_or_what_aws_has_raised_it_to(
        self, arn: str, parameters: dict[str, str], rates: tuple[float, float, float]
    ) -> None:
        stack = replace(STACK, arn=arn, parameters={**PARAMETERS, **parameters})
        assert (stack.get_rate, stack.put_rate, stack.quota_share) == rates

    def test_what_contacts_it_wants(self) -> None:
        stack = replace(STACK, parameters={**PARAMETERS, "OperationsPolicy": "fill"})
        assert stack.desired.keys() == set(ContactType)
        assert stack.desired[ContactType.OPERATIONS].policy is Policy.FILL
        security = stack.desired[ContactType.SECURITY].desired
        assert (security.name, security.phone_number) == ("Selma Geheim", "+49 99 3344 5566")

    def test_an_output_that_is_missing_tells_of_another_release(self) -> None:
        with pytest.raises(CliError, match="no output WorkerLogGroupName, so it is of another release"):
            _ = replace(STACK, outputs={}).worker_log_group

    @given(st.sampled_from(SECRETS))
    def test_contact_data_is_not_in_its_repr(self, secret: str) -> None:
        assert secret not in repr(STACK)
        assert secret not in repr(STACK.desired)
