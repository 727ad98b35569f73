"""Everything that can go wrong with an account, in the two kinds that SQS understands.

::

    WorkerError
    ├── Retryable               the letter returns to AccountQueue with growing delay
    │   ├── Throttled           throttled            429: somebody, perhaps we, calls too fast
    │   ├── Unavailable         unavailable          5xx, no connection, no answer in time
    │   ├── AccessDenied             not_authorized       any 403, as long as nothing says that it is for good
    │   │   └── TrustedAccessOff  trusted_access_off   what a 403 turns out to be, found when out of tries
    │   ├── NotReady            not_ready            a new account that AWS is still activating
    │   ├── OutOfTime           out_of_time          the invocation ends before the call's turn comes
    │   └── Unexpected          unexpected_error     no rule knows it
    └── Permanent               the letter goes to FailedAccountQueue at once
        ├── InvalidMessage    unreadable_letter
        ├── EventWithoutAccount event_without_account
        ├── InvalidContact      contact_refused      the API's validation does not take the contact
        └── NotInOrganization   not_in_organization

The second column is the *reason*: the word in log, metric and the attribute ``Reason`` on FailedAccountQueue.
No error carries a message of AWS: those repeat contact data.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar


class WorkerError(Exception):
    """Why an account, or one of its contacts, is not right. ``code`` and ``operation`` are AWS's own words."""

    reason: ClassVar[str]

    def __init__(self, code: str = "none", operation: str = "none") -> None:
        super().__init__(f"{self.reason} ({code} at {operation})")
        self.code = code
        self.operation = operation


class Retryable(WorkerError):
    """Another try may go through."""


class Throttled(Retryable):
    reason = "throttled"


class Unavailable(Retryable):
    reason = "unavailable"


class AccessDenied(Retryable):
    reason = "not_authorized"


class TrustedAccessOff(AccessDenied):
    reason = "trusted_access_off"


class NotReady(Retryable):
    reason = "not_ready"


class OutOfTime(Retryable):
    reason = "out_of_time"


class Unexpected(Retryable):
    reason = "unexpected_error"


class Permanent(WorkerError):
    """No further try will go through until somebody mends the cause."""


class InvalidMessage(Permanent):
    reason = "unreadable_letter"


class EventWithoutAccount(Permanent):
    reason = "event_without_account"


class InvalidContact(Permanent):
    reason = "contact_refused"


class NotInOrganization(Permanent):
    reason = "not_in_organization"


_BY_CODE: Mapping[str, type[WorkerError]] = MappingProxyType(
    {
        "TooManyRequestsException": Throttled,
        "Throttling": Throttled,
        "ThrottlingException": Throttled,
        "ThrottledException": Throttled,
        "RequestLimitExceeded": Throttled,
        "RequestThrottled": Throttled,
        "SlowDown": Throttled,
        "InternalServerException": Unavailable,
        "InternalFailure": Unavailable,
        "ServiceException": Unavailable,
        "ServiceUnavailable": Unavailable,
        "RequestTimeout": Unavailable,
        "ExpiredToken": AccessDenied,
        "ExpiredTokenException": AccessDenied,
        "AccessDenied": AccessDenied,
        "AccessDeniedException": AccessDenied,
        "ValidationException": InvalidContact,
        "AccountNotFoundException": NotInOrganization,
    }
)


def classify(code: str, status: int, operation: str) -> WorkerError:
    """The error of ours for AWS's error ``code`` and HTTP ``status`` (0 where no answer came) at ``operation``.

    Codes decide first, because Organizations answers its throttling with status 400; then the status. What nobody
    knows is tried again, never dropped: out of tries it lands on FailedAccountQueue with its code.
    """
    kind = _BY_CODE.get(code)
    if kind is None:
        if status == 429:
            kind = Throttled
        elif status >= 500 or status == 0:
            kind = Unavailable
        elif status in (401, 403):
            kind = AccessDenied
        else:
            kind = Unexpected
    return kind(code, operation)
