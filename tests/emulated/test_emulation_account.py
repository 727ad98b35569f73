"""The account API through boto3: the emulation applies the rules of `emulation.account_api`."""

import time

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from emulation.organization import Emulation, EmulationError
from tests.fakes.contact_data import api_contact

CONTACT = {
    "AlternateContactType": "SECURITY",
    **api_contact(1),
}


@pytest.fixture
def member(emulation: Emulation) -> str:
    """A member, with trusted access enabled."""
    emulation.enable_trusted_access()
    return emulation.create_accounts(1)[0]


def test_a_contact_can_be_put_read_and_deleted_once(emulation: Emulation, member: str) -> None:
    account = emulation.client("account")
    request = {"AccountId": member, "AlternateContactType": "SECURITY"}

    account.put_alternate_contact(AccountId=member, **CONTACT)

    assert account.get_alternate_contact(**request)["AlternateContact"] == CONTACT
    assert emulation.contacts() == {member: {"SECURITY": CONTACT}}
    account.delete_alternate_contact(**request)
    with pytest.raises(account.exceptions.ResourceNotFoundException):
        account.delete_alternate_contact(**request)


def test_without_account_id_the_call_is_on_the_callers_account(emulation: Emulation) -> None:
    [other] = emulation.create_accounts(1)

    emulation.client("account").put_alternate_contact(**CONTACT)
    emulation.client("account", account=other).put_alternate_contact(**CONTACT)

    assert set(emulation.contacts()) == {emulation.management_account, other}


@pytest.mark.parametrize("state", ["SUSPENDED", "PENDING_CLOSURE", "PENDING_ACTIVATION", "CLOSED"])
def test_a_put_is_denied_unless_the_account_is_active(emulation: Emulation, member: str, state: str) -> None:
    emulation.set_state(member, state)
    account = emulation.client("account")
    with pytest.raises(account.exceptions.AccessDeniedException):
        account.put_alternate_contact(AccountId=member, **CONTACT)


def test_members_need_trusted_access_and_other_accounts_are_denied(emulation: Emulation, member: str) -> None:
    account = emulation.client("account")
    with pytest.raises(account.exceptions.AccessDeniedException):
        account.put_alternate_contact(AccountId="999999999999", **CONTACT)
    emulation.client("organizations").disable_aws_service_access(ServicePrincipal="account.amazonaws.com")
    with pytest.raises(account.exceptions.AccessDeniedException):
        account.put_alternate_contact(AccountId=member, **CONTACT)


def test_calls_over_the_quota_are_throttled(emulation: Emulation) -> None:
    account = emulation.client("account")
    with pytest.raises(account.exceptions.TooManyRequestsException):  # noqa: PT012
        for _ in range(1000):
            account.put_alternate_contact(**CONTACT)
    assert emulation.counts()["throttled"] == 1


def test_a_fault_fails_the_given_number_of_calls(emulation: Emulation, member: str) -> None:
    account = emulation.client("account")
    emulation.set_fault(member, "InternalServerException", operation="PutAlternateContact", times=1)

    with pytest.raises(account.exceptions.InternalServerException):
        account.put_alternate_contact(AccountId=member, **CONTACT)
    account.put_alternate_contact(AccountId=member, **CONTACT)


def test_a_dropped_response_closes_the_connection_and_a_slow_one_takes_time(emulation: Emulation, member: str) -> None:
    account = emulation.client("account")
    emulation.set_fault(member, "dropped")
    with pytest.raises(ConnectionClosedError):
        account.put_alternate_contact(AccountId=member, **CONTACT)

    emulation.set_fault(member, "slow", seconds=0.3)
    started = time.monotonic()
    account.put_alternate_contact(AccountId=member, **CONTACT)
    assert time.monotonic() - started > 0.3

    emulation.clear_fault(member)
    started = time.monotonic()
    account.put_alternate_contact(AccountId=member, **CONTACT)
    assert time.monotonic() - started < 0.3


def test_the_control_api_rejects_an_invalid_fault(emulation: Emulation) -> None:
    with pytest.raises(EmulationError, match="invalid fault"):
        emulation.set_fault("*", "SomethingElse")


def test_a_reset_of_the_data_keeps_what_was_deployed(emulation: Emulation, member: str) -> None:
    sqs = emulation.client("sqs")
    queue = sqs.create_queue(QueueName="kept")["QueueUrl"]
    sqs.send_message(QueueUrl=queue, MessageBody="message")
    emulation.set_contact(member, CONTACT)
    emulation.client("account").put_alternate_contact(**CONTACT)

    emulation.reset(stacks=False)

    assert "Messages" not in sqs.receive_message(QueueUrl=queue)
    assert emulation.contacts() == {}
    assert emulation.counts()["PutAlternateContact"] == 0
    with pytest.raises(ClientError, match="AccountNotFoundException"):
        emulation.client("organizations").describe_account(AccountId=member)
