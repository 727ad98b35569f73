"""What a backfill has done so far, in numbers."""

import threading
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class BackfillCounts:
    """Accounts listed, put on AccountQueue, and skipped, by the state that they were skipped for.

    Several threads send; one lists.
    """

    listed: int = 0
    enqueued: int = 0
    skipped: Counter[str] = field(default_factory=Counter)

    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def sent(self, letters: int) -> None:
        """Count letters that SQS has taken."""
        with self._lock:
            self.enqueued += letters

    def summary(self) -> str:
        """One sentence that claims no more than what happened: letters are sent, contacts not yet set."""
        return (
            f"{self.listed} accounts listed, {self.enqueued} put on AccountQueue for the worker to bring right, "
            f"skipped: {self.skipped_by_state()}"
        )

    def skipped_by_state(self) -> str:
        """Such as ``1 CLOSED, 3 SUSPENDED``, or ``none``."""
        return ", ".join(f"{count} {state}" for state, count in sorted(self.skipped.items())) or "none"
