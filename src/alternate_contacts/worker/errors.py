"""The errors of the worker, in two branches: a retry may succeed, or it cannot.

::

    WorkerError
    ├── Retryable                 the message stays on AccountQueue, with growing delay
    │   ├── Throttled                  throttled                   429: too many calls, by the worker or by other tools
    │   ├── Unavailable                unavailable                 5xx, no connection, or no response in time
    │   ├── AccessDenied               access_denied               any 403 while its cause is unknown
    │   │   └── TrustedAccessOff       trusted_access_off          the cause of a 403, determined at the last try
    │   ├── NotReady                   not_ready                   the account is new, and AWS is still activating it
    │   ├── BelowRoot                  below_root                  the account is new, and may still be moved to its OU
    │   ├── ConfigurationUnreadable    configuration_unreadable    no contact configuration, or no known version of it
    │   ├── InvalidTarget              invalid_target              a target of the account is invalid
    │   ├── UnknownContactSet          unknown_contact_set         a target selects a set that does not exist
    │   ├── InvalidContactSet          invalid_contact_set         a target selects an invalid set
    │   ├── OutOfTime                  out_of_time                 the invocation ends before the call's turn
    │   └── Unexpected                 unexpected_error            no rule covers the error code
    └── Permanent                 the message goes to FailedAccountQueue at once
        ├── InvalidMessage             invalid_message
        ├── EventWithoutAccount        event_without_account
        ├── InvalidContact             invalid_contact             the API's validation rejected the contact
        └── NotInOrganization          not_in_organization

The second column is the *failure reason*: the code in logs, in metrics and in the attribute ``Reason`` on
FailedAccountQueue. No error repeats AWS's message, which can contain contact data.
"""

from typing import ClassVar

from alternate_contacts.worker.contact_configuration import (
    CONFIGURATION_UNREADABLE,
    INVALID_CONTACT_SET,
    INVALID_TARGET,
    UNKNOWN_CONTACT_SET,
)
from alternate_contacts.worker.error_codes import ACCESS_DENIED, EXPIRED_CREDENTIALS, THROTTLED, UNAVAILABLE


class WorkerError(Exception):
    """Why an account or a contact could not be processed. ``code`` and ``operation`` are AWS's names."""

    reason: ClassVar[str]

    def __init__(self, code: str = "none", operation: str = "none") -> None:
        super().__init__(f"{self.reason} ({code} at {operation})")
        self.code = code
        self.operation = operation


class Retryable(WorkerError):
    """A retry may succeed."""


class Throttled(Retryable):
    reason = "throttled"


class Unavailable(Retryable):
    reason = "unavailable"


class AccessDenied(Retryable):
    reason = "access_denied"


class TrustedAccessOff(AccessDenied):
    reason = "trusted_access_off"


class NotReady(Retryable):
    reason = "not_ready"


class BelowRoot(Retryable):
    reason = "below_root"


class ConfigurationUnreadable(Retryable):
    reason = CONFIGURATION_UNREADABLE


class InvalidTarget(Retryable):
    reason = INVALID_TARGET


class UnknownContactSet(Retryable):
    reason = UNKNOWN_CONTACT_SET


class InvalidContactSet(Retryable):
    reason = INVALID_CONTACT_SET


class OutOfTime(Retryable):
    reason = "out_of_time"


class Unexpected(Retryable):
    reason = "unexpected_error"


class Permanent(WorkerError):
    """No retry succeeds until an operator fixes the cause."""


class InvalidMessage(Permanent):
    reason = "invalid_message"


class EventWithoutAccount(Permanent):
    reason = "event_without_account"


class InvalidContact(Permanent):
    reason = "invalid_contact"


class NotInOrganization(Permanent):
    reason = "not_in_organization"


def classify(code: str, status: int, operation: str) -> WorkerError:
    """Return the error for AWS's error ``code`` and HTTP ``status`` of ``operation``."""
    return _error_class(code, status)(code, operation)


def _error_class(code: str, status: int) -> type[WorkerError]:
    # The code comes first, because Organizations sends its throttling errors with status 400.
    if code in THROTTLED:
        return Throttled
    if code in UNAVAILABLE:
        return Unavailable
    if code in ACCESS_DENIED or code in EXPIRED_CREDENTIALS:
        return AccessDenied
    if code == "ValidationException":
        return InvalidContact
    if code in ("AccountNotFoundException", "ChildNotFoundException"):
        return NotInOrganization
    if status == 429:
        return Throttled
    if status >= 500:
        return Unavailable
    if status in (401, 403):
        return AccessDenied
    # Retryable, so that an unknown error is never dropped: at the last try it goes to FailedAccountQueue with its code.
    return Unexpected
