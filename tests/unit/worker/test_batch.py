"""What happens to each message of a batch: done, retried, or sent to FailedAccountQueue."""

import itertools
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from alternate_contacts.worker.account_processor import DesiredContactsFinder
from alternate_contacts.worker.batch import BatchProcessor, QueueRecord
from alternate_contacts.worker.contact_selection import Assignment
from alternate_contacts.worker.contacts import ContactType
from alternate_contacts.worker.decision import Outcome, Policy
from alternate_contacts.worker.desired_contacts import DesiredContacts, StackContacts
from alternate_contacts.worker.errors import (
    AccessDenied,
    BelowRoot,
    InvalidContact,
    Throttled,
    Unavailable,
    WorkerError,
)
from alternate_contacts.worker.message import AccountMessage
from alternate_contacts.worker.retry import below_root_delay, retry_delay
from tests.fakes.worker import (
    DESIRED,
    MANAGEMENT,
    MEMBER,
    OTHER,
    FakeAccountApi,
    FakeOrganizationLookup,
    FakeQueues,
    FakeRecorder,
    build_account_processor,
)

MAX_TRIES = 10
BILLING, OPERATIONS, SECURITY = ContactType
ATTRIBUTES = {"AccountId", "Reason", "ErrorCode", "Operation", "ContactTypes", "Tries", "FailedAt"}
UNAVAILABLE = Unavailable("InternalFailure", "x")


def record(
    name: str, account_id: str = MEMBER, *, tries: int = 1, body: str | None = None, mode: str = "enforce"
) -> QueueRecord:
    content = {"version": 1, "accountId": account_id, "trigger": "backfill", "mode": mode}
    return QueueRecord(name, f"handle of {name}", json.dumps(content) if body is None else body, tries)


@dataclass
class Bench:
    """A batch processor with its fakes."""

    calls: Executor
    accounts: Executor
    api: FakeAccountApi = field(default_factory=FakeAccountApi)
    organization: FakeOrganizationLookup = field(
        default_factory=lambda: FakeOrganizationLookup({MEMBER: "ACTIVE", OTHER: "ACTIVE"})
    )
    queues: FakeQueues = field(default_factory=FakeQueues)
    recorder: FakeRecorder = field(default_factory=FakeRecorder)
    contacts: DesiredContactsFinder | None = None
    max_tries: int = MAX_TRIES

    def process_batch(self, *records: QueueRecord, deadline: float = 100) -> list[str]:
        processor = build_account_processor(self.api, self.organization, self.calls, contacts=self.contacts)
        batch = BatchProcessor(processor, self.queues, self.recorder, max_tries=self.max_tries, pool=self.accounts)
        return batch.process_batch(records, deadline=deadline)

    def attributes(self) -> Mapping[str, str]:
        """Return the attributes of the one message on FailedAccountQueue."""
        ((_, attributes),) = self.queues.failed
        return attributes


@pytest.fixture
def bench() -> Iterator[Bench]:
    with ThreadPoolExecutor(15) as calls, ThreadPoolExecutor(5) as accounts:
        yield Bench(calls, accounts)


def test_an_empty_batch_does_nothing(bench: Bench) -> None:
    assert bench.process_batch() == []
    assert bench.recorder.recorded == []


def test_the_message_of_a_processed_account_is_done(bench: Bench) -> None:
    assert bench.process_batch(record("one")) == []
    (recorded,) = bench.recorder.recorded
    assert (recorded.event, recorded.record.message_id) == ("account_processed", "one")
    assert recorded.message is not None
    assert recorded.message.account_id == MEMBER
    assert recorded.result is not None
    assert set(recorded.result.outcomes.values()) == {Outcome.UPDATED}
    assert (bench.queues.failed, bench.queues.retries) == ([], {})


def test_the_message_of_a_skipped_account_is_done(bench: Bench) -> None:
    bench.api.fail_with(AccessDenied("AccessDeniedException", "x"))
    bench.organization.states[MEMBER] = "SUSPENDED"
    assert bench.process_batch(record("one")) == []
    (recorded,) = bench.recorder.recorded
    assert recorded.event == "account_processed"
    assert recorded.result is not None
    assert recorded.result.skipped == "SUSPENDED"
    assert (bench.queues.failed, bench.queues.retries) == ([], {})


