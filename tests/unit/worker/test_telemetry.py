"""Log lines and metrics: one line per message, no metric with an account ID, and never contact data."""

import itertools
import json
import traceback
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import pytest
from botocore.exceptions import ClientError, ParamValidationError

from alternate_contacts.worker.account_processor import AccountResult
from alternate_contacts.worker.batch import BatchProcessor, QueueRecord
from alternate_contacts.worker.contacts import ContactType
from alternate_contacts.worker.decision import Outcome
from alternate_contacts.worker.errors import AccessDenied, InvalidContact, InvalidMessage, Unavailable
from alternate_contacts.worker.message import AccountMessage
from alternate_contacts.worker.protocol import Mode
from alternate_contacts.worker.telemetry import WorkerTelemetry
from tests.fakes.worker import (
    DESIRED,
    MEMBER,
    PRESENT,
    SECRETS,
    FakeAccountApi,
    FakeOrganizationLookup,
    FakeQueues,
    build_account_processor,
)

BILLING, OPERATIONS, SECURITY = ContactType
MESSAGE = AccountMessage(MEMBER, "CreateAccountResult")
RECORD = QueueRecord("message 1", "handle", "{}", 3)
UPDATED = dict.fromkeys(ContactType, Outcome.UPDATED)

pytestmark = pytest.mark.usefixtures("logs_to_stdout")

POWERTOOLS_FIELDS = {"level", "location", "message", "timestamp", "service", "cold_start"} | {
    f"function_{name}" for name in ("name", "arn", "memory_size", "request_id")
}

Metrics = dict[tuple[str, frozenset[tuple[str, str]]], float]
"""Values by name and dimensions."""


class Printed:
    """What the telemetry printed since the last read."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def lines(self) -> list[dict[str, Any]]:
        output = self._capsys.readouterr()
        assert output.err == ""
        return [json.loads(line) for line in output.out.splitlines()]

    def log_line(self) -> dict[str, Any]:
        """Return the only line."""
        (line,) = self.lines()
        return line

    def metrics(self) -> Metrics:
        """Return the metrics; log lines are ignored."""
        lines = [line for line in self.lines() if "_aws" in line]
        metrics = dict(map(parse_metric, lines))
        assert len(metrics) == len(lines)
        return metrics


def parse_metric(line: Mapping[str, Any]) -> tuple[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return the one metric of a line in CloudWatch's embedded metric format."""
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "AlternateContacts"
    ((name, unit),) = [(metric["Name"], metric["Unit"]) for metric in directive["Metrics"]]
    assert unit == "Count"
    (dimensions,) = directive["Dimensions"]
    assert set(line) == {"_aws", name, *dimensions}
    (value,) = line[name]
    return (name, frozenset((dimension, line[dimension]) for dimension in dimensions)), value


