"""What the worker tells: one line for each message, metrics without account ids, and never a contact."""

import itertools
import json
import traceback
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError, ParamValidationError

from alternate_contacts.worker.account_processor import AccountProcessor, AccountResult, Assignment
from alternate_contacts.worker.batch import BatchProcessor, QueueRecord
from alternate_contacts.worker.contacts import ContactType
from alternate_contacts.worker.decision import Outcome, Policy
from alternate_contacts.worker.errors import AccessDenied, InvalidContact, InvalidMessage, Unavailable
from alternate_contacts.worker.message import AccountMessage
from alternate_contacts.worker.paced_api import PacedAccountApi
from alternate_contacts.worker.pacing import Pacer
from alternate_contacts.worker.protocol import Mode
from alternate_contacts.worker.telemetry import WorkerTelemetry, logger
from tests.fakes.clock import FakeClock
from tests.fakes.worker import (
    DESIRED,
    MANAGEMENT,
    MEMBER,
    PRESENT,
    SECRETS,
    FakeAccountApi,
    FakeOrganization,
    FakeQueues,
)

BILLING, OPERATIONS, SECURITY = ContactType
LETTER = AccountMessage(MEMBER, "CreateAccountResult")
RECORD = QueueRecord("message 1", "handle", "{}", 3)
UPDATED = dict.fromkeys(ContactType, Outcome.UPDATED)

pytestmark = pytest.mark.usefixtures("logs_to_stdout")

OF_POWERTOOLS = {"level", "location", "message", "timestamp", "service", "cold_start"} | {
    f"function_{name}" for name in ("name", "arn", "memory_size", "request_id")
}

Printed = Callable[[], tuple[list[dict[str, Any]], list[dict[str, Any]]]]
"""The log lines and the metrics printed so far."""


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Printed:
    def lines() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        output = capsys.readouterr()
        assert output.err == ""
        every = [json.loads(line) for line in output.out.splitlines()]
        return [line for line in every if "_aws" not in line], [line for line in every if "_aws" in line]

    return lines


def metric(line: Mapping[str, Any]) -> tuple[str, frozenset[tuple[str, str]], float]:
    """Name, dimensions and value of one metric in CloudWatch's embedded format."""
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "AlternateContacts"
    ((name, unit),) = [(found["Name"], found["Unit"]) for found in directive["Metrics"]]
    assert unit == "Count"
    (dimensions,) = directive["Dimensions"]
    (value,) = line[name]
    return name, frozenset((dimension, line[dimension]) for dimension in dimensions), value


def metrics(lines: list[dict[str, Any]]) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    found = {(name, dimensions): value for name, dimensions, value in map(metric, lines)}
    assert len(found) == len(lines)
    return found