def test_an_event_that_asks_for_nothing_is_done_without_a_call(bench: Bench) -> None:
    path = Path(__file__).parents[2] / "events" / "account-joined-organization-management.json"
    assert bench.process_batch(record("one", body=path.read_text())) == []
    assert bench.recorder.events() == [("one", "message_ignored")]
    assert bench.api.calls == []
    assert (bench.queues.failed, bench.queues.retries) == ([], {})


# ---- Retry ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tries", range(1, MAX_TRIES))
def test_a_retryable_error_schedules_a_retry_while_tries_are_left(bench: Bench, tries: int) -> None:
    bench.api.fail_with(UNAVAILABLE)
    assert bench.process_batch(record("one", tries=tries)) == ["one"]
    assert bench.queues.retries == {"handle of one": retry_delay(tries)}
    assert bench.queues.failed == []
    (recorded,) = bench.recorder.recorded
    assert (recorded.event, recorded.error, recorded.seconds) == ("retry_scheduled", UNAVAILABLE, retry_delay(tries))
    assert recorded.message == AccountMessage(MEMBER, "backfill")


class BelowRootWhileItMayWait:
    """The desired contacts of a new account that is never moved to an OU."""

    def find(self, message: AccountMessage, *, deadline: float, may_wait: bool) -> DesiredContacts:
        if may_wait:
            raise BelowRoot("below_root", "DescribeAccount")
        contacts = StackContacts(dict.fromkeys(ContactType, Assignment(Policy.OVERWRITE, DESIRED)))
        return contacts.find(message, deadline=deadline, may_wait=may_wait)


@pytest.mark.parametrize("tries", range(1, MAX_TRIES + 1))
def test_a_new_account_below_the_root_waits_ten_minutes_at_most(bench: Bench, tries: int) -> None:
    bench.contacts = BelowRootWhileItMayWait()
    remaining = bench.process_batch(record("one", tries=tries))
    seconds = below_root_delay(tries)
    assert bench.queues.retries == ({"handle of one": seconds} if seconds else {})
    assert remaining == (["one"] if seconds else [])
    assert bool(bench.api.calls) is not bool(seconds)
    assert bench.queues.failed == []


def test_a_new_account_below_the_root_does_not_wait_at_the_last_try(bench: Bench) -> None:
    bench.contacts, bench.max_tries = BelowRootWhileItMayWait(), 2
    assert bench.process_batch(record("one", tries=2)) == []
    assert bench.recorder.events() == [("one", "account_processed")]


def test_a_message_whose_retry_cannot_be_scheduled_is_left_for_redelivery(bench: Bench) -> None:
    bench.api.fail_with(UNAVAILABLE)
    bench.queues.error = Unavailable("ReceiptHandleIsInvalid", "ChangeMessageVisibility")
    assert bench.process_batch(record("one")) == ["one"]
    left = bench.recorder.recorded[-1]
    assert (left.event, left.record.message_id, left.error) == ("left_for_redelivery", "one", bench.queues.error)


def test_a_message_is_retried_while_one_of_its_types_is_retryable(bench: Bench) -> None:
    bench.api.fail_with(InvalidContact("ValidationException", "x"), contact_type=BILLING)
    bench.api.fail_with(UNAVAILABLE, contact_type=SECURITY)
    assert bench.process_batch(record("one")) == ["one"]
    assert bench.queues.failed == []


def test_every_message_is_retried_if_no_time_is_left(bench: Bench) -> None:
    assert bench.process_batch(record("one"), record("two", OTHER), deadline=0) == ["one", "two"]
    assert set(bench.queues.retries) == {"handle of one", "handle of two"}
    assert bench.api.calls == []


# ---- FailedAccountQueue ---------------------------------------------------------------------------------------------


