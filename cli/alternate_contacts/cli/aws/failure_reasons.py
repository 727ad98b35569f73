"""What to do about each reason for which an account is on FailedAccountQueue."""

from collections.abc import Mapping
from types import MappingProxyType

CRASH_OR_TIMEOUT = "crash_or_timeout"
"""SQS itself moved the letter there: the worker took it again and again and never came to say what is wrong."""

REMEDIES: Mapping[str, str] = MappingProxyType(
    {
        "throttled": "Another tool uses up the quota of the account API: lower QuotaShare or slow that tool down, "
        "then replay.",
        "unavailable": "AWS had trouble or could not be reached: replay.",
        "not_authorized": "The worker's role, or a permissions boundary on it, forbids the operation shown: allow it, "
        "then replay.",
        "trusted_access_off": "Run `aws organizations enable-aws-service-access --service-principal "
        "account.amazonaws.com` in the management account, then replay.",
        "not_ready": "AWS was still activating the account: replay when it is ACTIVE.",
        "out_of_time": "The worker did not get to the account's turn: wait for a backfill to end, then replay; where "
        "CallsThrottled rises, slow the other tool down, else raise QuotaShare.",
        "unexpected_error": "Look the error code up in AWS's documentation of the operation, mend its cause, "
        "then replay.",
        "unreadable_letter": "Nothing the worker knows: see who sends to AccountQueue, and discard the message.",
        "event_without_account": "An event of AWS whose account was not found: discard the message, `backfill`, "
        "and report it to this project.",
        "contact_refused": "AWS does not take the contact: correct the stack's parameters of the contact types shown, "
        "and deploy; then replay.",
        "not_in_organization": "The account has left the organization or never was in it: discard the message.",
        CRASH_OR_TIMEOUT: "The worker was killed or ran out of time on this letter again and again: look at the "
        "worker's log group for errors, then replay.",
    }
)
"""Complete by a test: every reason of ``alternate_contacts.worker.errors``, and `CRASH_OR_TIMEOUT`."""

_UNKNOWN = "This command does not know the reason: use the release of the command that the stack is of."


def remedy(reason: str) -> str:
    """What to do, in one sentence."""
    return REMEDIES.get(reason, _UNKNOWN)
