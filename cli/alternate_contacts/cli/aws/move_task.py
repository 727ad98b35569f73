"""Move all messages of FailedAccountQueue to AccountQueue with the redrive of SQS.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from alternate_contacts.cli.aws.queues import ACCOUNT_QUEUE, FAILED_ACCOUNT_QUEUE, queue_arn, queue_depth
from alternate_contacts.cli.aws.stack import Stack
from alternate_contacts.cli.terminal.errors import CliError, error_code, is_access_denied
from alternate_contacts.cli.terminal.process import INTERRUPTED

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import ListMessageMoveTasksResultEntryTypeDef

_POLL_SECONDS = 0.5
_START_POLLS = 60
"""After 30 s a started task should be listed."""
_COUNT_POLLS = 6
"""SQS gets 3 s to count the messages that it moved."""
_ACTIVE = ("RUNNING", "CANCELLING")
_ALREADY_RUNNING = ("UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation")
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html"""


class MoveTasks:
    """Message move tasks, one after the other: SQS allows one at a time per queue."""

    def __init__(self, client: "SQSClient", stack: Stack, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._url = stack.queue_url(FAILED_ACCOUNT_QUEUE)
        self._source_arn = queue_arn(client, self._url)
        self._destination_arn = queue_arn(client, stack.queue_url(ACCOUNT_QUEUE))
        self._sleep = sleep

    def move(self, goal: int, on_progress: Callable[[int], None]) -> int:
        """Move messages until FailedAccountQueue is empty or ``goal`` messages were moved.

        Without the goal, a message that fails again at once would be moved forever.

        Args:
            on_progress: called with the number of messages moved so far.

        Returns:
            The number of messages moved.

        Raises:
            CliError: SQS ended the task with an error, or the operator pressed Ctrl-C.
            botocore.exceptions.BotoCoreError, ClientError: a call to AWS failed.
        """
        moved = 0
        try:
            while True:
                before = moved
                moved = self._follow_task(before, on_progress)
                if moved == before or moved >= goal or not queue_depth(self._client, self._url).visible:
                    return moved
        except KeyboardInterrupt:
            raise CliError(
                "Interrupted. SQS continues to move messages: run `alternate-contacts replay` to follow it.",
                exit_code=INTERRUPTED,
            ) from None

    def remaining(self) -> int:
        """Return the number of messages still on FailedAccountQueue."""
        for _ in range(_COUNT_POLLS):
            remaining = queue_depth(self._client, self._url).total
            if not remaining:
                break
            self._sleep(_POLL_SECONDS)
        return remaining

    def _follow_task(self, moved: int, on_progress: Callable[[int], None]) -> int:
        """Join the running task or start one, and wait until it ends; return ``moved`` plus what the task moved."""
        task = self._newest_task()
        moved_before = 0
        if task is not None and task.get("Status") in _ACTIVE:
            moved_before = task.get("ApproximateNumberOfMessagesMoved", 0)
        else:
            task = self._start_task(task)
        while True:
            total = moved + max(0, task.get("ApproximateNumberOfMessagesMoved", 0) - moved_before)
            on_progress(total)
            if task.get("Status") not in _ACTIVE:
                break
            self._sleep(_POLL_SECONDS)
            task = self._newest_task() or task
        if task.get("Status") != "COMPLETED":
            raise CliError(
                f"The message move task of SQS ended after {total} messages with status {task.get('Status')}: "
                f"{task.get('FailureReason', 'no reason')}. Run the command again."
            )
        return total

    def _start_task(
        self, previous: "ListMessageMoveTasksResultEntryTypeDef | None"
    ) -> "ListMessageMoveTasksResultEntryTypeDef":
        """Start a task, and wait until SQS lists it; or return the task that another replay has just started."""
        try:
            self._client.start_message_move_task(SourceArn=self._source_arn, DestinationArn=self._destination_arn)
        except ClientError as error:
            # Another replay started a task meanwhile: SQS allows one, and this one is as good.
            running = self._newest_task() if error_code(error) in _ALREADY_RUNNING else None
            if running is not None and running.get("Status") in _ACTIVE:
                return running
            if not is_access_denied(error):
                raise
            raise CliError(
                f"StartMessageMoveTask failed: {error_code(error)}. These credentials need the permissions "
                "sqs:StartMessageMoveTask, sqs:ReceiveMessage, sqs:DeleteMessage and sqs:GetQueueAttributes on "
                "FailedAccountQueue, and sqs:SendMessage on AccountQueue."
            ) from None
        previous_start = previous.get("StartedTimestamp") if previous else None
        for _ in range(_START_POLLS):
            task = self._newest_task()
            if task is not None and task.get("StartedTimestamp") != previous_start:
                return task
            self._sleep(_POLL_SECONDS)
        raise CliError(
            "SQS accepted the message move task but does not list it. Run `alternate-contacts status` to see whether "
            "messages move."
        )

    def _newest_task(self) -> "ListMessageMoveTasksResultEntryTypeDef | None":
        tasks = self._client.list_message_move_tasks(SourceArn=self._source_arn).get("Results")
        return tasks[0] if tasks else None
