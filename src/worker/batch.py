"""Works off one batch of messages: accounts side by side, each message on its own."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from worker.account import AccountWorker, Result, is_final
from worker.decision import Outcome
from worker.errors import Permanent, WorkerError
from worker.letter import Letter, read
from worker.retry import delay

ACCOUNTS_AT_A_TIME = 5
"""The batch size of the event source in template.yaml: small enough to share 50 accounts evenly between two workers."""

Content = Letter | Permanent | None
"""What a message says: an account to work on, nothing that can be read, or nothing to do."""


@dataclass(frozen=True)
class Record:
    """One message of AccountQueue. ``tries`` counts how often it was received, this time included."""

    message_id: str
    receipt_handle: str
    body: str
    tries: int


class Queues(Protocol):
    """Where a letter goes that is not done. Both raise WorkerError."""

    def put_back(self, receipt_handle: str, seconds: int) -> None: ...

    def fail(self, body: str, attributes: Mapping[str, str]) -> None: ...


class Report(Protocol):
    """Tells the world what became of a message; called by several threads."""

    def account(self, letter: Letter | None, record: Record, result: Result, error: WorkerError | None) -> None:
        """An account is worked off: right, skipped, or failed for good with ``error``; ``letter`` None: unreadable."""

    def nothing_to_do(self, record: Record) -> None:
        """The message tells of nothing that asks for work."""

    def returned(self, letter: Letter, record: Record, result: Result, error: WorkerError, seconds: int) -> None:
        """A letter goes back for another try in ``seconds``."""

    def not_settled(self, record: Record, error: BaseException) -> None:
        """The message could not be moved on, or the worker itself broke: SQS brings it back by itself."""


class Batch:
    """Works off batches with one account worker."""

    def __init__(
        self, worker: AccountWorker, queues: Queues, report: Report, *, max_tries: int, pool: Executor
    ) -> None:
        """A letter received ``max_tries`` times is given up; ``pool`` has a thread for each account of a batch."""
        self._worker = worker
        self._queues = queues
        self._report = report
        self._max_tries = max_tries
        self._pool = pool

    def work_off(self, records: Sequence[Record], *, deadline: float) -> list[str]:
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
                        self._report.not_settled(record, broken)
        return [record.message_id for record in records if record.message_id not in settled]

    def _work_on_account(self, group: Iterable[tuple[Content, Record]], deadline: float, settled: set[str]) -> None:
        # Letters of one account one after another: the second finds the contacts right, and puts nothing.
        for letter, record in group:
            if self._is_settled(letter, record, deadline):
                settled.add(record.message_id)

    def _is_settled(self, letter: Content, record: Record, deadline: float) -> bool:
        if letter is None:
            self._report.nothing_to_do(record)
            return True
        if isinstance(letter, Permanent):
            return self._is_failed(None, record, Result(), letter)
        last_try = record.tries >= self._max_tries
        result = self._worker.bring_right(letter, deadline=deadline, last_try=last_try)
        error = result.error
        if error is None:
            self._report.account(letter, record, result, None)
            return True
        if is_final(error, last_try=last_try):
            return self._is_failed(letter, record, result, error)
        seconds = delay(record.tries)
        self._report.returned(letter, record, result, error, seconds)
        try:
            self._queues.put_back(record.receipt_handle, seconds)
        except WorkerError as not_put_back:
            # It comes back all the same, when the queue's own visibility time-out is over.
            self._report.not_settled(record, not_put_back)
        return False

    def _is_failed(self, letter: Letter | None, record: Record, result: Result, error: WorkerError) -> bool:
        try:
            self._queues.fail(record.body, failure(letter, record, result, error))
        except WorkerError as not_sent:
            self._report.not_settled(record, not_sent)
            return False
        self._report.account(letter, record, result, error)
        return True


def failure(letter: Letter | None, record: Record, result: Result, error: WorkerError) -> dict[str, str]:
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


def _by_account(records: Iterable[Record]) -> list[list[tuple[Content, Record]]]:
    """The messages with their letters, those of one account together; what can't be read stands alone."""
    read_records = [(_letter(record), record) for record in records]
    return [
        list(group)
        for _, group in itertools.groupby(sorted(read_records, key=_account_or_message), key=_account_or_message)
    ]


def _account_or_message(item: tuple[Content, Record]) -> str:
    letter, record = item
    return letter.account_id if isinstance(letter, Letter) else record.message_id


def _letter(record: Record) -> Content:
    try:
        return read(record.body)
    except Permanent as error:
        return error
