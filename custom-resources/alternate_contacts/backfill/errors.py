"""How a backfill fails, and how a failure is described to the person who deploys or invokes it."""

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_PACKAGE = Path(__file__).parent


@dataclass(frozen=True)
class PreflightFailure:
    """What failed, with the AWS error code and the next step in one ``message``.

    ``eventually_consistent``: the same call may succeed a minute after a deployment or a change of trusted access.
    """

    message: str
    eventually_consistent: bool = False


class BackfillError(Exception):
    """The backfill failed. The text is a message as in `PreflightFailure`."""


def error_message(
    error: Exception,
    *,
    describe_aws_error: Callable[[Exception], PreflightFailure | None],
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
        f"The backfill failed: unexpected {type(error).__name__} in {error_place(error)}. The log group of "
        'BackfillFunction has the traceback in the line "unexpected error".'
    )


def error_place(error: Exception) -> str:
    """Return the innermost line of this package in the traceback of an error, such as ``aws.py:83 list_accounts``."""
    frames = [(Path(frame.filename), frame) for frame in traceback.extract_tb(error.__traceback__)]
    places = [f"{path.name}:{frame.lineno} {frame.name}" for path, frame in frames if path.parent == _PACKAGE]
    return places[-1] if places else "an unknown place"