def named(name: str, **dimensions: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset({"service": "worker", **dimensions}.items())


# ---- Log lines ------------------------------------------------------------------------------------------------------


def test_one_line_for_an_account_that_is_right(printed: Printed) -> None:
    WorkerTelemetry().account(LETTER, RECORD, AccountResult(UPDATED, calls=6, throttled=1, milliseconds=42), None)
    ((line,), _) = printed()
    assert (line["level"], line["message"], line["service"]) == ("INFO", "account done", "worker")
    assert {name: line[name] for name in set(line) - OF_POWERTOOLS} == {
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


def test_one_line_for_a_skipped_account(printed: Printed) -> None:
    WorkerTelemetry().account(LETTER, RECORD, AccountResult(skipped="SUSPENDED"), None)
    ((line,), _) = printed()
    assert (line["level"], line["message"]) == ("INFO", "account skipped")
    assert (line["account_id"], line["state"]) == (MEMBER, "SUSPENDED")


def test_one_line_for_a_failed_account(printed: Printed) -> None:
    error = AccessDenied("AccessDeniedException", "PutAlternateContact")
    outcomes = UPDATED | {SECURITY: Outcome.FAILED}
    WorkerTelemetry().account(LETTER, RECORD, AccountResult(outcomes, {SECURITY: error}), error)
    ((line,), _) = printed()
    assert line["level"] == "ERROR"
    assert line["account_id"] == MEMBER
    assert line["outcomes"] == {"BILLING": "updated", "OPERATIONS": "updated", "SECURITY": "failed"}
    assert (line["reason"], line["error_code"], line["operation"]) == (
        "not_authorized",
        "AccessDeniedException",
        "PutAlternateContact",
    )


def test_one_line_for_a_letter_that_nobody_can_read(printed: Printed) -> None:
    WorkerTelemetry().account(None, RECORD, AccountResult(), InvalidMessage("not_json"))
    ((line,), _) = printed()
    assert (line["level"], line["account_id"], line["trigger"]) == ("ERROR", "unknown", "unknown")
    assert (line["reason"], line["error_code"], line["operation"]) == ("unreadable_letter", "not_json", "none")


def test_one_line_for_an_event_that_asks_for_nothing(printed: Printed) -> None:
    WorkerTelemetry().message_ignored(RECORD)
    ((line,), measured) = printed()
    assert (line["level"], line["message"], line["message_id"]) == ("INFO", "nothing to do", "message 1")
    assert measured == []


def test_one_line_for_a_letter_that_goes_back(printed: Printed) -> None:
    error = Unavailable("ReadTimeoutError", "GetAlternateContact")
    WorkerTelemetry().retry_scheduled(LETTER, RECORD, AccountResult(errors={BILLING: error}), error, 60)
    ((line,), _) = printed()
    assert line["level"] == "WARNING"
    assert (line["account_id"], line["tries"], line["next_try_in_seconds"]) == (MEMBER, 3, 60)
    assert (line["reason"], line["error_code"]) == ("unavailable", "ReadTimeoutError")


def test_one_line_for_a_message_that_could_not_be_moved(printed: Printed) -> None:
    WorkerTelemetry().left_for_redelivery(RECORD, Unavailable("ServiceUnavailable", "SendMessage"))
    ((line,), _) = printed()
    assert (line["level"], line["message_id"], line["tries"]) == ("ERROR", "message 1", 3)
    assert (line["reason"], line["operation"]) == ("unavailable", "SendMessage")


def test_what_nobody_foresaw_is_told_by_its_place_and_not_by_its_message(printed: Printed) -> None:
    def broken() -> None:
        raise RuntimeError(f"could not set {DESIRED.name}")

    with pytest.raises(RuntimeError) as caught:
        broken()
    WorkerTelemetry().left_for_redelivery(RECORD, caught.value)
    ((line,), _) = printed()
    assert line["error"] == "RuntimeError"
    frames = traceback.extract_tb(caught.value.__traceback__)
    assert line["at"][-1] == f"{__file__}:{frames[-1].lineno} broken"
    assert DESIRED.name not in json.dumps(line)


def test_an_account_is_called_right_only_if_it_is(printed: Printed) -> None:
    outcomes = dict.fromkeys(ContactType, Outcome.WOULD_UPDATE)
    WorkerTelemetry().account(AccountMessage(MEMBER, "manual", Mode.REPORT), RECORD, AccountResult(outcomes), None)
    ((line,), _) = printed()
    assert line["message"] != "account right"


# ---- Metrics --------------------------------------------------------------------------------------------------------


def test_counts_contacts_by_outcome_and_type(printed: Printed) -> None:
    telemetry = WorkerTelemetry()
    telemetry.account(LETTER, RECORD, AccountResult(UPDATED), None)
    telemetry.account(LETTER, RECORD, AccountResult({BILLING: Outcome.UPDATED, SECURITY: Outcome.KEPT}), None)
    telemetry.flush()
    _, emf = printed()
    assert metrics(emf) == {
        named("ContactsUpdated", contact_type="BILLING"): 2,
        named("ContactsUpdated", contact_type="OPERATIONS"): 1,
        named("ContactsUpdated", contact_type="SECURITY"): 1,
        named("ContactsKept", contact_type="SECURITY"): 1,
    }


@pytest.mark.parametrize(
    ("outcome", "name"),
    [
        (Outcome.UPDATED, "ContactsUpdated"),
        (Outcome.UNCHANGED, "ContactsUnchanged"),
        (Outcome.KEPT, "ContactsKept"),
        (Outcome.IGNORED, "ContactsIgnored"),
        (Outcome.WOULD_UPDATE, "ContactsWouldUpdate"),
        (Outcome.FAILED, "ContactsFailed"),
    ],
)
def test_every_outcome_has_its_metric(printed: Printed, outcome: Outcome, name: str) -> None:
    telemetry = WorkerTelemetry()
    telemetry.account(LETTER, RECORD, AccountResult({OPERATIONS: outcome}), None)
    telemetry.flush()
    _, emf = printed()
    assert metrics(emf) == {named(name, contact_type="OPERATIONS"): 1}


def test_no_outcome_is_without_a_metric(printed: Printed) -> None:
    telemetry = WorkerTelemetry()
    for outcome in Outcome:
        telemetry.account(LETTER, RECORD, AccountResult({OPERATIONS: outcome}), None)
    telemetry.flush()
    assert len(printed()[1]) == len(Outcome)


def test_counts_accounts_skipped_and_failed_by_reason(printed: Printed) -> None:
    telemetry = WorkerTelemetry()
    telemetry.account(LETTER, RECORD, AccountResult(skipped="SUSPENDED"), None)
    telemetry.account(LETTER, RECORD, AccountResult(skipped="SUSPENDED"), None)
    telemetry.account(LETTER, RECORD, AccountResult(skipped="CLOSED"), None)
    telemetry.account(LETTER, RECORD, AccountResult(), InvalidContact())
    telemetry.account(None, RECORD, AccountResult(), InvalidMessage())
    telemetry.flush()
    _, emf = printed()
    assert metrics(emf) == {
        named("AccountsSkipped", reason="SUSPENDED"): 2,
        named("AccountsSkipped", reason="CLOSED"): 1,
        named("AccountsFailed", reason="contact_refused"): 1,
        named("AccountsFailed", reason="unreadable_letter"): 1,
    }


def test_counts_throttled_calls_of_letters_done_and_returned(printed: Printed) -> None:
    telemetry = WorkerTelemetry()
    telemetry.account(LETTER, RECORD, AccountResult(throttled=2), None)
    telemetry.retry_scheduled(LETTER, RECORD, AccountResult(throttled=3), Unavailable(), 15)
    telemetry.flush()
    _, emf = printed()
    assert metrics(emf) == {named("CallsThrottled"): 5}


def test_counts_the_contacts_set_at_a_try_that_did_not_finish(printed: Printed) -> None:
    telemetry = WorkerTelemetry()
    error = Unavailable("InternalFailure", "PutAlternateContact")
    first = {BILLING: Outcome.UPDATED, SECURITY: Outcome.FAILED}
    second = {BILLING: Outcome.UNCHANGED, SECURITY: Outcome.UPDATED}
    telemetry.retry_scheduled(LETTER, RECORD, AccountResult(first, {SECURITY: error}), error, 15)
    telemetry.account(LETTER, RECORD, AccountResult(second), None)
    telemetry.flush()
    counted = metrics(printed()[1])
    assert counted[named("ContactsUpdated", contact_type="SECURITY")] == 1
    assert counted[named("ContactsUpdated", contact_type="BILLING")] == 1


def test_metrics_are_written_once(printed: Printed) -> None:
    telemetry = WorkerTelemetry()
    telemetry.account(LETTER, RECORD, AccountResult(UPDATED), None)
    telemetry.flush()
    assert len(printed()[1]) == 3
    telemetry.flush()
    assert printed() == ([], [])


def test_the_dimensions_are_these_and_no_others(printed: Printed) -> None:
    """An account id as a dimension would be a custom metric, and a bill, for each account."""
    telemetry = WorkerTelemetry()
    for outcome, kind in itertools.product(Outcome, ContactType):
        telemetry.account(LETTER, RECORD, AccountResult({kind: outcome}, throttled=1), InvalidContact())
    telemetry.account(LETTER, RECORD, AccountResult(skipped="CLOSED"), None)
    telemetry.flush()
    _, emf = printed()
    assert {name for line in emf for name, _ in metric(line)[1]} == {"service", "contact_type", "reason"}
    for line in emf:
        name, dimensions, _ = metric(line)
        assert set(line) == {"_aws", name, *(dimension for dimension, _ in dimensions)}
    assert MEMBER not in json.dumps(emf)


def test_threads_may_tell_at_the_same_time(printed: Printed) -> None:
    telemetry = WorkerTelemetry()
    with ThreadPoolExecutor(8) as pool:
        for _ in range(200):
            pool.submit(telemetry.account, LETTER, RECORD, AccountResult({BILLING: Outcome.UPDATED}), None)
    telemetry.flush()
    lines, emf = printed()
    assert len(lines) == 200
    assert metrics(emf) == {named("ContactsUpdated", contact_type="BILLING"): 200}


# ---- Never a contact ------------------------------------------------------------------------------------------------

EVERYTHING = "; ".join(SECRETS)


def refusal_of_aws() -> ClientError:
    return ClientError({"Error": {"Code": "ValidationException", "Message": EVERYTHING}}, "PutAlternateContact")


def chained() -> Exception:
    """An exception with a cause, as ``raise ... from`` leaves it."""
    error = RuntimeError(EVERYTHING)
    error.__cause__ = refusal_of_aws()
    error.__context__ = KeyError(EVERYTHING)
    error.add_note(EVERYTHING)
    return error


SPOILERS: dict[str, Exception | None] = {
    "success": None,
    "refused": AccessDenied("AccessDeniedException", "PutAlternateContact"),
    "for good": InvalidContact("ValidationException", "PutAlternateContact"),
    "crash of botocore": ParamValidationError(report=EVERYTHING),
    "refusal that nobody mapped": refusal_of_aws(),
    "crash": ValueError(EVERYTHING),
    "chained": chained(),
    "odd": KeyError(DESIRED, EVERYTHING),
}


@pytest.fixture
def pools() -> Iterator[tuple[ThreadPoolExecutor, ThreadPoolExecutor]]:
    with ThreadPoolExecutor(3) as calls, ThreadPoolExecutor(1) as accounts:
        yield calls, accounts


@pytest.mark.parametrize("tries", [1, 10])
@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("operation", ["get", "put"])
@pytest.mark.parametrize("spoiler", list(SPOILERS))
def test_contact_data_never_appears(
    capsys: pytest.CaptureFixture[str],
    pools: tuple[ThreadPoolExecutor, ThreadPoolExecutor],
    spoiler: str,
    operation: str,
    mode: Mode,
    tries: int,
) -> None:
    clock = FakeClock()
    fast = Pacer(1e6, 1e6, clock=clock, sleep=clock.sleep)
    api = FakeAccountApi({(MEMBER, BILLING): PRESENT, (MEMBER, SECURITY): DESIRED})
    if (error := SPOILERS[spoiler]) is not None:
        api.refuse(error, operation="get" if operation == "get" else "put")
    telemetry, queues = WorkerTelemetry(), FakeQueues()
    worker = AccountProcessor(
        PacedAccountApi(api, fast, fast),
        FakeOrganization({MEMBER: "ACTIVE"}, trusted=False),
        {kind: Assignment(Policy.OVERWRITE, DESIRED) for kind in ContactType},
        own_account_id=MANAGEMENT,
        mode=mode,
        pool=pools[0],
    )
    record = QueueRecord("one", "handle", json.dumps({"version": 1, "accountId": MEMBER, "reason": "manual"}), tries)
    BatchProcessor(worker, queues, telemetry, max_tries=10, pool=pools[1]).process_batch([record], deadline=100)
    telemetry.flush()
    output = capsys.readouterr()
    assert output.err == ""
    assert '"message_id":"one"' in output.out
    told = output.out + output.err + str(queues)
    assert [secret for secret in SECRETS if secret in told] == []


def test_the_logger_writes_to_stdout_and_nowhere_else(capsys: pytest.CaptureFixture[str]) -> None:
    """So that the searches above search everything."""
    logger.info("here")
    assert "here" in capsys.readouterr().out