def test_a_permanent_error_fails_at_the_first_try(bench: Bench) -> None:
    bench.api.fail_with(InvalidContact("ValidationException", "PutAlternateContact"), contact_type=SECURITY)
    message = record("one")
    before = datetime.now(UTC).replace(microsecond=0)
    assert bench.process_batch(message) == []
    ((body, attributes),) = bench.queues.failed
    assert body == message.body
    failed_at = datetime.fromisoformat(attributes["FailedAt"])
    assert before <= failed_at <= before + timedelta(minutes=1)
    assert {**attributes, "FailedAt": ""} == {
        "AccountId": MEMBER,
        "Reason": "invalid_contact",
        "ErrorCode": "ValidationException",
        "Operation": "PutAlternateContact",
        "ContactTypes": "SECURITY",
        "Tries": "1",
        "FailedAt": "",
    }
    assert bench.queues.retries == {}
    (recorded,) = bench.recorder.recorded
    assert recorded.event == "account_failed"
    assert recorded.message == AccountMessage(MEMBER, "backfill")
    assert isinstance(recorded.error, InvalidContact)


@pytest.mark.parametrize("tries", [MAX_TRIES, MAX_TRIES + 1, MAX_TRIES + 3])
@pytest.mark.parametrize(
    "error",
    [UNAVAILABLE, AccessDenied("AccessDeniedException", "x"), Throttled("SlowDown", "x")],
    ids=lambda error: type(error).__name__,
)
def test_every_error_fails_at_the_last_try(bench: Bench, error: WorkerError, tries: int) -> None:
    bench.api.fail_with(error)
    assert bench.process_batch(record("one", tries=tries), deadline=0.001) == []
    assert bench.attributes()["Tries"] == str(tries)
    assert bench.attributes()["ContactTypes"] == "BILLING,OPERATIONS,SECURITY"
    assert bench.queues.retries == {}


def test_only_the_last_try_determines_whether_trusted_access_is_off(bench: Bench) -> None:
    bench.api.fail_with(AccessDenied("AccessDeniedException", "GetAlternateContact"))
    bench.organization.trusted = False
    bench.process_batch(record("one", tries=MAX_TRIES - 1))
    assert "trusted access" not in bench.organization.calls
    bench.process_batch(record("one", tries=MAX_TRIES))
    assert bench.attributes()["Reason"] == "trusted_access_off"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("not json", "invalid_message"),
        ("[" * 100_000, "invalid_message"),
        ('{"detail": {"eventName": "CreateAccountResult"}}', "event_without_account"),
    ],
    ids=["not json", "deep", "event"],
)
def test_an_invalid_message_fails_with_its_body_unchanged(bench: Bench, body: str, reason: str) -> None:
    assert bench.process_batch(record("one", body=body)) == []
    assert bench.queues.failed[0][0] == body
    attributes = bench.attributes()
    assert attributes["Reason"] == reason
    assert (attributes["AccountId"], attributes["ContactTypes"]) == ("unknown", "none")
    (recorded,) = bench.recorder.recorded
    assert (recorded.event, recorded.message) == ("account_failed", None)


@pytest.mark.parametrize(
    "message",
    [record("one", body="not json"), record("one", tries=MAX_TRIES), record("one", OTHER)],
    ids=["invalid", "last try", "permanent"],
)
def test_no_attribute_is_missing_or_empty(bench: Bench, message: QueueRecord) -> None:
    bench.api.fail_with(Unavailable(), account_id=MEMBER)
    bench.api.fail_with(InvalidContact(), account_id=OTHER)
    assert bench.process_batch(message) == []
    assert set(bench.attributes()) == ATTRIBUTES
    assert all(bench.attributes().values())


@pytest.mark.parametrize(
    "message", [record("one", body="not json"), record("one", tries=MAX_TRIES)], ids=["invalid", "last try"]
)
def test_a_message_that_cannot_be_sent_to_failed_account_queue_is_left_for_redelivery(
    bench: Bench, message: QueueRecord
) -> None:
    bench.api.fail_with(UNAVAILABLE)
    bench.queues.error = Unavailable("ServiceUnavailable", "SendMessage")
    assert bench.process_batch(message) == ["one"]
    (recorded,) = bench.recorder.recorded
    assert (recorded.event, recorded.error) == ("left_for_redelivery", bench.queues.error)


# ---- Crashes --------------------------------------------------------------------------------------------------------


