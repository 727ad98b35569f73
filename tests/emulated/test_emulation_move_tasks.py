"""SQS message move tasks through boto3: `alive` is the source queue of the dead-letter queue `dead`."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulation.organization import Emulation
from emulation.waiting import eventually


@pytest.fixture
def sqs(emulation: Emulation) -> Any:
    return emulation.client("sqs")


def test_the_source_must_be_the_dead_letter_queue_of_a_queue(sqs: Any, dead_letters: tuple[str, str]) -> None:
    dead, alive = dead_letters
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        sqs.start_message_move_task(SourceArn=alive, DestinationArn=dead)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        sqs.start_message_move_task(SourceArn=f"{dead}-not")
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        sqs.start_message_move_task(SourceArn=dead, DestinationArn=f"{dead}-not")


def test_a_moved_message_is_a_new_message_with_the_same_attributes(sqs: Any, dead_letters: tuple[str, str]) -> None:
    dead, alive = dead_letters
    reason = {"Reason": {"DataType": "String", "StringValue": "because"}}
    sent = sqs.send_message(QueueUrl="dead", MessageBody="message", MessageAttributes=reason)["MessageId"]
    sqs.receive_message(QueueUrl="dead", VisibilityTimeout=0)

    sqs.start_message_move_task(SourceArn=dead, DestinationArn=alive)

    assert _final_task(sqs, dead)["Status"] == "COMPLETED"
    names = {"MessageSystemAttributeNames": ["All"], "MessageAttributeNames": ["All"]}
    [message] = sqs.receive_message(QueueUrl="alive", **names)["Messages"]
    assert message["Body"] == "message"
    assert message["MessageAttributes"] == reason
    assert message["MessageId"] != sent
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"


def test_without_a_destination_messages_return_to_their_source(sqs: Any, dead_letters: tuple[str, str]) -> None:
    dead, _ = dead_letters
    sqs.send_message(QueueUrl="alive", MessageBody="message")
    for _ in range(3):
        sqs.receive_message(QueueUrl="alive", VisibilityTimeout=0)

    sqs.start_message_move_task(SourceArn=dead)

    assert _final_task(sqs, dead)["ApproximateNumberOfMessagesMoved"] == 1
    assert sqs.receive_message(QueueUrl="alive")["Messages"]


def test_a_message_without_source_fails_a_task_without_destination(sqs: Any, dead_letters: tuple[str, str]) -> None:
    dead, _ = dead_letters
    sqs.send_message(QueueUrl="dead", MessageBody="message")

    sqs.start_message_move_task(SourceArn=dead)

    task = _final_task(sqs, dead)
    assert (task["Status"], task["FailureReason"]) == ("FAILED", "CouldNotDetermineMessageSource")
    assert sqs.receive_message(QueueUrl="dead")["Messages"]


def test_a_source_has_one_task_at_a_time_which_can_be_cancelled(sqs: Any, dead_letters: tuple[str, str]) -> None:
    dead, alive = dead_letters
    for number in range(10):
        sqs.send_message(QueueUrl="dead", MessageBody=f"message {number}")
    slow = {"SourceArn": dead, "DestinationArn": alive, "MaxNumberOfMessagesPerSecond": 5}

    handle = sqs.start_message_move_task(**slow)["TaskHandle"]

    with pytest.raises(ClientError, match="InvalidParameterValue"):
        sqs.start_message_move_task(**slow)
    assert sqs.list_message_move_tasks(SourceArn=dead)["Results"][0]["TaskHandle"] == handle
    sqs.cancel_message_move_task(TaskHandle=handle)
    task = _final_task(sqs, dead)
    assert task["Status"] == "CANCELLED"
    assert "TaskHandle" not in task
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        sqs.cancel_message_move_task(TaskHandle=handle)


def test_messages_in_flight_are_not_moved(sqs: Any, dead_letters: tuple[str, str]) -> None:
    dead, alive = dead_letters
    sqs.send_message(QueueUrl="dead", MessageBody="message")
    sqs.receive_message(QueueUrl="dead")

    sqs.start_message_move_task(SourceArn=dead, DestinationArn=alive)

    assert _final_task(sqs, dead)["ApproximateNumberOfMessagesMoved"] == 0


def _final_task(sqs: Any, source: str) -> dict[str, Any]:
    def task() -> dict[str, Any] | None:
        latest: dict[str, Any] = sqs.list_message_move_tasks(SourceArn=source)["Results"][0]
        return None if latest["Status"] in ("RUNNING", "CANCELLING") else latest

    return eventually(task) or {}
