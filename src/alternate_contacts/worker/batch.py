"""Works off one batch of messages: accounts side by side, each message on its own."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from alternate_contacts.worker.account_processor import AccountProcessor, AccountResult, is_final
from alternate_contacts.worker.decision import Outcome
from alternate_contacts.worker.errors import Permanent, WorkerError
from alternate_contacts.worker.message import AccountMessage, parse_message
from alternate_contacts.worker.retry import retry_delay

ACCOUNTS_AT_A_TIME = 5
"""The batch size of the event source in template.yaml: small enough to share 50 accounts evenly between two workers."""

Content = AccountMessage | Permanent | None
"""What a message says: an account to work on, nothing that can be read, or nothing to do."""


@dataclass(frozen=True)
class QueueRecord:
    """One message of AccountQueue. ``tries`` counts how often it was received, this time included."""

    message_id: str
    receipt_handle: str
    body: str
    tries: int


class MessageQueues(Protocol):
    """Where a letter goes that is not done. Both raise WorkerError."""

    def schedule_retry(self, receipt_handle: str, seconds: int) -> None: ...

    def fail(self, body: str, attributes: Mapping[str, str]) -> None: ...


class OutcomeRecorder(Protocol):
    """Tells the world what became of a message; called by several threads."""

    def account(
        self, letter: AccountMessage | None, record: QueueRecord, result: AccountResult, error: WorkerError | None
    ) -> None:
        """An account is worked off: right, skipped, or failed for good with ``error``; ``letter`` None: unreadable."""

    def message_ignored(self, record: QueueRecord) -> None:
        """The message tells of nothing that asks for work."""

    def retry_scheduled(
        self, letter: AccountMessage, record: QueueRecord, result: AccountResult, error: WorkerError, seconds: int
    ) -> None:
        """A letter goes back for another try in ``seconds``."""

    def left_for_redelivery(self, record: QueueRecord, error: BaseException) -> None:
        """The message could not be moved on, or the worker itself broke: SQS brings it back by itself."""


class BatchProcessor:
    """Works off batches with one account worker."""

    def __init__(
        self,
        worker: AccountProcessor,
        queues: MessageQueues,
        report: OutcomeRecorder,
        *,
        max_tries: int,
        pool: Executor,
    ) -> None:
        """A letter received ``max_tries`` times is given up; ``pool`` has a thread for each account of a batch."""
        self._worker = worker
        self._queues = queues
        self._report = report
        self._max_tries = max_tries
        self._pool = pool

    def process_batch(self, records: Sequence[QueueRecord], *, deadline: float) -> list[str]:
        """Work until ``deadline`` (a time of the pacers' clock); the ids of the messages that SQS has to keep."""
        settled: set[str] = set()
        groups = _by_account(records)
        work = [self._pool.submit(self._work_on_account, group, deadline, settled) for group in groups]
        for group, future in zip(groups, work, strict=True):
            broken = future.exception()
            if broken is not None:
                # Nothing that breaks here may take the rest of the batch with it, nor what is settled already.
                for _, record in group:
                    if record.message_id not in settled:
                        self._report.left_for_redelivery(record, broken)
        return [record.message_id for record in records if record.message_id not in settled]

    def _work_on_account(
        self, group: Iterable[tuple[Content, QueueRecord]], deadline: float, settled: set[str]
    ) -> None:
        # Letters of one account one after another: the second finds the contacts right, and puts nothing.
        for letter, record in group:
            if self._is_settled(letter, record, deadline):
                settled.add(record.message_id)

    def _is_settled(self, letter: Content, record: QueueRecord, deadline: float) -> bool:
        if letter is None:
            self._report.message_ignored(record)
            return True
        if isinstance(letter, Permanent):
            return self._is_failed(None, record, AccountResult(), letter)
        last_try = record.tries >= self._max_tries
        result = self._worker.process(letter, deadline=deadline, last_try=last_try)
        error = result.error
        if error is None:
            self._report.account(letter, record, result, None)
            return True
        if is_final(error, last_try=last_try):
            return self._is_failed(letter, record, result, error)
        seconds = retry_delay(record.tries)
        self._report.retry_scheduled(letter, record, result, error, seconds)
        try:
            self._queues.schedule_retry(record.receipt_handle, seconds)
        except WorkerError as not_rescheduled:
            # It comes back all the same, when the queue's own visibility time-out is over.
            self._report.left_for_redelivery(record, not_rescheduled)
        return False

    def _is_failed(
        self, letter: AccountMessage | None, record: QueueRecord, result: AccountResult, error: WorkerError
    ) -> bool:
        try:
            self._queues.fail(record.body, failure(letter, record, result, error))
        except WorkerError as not_sent:
            self._report.left_for_redelivery(record, not_sent)
            return False
        self._report.account(letter, record, result, error)
        return True


def failure(
    letter: AccountMessage | None, record: QueueRecord, result: AccountResult, error: WorkerError
) -> dict[str, str]:
    """The attributes of a message on FailedAccountQueue: why, for which account; SQS wants none of them empty."""
    failed = [kind for kind, outcome in result.outcomes.items() if outcome is Outcome.FAILED]
    return {
        "AccountId": letter.account_id if letter else "unknown",
        "Reason": error.reason,
        "ErrorCode": error.code,
        "Operation": error.operation,
        "ContactTypes": ",".join(failed) or "none",
        "Tries": str(record.tries),
        "FailedAt": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _by_account(records: Iterable[QueueRecord]) -> list[list[tuple[Content, QueueRecord]]]:
    """The messages with their letters, those of one account together; what can't be read stands alone."""
    read_records = [(_letter(record), record) for record in records]
    return [
        list(group)
        for _, group in itertools.groupby(sorted(read_records, key=_account_or_message), key=_account_or_message)
    ]


def _account_or_message(item: tuple[Content, QueueRecord]) -> str:
    letter, record = item
    return letter.account_id if isinstance(letter, AccountMessage) else record.message_id


def _letter(record: QueueRecord) -> Content:
    try:
        return parse_message(record.body)
    except Permanent as error:
        return error
