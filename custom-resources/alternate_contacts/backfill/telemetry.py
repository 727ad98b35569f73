"""What the backfill tells: log lines and metrics. Never contact data, never a ResponseURL."""

import traceback

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import MetricUnit, single_metric

from alternate_contacts.backfill.counts import BackfillCounts
from alternate_contacts.backfill.metrics import (
    BACKFILL_COMPLETED,
    DAYS_SINCE_BACKFILL,
    NAMESPACE,
    RECONCILE_SKIPPED,
    SERVICE,
)
from alternate_contacts.backfill.protocol import Mode, Trigger

logger = Logger(service=SERVICE)


class BackfillTelemetry:
    """The backfill's report."""

    def done(self, reason: Trigger, mode: Mode, figures: BackfillCounts, *, counts: bool) -> None:
        """One line with the figures; a metric where it counts."""
        told = {"listed": figures.listed, "enqueued": figures.enqueued, "skipped": dict(figures.skipped)}
        logger.info("backfill done", extra={"reason": reason.value, "mode": mode.value} | told)
        if counts:
            _count(BACKFILL_COMPLETED, 1)
            self.days_since_backfill(0)

    def reconcile_skipped(self, letters: int) -> None:
        """One line and a metric."""
        logger.info("reconcile stood back", extra={"letters_waiting": letters})
        _count(RECONCILE_SKIPPED, 1)

    def days_since_backfill(self, days: float) -> None:
        """A metric."""
        _count(DAYS_SINCE_BACKFILL, days)


def unforeseen(error: Exception) -> None:
    """Where an error happened that no rule knows. Its message stays out: it may repeat contact data or a URL."""
    place = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    logger.error("unforeseen", extra={"error": type(error).__name__, "at": place})


def _count(name: str, value: float) -> None:
    with single_metric(
        name=name,
        unit=MetricUnit.Count,
        value=value,
        namespace=NAMESPACE,
        default_dimensions={"service": SERVICE},
    ):
        pass
