"""What the candidates have in common: whom to set, and what to."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

CONTACT_TYPES = ("BILLING", "OPERATIONS", "SECURITY")


@dataclass(frozen=True)
class Task:
    """Set the three contacts of ``accounts`` at ``endpoint``, whose quotas are ``speed`` times AWS's."""

    endpoint: str
    accounts: Sequence[str]
    speed: float


def contact(contact_type: str) -> dict[str, str]:
    """The contact that every account is to have, as Put takes it."""
    return {
        "AlternateContactType": contact_type,
        "Name": f"{contact_type.title()} Team",
        "Title": "Benchmark",
        "EmailAddress": f"{contact_type.lower()}@acme.test",
        "PhoneNumber": "+1 206 555 0100",
    }


def measure(candidate: Callable[[Task], tuple[float, int]]) -> None:
    """Run a candidate on the task of the command line, and print its seconds and the accounts it gave up."""
    parser = argparse.ArgumentParser()
    parser.add_argument("endpoint")
    parser.add_argument("--accounts", type=int, required=True)
    parser.add_argument("--speed", type=float, required=True)
    options = parser.parse_args()
    accounts = [str(100_000_000_000 + number) for number in range(options.accounts)]
    seconds, given_up = candidate(Task(options.endpoint, accounts, options.speed))
    sys.stdout.write(json.dumps({"seconds": seconds, "given_up": given_up}) + "\n")


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def seconds(self) -> float:
        return time.monotonic() - self._start