def named(name: str, **dimensions: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset({"service": "worker", **dimensions}.items())


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Printed:
    return Printed(capsys)


# ---- Log lines ------------------------------------------------------------------------------------------------------


def test_the_line_of_a_processed_account(printed: Printed) -> None:
    WorkerTelemetry().account_processed(MESSAGE, RECORD, AccountResult(UPDATED, calls=6, throttled=1, milliseconds=42))
    line = printed.log_line()
    assert (line["level"], line["message"], line["service"]) == ("INFO", "account processed", "worker")
    assert {name: line[name] for name in set(line) - POWERTOOLS_FIELDS} == {
        "account_id": MEMBER,
        "trigger": "CreateAccountResult",
        "mode": "enforce",
        "outcomes": {"BILLING": "updated", "OPERATIONS": "updated", "SECURITY": "updated"},
        "calls": 6,
        "throttled": 1,
        "tries": 3,
        "milliseconds": 42,
        "message_id": "message 1",
    }


def test_the_line_of_a_skipped_account(printed: Printed) -> None:
    WorkerTelemetry().account_processed(MESSAGE, RECORD, AccountResult(skipped="SUSPENDED"))
    line = printed.log_line()
    assert (line["level"], line["message"]) == ("INFO", "account skipped")
    assert (line["account_id"], line["state"]) == (MEMBER, "SUSPENDED")


def test_the_line_of_a_failed_account(printed: Printed) -> None:
    error = AccessDenied("AccessDeniedException", "PutAlternateContact")
    result = AccountResult(UPDATED | {SECURITY: Outcome.FAILED}, {SECURITY: error})
    WorkerTelemetry().account_failed(MESSAGE, RECORD, result, error)
    line = printed.log_line()
    assert (line["level"], line["message"], line["account_id"]) == ("ERROR", "account failed", MEMBER)
    assert line["outcomes"] == {"BILLING": "updated", "OPERATIONS": "updated", "SECURITY": "failed"}
    assert (line["reason"], line["error_code"]) == ("access_denied", "AccessDeniedException")
    assert line["operation"] == "PutAlternateContact"


def test_the_line_of_an_invalid_message(printed: Printed) -> None:
    WorkerTelemetry().account_failed(None, RECORD, AccountResult(), InvalidMessage("not_json"))
    line = printed.log_line()
    assert (line["level"], line["account_id"]) == ("ERROR", "unknown")
    assert (line["trigger"], line["mode"]) == ("unknown", "unknown")
    assert (line["reason"], line["error_code"], line["operation"]) == ("invalid_message", "not_json", "none")


def test_the_line_of_an_ignored_message(printed: Printed) -> None:
    WorkerTelemetry().message_ignored(RECORD)
    line = printed.log_line()
    assert (line["level"], line["message"]) == ("INFO", "message ignored")
    assert (line["message_id"], line["tries"]) == ("message 1", 3)


def test_the_line_of_a_retry(printed: Printed) -> None:
    error = Unavailable("ReadTimeoutError", "GetAlternateContact")
    WorkerTelemetry().retry_scheduled(MESSAGE, RECORD, AccountResult(errors={BILLING: error}), error, 60)
    line = printed.log_line()
    assert (line["level"], line["message"]) == ("WARNING", "retry scheduled")
    assert (line["account_id"], line["tries"], line["retry_in_seconds"]) == (MEMBER, 3, 60)
    assert (line["reason"], line["error_code"]) == ("unavailable", "ReadTimeoutError")


def test_the_line_of_a_message_that_could_not_be_sent(printed: Printed) -> None:
    WorkerTelemetry().left_for_redelivery(RECORD, Unavailable("ServiceUnavailable", "SendMessage"))
    line = printed.log_line()
    assert (line["level"], line["message"]) == ("ERROR", "message left for redelivery")
    assert (line["message_id"], line["tries"]) == ("message 1", 3)
    assert (line["reason"], line["operation"]) == ("unavailable", "SendMessage")


def test_the_line_of_a_crash_has_its_frames_and_not_its_message(printed: Printed) -> None:
    def crash() -> None:
        raise RuntimeError(f"could not set {DESIRED.name}")

    with pytest.raises(RuntimeError) as caught:
        crash()
    WorkerTelemetry().left_for_redelivery(RECORD, caught.value)
    line = printed.log_line()
    assert line["error_type"] == "RuntimeError"
    frames = traceback.extract_tb(caught.value.__traceback__)
    assert line["frames"][-1] == f"{__file__}:{frames[-1].lineno} crash"
    assert DESIRED.name not in json.dumps(line)


# ---- Metrics --------------------------------------------------------------------------------------------------------


def test_counts_contacts_by_outcome_and_type(printed: Printed) -> None:
    telemetry = WorkerTelemetry()
    telemetry.account_processed(MESSAGE, RECORD, AccountResult(UPDATED))
    telemetry.account_processed(MESSAGE, RECORD, AccountResult({BILLING: Outcome.UPDATED, SECURITY: Outcome.KEPT}))
    telemetry.flush()
    assert printed.metrics() == {
        named("ContactsUpdated", contact_type="BILLING"): 2,
        named("ContactsUpdated", contact_type="OPERATIONS"): 1,
        named("ContactsUpdated", contact_type="SECURITY"): 1,
        named("ContactsKept", contact_type="SECURITY"): 1,
    }


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_has_its_metric(printed: Printed, outcome: Outcome) -> None:
    telemetry = WorkerTelemetry()
    telemetry.account_processed(MESSAGE, RECORD, AccountResult({OPERATIONS: outcome}))
    telemetry.flush()
    name = "Contacts" + outcome.value.title().replace("_", "")
    assert printed.metrics() == {named(name, contact_type="OPERATIONS"): 1}


def test_counts_accounts_skipped_and_failed_by_reason(printed: Printed) -> None:
    telemetry = WorkerTelemetry()
    telemetry.account_processed(MESSAGE, RECORD, AccountResult(skipped="SUSPENDED"))
    telemetry.account_processed(MESSAGE, RECORD, AccountResult(skipped="SUSPENDED"))
    telemetry.account_processed(MESSAGE, RECORD, AccountResult(skipped="CLOSED"))
    telemetry.account_failed(MESSAGE, RECORD, AccountResult(), InvalidContact())
    telemetry.account_failed(None, RECORD, AccountResult(), InvalidMessage())
    telemetry.flush()
    assert printed.metrics() == {
        named("AccountsSkipped", reason="SUSPENDED"): 2,
        named("AccountsSkipped", reason="CLOSED"): 1,
        named("AccountsFailed", reason="invalid_contact"): 1,
        named("AccountsFailed", reason="invalid_message"): 1,
    }


def test_counts_throttled_calls_of_every_try(printed: Printed) -> None:
    telemetry = WorkerTelemetry()
    telemetry.account_processed(MESSAGE, RECORD, AccountResult(throttled=2))
    telemetry.retry_scheduled(MESSAGE, RECORD, AccountResult(throttled=3), Unavailable(), 15)
    telemetry.flush()
    assert printed.metrics() == {named("CallsThrottled"): 5}


def test_a_try_with_a_retry_counts_its_contacts_but_no_failed_one(printed: Printed) -> None:
    telemetry = WorkerTelemetry()
    error = Unavailable("InternalFailure", "PutAlternateContact")
    first = AccountResult({BILLING: Outcome.UPDATED, SECURITY: Outcome.FAILED}, {SECURITY: error})
    second = AccountResult({BILLING: Outcome.UNCHANGED, SECURITY: Outcome.UPDATED})
    telemetry.retry_scheduled(MESSAGE, RECORD, first, error, 15)
    telemetry.account_processed(MESSAGE, RECORD, second)
    telemetry.flush()
    assert printed.metrics() == {
        named("ContactsUpdated", contact_type="BILLING"): 1,
        named("ContactsUpdated", contact_type="SECURITY"): 1,
        named("ContactsUnchanged", contact_type="BILLING"): 1,
    }


def test_metrics_are_printed_once(printed: Printed) -> None:
    telemetry = WorkerTelemetry()
    telemetry.account_processed(MESSAGE, RECORD, AccountResult(UPDATED))
    telemetry.flush()
    assert len(printed.metrics()) == 3
    telemetry.flush()
    assert printed.lines() == []


def test_the_dimensions_are_service_contact_type_and_reason(printed: Printed) -> None:
    """An account ID as a dimension would cost one custom metric per account."""
    telemetry = WorkerTelemetry()
    for outcome, contact_type in itertools.product(Outcome, ContactType):
        telemetry.account_failed(MESSAGE, RECORD, AccountResult({contact_type: outcome}, throttled=1), InvalidContact())
    telemetry.account_processed(MESSAGE, RECORD, AccountResult(skipped="CLOSED"))
    telemetry.flush()
    metrics = printed.metrics()
    assert {name for _, dimensions in metrics for name, _ in dimensions} == {"service", "contact_type", "reason"}
    assert MEMBER not in str(metrics)


def test_threads_may_record_at_the_same_time(printed: Printed) -> None:
    telemetry = WorkerTelemetry()
    result = AccountResult({BILLING: Outcome.UPDATED})
    with ThreadPoolExecutor(8) as pool:
        for _ in range(200):
            pool.submit(telemetry.account_processed, MESSAGE, RECORD, result)
    assert len(printed.lines()) == 200
    telemetry.flush()
    assert printed.metrics() == {named("ContactsUpdated", contact_type="BILLING"): 200}


# ---- Never contact data ---------------------------------------------------------------------------------------------

EVERYTHING = "; ".join(SECRETS)


def aws_error() -> ClientError:
    return ClientError({"Error": {"Code": "ValidationException", "Message": EVERYTHING}}, "PutAlternateContact")


def chained_error() -> Exception:
    """Return an exception with a cause, as ``raise ... from`` leaves it."""
    error = RuntimeError(EVERYTHING)
    error.__cause__ = aws_error()
    error.__context__ = KeyError(EVERYTHING)
    error.add_note(EVERYTHING)
    return error


ERRORS: dict[str, Exception | None] = {
    "none": None,
    "retryable": AccessDenied("AccessDeniedException", "PutAlternateContact"),
    "permanent": InvalidContact("ValidationException", "PutAlternateContact"),
    "of botocore": ParamValidationError(report=EVERYTHING),
    "of AWS": aws_error(),
    "crash": ValueError(EVERYTHING),
    "chained": chained_error(),
    "with a contact": KeyError(DESIRED, EVERYTHING),
}


@pytest.fixture
def pools() -> Iterator[tuple[ThreadPoolExecutor, ThreadPoolExecutor]]:
    with ThreadPoolExecutor(3) as calls, ThreadPoolExecutor(1) as accounts:
        yield calls, accounts


@pytest.mark.parametrize("tries", [1, 10])
@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("operation", ["get", "put"])
@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
def test_contact_data_never_appears(
    capsys: pytest.CaptureFixture[str],
    pools: tuple[ThreadPoolExecutor, ThreadPoolExecutor],
    error: Exception | None,
    operation: Literal["get", "put"],
    mode: Mode,
    tries: int,
) -> None:
    api = FakeAccountApi({(MEMBER, BILLING): PRESENT, (MEMBER, SECURITY): DESIRED})
    if error is not None:
        api.fail_with(error, operation=operation)
    telemetry, queues = WorkerTelemetry(), FakeQueues()
    organization = FakeOrganizationLookup({MEMBER: "ACTIVE"}, trusted=False)
    processor = build_account_processor(api, organization, pools[0], mode=mode)
    record = QueueRecord("one", "handle", json.dumps({"version": 2, "accountId": MEMBER, "trigger": "manual"}), tries)
    BatchProcessor(processor, queues, telemetry, max_tries=10, pool=pools[1]).process_batch([record], deadline=100)
    telemetry.flush()
    output = capsys.readouterr()
    assert output.err == ""
    assert '"message_id":"one"' in output.out
    text = output.out + str(queues)
    assert [secret for secret in SECRETS if secret in text] == []
