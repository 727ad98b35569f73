"""The desired contacts are those of the deployed worker, or else the parameters of the stack."""

from dataclasses import replace

import pytest

from alternate_contacts.cli.aws.deployed_contacts import deployed_contacts
from alternate_contacts.cli.aws.session import Session
from alternate_contacts.cli.aws.worker_environment import read_worker_environment
from alternate_contacts.worker.contacts import ContactType
from alternate_contacts.worker.decision import Policy
from tests.fakes.cli import PARAMETERS, SECRETS, STACK, deny
from tests.fakes.environment import WORKER
from tests.fakes.wire import FakeWire, HttpResponse

GARBLED = replace(STACK, parameters={**PARAMETERS, "SecurityName": "J?rg"})
EXACT = {**WORKER, "SECURITY_NAME": "Jörg", "BILLING_POLICY": "fill"}


def test_the_contacts_are_those_of_the_worker() -> None:
    desired = deployed_contacts(GARBLED, EXACT)
    assert desired.assignments[ContactType.SECURITY].desired.name == "Jörg"
    assert desired.assignments[ContactType.BILLING].policy is Policy.FILL
    assert desired.exact
    assert not desired.has_unknown_characters


@pytest.mark.parametrize("environment", [{}, {**EXACT, "SECURITY_NAME": ""}, {**EXACT, "BILLING_POLICY": "new"}])
def test_without_a_complete_environment_the_contacts_are_parameters_of_the_stack(environment: dict[str, str]) -> None:
    desired = deployed_contacts(GARBLED, environment)
    assert desired.assignments == GARBLED.desired
    assert not desired.exact
    assert desired.has_unknown_characters
    assert not deployed_contacts(STACK, environment).has_unknown_characters


def test_the_repr_shows_no_contact_data() -> None:
    assert not any(secret in repr(deployed_contacts(STACK, WORKER)) for secret in SECRETS)


def test_the_environment_is_empty_if_these_credentials_cannot_read_it(aws: FakeWire) -> None:
    deny(aws, "GetFunctionConfiguration")
    assert read_worker_environment(Session(), STACK) == {}
    error = {"ErrorCode": "AccessDeniedException", "Message": "kms:Decrypt"}
    aws.respond("GetFunctionConfiguration", HttpResponse(body={"Environment": {"Error": error}}))
    assert read_worker_environment(Session(), STACK) == {}
