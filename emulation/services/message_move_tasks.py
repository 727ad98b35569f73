"""SQS message move tasks: the redrive of a dead-letter queue.

AWS (API_StartMessageMoveTask.html, API_ListMessageMoveTasks.html, sqs-configure-dead-letter-queue-redrive.html and
troubleshooting-dlq-redrive.html in the SQS documentation):

* The source must be the dead-letter queue of an SQS queue. The destination is DestinationArn, or else each message's
  own source queue. A message that was sent directly to the dead-letter queue has no source queue: the task ends FAILED
  with CouldNotDetermineMessageSource.
* A source has one active task at a time. It moves the messages that are visible when it starts. A moved message has a
  new ID and receive count, and keeps its attributes.
* The caller also needs permission to receive and delete in the source, and to send to the destination.

ministack has no move tasks. The texts of the errors are not documented; they are those that other emulators recorded
(github.com/localstack/localstack, github.com/getmoto/moto).
"""

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ministack.core.concurrency import spawn_background
from ministack.core.responses import new_uuid
from ministack.services import sqs

from emulation.services import iam
from emulation.services import sqs as queues
from emulation.services.patching import Patches

patches = Patches()
_HANDLERS = "ministack.services.sqs._HANDLERS"

_MAX_RESULTS = 10
_MAX_RATE = 500


@dataclass
class _Task:
    source_arn: str
    destination_arn: str | None
    rate: int | None
    to_move: list[queues.Message]
    status: str = "RUNNING"
    moved: int = 0
    failure: str | None = None
    started: float = field(default_factory=time.time)
    task_id: str = field(default_factory=new_uuid)

    @property
    def handle(self) -> str:
        return base64.b64encode(json.dumps({"taskId": self.task_id, "sourceArn": self.source_arn}).encode()).decode()

    @property
    def active(self) -> bool:
        return self.status in ("RUNNING", "CANCELLING")

    def description(self) -> dict[str, Any]:
        description = {
            "TaskHandle": self.handle if self.status == "RUNNING" else None,
            "Status": self.status,
            "SourceArn": self.source_arn,
            "DestinationArn": self.destination_arn,
            "MaxNumberOfMessagesPerSecond": self.rate,
            "ApproximateNumberOfMessagesMoved": self.moved,
            "ApproximateNumberOfMessagesToMove": len(self.to_move),
            "FailureReason": self.failure,
            "StartedTimestamp": int(self.started * 1000),
        }
        return {name: value for name, value in description.items() if value is not None}

    def run(self) -> None:
        """Move the messages one by one, until a message cannot be moved or the task is cancelled."""
        source = sqs._queue_by_arn(self.source_arn)
        for message in self.to_move:
            if self.status == "CANCELLING":
                self.status = "CANCELLED"
                return
            arn = self.destination_arn or message["sys"].get("DeadLetterQueueSourceArn")
            destination = arn and sqs._queue_by_arn(arn)
            if not destination:
                self.failure = "AWS.SimpleQueueService.NonExistentQueue" if arn else "CouldNotDetermineMessageSource"
                self.status = "FAILED"
                return
            self.moved += queues.move(message, source, destination)
            if self.rate:
                time.sleep(1 / self.rate)
        self.status = "COMPLETED"


_TASKS: list[_Task] = []


@patches.around("ministack.services.sqs.reset")
def reset(original: Any) -> None:
    """Delete the tasks with the queues."""
    original()
    _TASKS.clear()


@patches.adds(_HANDLERS, "StartMessageMoveTask")
def start_message_move_task(parameters: queues.Parameters, _: str) -> dict[str, Any]:
    """Start a task."""
    source_arn, destination_arn = parameters["SourceArn"], parameters.get("DestinationArn")
    rate = parameters.get("MaxNumberOfMessagesPerSecond")
    source = _queue(source_arn, "SourceArn")
    sources = list(_sources_of(source_arn))
    if not sources:
        raise sqs._Err("InvalidParameterValue", "Source queue must be configured as a Dead Letter Queue.")
    if destination_arn:
        _queue(destination_arn, "DestinationArn")
    if rate is not None and not 1 <= rate <= _MAX_RATE:
        reason = f"Reason: Must be between 1 and {_MAX_RATE}, if provided."
        raise sqs._Err(
            "InvalidParameterValue", f"Value {rate} for parameter MaxNumberOfMessagesPerSecond is invalid. {reason}"
        )
    _require("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", resource=source_arn)
    for arn in [destination_arn] if destination_arn else [queue["attributes"]["QueueArn"] for queue in sources]:
        _require("sqs:SendMessage", resource=arn)
    with queues.lock:
        if any(task.active for task in _TASKS if task.source_arn == source_arn):
            message = "Only one active task is allowed for a source queue arn at a given time."
            raise sqs._Err("InvalidParameterValue", f"There is already a task running. {message}")
        task = _Task(source_arn, destination_arn, rate, queues.visible(source))
        _TASKS.insert(0, task)
    spawn_background(task.run, thread_name="message-move-task")
    return {"TaskHandle": task.handle}


@patches.adds(_HANDLERS, "ListMessageMoveTasks")
def list_message_move_tasks(parameters: queues.Parameters, _: str) -> dict[str, Any]:
    """List the latest tasks of a source, newest first."""
    source_arn, count = parameters["SourceArn"], parameters.get("MaxResults", 1)
    _queue(source_arn, "SourceArn")
    if not 1 <= count <= _MAX_RESULTS:
        reason = f"Reason: Must be between 1 and {_MAX_RESULTS}, if provided."
        raise sqs._Err("InvalidParameterValue", f"Value {count} for parameter MaxResults is invalid. {reason}")
    tasks = [task.description() for task in _TASKS if task.source_arn == source_arn]
    return {"Results": tasks[:count]}


@patches.adds(_HANDLERS, "CancelMessageMoveTask")
def cancel_message_move_task(parameters: queues.Parameters, _: str) -> dict[str, Any]:
    """Stop a task; the messages that it has moved stay where they are."""
    task = next((task for task in _TASKS if task.handle == parameters["TaskHandle"]), None)
    if task is None or task.status != "RUNNING":
        raise sqs._Err("ResourceNotFoundException", "Task does not exist.", 404)
    task.status = "CANCELLING"
    return {"ApproximateNumberOfMessagesMoved": task.moved}


@patches.adds(_HANDLERS, "ListDeadLetterSourceQueues")
def list_dead_letter_source_queues(parameters: queues.Parameters, queue_url: str) -> dict[str, Any]:
    """List the queues whose redrive policy names this queue."""
    queue = sqs._get_q(parameters.get("QueueUrl", queue_url), "sqs:ListDeadLetterSourceQueues")
    return {"queueUrls": [source["url"] for source in _sources_of(queue["attributes"]["QueueArn"])]}


def _sources_of(dead_letter_arn: str) -> Iterator[queues.Queue]:
    for queue in sqs._queues.values():
        policy = json.loads(queue["attributes"].get("RedrivePolicy") or "{}")
        if policy.get("deadLetterTargetArn") == dead_letter_arn:
            yield queue


def _queue(arn: str, parameter: str) -> queues.Queue:
    queue: queues.Queue | None = sqs._queue_by_arn(arn)
    if queue is None:
        message = f"The resource that you specified for the {parameter} parameter doesn't exist."
        raise sqs._Err("ResourceNotFoundException", message, 404)
    return queue


def _require(*actions: str, resource: str) -> None:
    for action in actions:
        if not iam.caller_may(action, resource):
            raise sqs._Err("AccessDenied", "Queue Permissions to Redrive.", 403)
