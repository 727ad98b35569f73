"""The log lines and metrics of the backfill. They never contain contact data or a ResponseURL."""

import traceback
from collections.abc import Sequence

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import MetricUnit, single_metric

from alternate_contacts.backfill.contact_configuration import ConfigurationProblem
from alternate_contacts.backfill.counts import BackfillCounts
from alternate_contacts.backfill.metrics import (
    BACKFILL_COMPLETED,
    CONFIGURATION_PROBLEMS,
    DAYS_SINCE_BACKFILL,
    RECONCILE_SKIPPED,
    SERVICE,
)
from alternate_contacts.backfill.protocol import METRIC_NAMESPACE, Mode, Trigger
from alternate_contacts.backfill.response import CustomResourceRequest, CustomResourceResponse, ResponseStatus

_PROBLEMS_LOGGED = 50


class BackfillTelemetry:
    """Records what the backfill does: one method per event."""

    def __init__(self) -> None:
        self.logger = Logger(service=SERVICE)

    def backfill_completed(self, trigger: Trigger, mode: Mode, counts: BackfillCounts, *, stack_mode: bool) -> None:
        """Log the counts. A report in a stack that enforces, without ``stack_mode``, counts as no backfill."""
        self.logger.info(
            "backfill completed",
            extra={
                "trigger": trigger.value,
                "mode": mode.value,
                "listed": counts.listed,
                "enqueued": counts.enqueued,
                "skipped": dict(counts.skipped),
                "configuration_problems": len(counts.configuration_problems),
            },
        )
        if stack_mode:
            _write_metric(BACKFILL_COMPLETED, 1)
            self.days_since_backfill(0)

    def configuration_validated(self, problems: Sequence[ConfigurationProblem]) -> None:
        """Count the problems of the contact configuration, and log each, `_PROBLEMS_LOGGED` at most."""
        for problem in problems[:_PROBLEMS_LOGGED]:
            self.logger.error(
                "configuration problem",
                extra={"parameter": problem.parameter, "reason": problem.reason, "detail": problem.detail},
            )
        _write_metric(CONFIGURATION_PROBLEMS, len(problems))

    def reconcile_skipped(self, messages_waiting: int) -> None:
        """Log and count a reconcile that leaves the quota to waiting messages."""
        self.logger.info("reconcile skipped", extra={"messages_waiting": messages_waiting})
        _write_metric(RECONCILE_SKIPPED, 1)

    def days_since_backfill(self, days: float) -> None:
        """Write the metric that ReconcileOverdueAlarm evaluates."""
        _write_metric(DAYS_SINCE_BACKFILL, days)

    def backfill_failed(self, failure: str) -> None:
        """Log the failure of an invocation by a schedule or an operator."""
        self.logger.error("backfill failed", extra={"failure": failure})

    def failed_reconcile_not_recorded(self, error: Exception) -> None:
        """Log that UndeliveredQueue does not have the failed reconcile."""
        self.logger.error("failed reconcile not recorded", extra={"error_type": type(error).__name__})

    def custom_resource_response(self, request: CustomResourceRequest, response: CustomResourceResponse) -> None:
        """Log the response before it is sent."""
        log = self.logger.info if response.status is ResponseStatus.SUCCESS else self.logger.error
        log(
            "custom resource response",
            extra={
                "request_type": request.request_type,
                "status": response.status.value,
                "response_reason": response.reason,
            },
        )

    def stack_status_unknown(self, error: Exception) -> None:
        """Log that DescribeStacks failed."""
        self.logger.error("stack status unknown", extra={"error_type": type(error).__name__})

    def worker_permissions_unknown(self, failure: str) -> None:
        """Log that the simulation of WorkerRole failed."""
        self.logger.warning("worker permissions unknown", extra={"failure": failure})

    def unexpected_error(self, error: Exception) -> None:
        """Log type and place of an error. Its text stays out: it may repeat contact data or a URL."""
        frames = [
            f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)
        ]
        self.logger.error("unexpected error", extra={"error_type": type(error).__name__, "frames": frames})


def _write_metric(name: str, value: float) -> None:
    with single_metric(
        name=name,
        unit=MetricUnit.Count,
        value=value,
        namespace=METRIC_NAMESPACE,
        default_dimensions={"service": SERVICE},
    ):
        pass