def test_a_crash_in_one_account_does_not_fail_the_others(bench: Bench) -> None:
    crash = ZeroDivisionError()
    bench.api.fail_with(crash, account_id=OTHER, contact_type=OPERATIONS)
    remaining = bench.process_batch(record("before"), record("crash", OTHER), record("after", MANAGEMENT))
    assert remaining == ["crash"]
    assert bench.recorder.events() == [
        ("after", "account_processed"),
        ("before", "account_processed"),
        ("crash", "left_for_redelivery"),
    ]
    assert crash in [recorded.error for recorded in bench.recorder.recorded]
    assert bench.queues.failed == []


def test_a_crash_does_not_return_the_earlier_messages_of_the_account(bench: Bench) -> None:
    bench.api.fail_with(UNAVAILABLE, contact_type=BILLING, times=1)
    bench.api.fail_with(ZeroDivisionError(), contact_type=BILLING)
    assert bench.process_batch(record("done", tries=MAX_TRIES), record("crash")) == ["crash"]
    assert len(bench.queues.failed) == 1


# ---- Several messages -----------------------------------------------------------------------------------------------


def test_two_messages_of_one_account_put_each_contact_once(bench: Bench) -> None:
    assert bench.process_batch(record("one"), record("other", OTHER), record("two")) == []
    assert set(bench.api.puts()) == set(itertools.product((MEMBER, OTHER), ContactType))
    assert len(bench.api.puts()) == 6
    assert [event for _, event in bench.recorder.events()] == ["account_processed"] * 3


class CountingPool(ThreadPoolExecutor):
    """A pool that counts what it runs."""

    submitted = 0

    def submit(self, *arguments: Any, **keywords: Any) -> Future[Any]:
        self.submitted += 1
        return super().submit(*arguments, **keywords)


def test_the_messages_of_one_account_share_a_thread(bench: Bench) -> None:
    with CountingPool(5) as pool:
        bench.accounts = pool
        assert bench.process_batch(record("one"), record("other", OTHER), record("two"), record("bad", body="{}")) == []
    assert pool.submitted == 3


def test_two_messages_of_one_account_keep_their_own_modes(bench: Bench) -> None:
    bench.process_batch(record("report", mode="report"), record("enforce", mode="enforce"))
    outcomes = {
        recorded.record.message_id: set(recorded.result.outcomes.values())
        for recorded in bench.recorder.recorded
        if recorded.result
    }
    assert outcomes == {"report": {Outcome.WOULD_UPDATE}, "enforce": {Outcome.UPDATED}}


def test_two_messages_of_one_account_keep_their_own_tries(bench: Bench) -> None:
    bench.api.fail_with(UNAVAILABLE)
    assert bench.process_batch(record("old", tries=MAX_TRIES), record("new")) == ["new"]
    assert bench.queues.retries == {"handle of new": retry_delay(1)}
    assert bench.attributes()["Tries"] == str(MAX_TRIES)


def test_more_accounts_than_threads_are_all_processed(bench: Bench) -> None:
    records = [record(str(number), f"{number:012}") for number in range(1, 40)]
    assert bench.process_batch(*records) == []
    assert len(bench.recorder.recorded) == 39
    assert len(bench.api.contacts) == 39 * 3


RECORDS = [
    record("compliant", "300000000001"),
    record("permanent", "300000000002"),
    record("unavailable", "300000000003"),
    record("last try", "300000000004", tries=MAX_TRIES),
    record("invalid", body="{}"),
]


@pytest.mark.parametrize("order", list(itertools.permutations(RECORDS)), ids=lambda order: order[0].message_id)
def test_each_message_has_its_own_result_in_any_order(bench: Bench, order: tuple[QueueRecord, ...]) -> None:
    bench.api.fail_with(InvalidContact("ValidationException", "x"), account_id="300000000002")
    bench.api.fail_with(UNAVAILABLE, account_id="300000000003")
    bench.api.fail_with(UNAVAILABLE, account_id="300000000004")
    assert bench.process_batch(*order) == ["unavailable"]
    assert list(bench.queues.retries) == ["handle of unavailable"]
    assert {body for body, _ in bench.queues.failed} == {RECORDS[index].body for index in (1, 3, 4)}
    assert {account_id for account_id, _ in bench.api.contacts} == {"300000000001"}
    assert bench.recorder.events() == [
        ("compliant", "account_processed"),
        ("invalid", "account_failed"),
        ("last try", "account_failed"),
        ("permanent", "account_failed"),
        ("unavailable", "retry_scheduled"),
    ]
