"""What becomes of each message of a batch: settled, put back, or kept on FailedAccountQueue, each on its own."""

import itertools
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alternate_contacts.worker.account_processor import AccountProcessor, Assignment
from alternate_contacts.worker.batch import BatchProcessor, QueueRecord
from alternate_contacts.worker.contacts import ContactType
from alternate_contacts.worker.decision import Outcome, Policy
from alternate_contacts.worker.errors import (
    AccessDenied,
    InvalidContact,
    Retryable,
    Throttled,
    Unavailable,
    WorkerError,
)
from alternate_contacts.worker.paced_api import PacedAccountApi
from alternate_contacts.worker.pacing import Pacer
from alternate_contacts.worker.protocol import Mode
from alternate_contacts.worker.retry import retry_delay
from tests.fakes.clock import FakeClock
from tests.fakes.worker import (
    DESIRED,
    MANAGEMENT,
    MEMBER,
    OTHER,
    FakeAccountApi,
    FakeOrganization,
    FakeQueues,
    FakeReport,
)

MAX_TRIES = 10
BILLING, OPERATIONS, SECURITY = ContactType
ATTRIBUTES = {"AccountId", "Reason", "ErrorCode", "Operation", "ContactTypes", "Tries", "FailedAt"}


def record(name: str, account_id: str = MEMBER, *, tries: int = 1, body: str | None = None, **more: str) -> QueueRecord:
    letter = {"version": 1, "accountId": account_id, "reason": "backfill", "mode": "enforce"} | more
    return QueueRecord(name, f"handle of {name}", json.dumps(letter) if body is None else body, tries)


@dataclass
class Bench:
    """A batch with all that it talks to."""

    calls: Executor
    accounts: Executor
    api: FakeAccountApi = field(default_factory=FakeAccountApi)
    organization: FakeOrganization = field(
        default_factory=lambda: FakeOrganization({MEMBER: "ACTIVE", OTHER: "ACTIVE"})
    )
    queues: FakeQueues = field(default_factory=FakeQueues)
    report: FakeReport = field(default_factory=FakeReport)

    def process_batch(self, *records: QueueRecord, deadline: float = 100) -> list[str]:
        clock = FakeClock()
        fast = Pacer(1e6, 1e6, clock=clock, sleep=clock.sleep)
        worker = AccountProcessor(
            PacedAccountApi(self.api, gets=fast, puts=fast),
            self.organization,
            {kind: Assignment(Policy.OVERWRITE, DESIRED) for kind in ContactType},
            own_account_id=MANAGEMENT,
            mode=Mode.ENFORCE,
            pool=self.calls,
        )
        batch = BatchProcessor(worker, self.queues, self.report, max_tries=MAX_TRIES, pool=self.accounts)
        return batch.process_batch(records, deadline=deadline)

    def attributes(self) -> Mapping[str, str]:
        """The attributes of the one message on FailedAccountQueue."""
        ((_, attributes),) = self.queues.failed
        return attributes


@pytest.fixture
def pools() -> Iterator[tuple[Executor, Executor]]:
    with ThreadPoolExecutor(15) as calls, ThreadPoolExecutor(5) as accounts:
        yield calls, accounts


@pytest.fixture
def bench(pools: tuple[Executor, Executor]) -> Bench:
    return Bench(*pools)


def test_an_empty_batch_is_worked_off(bench: Bench) -> None:
    assert bench.process_batch() == []
    assert bench.report.told == []


def test_an_account_that_is_right_is_settled(bench: Bench) -> None:
    assert bench.process_batch(record("one")) == []
    (told,) = bench.report.told
    assert (told.what, told.error, told.record.message_id) == ("account", None, "one")
    assert told.letter is not None
    assert told.letter.account_id == MEMBER
    assert told.result is not None
    assert set(told.result.outcomes.values()) == {Outcome.UPDATED}
    assert (bench.queues.failed, bench.queues.returned) == ([], {})


