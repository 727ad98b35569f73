"""What the worker tells: one log line for each account, and metrics. Never contact data, never AWS's own messages."""

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

SERVICE = "worker"
NAMESPACE = "AlternateContacts"

logger = Logger(service=SERVICE)

_CONTACTS = {
    Outcome.UPDATED: "ContactsUpdated",
    Outcome.UNCHANGED: "ContactsUnchanged",
    Outcome.KEPT: "ContactsKept",
    Outcome.IGNORED: "ContactsIgnored",
    Outcome.WOULD_UPDATE: "ContactsWouldUpdate",
    Outcome.FAILED: "ContactsFailed",
}

_Metric = tuple[str, str, str]
"""Metric name, and the name and value of its one dimension beside ``service``; both empty where it has none."""


class WorkerTelemetry:
    """The worker's report: logs at once, counts until :meth:`flush`."""

    def __init__(self) -> None:
        self._counts: Counter[_Metric] = Counter()
        self._lock = threading.Lock()

    def account(
        self, letter: AccountMessage | None, record: QueueRecord, result: AccountResult, error: WorkerError | None
    ) -> None:
        """One line for an account that is right, skipped or failed."""
        counts = _contacts(result)
        if result.skipped is not None:
            counts["AccountsSkipped", "reason", result.skipped] += 1
        if error is not None:
            counts["AccountsFailed", "reason", error.reason] += 1
        self._count(counts, result)
        fields = _fields(letter, record, result)
        if error is not None:
            logger.error("account failed, kept on FailedAccountQueue", extra=fields | _why(error))
        elif result.skipped is not None:
            logger.info("account skipped", extra=fields | {"state": result.skipped})
        else:
            logger.info("account done", extra=fields)

    def message_ignored(self, record: QueueRecord) -> None:
        """One line for an event that asks for no work."""
        logger.info("nothing to do", extra={"message_id": record.message_id, "tries": record.tries})

    def retry_scheduled(
        self, letter: AccountMessage, record: QueueRecord, result: AccountResult, error: WorkerError, seconds: int
    ) -> None:
        """One line for a letter that goes back to AccountQueue."""
        counts = _contacts(result)
        for kind in result.errors:
            # Not failed yet: the next try decides.
            del counts[_CONTACTS[Outcome.FAILED], "contact_type", kind.value]
        self._count(counts, result)
        logger.warning(
            "account not right yet, letter goes back",
            extra=_fields(letter, record, result) | _why(error) | {"next_try_in_seconds": seconds},
        )

    def left_for_redelivery(self, record: QueueRecord, error: BaseException) -> None:
        """One line for a message that SQS will bring back by itself."""
        why = _why(error) if isinstance(error, WorkerError) else {"error": type(error).__name__, "at": _place(error)}
        logger.error(
            "message not settled, SQS brings it back",
            extra={"message_id": record.message_id, "tries": record.tries} | why,
        )

    def flush(self) -> None:
        """Write the metrics counted since the last time, as CloudWatch embedded metric format on stdout."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        for (name, dimension, value), count in sorted(counts.items()):
            with single_metric(
                name=name,
                unit=MetricUnit.Count,
                value=count,
                namespace=NAMESPACE,
                default_dimensions={"service": SERVICE},
            ) as metric:
                if dimension:
                    metric.add_dimension(name=dimension, value=value)

    def _count(self, counts: Counter[_Metric], result: AccountResult) -> None:
        if result.throttled:
            counts["CallsThrottled", "", ""] = result.throttled
        with self._lock:
            self._counts.update(counts)


def _contacts(result: AccountResult) -> Counter[_Metric]:
    return Counter((_CONTACTS[outcome], "contact_type", kind.value) for kind, outcome in result.outcomes.items())


def _fields(letter: AccountMessage | None, record: QueueRecord, result: AccountResult) -> dict[str, object]:
    return {
        "account_id": letter.account_id if letter else "unknown",
        "trigger": letter.trigger if letter else "unknown",
        "mode": letter.mode.value if letter else "unknown",
        "outcomes": {kind.value: outcome.value for kind, outcome in result.outcomes.items()},
        "calls": result.calls,
        "throttled": result.throttled,
        "tries": record.tries,
        "milliseconds": result.milliseconds,
        "message_id": record.message_id,
    }


def _why(error: WorkerError) -> dict[str, object]:
    return {"reason": error.reason, "error_code": error.code, "operation": error.operation}


def _place(error: BaseException) -> list[str]:
    """Where an unforeseen error happened. Its message stays out: it may repeat contact data."""
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
