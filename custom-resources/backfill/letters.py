"""Writes the letters that the worker reads."""

import json

LETTER_VERSION = 1

REASON = "backfill"


def letter(account_id: str) -> str:
    """The body of the message that asks the worker to bring ``account_id`` right."""
    return json.dumps({"version": LETTER_VERSION, "accountId": account_id, "reason": REASON, "mode": "enforce"})