def test_a_skipped_account_is_settled(bench: Bench) -> None:
    bench.api.refuse(AccessDenied("AccessDeniedException", "x"))
    bench.organization.states[MEMBER] = "SUSPENDED"
    assert bench.process_batch(record("one")) == []
    (told,) = bench.report.told
    assert (told.what, told.error) == ("account", None)
    assert told.result is not None
    assert told.result.skipped == "SUSPENDED"
    assert (bench.queues.failed, bench.queues.returned) == ([], {})


def test_an_event_that_asks_for_nothing_is_settled_without_a_call(bench: Bench) -> None:
    path = Path(__file__).parents[2] / "events" / "account-joined-organization-management.json"
    assert bench.process_batch(record("one", body=path.read_text()), record("two")) == []
    assert [told.what for told in bench.report.of("one")] == ["nothing to do"]
    assert {account_id for _, account_id, _ in bench.api.calls} == {MEMBER}
    assert (bench.queues.failed, bench.queues.returned) == ([], {})


def test_each_message_is_on_its_own(bench: Bench) -> None:
    bench.api.refuse(Unavailable("InternalFailure", "x"), account_id=OTHER)
    kept = bench.process_batch(
        record("good"), record("bad", OTHER), record("own", MANAGEMENT), record("unreadable", body="what?")
    )
    assert kept == ["bad"]
    assert list(bench.queues.returned) == ["handle of bad"]
    assert [body for body, _ in bench.queues.failed] == ["what?"]
    assert {account_id for account_id, _ in bench.api.contacts} == {MEMBER, None}
    assert {told.record.message_id: told.what for told in bench.report.told} == {
        "good": "account",
        "bad": "returned",
        "own": "account",
        "unreadable": "account",
    }


# ---- Back to AccountQueue -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tries", range(1, MAX_TRIES))
def test_a_letter_goes_back_with_growing_delay_while_tries_are_left(bench: Bench, tries: int) -> None:
    error = Unavailable("InternalFailure", "x")
    bench.api.refuse(error)
    assert bench.process_batch(record("one", tries=tries)) == ["one"]
    assert bench.queues.returned == {"handle of one": retry_delay(tries)}
    assert bench.queues.failed == []
    (told,) = bench.report.told
    assert (told.what, told.error, told.seconds) == ("returned", error, retry_delay(tries))


def test_a_letter_goes_back_even_if_it_cannot_be_put_back(bench: Bench) -> None:
    bench.api.refuse(Unavailable("InternalFailure", "x"))
    bench.queues.error = not_rescheduled = Unavailable("ReceiptHandleIsInvalid", "ChangeMessageVisibility")
    assert bench.process_batch(record("one")) == ["one"]
    assert bench.report.told[-1].what == "not settled"
    assert bench.report.told[-1].error is not_rescheduled


def test_a_letter_is_put_back_while_one_of_its_types_is_retryable(bench: Bench) -> None:
    bench.api.refuse(InvalidContact("ValidationException", "x"), contact_type=BILLING)
    bench.api.refuse(Unavailable("InternalFailure", "x"), contact_type=SECURITY)
    assert bench.process_batch(record("one")) == ["one"]
    assert bench.queues.failed == []


def test_without_time_left_every_letter_goes_back(bench: Bench) -> None:
    assert bench.process_batch(record("one"), record("two", OTHER), deadline=0) == ["one", "two"]
    assert set(bench.queues.returned) == {"handle of one", "handle of two"}
    assert bench.api.calls == []


# ---- To FailedAccountQueue ------------------------------------------------------------------------------------------


