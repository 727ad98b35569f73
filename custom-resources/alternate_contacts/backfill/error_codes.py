"""AWS error codes by what they mean. One table for the worker, the backfill and the command.

This file stands in the worker and in the backfill, the same to the byte; a test in tests/contract compares them.

https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
"""

ACCESS_DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "AuthorizationErrorException",
        "NotAuthorized",
        "UnauthorizedOperation",
    }
)

EXPIRED_CREDENTIALS = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})

THROTTLED = frozenset(
    {
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttling",
        "ThrottledException",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)

UNAVAILABLE = frozenset(
    {
        "InternalError",
        "InternalFailure",
        "InternalServerException",
        "RequestTimeout",
        "ServiceException",
        "ServiceUnavailable",
    }
)
