"""When two contacts are the same, which names their fields have, and that ``repr`` shows none of their data."""

from dataclasses import replace

import botocore.session
import pytest
from botocore.model import StringShape, StructureShape
from hypothesis import given
from hypothesis import strategies as st

from alternate_contacts.worker.contact_selection import Assignment
from alternate_contacts.worker.contacts import CONTACT_FIELDS, Contact, ContactField, ContactType
from alternate_contacts.worker.decision import Policy
from tests.fakes.worker import DESIRED, SECRETS

ACCOUNT_MODEL = botocore.session.get_session().get_service_model("account")
NOTHING = Contact(*("" for _ in CONTACT_FIELDS))
_SPACE = st.text(" \t\n\r\u00a0", max_size=3)

each_field = pytest.mark.parametrize("field", CONTACT_FIELDS, ids=lambda field: field.key)


@given(st.sampled_from(CONTACT_FIELDS), _SPACE, _SPACE)
def test_surrounding_white_space_does_not_count(field: ContactField, before: str, after: str) -> None:
    other = replace(DESIRED, **{field.key: before + field.value_of(DESIRED) + after})
    assert DESIRED.same_as(other)
    assert other.same_as(DESIRED)


@each_field
def test_a_value_may_have_the_maximum_length(field: ContactField) -> None:
    longest = {"email_address": "a" * 248 + "@b.com", "phone_number": "1" * 25}.get(field.key, "x" * field.max_length)
    assert len(longest) == field.max_length
    assert field.accepts(longest)
    assert not field.accepts(longest[0] + longest)


@each_field
def test_none_is_no_contact_data(field: ContactField) -> None:
    assert not field.accepts("none")


@each_field
def test_every_field_counts_and_so_does_white_space_within_it(field: ContactField) -> None:
    value = field.value_of(DESIRED)
    assert not DESIRED.same_as(replace(DESIRED, **{field.key: value + "x"}))
    assert not DESIRED.same_as(replace(DESIRED, **{field.key: f"{value[:1]} {value[1:]}"}))


def test_case_counts() -> None:
    assert not DESIRED.same_as(replace(DESIRED, email_address=DESIRED.email_address.upper()))


@pytest.mark.parametrize("holder", [DESIRED, [DESIRED], Assignment(Policy.OVERWRITE, DESIRED)])
def test_no_contact_data_shows(holder: object) -> None:
    assert [secret for secret in SECRETS if secret in f"{holder} {holder!r}"] == []


def test_the_contact_types_are_those_of_the_api() -> None:
    shape = ACCOUNT_MODEL.shape_for("AlternateContactType")
    assert isinstance(shape, StringShape)
    assert [contact_type.value for contact_type in ContactType] == sorted(shape.enum)


def test_the_fields_are_those_of_the_api() -> None:
    shape = ACCOUNT_MODEL.shape_for("AlternateContact")
    assert isinstance(shape, StructureShape)
    assert {field.api_name for field in CONTACT_FIELDS} == set(shape.members) - {"AlternateContactType"}


def test_every_name_of_a_field_comes_from_its_key() -> None:
    field = ContactField("email_address", 254, "", ())
    assert (field.api_name, field.environment_suffix) == ("EmailAddress", "EMAIL_ADDRESS")
    assert (field.json_key, field.label) == ("emailAddress", "email address")


def test_a_contact_survives_the_way_to_the_api_and_back() -> None:
    assert DESIRED.to_api() == {field.api_name: field.value_of(DESIRED) for field in CONTACT_FIELDS}
    assert Contact.from_api(DESIRED.to_api() | {"AlternateContactType": "BILLING"}) == DESIRED


def test_fields_that_the_api_leaves_out_are_empty() -> None:
    assert Contact.from_api({"Name": "Ada"}) == replace(NOTHING, name="Ada")


@pytest.mark.parametrize("contact_type", list(ContactType))
def test_reads_stack_parameters_and_environment_variables_of_one_type(contact_type: ContactType) -> None:
    parameters = {
        f"{each.capitalize()}{field.api_name}": f"{field.label} of {each}"
        for each in ContactType
        for field in CONTACT_FIELDS
    }
    variables = {
        f"{each}_{field.environment_suffix}": f"{field.label} of {each}"
        for each in ContactType
        for field in CONTACT_FIELDS
    }
    expected = Contact(*(f"{field.label} of {contact_type}" for field in CONTACT_FIELDS))
    assert Contact.from_parameters(parameters, contact_type) == expected
    assert Contact.from_environment(variables, contact_type) == expected


def test_parameters_that_the_stack_does_not_have_are_empty() -> None:
    assert Contact.from_parameters({}, ContactType.BILLING) == NOTHING


@each_field
def test_a_missing_or_empty_variable_is_named(field: ContactField) -> None:
    variables = {f"BILLING_{field.environment_suffix}": "x" for field in CONTACT_FIELDS}
    name = f"BILLING_{field.environment_suffix}"
    for environment in ({key: value for key, value in variables.items() if key != name}, variables | {name: ""}):
        with pytest.raises(KeyError, match=name):
            Contact.from_environment(environment, ContactType.BILLING)