def test_what_is_permanent_fails_at_the_first_try(bench: Bench) -> None:
    bench.api.refuse(InvalidContact("ValidationException", "PutAlternateContact"), contact_type=SECURITY)
    message = record("one")
    before = datetime.now(UTC).replace(microsecond=0)
    assert bench.process_batch(message) == []
    ((body, attributes),) = bench.queues.failed
    assert body == message.body
    failed_at = datetime.fromisoformat(attributes["FailedAt"])
    assert before <= failed_at <= before + timedelta(minutes=1)
    assert {**attributes, "FailedAt": ""} == {
        "AccountId": MEMBER,
        "Reason": "contact_refused",
        "ErrorCode": "ValidationException",
        "Operation": "PutAlternateContact",
        "ContactTypes": "SECURITY",
        "Tries": "1",
        "FailedAt": "",
    }
    assert bench.queues.returned == {}
    (told,) = bench.report.told
    assert told.what == "account"
    assert isinstance(told.error, InvalidContact)


@pytest.mark.parametrize("tries", [MAX_TRIES, MAX_TRIES + 1, MAX_TRIES + 3])
@pytest.mark.parametrize(
    "error",
    [Unavailable("InternalFailure", "x"), AccessDenied("AccessDeniedException", "x"), Throttled("SlowDown", "x")],
    ids=lambda error: type(error).__name__,
)
def test_out_of_tries_every_error_fails(bench: Bench, error: WorkerError, tries: int) -> None:
    bench.api.refuse(error)
    assert bench.process_batch(record("one", tries=tries), deadline=0.001) == []
    assert bench.attributes()["Tries"] == str(tries)
    assert bench.attributes()["ContactTypes"] == "BILLING,OPERATIONS,SECURITY"
    assert bench.queues.returned == {}


def test_only_the_last_try_names_a_refusal(bench: Bench) -> None:
    bench.api.refuse(AccessDenied("AccessDeniedException", "GetAlternateContact"))
    bench.organization.trusted = False
    bench.process_batch(record("one", tries=MAX_TRIES - 1))
    assert "trusted access" not in bench.organization.asked
    bench.process_batch(record("one", tries=MAX_TRIES))
    assert bench.attributes()["Reason"] == "trusted_access_off"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("what?", "unreadable_letter"),
        ("[" * 100_000, "unreadable_letter"),
        ('{"detail": {"eventName": "CreateAccountResult"}}', "event_without_account"),
    ],
    ids=["no json", "deep", "event"],
)
def test_what_cannot_be_read_fails_as_it_came(bench: Bench, body: str, reason: str) -> None:
    assert bench.process_batch(record("one", body=body)) == []
    assert bench.queues.failed[0][0] == body
    attributes = bench.attributes()
    assert attributes["Reason"] == reason
    assert (attributes["AccountId"], attributes["ContactTypes"]) == ("unknown", "none")
    (told,) = bench.report.told
    assert (told.what, told.letter) == ("account", None)


@pytest.mark.parametrize(
    "message",
    [record("one", body="what?"), record("one", tries=MAX_TRIES), record("one", OTHER)],
    ids=["unreadable", "out of tries", "permanent"],
)
def test_no_attribute_is_missing_or_empty(bench: Bench, message: QueueRecord) -> None:
    bench.api.refuse(Unavailable(), account_id=MEMBER)
    bench.api.refuse(InvalidContact(), account_id=OTHER)
    assert bench.process_batch(message) == []
    assert set(bench.attributes()) == ATTRIBUTES
    assert all(bench.attributes().values())


@pytest.mark.parametrize("message", [record("one", body="what?"), record("one", tries=MAX_TRIES)], ids=["a", "b"])
def test_what_cannot_be_failed_stays_on_account_queue(bench: Bench, message: QueueRecord) -> None:
    bench.api.refuse(Unavailable("InternalFailure", "x"))
    bench.queues.error = not_sent = Unavailable("ServiceUnavailable", "SendMessage")
    assert bench.process_batch(message) == ["one"]
    (told,) = bench.report.told
    assert (told.what, told.error) == ("not settled", not_sent)


# ---- What nobody foresaw --------------------------------------------------------------------------------------------


