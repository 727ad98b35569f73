"""The decision for every policy, present contact and mode."""

import itertools
from dataclasses import replace

import pytest

from alternate_contacts.worker.decision import Outcome, Policy, decide
from alternate_contacts.worker.protocol import Mode
from tests.fakes.contact_data import make_contact

DESIRED = make_contact(1)
SAME = replace(DESIRED, name=f" {DESIRED.name} ", email_address=f"{DESIRED.email_address}\n")
DIFFERENT = replace(DESIRED, email_address="other@secret.invalid")

TABLE: dict[tuple[Policy, str, Mode], Outcome] = {
    (Policy.OVERWRITE, "none", Mode.ENFORCE): Outcome.UPDATED,
    (Policy.OVERWRITE, "none", Mode.REPORT): Outcome.WOULD_UPDATE,
    (Policy.OVERWRITE, "same", Mode.ENFORCE): Outcome.UNCHANGED,
    (Policy.OVERWRITE, "same", Mode.REPORT): Outcome.UNCHANGED,
    (Policy.OVERWRITE, "different", Mode.ENFORCE): Outcome.UPDATED,
    (Policy.OVERWRITE, "different", Mode.REPORT): Outcome.WOULD_UPDATE,
    (Policy.FILL, "none", Mode.ENFORCE): Outcome.UPDATED,
    (Policy.FILL, "none", Mode.REPORT): Outcome.WOULD_UPDATE,
    (Policy.FILL, "same", Mode.ENFORCE): Outcome.UNCHANGED,
    (Policy.FILL, "same", Mode.REPORT): Outcome.UNCHANGED,
    (Policy.FILL, "different", Mode.ENFORCE): Outcome.KEPT,
    (Policy.FILL, "different", Mode.REPORT): Outcome.KEPT,
    (Policy.IGNORE, "none", Mode.ENFORCE): Outcome.IGNORED,
    (Policy.IGNORE, "none", Mode.REPORT): Outcome.IGNORED,
    (Policy.IGNORE, "same", Mode.ENFORCE): Outcome.IGNORED,
    (Policy.IGNORE, "same", Mode.REPORT): Outcome.IGNORED,
    (Policy.IGNORE, "different", Mode.ENFORCE): Outcome.IGNORED,
    (Policy.IGNORE, "different", Mode.REPORT): Outcome.IGNORED,
}
PRESENT = {"none": None, "same": SAME, "different": DIFFERENT}


def test_the_table_is_complete() -> None:
    assert set(TABLE) == set(itertools.product(Policy, PRESENT, Mode))


@pytest.mark.parametrize(("case", "outcome"), list(TABLE.items()), ids=str)
def test_the_decision_is_that_of_the_table(case: tuple[Policy, str, Mode], outcome: Outcome) -> None:
    policy, present, mode = case
    assert decide(policy, mode, DESIRED, PRESENT[present]) is outcome


@pytest.mark.parametrize(("one", "other"), list(itertools.product(Mode, Mode)))
def test_the_stricter_mode_is_report_if_one_of_the_two_is(one: Mode, other: Mode) -> None:
    assert one.stricter(other) is (Mode.REPORT if Mode.REPORT in (one, other) else Mode.ENFORCE)
    assert one.stricter(other) is other.stricter(one)
