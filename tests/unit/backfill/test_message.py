"""The account messages that the backfill writes."""

import json

from hypothesis import given
from hypothesis import strategies as st

from alternate_contacts.backfill.enqueue import BATCH_SIZE
from alternate_contacts.backfill.message import account_message_body
from alternate_contacts.backfill.protocol import Mode, Trigger

MAX_BATCH_BYTES = 262_144
"""Of SendMessageBatch, before SQS raised it to 1 MiB."""


@given(st.from_regex(r"[0-9]{12}", fullmatch=True), st.sampled_from(Trigger), st.sampled_from(Mode))
def test_a_message_has_version_account_trigger_and_mode(account_id: str, trigger: Trigger, mode: Mode) -> None:
    body = account_message_body(account_id, trigger=trigger, mode=mode)
    assert json.loads(body) == {
        "version": 1,
        "accountId": account_id,
        "trigger": trigger.value,
        "reason": trigger.value,  # what the previous release reads
        "mode": mode.value,
    }
    assert len(body.encode()) * BATCH_SIZE < MAX_BATCH_BYTES
