"""What to do about each failure reason on FailedAccountQueue."""

from collections.abc import Mapping
from types import MappingProxyType

CRASH_OR_TIMEOUT = "crash_or_timeout"
"""SQS moved the message to FailedAccountQueue after too many receives, so the worker could not record a reason."""

REMEDIES: Mapping[str, str] = MappingProxyType(
    {
        "throttled": "Another tool uses the quota of the Account Management API: lower QuotaShare or slow that tool "
        "down, then replay.",
        "unavailable": "AWS was unavailable or could not be reached: replay.",
        "access_denied": "The role of WorkerFunction, or a permissions boundary on it, denies the operation: allow the "
        "operation, then replay.",
        "trusted_access_off": "Run `aws organizations enable-aws-service-access --service-principal "
        "account.amazonaws.com` in the management account, then replay.",
        "not_ready": "AWS was still activating the account: wait until the account is ACTIVE, then replay.",
        "below_root": "The account is new and was still directly below the root: move it to its OU, then replay.",
        "configuration_unreadable": "The worker cannot read the contact configuration below ContactsPath, or its "
        "parameter version is missing: correct the parameters or the permission, then replay.",
        "invalid_target": "The parameter in the error code is invalid: correct it, then replay.",
        "unknown_contact_set": "A target selects the contact set in the error code, which does not exist: create the "
        "set or correct the target, then replay.",
        "invalid_contact_set": "The contact set in the error code is invalid: correct it, then replay.",
        "out_of_time": "The invocation ended before the account was processed: wait until the backfill ends, then "
        "replay; if the metric CallsThrottled increases, slow the other tool down, otherwise raise QuotaShare.",
        "unexpected_error": "Look up the error code in the AWS API reference of the operation, fix the cause, then "
        "replay.",
        "invalid_message": "The worker does not know the format of this message: find the program that sends to "
        "AccountQueue, and discard the message.",
        "event_without_account": "The event has no account ID: discard the message, run `backfill`, and report the "
        "event to this project.",
        "invalid_contact": "AWS rejects the contact: correct the stack parameters or the contact set of the contact "
        "types shown, then replay.",
        "not_in_organization": "The account is not in the organization: discard the message.",
        CRASH_OR_TIMEOUT: "The worker crashed or timed out each time it received this message: find the error in the "
        "log group of the worker, fix the cause, then replay.",
    }
)
"""By failure reason: every reason of ``alternate_contacts.worker.errors``, and `CRASH_OR_TIMEOUT`."""


def remedy(reason: str) -> str:
    """Return what to do about a failure reason, in one sentence."""
    return REMEDIES.get(reason, "This release of the command does not know the reason: use the release of the stack.")
