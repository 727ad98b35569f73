"""What a backfill has done so far, in numbers."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Figures:
    """Accounts listed, put on AccountQueue, and skipped, by the state that they were skipped for."""

    listed: int = 0
    enqueued: int = 0
    skipped: Counter[str] = field(default_factory=Counter)

    def summary(self) -> str:
        """One sentence that claims no more than what happened: letters are sent, contacts not yet set."""
        return (
            f"{self.listed} accounts listed, {self.enqueued} put on AccountQueue for the worker to bring right, "
            f"skipped: {self.skipped_by_state()}"
        )

    def skipped_by_state(self) -> str:
        """Such as ``1 CLOSED, 3 SUSPENDED``, or ``none``."""
        return ", ".join(f"{count} {state}" for state, count in sorted(self.skipped.items())) or "none"
