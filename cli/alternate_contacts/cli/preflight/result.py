"""The result of a check."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from botocore.exceptions import BotoCoreError, ClientError

from alternate_contacts.cli.terminal.errors import describe_aws_error


class CheckState(StrEnum):
    """``unknown``: the check could not be completed."""

    OK = "ok"
    MISSING = "missing"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class CheckResult:
    """The result of one check.

    Attributes:
        message: what is missing and why it matters.
        commands: commands that fix it, or that show what the operator must check.
    """

    check: str
    state: CheckState
    message: str = ""
    commands: tuple[str, ...] = ()


def ok(check: str, message: str = "") -> CheckResult:
    return CheckResult(check, CheckState.OK, message)


def missing(check: str, message: str, *commands: str) -> CheckResult:
    return CheckResult(check, CheckState.MISSING, message, commands)


def unknown(check: str, message: str, *commands: str) -> CheckResult:
    return CheckResult(check, CheckState.UNKNOWN, message, commands)


def not_checked(check: str, first: str) -> CheckResult:
    """Return the result of a check that depends on another one, ``first``."""
    return unknown(check, f"Not checked. First fix: {first}.")


def run_check(check: str, function: Callable[[], CheckResult]) -> CheckResult:
    """Return the result of ``function``, or ``unknown`` with the reason if a call to AWS failed."""
    try:
        return function()
    except (ClientError, BotoCoreError) as error:
        return unknown(check, str(describe_aws_error(error)))


def exit_code(results: Sequence[CheckResult]) -> int:
    """Return 0 if every check is ok, 1 if one is missing, else 2."""
    states = {result.state for result in results}
    if CheckState.MISSING in states:
        return 1
    return 2 if CheckState.UNKNOWN in states else 0
