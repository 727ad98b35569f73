"""Process one batch of messages: accounts in parallel, and every message independently of the others."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from alternate_contacts.worker.account_processor import AccountProcessor, AccountResult
from alternate_contacts.worker.decision import Outcome
from alternate_contacts.worker.errors import BelowRoot, Permanent, WorkerError
from alternate_contacts.worker.message import AccountMessage, parse_message
from alternate_contacts.worker.retry import below_root_delay, retry_delay

ACCOUNTS_AT_A_TIME = 5
"""The event source's batch size in template.yaml: small enough to share 50 accounts evenly between two workers."""

MAX_ATTRIBUTE_LENGTH = 256
"""Characters of a value. The MaximumMessageSize of FailedAccountQueue in template.yaml has room for seven."""

Content = AccountMessage | Permanent | None
"""The parsed body of a message: an account to process, why the body is invalid, or None if there is nothing to do."""


@dataclass(frozen=True)
class QueueRecord:
    """One message of AccountQueue. ``tries`` counts how often it was received, this time included."""

    message_id: str
    receipt_handle: str
    body: str
    tries: int


class MessageQueues(Protocol):
    """What the worker does with a message that is not processed. Both raise WorkerError."""

    def schedule_retry(self, receipt_handle: str, seconds: int) -> None: ...

    def fail(self, body: str, attributes: Mapping[str, str]) -> None: ...


class OutcomeRecorder(Protocol):
    """Records the outcome of every message. Several threads call it."""

    def account_processed(self, message: AccountMessage, record: QueueRecord, result: AccountResult) -> None:
        """The account was processed or skipped."""

    def account_failed(
        self, message: AccountMessage | None, record: QueueRecord, result: AccountResult, error: WorkerError
    ) -> None:
        """The message is on FailedAccountQueue; ``message`` is None if the body is invalid."""

    def message_ignored(self, record: QueueRecord) -> None:
        """There is nothing to do for the message."""

    def retry_scheduled(
        self, message: AccountMessage, record: QueueRecord, result: AccountResult, error: WorkerError, seconds: int
    ) -> None:
        """The message becomes visible on AccountQueue again in ``seconds``."""

    def left_for_redelivery(self, record: QueueRecord, error: BaseException) -> None:
        """The worker crashed, or a call of SQS failed: SQS delivers the message again after the visibility timeout."""


class BatchProcessor:
    """Processes batches of messages."""

    def __init__(
        self,
        accounts: AccountProcessor,
        queues: MessageQueues,
        recorder: OutcomeRecorder,
        *,
        max_tries: int,
        pool: Executor,
    ) -> None:
        """Start without any call.

        Args:
            accounts: processes the account of a message.
            queues: AccountQueue and FailedAccountQueue.
            recorder: records the outcomes.
            max_tries: how often a message is received before it goes to FailedAccountQueue.
            pool: runs the accounts. It needs a thread for each account of a batch.
        """
        self._accounts = accounts
        self._queues = queues
        self._recorder = recorder
        self._max_tries = max_tries
        self._pool = pool

    def process_batch(self, records: Sequence[QueueRecord], *, deadline: float) -> list[str]:
        """Process ``records`` until ``deadline``, a time of the pacers' clock.

        Returns:
            The IDs of the messages that stay on AccountQueue.
        """
        done: set[str] = set()
        groups = _group_by_account(records)
        futures = [(group, self._pool.submit(self._process_group, group, deadline, done)) for group in groups]
        for group, future in futures:
            crash = future.exception()
            if crash is not None:
                # A crash must not fail the other accounts, nor the messages of this account that are done.
                for _, record in group:
                    if record.message_id not in done:
                        self._recorder.left_for_redelivery(record, crash)
        return [record.message_id for record in records if record.message_id not in done]

    def _process_group(self, group: Iterable[tuple[Content, QueueRecord]], deadline: float, done: set[str]) -> None:
        # One message of an account after the other: the second finds compliant contacts, and puts nothing.
        for content, record in group:
            try:
                if self._process_record(content, record, deadline):
                    done.add(record.message_id)
            except WorkerError as error:
                self._recorder.left_for_redelivery(record, error)

    def _process_record(self, content: Content, record: QueueRecord, deadline: float) -> bool:
        """Process one message. Return True if SQS may delete it, False if a retry is scheduled.

        Raises:
            WorkerError: a call of SQS failed.
        """
        if content is None:
            self._recorder.message_ignored(record)
            return True
        if isinstance(content, Permanent):
            self._fail(None, record, AccountResult(), content)
            return True
        last_try = record.tries >= self._max_tries
        below_root_seconds = 0 if last_try else below_root_delay(record.tries)
        result = self._accounts.process(
            content, deadline=deadline, last_try=last_try, may_wait=bool(below_root_seconds)
        )
        error = result.error
        if error is None:
            self._recorder.account_processed(content, record, result)
            return True
        if last_try or isinstance(error, Permanent):
            self._fail(content, record, result, error)
            return True
        seconds = below_root_seconds if isinstance(error, BelowRoot) else retry_delay(record.tries)
        self._recorder.retry_scheduled(content, record, result, error, seconds)
        self._queues.schedule_retry(record.receipt_handle, seconds)
        return False

    def _fail(
        self, message: AccountMessage | None, record: QueueRecord, result: AccountResult, error: WorkerError
    ) -> None:
        self._queues.fail(record.body, failure_attributes(message, record, result, error))
        self._recorder.account_failed(message, record, result, error)


def failure_attributes(
    message: AccountMessage | None, record: QueueRecord, result: AccountResult, error: WorkerError
) -> dict[str, str]:
    """Return the attributes of the message on FailedAccountQueue. None is empty, because SQS rejects empty values.

    None is longer than `MAX_ATTRIBUTE_LENGTH`, whatever AWS returned as an error code.
    """
    failed = [contact_type for contact_type, outcome in result.outcomes.items() if outcome is Outcome.FAILED]
    attributes = {
        "AccountId": message.account_id if message else "unknown",
        "Reason": error.reason,
        "ErrorCode": error.code,
        "Operation": error.operation,
        "ContactTypes": ",".join(failed) or "none",
        "Tries": str(record.tries),
        "FailedAt": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return {name: value[:MAX_ATTRIBUTE_LENGTH] for name, value in attributes.items()}


def _group_by_account(records: Iterable[QueueRecord]) -> list[list[tuple[Content, QueueRecord]]]:
    """Return the parsed records, those of one account in one group, every other one in a group of its own."""
    parsed = sorted(((_parse(record), record) for record in records), key=_account_or_message_id)
    return [list(group) for _, group in itertools.groupby(parsed, key=_account_or_message_id)]


def _account_or_message_id(item: tuple[Content, QueueRecord]) -> str:
    content, record = item
    return content.account_id if isinstance(content, AccountMessage) else record.message_id


def _parse(record: QueueRecord) -> Content:
    try:
        return parse_message(record.body)
    except Permanent as error:
        return error
