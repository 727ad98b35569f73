"""What a check found."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class CheckState(StrEnum):
    """`unknown` is neither good nor bad: nobody could look."""

    OK = "ok"
    MISSING = "missing"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class CheckResult:
    """One check's result: a sentence, and the commands that mend what is missing."""

    check: str
    state: CheckState
    sentence: str = ""
    commands: tuple[str, ...] = ()


def ok(check: str, sentence: str = "") -> CheckResult:
    return CheckResult(check, CheckState.OK, sentence)


def missing(check: str, sentence: str, *commands: str) -> CheckResult:
    return CheckResult(check, CheckState.MISSING, sentence, commands)


def unknown(check: str, sentence: str) -> CheckResult:
    return CheckResult(check, CheckState.UNKNOWN, sentence)


def not_looked_at(check: str, first: str) -> CheckResult:
    """A check that can tell nothing before another one is met."""
    return unknown(check, f"Not looked at: {first} comes first.")


def exit_code(findings: Sequence[CheckResult]) -> int:
    """0: all is there; 1: something is missing; 2: nothing that could be seen is missing, but not all could be seen."""
    states = {finding.state for finding in findings}
    if CheckState.MISSING in states:
        return 1
    return 2 if CheckState.UNKNOWN in states else 0
