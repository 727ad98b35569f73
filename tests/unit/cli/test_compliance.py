"""The compliance status of one contact."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alternate_contacts.cli.aws.compliance import (
    MANAGED,
    MEANING,
    NOT_COMPLIANT,
    WORST_FIRST,
    ComplianceStatus,
    ReadResult,
    compliance_status,
    skip_reason,
)
from alternate_contacts.worker.contact_selection import AccountSelection, Assignment
from alternate_contacts.worker.contacts import Contact
from alternate_contacts.worker.decision import Outcome, Policy, decide
from alternate_contacts.worker.errors import AccessDenied, InvalidTarget
from alternate_contacts.worker.protocol import Mode
from tests.fakes.audit import COMPLIANT, DIFFERENT, MISSING, SKIPPED, UNKNOWN, UNMANAGED, UNREADABLE
from tests.fakes.worker import DESIRED, PRESENT

SAME = replace(DESIRED, name=f" {DESIRED.name} ")
"""AWS keeps white space around a value."""

OVERWRITE, FILL, IGNORE = Policy


@pytest.mark.parametrize(
    ("policy", "result", "status"),
    [
        (OVERWRITE, DESIRED, COMPLIANT),
        (OVERWRITE, SAME, COMPLIANT),
        (OVERWRITE, PRESENT, DIFFERENT),
        (OVERWRITE, None, MISSING),
        (OVERWRITE, AccessDenied(), UNREADABLE),
        (FILL, DESIRED, COMPLIANT),
        (FILL, SAME, COMPLIANT),
        (FILL, PRESENT, UNMANAGED),
        (FILL, None, MISSING),
        (FILL, AccessDenied(), UNREADABLE),
        (IGNORE, DESIRED, UNMANAGED),
        (IGNORE, PRESENT, UNMANAGED),
        (IGNORE, None, UNMANAGED),
        (IGNORE, AccessDenied(), UNMANAGED),
    ],
)
def test_the_status_of_a_contact_in_an_active_account(
    policy: Policy, result: ReadResult, status: ComplianceStatus
) -> None:
    assert compliance_status(Assignment(policy, DESIRED), result) == status


@pytest.mark.parametrize("result", [None, DESIRED, AccessDenied()])
def test_without_a_known_desired_contact_the_status_is_unknown(result: ReadResult) -> None:
    assert compliance_status(InvalidTarget("targets/ou-1"), result) is UNKNOWN


@pytest.mark.parametrize("excluded_by", [None, "r-root"])
@pytest.mark.parametrize("state", ["SUSPENDED", "PENDING_ACTIVATION", "PENDING_CLOSURE", "CLOSED", "SOMETHING_NEW"])
def test_an_account_that_is_not_active_is_skipped_because_of_its_state(state: str, excluded_by: str | None) -> None:
    assert skip_reason(state, AccountSelection(excluded_by=excluded_by)) == state


def test_an_excluded_account_is_skipped() -> None:
    assert skip_reason("ACTIVE", AccountSelection(excluded_by="r-root")) == "excluded"
    assert skip_reason("ACTIVE", AccountSelection()) is None


@given(policy=st.sampled_from(Policy), result=st.sampled_from([None, DESIRED, SAME, PRESENT]))
def test_a_contact_is_not_compliant_exactly_where_the_worker_would_put(policy: Policy, result: Contact | None) -> None:
    would_put = decide(policy, Mode.ENFORCE, DESIRED, result) is Outcome.UPDATED
    assert (compliance_status(Assignment(policy, DESIRED), result) in NOT_COMPLIANT) == would_put


def with_name(name: str) -> Contact:
    return replace(DESIRED, name=name)


@pytest.mark.parametrize(
    ("desired", "present", "status"),
    [
        ("J?rg M?ller", "Jörg Müller", UNKNOWN),
        ("J??rg M??ller", "Jörg Müller", UNKNOWN),
        ("??", "東京", UNKNOWN),
        ("?", " 東京\t", UNKNOWN),
        ("Why?", "Whyé", UNKNOWN),
        ("Why? Zo?", "Why? Zoë", UNKNOWN),
        ("J?rg", "Jorg", DIFFERENT),
        ("J?rg", "Jöörg!", DIFFERENT),
        ("J?rg", "Jrg", DIFFERENT),
        ("J?rg", "J?rg", COMPLIANT),
        ("(a.?)", "(ab?)", DIFFERENT),
        ("Ada", "Äda", DIFFERENT),
    ],
)
def test_a_question_mark_of_cloudformation_may_stand_for_another_character(
    desired: str, present: str, status: ComplianceStatus
) -> None:
    assignment = Assignment(OVERWRITE, with_name(desired))
    assert compliance_status(assignment, with_name(present), exact=False) == status
    assert compliance_status(assignment, with_name(present)) == (COMPLIANT if status is COMPLIANT else DIFFERENT)


def test_a_contact_that_also_differs_elsewhere_is_different() -> None:
    desired = replace(DESIRED, name="J?rg", title="Head")
    present = replace(DESIRED, name="Jörg", title="Hand")
    assert compliance_status(Assignment(OVERWRITE, desired), present, exact=False) == DIFFERENT


def test_under_fill_a_contact_that_may_be_the_configured_one_is_unknown() -> None:
    assignment = Assignment(FILL, with_name("J?rg"))
    assert compliance_status(assignment, with_name("Jörg"), exact=False) == UNKNOWN
    assert compliance_status(assignment, with_name("Ada"), exact=False) == UNMANAGED


def test_every_status_has_a_meaning_and_a_rank() -> None:
    assert list(MEANING) == list(ComplianceStatus)
    assert sorted(WORST_FIRST) == sorted(ComplianceStatus)
    assert set(MANAGED) == set(ComplianceStatus) - {UNMANAGED, SKIPPED}
