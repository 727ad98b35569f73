"""The letters that the backfill writes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alternate_contacts.backfill.message import account_message_body
from alternate_contacts.backfill.protocol import Mode, Trigger

LARGEST_OF_SQS = 262_144


@given(st.from_regex(r"[0-9]{12}", fullmatch=True), st.sampled_from(Trigger), st.sampled_from(Mode))
def test_a_letter_names_its_account_and_says_why_and_how_far_to_go(
    account_id: str, reason: Trigger, mode: Mode
) -> None:
    body = account_message_body(account_id, trigger=reason, mode=mode)
    assert json.loads(body) == {
        "version": 1,
        "accountId": account_id,
        "trigger": reason.value,
        "reason": reason.value,
        "mode": mode.value,
    }
    assert len(body.encode()) * 10 < LARGEST_OF_SQS


@pytest.mark.parametrize("one", Mode)
@pytest.mark.parametrize("other", Mode)
def test_the_stricter_mode_wins(one: Mode, other: Mode) -> None:
    assert one.stricter(other) == ("report" if "report" in (one.value, other.value) else "enforce")
