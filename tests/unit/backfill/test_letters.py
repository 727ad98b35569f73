"""The letters that the backfill writes."""

import json

from hypothesis import given
from hypothesis import strategies as st

from backfill.letters import letter

LARGEST_OF_SQS = 262_144


@given(st.from_regex(r"[0-9]{12}", fullmatch=True))
def test_a_letter_names_its_account_and_says_why_and_how_far_to_go(account_id: str) -> None:
    body = letter(account_id)
    assert json.loads(body) == {
        "version": 1,
        "accountId": account_id,
        "reason": "backfill",
        "mode": "enforce",
    }
    assert len(body.encode()) * 10 < LARGEST_OF_SQS
