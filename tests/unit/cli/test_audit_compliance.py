"""The compliance status of one contact."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alternate_contacts.cli.audit.compliance import (
    MANAGED,
    MEANING,
    NOT_COMPLIANT,
    WORST_FIRST,
    ComplianceStatus,
    ReadResult,
    compliance_status,
)
from alternate_contacts.worker.contact_selection import Assignment
from alternate_contacts.worker.contacts import Contact
from alternate_contacts.worker.decision import Outcome, Policy, decide
from alternate_contacts.worker.errors import AccessDenied, Throttled
from alternate_contacts.worker.protocol import Mode
from tests.fakes.audit import COMPLIANT, DIFFERENT, MISSING, SKIPPED, UNMANAGED, UNREADABLE
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
    assert compliance_status("ACTIVE", Assignment(policy, DESIRED), result) == status


@given(
    state=st.sampled_from(["SUSPENDED", "PENDING_ACTIVATION", "PENDING_CLOSURE", "CLOSED", "SOMETHING_NEW"]),
    policy=st.sampled_from(Policy),
    result=st.sampled_from([None, DESIRED, SAME, PRESENT, AccessDenied(), Throttled()]),
)
def test_an_account_that_is_not_active_is_skipped(state: str, policy: Policy, result: ReadResult) -> None:
    assert compliance_status(state, Assignment(policy, DESIRED), result) == SKIPPED


@given(policy=st.sampled_from(Policy), result=st.sampled_from([None, DESIRED, SAME, PRESENT]))
def test_a_contact_is_not_compliant_exactly_where_the_worker_would_put(policy: Policy, result: Contact | None) -> None:
    would_put = decide(policy, Mode.ENFORCE, DESIRED, result) is Outcome.UPDATED
    assert (compliance_status("ACTIVE", Assignment(policy, DESIRED), result) in NOT_COMPLIANT) == would_put


def test_every_status_has_a_meaning_and_a_rank() -> None:
    assert list(MEANING) == list(ComplianceStatus)
    assert sorted(WORST_FIRST) == sorted(ComplianceStatus)
    assert set(MANAGED) == set(ComplianceStatus) - {UNMANAGED, SKIPPED}
