"""The letters that the backfill writes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfill.letters import Mode, Reason, letter

LARGEST_OF_SQS = 262_144


@given(st.from_regex(r"[0-9]{12}", fullmatch=True), st.sampled_from(Reason), st.sampled_from(Mode))
def test_a_letter_names_its_account_and_says_why_and_how_far_to_go(account_id: str, reason: Reason, mode: Mode) -> None:
    body = letter(account_id, reason=reason, mode=mode)
    assert json.loads(body) == {"version": 1, "accountId": account_id, "reason": reason.value, "mode": mode.value}
    assert len(body.encode()) * 10 < LARGEST_OF_SQS


@pytest.mark.parametrize("one", Mode)
@pytest.mark.parametrize("other", Mode)
def test_the_stricter_mode_wins(one: Mode, other: Mode) -> None:
    assert one.stricter(other) == ("report" if "report" in (one.value, other.value) else "enforce")
