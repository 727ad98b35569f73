"""SQS's own way back from a dead-letter queue: it moves the messages, we look on.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from alternate_contacts.cli.aws.queues import queue_depth
from alternate_contacts.cli.terminal.errors import CliError, is_access_denied

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import ListMessageMoveTasksResultEntryTypeDef

_PAUSE = 0.5
"""Seconds between two looks at a task."""
_LOOKS = 60
"""After so many the task that was just started should be listed."""
_LOOKS_AT_THE_END = 6
"""So many looks, three seconds in all, SQS gets to count what it has moved."""
_ACTIVE = ("RUNNING", "CANCELLING")


class MoveTasks:
    """Moves what is on a dead-letter queue, by one task after the other: SQS allows one at a time."""

    def __init__(
        self,
        client: "SQSClient",
        *,
        url: str,
        source_arn: str,
        destination_arn: str,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """``url`` and ``source_arn`` are those of the dead-letter queue."""
        self._client = client
        self._url = url
        self._source_arn = source_arn
        self._destination_arn = destination_arn
        self._sleep = sleep

    def move(self, goal: int, told: Callable[[int], None]) -> int:
        """Move until nothing is left to be moved, or ``goal`` messages were; how many it was.

        What fails again at once comes back while we look: without the goal it would be moved for ever. ``told`` hears
        how many were moved so far.

        Raises:
            CliError: SQS gave up, or nobody waits any longer (Ctrl-C).
            botocore.exceptions.BotoCoreError, ClientError: AWS could not be asked.
        """
        moved = 0
        try:
            while True:
                before = moved
                moved = self._follow(before, told)
                if moved == before or moved >= goal or not queue_depth(self._client, self._url).visible:
                    return moved
        except KeyboardInterrupt:
            raise CliError(
                "Stopped looking; SQS goes on moving by itself, and `alternate-contacts replay` will look on again.",
                exit_code=130,
            ) from None

    def left(self) -> int:
        """Messages still on the dead-letter queue, or counted there: SQS counts late."""
        for _ in range(_LOOKS_AT_THE_END):
            left = queue_depth(self._client, self._url).total
            if not left:
                break
            self._sleep(_PAUSE)
        return left

    def _follow(self, moved: int, told: Callable[[int], None]) -> int:
        """Join the task that runs, or start one, and wait for its end."""
        task = self._newest()
        already = 0
        if task is not None and task.get("Status") in _ACTIVE:
            already = task.get("ApproximateNumberOfMessagesMoved", 0)
        else:
            task = self._start(task)
        while True:
            now = moved + max(0, task.get("ApproximateNumberOfMessagesMoved", 0) - already)
            told(now)
            if task.get("Status") not in _ACTIVE:
                break
            self._sleep(_PAUSE)
            task = self._newest() or task
        if task.get("Status") != "COMPLETED":
            raise CliError(
                f"SQS ended the move after {now} messages: {task.get('Status')}, {task.get('FailureReason', 'none')}."
            )
        return now

    def _start(
        self, previous: "ListMessageMoveTasksResultEntryTypeDef | None"
    ) -> "ListMessageMoveTasksResultEntryTypeDef":
        """Start a task, and wait until it is listed."""
        try:
            self._client.start_message_move_task(SourceArn=self._source_arn, DestinationArn=self._destination_arn)
        except ClientError as error:
            if not is_access_denied(error):
                raise
            raise CliError(
                "These credentials may not have SQS move the messages: it takes sqs:StartMessageMoveTask, "
                "sqs:ReceiveMessage, sqs:DeleteMessage and sqs:GetQueueAttributes on FailedAccountQueue, and "
                "sqs:SendMessage on AccountQueue."
            ) from None
        since = previous.get("StartedTimestamp") if previous else None
        for _ in range(_LOOKS):
            task = self._newest()
            if task is not None and task.get("StartedTimestamp") != since:
                return task
            self._sleep(_PAUSE)
        raise CliError("SQS took the order to move, and does not list it: see `alternate-contacts status`.")

    def _newest(self) -> "ListMessageMoveTasksResultEntryTypeDef | None":
        tasks = self._client.list_message_move_tasks(SourceArn=self._source_arn, MaxResults=1).get("Results", [])
        return tasks[0] if tasks else None