def test_what_nobody_foresaw_in_one_account_does_not_take_the_rest(bench: Bench) -> None:
    broken = ZeroDivisionError()
    bench.api.refuse(broken, account_id=OTHER, contact_type=OPERATIONS)
    kept = bench.process_batch(record("before"), record("broken", OTHER), record("after", MANAGEMENT))
    assert kept == ["broken"]
    assert [(told.what, told.error) for told in bench.report.of("broken")] == [("not settled", broken)]
    assert [told.what for told in bench.report.of("before")] == ["account"]
    assert [told.what for told in bench.report.of("after")] == ["account"]
    assert bench.queues.failed == []


def test_what_nobody_foresaw_in_one_letter_does_not_take_back_what_is_settled(bench: Bench) -> None:
    bench.api.refuse(Unavailable("InternalFailure", "x"), contact_type=BILLING, times=1)
    bench.api.refuse(ZeroDivisionError(), contact_type=BILLING)
    kept = bench.process_batch(record("settled", tries=MAX_TRIES), record("broken"))
    assert len(bench.queues.failed) == 1
    assert kept == ["broken"]


# ---- Several letters ------------------------------------------------------------------------------------------------


def test_two_letters_of_one_account_cost_one_set_of_puts(bench: Bench) -> None:
    assert bench.process_batch(record("one"), record("other", OTHER), record("two")) == []
    assert sorted(map(str, bench.api.puts())) == sorted(
        str((account_id, kind)) for account_id in (MEMBER, OTHER) for kind in ContactType
    )
    assert [told.what for told in bench.report.of("one") + bench.report.of("two")] == ["account", "account"]


def test_two_letters_of_one_account_keep_their_own_mode(bench: Bench) -> None:
    bench.process_batch(record("look", mode="report"), record("do", mode="enforce"))
    outcomes = {told.record.message_id: set(told.result.outcomes.values()) for told in bench.report.told if told.result}
    assert outcomes == {"look": {Outcome.WOULD_UPDATE}, "do": {Outcome.UPDATED}}


def test_two_letters_of_one_account_have_their_own_tries(bench: Bench) -> None:
    bench.api.refuse(Unavailable("InternalFailure", "x"))
    assert bench.process_batch(record("old", tries=MAX_TRIES), record("young")) == ["young"]
    assert bench.queues.returned == {"handle of young": retry_delay(1)}
    assert bench.attributes()["Tries"] == str(MAX_TRIES)


def test_more_accounts_than_threads_are_all_worked_off(bench: Bench) -> None:
    records = [record(str(number), f"{number:012}") for number in range(1, 40)]
    assert bench.process_batch(*records) == []
    assert len(bench.report.told) == 39
    assert len(bench.api.contacts) == 39 * 3


FATES = [
    record("right", "300000000001"),
    record("refused", "300000000002"),
    record("unavailable", "300000000003"),
    record("out of tries", "300000000004", tries=MAX_TRIES),
    record("unreadable", body="{}"),
]


@pytest.mark.parametrize("order", list(itertools.permutations(FATES)), ids=lambda order: order[0].message_id)
def test_the_order_of_messages_changes_nothing(bench: Bench, order: tuple[QueueRecord, ...]) -> None:
    bench.api.refuse(InvalidContact("ValidationException", "x"), account_id="300000000002")
    bench.api.refuse(Unavailable("InternalFailure", "x"), account_id="300000000003")
    bench.api.refuse(Unavailable("InternalFailure", "x"), account_id="300000000004")
    assert bench.process_batch(*order) == ["unavailable"]
    assert list(bench.queues.returned) == ["handle of unavailable"]
    assert {body for body, _ in bench.queues.failed} == {
        FATES[1].body,
        FATES[3].body,
        FATES[4].body,
    }
    assert {account_id for account_id, _ in bench.api.contacts} == {"300000000001"}
    assert all(isinstance(told.error, Retryable) for told in bench.report.told if told.what == "returned")
