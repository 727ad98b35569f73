"""Every metric and every log line that the two functions write, taken from their telemetry and their source."""

import ast
import io
import json
import logging
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alternate_contacts.backfill import metrics as backfill_metrics
from alternate_contacts.backfill import telemetry as backfill
from alternate_contacts.backfill.contact_configuration import ConfigurationProblem
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

POWERTOOLS_FIELDS = {"level", "location", "message", "timestamp", "service"}
"""Fields of every line. Those of the invocation, such as ``function_request_id``, are absent outside of one."""


@dataclass(frozen=True)
class Metric:
    """A metric as the embedded metric format of CloudWatch declares it."""

    namespace: str
    name: str
    unit: str
    dimensions: frozenset[str]
    service: str


def metrics() -> set[Metric]:
    """Return every metric that the worker and the backfill write."""
    return {metric for line in _lines() if "_aws" in line for metric in _metrics(line)}


def log_lines() -> dict[str, set[str]]:
    """Return the fields of every log line of both functions by its message."""
    fields = _lines_in_source()
    for line in _lines():
        if "_aws" not in line:
            fields.setdefault(line["message"], set()).update(line.keys() - POWERTOOLS_FIELDS)
    return fields


def bytes_of_an_account() -> int:
    """Return the bytes that the worker prints for an account with three equal outcomes, alone in its invocation."""
    lines = _printed(worker.SERVICE, _process_one_account)
    return sum(len(json.dumps(line, separators=(",", ":"))) + 1 for line in lines)


def _process_one_account() -> None:
    telemetry = worker.WorkerTelemetry()
    invocation = {
        "cold_start": False,
        "function_name": "f" * 64,
        "function_arn": f"arn:aws:lambda:us-east-1:111111111111:function:{'f' * 64}",
        "function_memory_size": 256,
        "function_request_id": str(uuid.UUID(int=0)),
    }
    result = AccountResult(dict.fromkeys(ContactType, Outcome.WOULD_UPDATE), calls=3, milliseconds=1_000)
    record = QueueRecord(str(uuid.UUID(int=0)), "handle", "{}", 1)
    with telemetry.logger.append_context_keys(**invocation):
        telemetry.account_processed(AccountMessage("111111111111", "AccountJoinedOrganization"), record, result)
    telemetry.flush()


def _lines() -> list[dict[str, Any]]:
    return [*_printed(worker.SERVICE, _use_worker), *_printed(backfill_metrics.SERVICE, _use_backfill)]


def _use_worker() -> None:
    message, record = AccountMessage("111111111111", "manual"), QueueRecord("message 1", "handle", "{}", 3)
    error = AccessDenied("AccessDeniedException", "PutAlternateContact")
    telemetry = worker.WorkerTelemetry()
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


def _use_backfill() -> None:
    telemetry = backfill.BackfillTelemetry()
    telemetry.backfill_completed(Trigger.RECONCILE, BackfillMode.ENFORCE, BackfillCounts(), stack_mode=True)
    telemetry.configuration_validated([ConfigurationProblem("version", "configuration_unreadable", "no_version")])
    telemetry.reconcile_skipped(7)


def _lines_in_source() -> dict[str, set[str]]:
    """Return message and fields of the backfill's log calls that have both as constants."""
    fields: dict[str, set[str]] = {}
    for module in Path(backfill.__file__).parent.glob("*.py"):
        for call in ast.walk(ast.parse(module.read_text())):
            if isinstance(call, ast.Call) and call.args and isinstance(call.args[0], ast.Constant):
                for extra in [keyword.value for keyword in call.keywords if keyword.arg == "extra"]:
                    keys = [key for each in ast.walk(extra) if isinstance(each, ast.Dict) for key in each.keys]
                    names = {str(key.value) for key in keys if isinstance(key, ast.Constant)}
                    fields.setdefault(str(call.args[0].value), set()).update(names)
    return fields


def _printed(service: str, write: Callable[[], None]) -> list[dict[str, Any]]:
    output = io.StringIO()
    with _logging_to(service, output), redirect_stdout(output):
        write()
    return [json.loads(line) for line in output.getvalue().splitlines()]


@contextmanager
def _logging_to(service: str, output: io.StringIO) -> Iterator[None]:
    """Redirect the logger: Powertools keeps the stdout of its import."""
    handlers = [each for each in logging.getLogger(service).handlers if isinstance(each, logging.StreamHandler)]
    streams = [handler.setStream(output) for handler in handlers]
    try:
        yield
    finally:
        for handler, stream in zip(handlers, streams, strict=True):
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
