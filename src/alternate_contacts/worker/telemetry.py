"""Record what the worker does: log lines and metrics, without contact data and without AWS's error messages."""

import threading
import traceback
from collections import Counter

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import MetricUnit, single_metric

from alternate_contacts.worker.account_processor import AccountResult
from alternate_contacts.worker.batch import QueueRecord
from alternate_contacts.worker.decision import Outcome
from alternate_contacts.worker.errors import WorkerError
from alternate_contacts.worker.message import AccountMessage
from alternate_contacts.worker.protocol import METRIC_NAMESPACE

SERVICE = "worker"

_CONTACT_METRICS = {
    Outcome.UPDATED: "ContactsUpdated",
    Outcome.UNCHANGED: "ContactsUnchanged",
    Outcome.KEPT: "ContactsKept",
    Outcome.IGNORED: "ContactsIgnored",
    Outcome.WOULD_UPDATE: "ContactsWouldUpdate",
    Outcome.FAILED: "ContactsFailed",
}

_Metric = tuple[str] | tuple[str, str, str]
"""A metric's name, and name and value of its one dimension beside ``service``, if there is one."""


class WorkerTelemetry:
    """Logs at once, and counts until `flush`. Implements `alternate_contacts.worker.batch.OutcomeRecorder`."""

    def __init__(self) -> None:
        self.logger = Logger(service=SERVICE)
        self._counts: Counter[_Metric] = Counter()
        self._lock = threading.Lock()

    def account_processed(self, message: AccountMessage, record: QueueRecord, result: AccountResult) -> None:
        """Log and count an account that was processed or skipped."""
        counts = _count_contacts(result)
        fields = _fields(message, record, result)
        if result.skipped is None:
            self.logger.info("account processed", extra=fields)
        else:
            counts["AccountsSkipped", "reason", result.skipped] = 1
            self.logger.info("account skipped", extra=fields | {"state": result.skipped})
        self._count(counts, result)

    def account_failed(
        self, message: AccountMessage | None, record: QueueRecord, result: AccountResult, error: WorkerError
    ) -> None:
        """Log and count an account whose message is on FailedAccountQueue; ``message`` is None if it is invalid."""
        counts = _count_contacts(result)
        counts["AccountsFailed", "reason", error.reason] = 1
        self._count(counts, result)
        self.logger.error("account failed", extra=_fields(message, record, result) | _error_fields(error))

    def message_ignored(self, record: QueueRecord) -> None:
        """Log a message for which there is nothing to do."""
        self.logger.info("message ignored", extra=_record_fields(record))

    def retry_scheduled(
        self, message: AccountMessage, record: QueueRecord, result: AccountResult, error: WorkerError, seconds: int
    ) -> None:
        """Log a message that becomes visible on AccountQueue again in ``seconds``, and count what is done already."""
        counts = _count_contacts(result)
        for contact_type in result.errors:
            # The next try decides whether the contact failed.
            del counts[_CONTACT_METRICS[Outcome.FAILED], "contact_type", contact_type.value]
        self._count(counts, result)
        self.logger.warning(
            "retry scheduled",
            extra=_fields(message, record, result) | _error_fields(error) | {"retry_in_seconds": seconds},
        )

    def left_for_redelivery(self, record: QueueRecord, error: BaseException) -> None:
        """Log a message that SQS delivers again after the queue's visibility timeout."""
        self.logger.error(
            "message left for redelivery",
            extra=_record_fields(record)
            | (_error_fields(error) if isinstance(error, WorkerError) else _crash_fields(error)),
        )

    def flush(self) -> None:
        """Print the metrics counted since the last time in CloudWatch's embedded metric format."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        for (name, *dimension), count in sorted(counts.items()):
            with single_metric(
                name=name,
                unit=MetricUnit.Count,
                value=count,
                namespace=METRIC_NAMESPACE,
                default_dimensions={"service": SERVICE},
            ) as metric:
                if dimension:
                    metric.add_dimension(*dimension)

    def _count(self, counts: Counter[_Metric], result: AccountResult) -> None:
        if result.throttled:
            counts[("CallsThrottled",)] = result.throttled
        with self._lock:
            self._counts.update(counts)


def _count_contacts(result: AccountResult) -> Counter[_Metric]:
    return Counter(
        (_CONTACT_METRICS[outcome], "contact_type", contact_type.value)
        for contact_type, outcome in result.outcomes.items()
    )


def _fields(message: AccountMessage | None, record: QueueRecord, result: AccountResult) -> dict[str, object]:
    return {
        "account_id": message.account_id if message else "unknown",
        "trigger": message.trigger if message else "unknown",
        "mode": message.mode.value if message else "unknown",
        "outcomes": {contact_type.value: outcome.value for contact_type, outcome in result.outcomes.items()},
        "calls": result.calls,
        "throttled": result.throttled,
        "tries": record.tries,
        "milliseconds": result.milliseconds,
        "message_id": record.message_id,
    }


def _record_fields(record: QueueRecord) -> dict[str, object]:
    return {"message_id": record.message_id, "tries": record.tries}


def _error_fields(error: WorkerError) -> dict[str, object]:
    return {"reason": error.reason, "error_code": error.code, "operation": error.operation}


def _crash_fields(error: BaseException) -> dict[str, object]:
    """Return where a crash happened. The error's message is left out, because it can contain contact data."""
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "error_type": type(error).__name__,
        "frames": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
