"""What the two functions print, taken from their own telemetry: every metric and every field of a log line."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import Any

from alternate_contacts.backfill import metrics as names
from alternate_contacts.backfill import telemetry as backfill
from alternate_contacts.backfill.counts import BackfillCounts
from alternate_contacts.backfill.protocol import Mode as BackfillMode
from alternate_contacts.backfill.protocol import Trigger
from alternate_contacts.worker import telemetry as worker
from alternate_contacts.worker.account_processor import AccountResult
from alternate_contacts.worker.batch import QueueRecord
from alternate_contacts.worker.contacts import ContactType
from alternate_contacts.worker.decision import Outcome
from alternate_contacts.worker.errors import AccessDenied
from alternate_contacts.worker.message import AccountMessage

OF_POWERTOOLS = {"level", "location", "message", "timestamp", "service"}
"""Fields of every line; those of the invocation (``function_request_id`` and more) are there within one only."""


@dataclass(frozen=True)
class Metric:
    """A metric as CloudWatch's embedded format declares it."""

    namespace: str
    name: str
    unit: str
    dimensions: frozenset[str]
    service: str


def metrics() -> set[Metric]:
    """Every metric that the worker and the backfill write."""
    return {metric for line in (*_worker_lines(), *_backfill_lines()) if "_aws" in line for metric in _metrics(line)}


def log_lines() -> dict[str, set[str]]:
    """The fields of every log line of both telemetries, by its message."""
    found: dict[str, set[str]] = {}
    for line in (*_worker_lines(), *_backfill_lines()):
        if "_aws" not in line:
            found.setdefault(line["message"], set()).update(line.keys() - OF_POWERTOOLS)
    return found


def _worker_lines() -> list[dict[str, Any]]:
    message, record = AccountMessage("111111111111", "manual"), QueueRecord("message 1", "handle", "{}", 3)
    error = AccessDenied("AccessDeniedException", "PutAlternateContact")
    telemetry = worker.WorkerTelemetry()

    def record_every_outcome() -> None:
        for outcome in Outcome:
            result = AccountResult(dict.fromkeys(ContactType, outcome), throttled=1)
            telemetry.account_processed(message, record, result)
        telemetry.account_processed(message, record, AccountResult(skipped="SUSPENDED"))
        telemetry.account_failed(message, record, AccountResult(), error)
        telemetry.message_ignored(record)
        telemetry.retry_scheduled(message, record, AccountResult(), error, 15)
        telemetry.left_for_redelivery(record, error)
        telemetry.left_for_redelivery(record, RuntimeError())
        telemetry.flush()

    return _printed(worker.SERVICE, record_every_outcome)


def _backfill_lines() -> list[dict[str, Any]]:
    def tell() -> None:
        telemetry = backfill.BackfillTelemetry()
        telemetry.done(Trigger.RECONCILE, BackfillMode.ENFORCE, BackfillCounts(), counts=True)
        telemetry.reconcile_skipped(7)
        backfill.unforeseen(RuntimeError())

    return _printed(names.SERVICE, tell)


def _printed(service: str, tell: Callable[[], None]) -> list[dict[str, Any]]:
    output = io.StringIO()
    with _logging_to(service, output), redirect_stdout(output):
        tell()
    return [json.loads(line) for line in output.getvalue().splitlines()]


@contextmanager
def _logging_to(service: str, output: io.StringIO) -> Iterator[None]:
    """Powertools' loggers keep the stdout of their import."""
    handlers = [each for each in logging.getLogger(service).handlers if isinstance(each, logging.StreamHandler)]
    before = [handler.setStream(output) for handler in handlers]
    try:
        yield
    finally:
        for handler, stream in zip(handlers, before, strict=True):
            handler.setStream(stream)


def _metrics(line: dict[str, Any]) -> Iterator[Metric]:
    for directive in line["_aws"]["CloudWatchMetrics"]:
        for dimensions in directive["Dimensions"]:
            for metric in directive["Metrics"]:
                yield Metric(
                    namespace=directive["Namespace"],
                    name=metric["Name"],
                    unit=metric["Unit"],
                    dimensions=frozenset(dimensions),
                    service=line["service"],
                )
