"""Write the body of an account message."""

import json

from alternate_contacts.backfill.protocol import MESSAGE_VERSION, Mode, Trigger


def account_message_body(account_id: str, *, trigger: Trigger, mode: Mode) -> str:
    """Return the body of the message that asks the worker to process one account.

    ``reason`` repeats the trigger under the name that the previous release reads: an update may roll back while
    messages wait.
    """
    return json.dumps(
        {
            "version": MESSAGE_VERSION,
            "accountId": account_id,
            "trigger": trigger.value,
            "reason": trigger.value,
            "mode": mode.value,
        }
    )
