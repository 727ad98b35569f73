"""What makes two contacts the same, and that none of their data shows."""

from dataclasses import fields, replace

import botocore.session
import pytest
from botocore.model import StringShape
from hypothesis import given
from hypothesis import strategies as st

from alternate_contacts.worker.account_processor import AccountResult, Assignment
from alternate_contacts.worker.contacts import Contact, ContactType
from alternate_contacts.worker.decision import Policy
from tests.fakes.worker import DESIRED, SECRETS

PARTS = [part.name for part in fields(Contact)]
_SPACE = st.text(" \t\n\r\u00a0", max_size=3)


@given(st.sampled_from(PARTS), _SPACE, _SPACE)
def test_surrounding_white_space_does_not_count(part: str, before: str, after: str) -> None:
    other = replace(DESIRED, **{part: before + getattr(DESIRED, part) + after})
    assert DESIRED.same_as(other)
    assert other.same_as(DESIRED)


@pytest.mark.parametrize("part", PARTS)
def test_every_part_counts(part: str) -> None:
    assert not DESIRED.same_as(replace(DESIRED, **{part: getattr(DESIRED, part) + "x"}))


@pytest.mark.parametrize("part", PARTS)
def test_white_space_within_counts(part: str) -> None:
    assert not DESIRED.same_as(replace(DESIRED, **{part: getattr(DESIRED, part).replace("e", " ").replace("9", " ")}))


def test_case_counts() -> None:
    assert not DESIRED.same_as(replace(DESIRED, email_address=DESIRED.email_address.upper()))


@pytest.mark.parametrize("shown", [repr, str, "{}".format, lambda contact: f"{contact!r}"])
def test_no_contact_data_shows(shown: object) -> None:
    assert callable(shown)
    for holder in (DESIRED, [DESIRED], Assignment(Policy.OVERWRITE, DESIRED), AccountResult()):
        text = shown(holder)
        assert [secret for secret in SECRETS if secret in text] == []


def test_the_contact_types_are_those_of_the_api() -> None:
    shape = botocore.session.get_session().get_service_model("account").shape_for("AlternateContactType")
    assert isinstance(shape, StringShape)
    assert [kind.value for kind in ContactType] == sorted(shape.enum)
