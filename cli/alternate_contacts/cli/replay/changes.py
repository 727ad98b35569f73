"""What `replay` and `discard` do, and what they report of it: also of a change that ends halfway."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from alternate_contacts.cli.aws.backfill_function import start_backfill
from alternate_contacts.cli.aws.move_task import MoveTasks
from alternate_contacts.cli.aws.queue_lease import QueueLease
from alternate_contacts.cli.aws.queues import ACCOUNT_QUEUE, QueueMessage, batches, send_messages
from alternate_contacts.cli.aws.session import Session
from alternate_contacts.cli.aws.stack import Stack
from alternate_contacts.cli.aws.uninterrupted import run_to_end
from alternate_contacts.cli.terminal import output
from alternate_contacts.cli.terminal.output import count
from alternate_contacts.cli.terminal.plan import ApplyResult

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class MoveAll:
    """SQS moves every message of FailedAccountQueue to AccountQueue."""

    def __init__(self, client: "SQSClient", stack: Stack, expected: int) -> None:
        self._client = client
        self._stack = stack
        self._expected = expected
        self._moved = 0
        self._remaining: int | None = None

    def run(self) -> None:
        tasks = MoveTasks(self._client, self._stack)
        with output.progress_bar("Moving messages", self._expected) as show:

            def on_progress(moved: int) -> None:
                self._moved = moved
                show(moved)

            tasks.move(self._expected, on_progress)
        self._remaining = tasks.remaining()

    def result(self) -> ApplyResult:
        lines = [f"{count(self._moved, 'message')} moved to AccountQueue."]
        if self._remaining:
            lines.append(
                f"SQS now counts {count(self._remaining, 'message')} on FailedAccountQueue: they failed again, are new "
                "or in flight, or the count is late. Run `alternate-contacts failures`."
            )
        return ApplyResult(lines, {"moved": self._moved, "remaining": self._remaining}, complete=self._remaining == 0)


class SendToAccountQueue:
    """Send messages to AccountQueue, then delete them from the queue that they are leased from.

    If the command ends in between, a message is on both queues, which does no harm: for a compliant account the worker
    only reads the contacts again. The other order could lose a message.
    """

    def __init__(self, client: "SQSClient", stack: Stack, lease: QueueLease, messages: Sequence[QueueMessage]) -> None:
        self._client = client
        self._url = stack.queue_url(ACCOUNT_QUEUE)
        self._lease = lease
        self._messages = messages
        self._sent = self._deleted = 0

    def run(self) -> None:
        with output.progress_bar("Sending to AccountQueue", len(self._messages)) as on_progress:
            done = 0
            for batch in batches(self._messages, size=lambda message: len(message.body.encode())):
                run_to_end(partial(self._move, batch))
                done += len(batch)
                on_progress(done)

    def _move(self, batch: Sequence[QueueMessage]) -> None:
        rejected = send_messages(self._client, self._url, [message.body for message in batch])
        accepted = [message for index, message in enumerate(batch) if index not in rejected]
        self._sent += len(accepted)
        self._deleted += len(accepted) - self._lease.delete(accepted)

    def result(self) -> ApplyResult:
        not_sent, not_deleted = len(self._messages) - self._sent, self._sent - self._deleted
        lines = [f"{count(self._sent, 'message')} sent to AccountQueue."]
        if not_sent:
            lines.append(f"{count(not_sent, 'message')} not sent: they stay on their queue. Run the command again.")
        if not_deleted:
            lines.append(
                f"{count(not_deleted, 'message')} sent, but not deleted: they are on both queues. This does no harm."
            )
        document = {"sent": self._sent, "notSent": not_sent, "notDeleted": not_deleted}
        return ApplyResult(lines, document, complete=not not_sent)


class DeleteMessages:
    """Delete leased messages."""

    def __init__(self, lease: QueueLease, messages: Sequence[QueueMessage]) -> None:
        self._lease = lease
        self._messages = messages

    def run(self) -> None:
        self._lease.delete(self._messages)

    def result(self) -> ApplyResult:
        deleted = self._lease.deleted
        remaining = len(self._messages) - deleted
        lines = [f"{count(deleted, 'message')} deleted."]
        if remaining:
            lines.append(f"{count(remaining, 'message')} not deleted. Run the command again.")
        return ApplyResult(lines, {"deleted": deleted, "remaining": remaining}, complete=not remaining)


class RedriveUndelivered:
    """Send events back to AccountQueue, then start one backfill and delete the messages that it replaces."""

    def __init__(
        self,
        session: Session,
        stack: Stack,
        lease: QueueLease,
        *,
        to_send: Sequence[QueueMessage],
        replaced: Sequence[QueueMessage],
    ) -> None:
        self._session = session
        self._stack = stack
        self._lease = lease
        self._replaced = replaced
        self._send = SendToAccountQueue(session.client("sqs"), stack, lease, to_send)
        self._is_started = False
        self._deleted = 0

    def run(self) -> None:
        self._send.run()
        if self._replaced:
            start_backfill(self._session, self._stack.backfill_function)
            self._is_started = True
            self._deleted = len(self._replaced) - self._lease.delete(self._replaced)

    def result(self) -> ApplyResult:
        sent = self._send.result()
        if not self._replaced:
            return sent
        remaining = len(self._replaced) - self._deleted
        lines = ["A backfill was started."] if self._is_started else ["No backfill was started."]
        if remaining:
            lines.append(f"{count(remaining, 'replaced message')} not deleted. Run the command again.")
        return ApplyResult(
            [*sent.lines, *lines],
            {**sent.document, "backfillStarted": self._is_started, "replacedMessagesRemaining": remaining},
            complete=sent.complete and not remaining,
        )
