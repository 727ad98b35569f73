"""The output of BackfillFunction when a schedule or an operator invokes it."""

from typing import TypedDict

from alternate_contacts.backfill.counts import BackfillCounts


class BackfillResult(TypedDict):
    """The counts of a backfill; ``skipped`` by account state. ``reconcileSkipped``: messages were waiting."""

    summary: str
    listed: int
    enqueued: int
    skipped: dict[str, int]
    reconcileSkipped: bool


class BackfillAgeResult(TypedDict):
    """The output for the trigger ``report_backfill_age``."""

    daysSinceBackfill: float


def backfill_result(counts: BackfillCounts, *, reconcile_skipped: bool) -> BackfillResult:
    """Return the output for the triggers ``reconcile`` and ``manual``."""
    return {
        "summary": "Reconcile skipped: messages are waiting on AccountQueue." if reconcile_skipped else counts.summary,
        "listed": counts.listed,
        "enqueued": counts.enqueued,
        "skipped": dict(counts.skipped),
        "reconcileSkipped": reconcile_skipped,
    }
