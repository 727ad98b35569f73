"""The audit word of one contact."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alternate_contacts.cli.audit.compliance import MANAGED, MEANING, NOT_RIGHT, ComplianceStatus, compliance_status
from alternate_contacts.worker.account_processor import Assignment
from alternate_contacts.worker.contacts import Contact
from alternate_contacts.worker.decision import Outcome, Policy, decide
from alternate_contacts.worker.errors import AccessDenied, Throttled, WorkerError
from alternate_contacts.worker.protocol import Mode
from tests.fakes.worker import DESIRED, PRESENT

SAME = replace(DESIRED, name=f" {DESIRED.name} ")
"""AWS keeps white space around a value."""

Answer = Contact | WorkerError | None

OVERWRITE, FILL, IGNORE = Policy
RIGHT, MISSING, DIFFERENT, UNREADABLE, NOT_MANAGED, SKIPPED = ComplianceStatus


@pytest.mark.parametrize(
    ("policy", "answer", "word"),
    [
        (OVERWRITE, DESIRED, RIGHT),
        (OVERWRITE, SAME, RIGHT),
        (OVERWRITE, PRESENT, DIFFERENT),
        (OVERWRITE, None, MISSING),
        (OVERWRITE, AccessDenied(), UNREADABLE),
        (FILL, DESIRED, RIGHT),
        (FILL, SAME, RIGHT),
        (FILL, PRESENT, NOT_MANAGED),
        (FILL, None, MISSING),
        (FILL, AccessDenied(), UNREADABLE),
        (IGNORE, DESIRED, NOT_MANAGED),
        (IGNORE, PRESENT, NOT_MANAGED),
        (IGNORE, None, NOT_MANAGED),
        (IGNORE, AccessDenied(), NOT_MANAGED),
    ],
)
def test_the_word_of_a_contact_in_an_active_account(policy: Policy, answer: Answer, word: ComplianceStatus) -> None:
    assert compliance_status("ACTIVE", Assignment(policy, DESIRED), answer) == word


ANSWERS = st.sampled_from([None, DESIRED, SAME, PRESENT, AccessDenied(), Throttled()])


@given(
    state=st.sampled_from(["SUSPENDED", "PENDING_ACTIVATION", "PENDING_CLOSURE", "CLOSED", "SOMETHING_NEW"]),
    policy=st.sampled_from(Policy),
    answer=ANSWERS,
)
def test_an_account_that_is_not_active_is_skipped_whatever_it_has(state: str, policy: Policy, answer: Answer) -> None:
    assert compliance_status(state, Assignment(policy, DESIRED), answer) == SKIPPED


@given(policy=st.sampled_from(Policy), answer=st.sampled_from([None, DESIRED, SAME, PRESENT]))
def test_an_account_is_not_right_exactly_where_the_worker_would_put(policy: Policy, answer: Contact | None) -> None:
    would_put = decide(policy, Mode.ENFORCE, DESIRED, answer) is Outcome.UPDATED
    assert (compliance_status("ACTIVE", Assignment(policy, DESIRED), answer) in NOT_RIGHT) == would_put


def test_every_word_is_explained_and_counted_once() -> None:
    assert list(MEANING) == list(ComplianceStatus)
    assert set(MANAGED) == set(ComplianceStatus) - {NOT_MANAGED, SKIPPED}
