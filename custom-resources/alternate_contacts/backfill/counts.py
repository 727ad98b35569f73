"""How many accounts a backfill has listed, enqueued and skipped so far."""

import threading
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class BackfillCounts:
    """Accounts listed, enqueued, and skipped by state. One thread lists, several threads send."""

    listed: int = 0
    enqueued: int = 0
    skipped: Counter[str] = field(default_factory=Counter)

    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def add_enqueued(self, messages: int) -> None:
        """Count messages that SQS has accepted."""
        with self._lock:
            self.enqueued += messages

    @property
    def summary(self) -> str:
        """The counts in one line. Enqueued means that the message is sent, not that the contacts are set."""
        return f"Accounts: {self.listed} listed, {self.enqueued} enqueued, skipped: {self.skipped_by_state}"

    @property
    def skipped_by_state(self) -> str:
        """Such as ``1 CLOSED, 3 SUSPENDED``, or ``none``."""
        return ", ".join(f"{count} {state}" for state, count in sorted(self.skipped.items())) or "none"
