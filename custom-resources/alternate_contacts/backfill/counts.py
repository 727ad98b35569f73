"""What a backfill has done so far: accounts listed, enqueued and skipped; and what it found to be wrong."""

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from alternate_contacts.backfill.contact_configuration import ConfigurationProblem

_PROBLEMS_IN_SUMMARY = 3
_LONGEST_NAME = 100


@dataclass
class BackfillCounts:
    """Accounts listed, enqueued, and skipped by state; problems of the contact configuration.

    One thread lists, several threads send.
    """

    listed: int = 0
    enqueued: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    configuration_problems: Sequence[ConfigurationProblem] = ()
    denied_actions: Sequence[str] = ()
    """What WorkerRole is denied."""

    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def add_enqueued(self, messages: int) -> None:
        """Count messages that SQS has accepted."""
        with self._lock:
            self.enqueued += messages

    @property
    def summary(self) -> str:
        """The counts in one line. Enqueued means that the message is sent, not that the contacts are set."""
        sentences = [f"Accounts: {self.listed} listed, {self.enqueued} enqueued, skipped: {self.skipped_by_state}"]
        if self.denied_actions:
            sentences.append(
                f"Warning: WorkerRole is denied {', '.join(self.denied_actions)}. Check its policies and permissions "
                "boundary"
            )
        if self.configuration_problems:
            sentences.append(self._configuration_warning)
        return ". ".join(sentences)

    @property
    def _configuration_warning(self) -> str:
        first = self.configuration_problems[:_PROBLEMS_IN_SUMMARY]
        named = [f"{problem.parameter[:_LONGEST_NAME]} {problem.reason}" for problem in first]
        more = ["..."] if len(self.configuration_problems) > len(first) else []
        return f"Problems of the contact configuration: {len(self.configuration_problems)} ({', '.join(named + more)})"

    @property
    def skipped_by_state(self) -> str:
        """Such as ``1 CLOSED, 3 SUSPENDED``, or ``none``."""
        return ", ".join(f"{count} {state}" for state, count in sorted(self.skipped.items())) or "none"
