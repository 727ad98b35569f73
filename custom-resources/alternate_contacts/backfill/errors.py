"""How a backfill fails, and how a failure is described to the person who deploys or invokes it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Failure:
    """What failed, with the AWS error code and the next step in one ``message``.

    ``eventually_consistent``: the same call may succeed a minute after a deployment or a change of trusted access.
    """

    message: str
    eventually_consistent: bool = False


class BackfillError(Exception):
    """The backfill failed. The text is a message as in `Failure`."""


def error_message(
    error: Exception,
    *,
    describe_aws_error: Callable[[Exception], Failure | None],
    record_unexpected: Callable[[Exception], None],
) -> str:
    """Return the message for any error. It never repeats an error's own text, which may hold contact data or a URL.

    ``describe_aws_error`` returns None for an error that AWS did not cause.
    """
    if isinstance(error, BackfillError):
        return str(error)
    if failure := describe_aws_error(error):
        return failure.message
    record_unexpected(error)
    return (
        f"The backfill failed: unexpected {type(error).__name__}. "
        'Search the log group of BackfillFunction for "unexpected error".'
    )
