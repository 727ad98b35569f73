"""SQS: delivery, delay, order, retries and redrive."""

import uuid
from collections import defaultdict
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from alternate_contacts.backfill.aws import BULK_GROUP
from tests.live.aws import Aws, skip
from tests.live.cleanup import PREFIX, Cleanup

VISIBILITY_TIMEOUT = 1080
"""Seconds, of AccountQueue."""
BACKLOG = 100


@pytest.mark.fact(
    "A standard queue accepts a message with MessageGroupId and DelaySeconds.",
    otherwise="Every Update of the stack fails: `send` of the backfill's aws.py.",
)
@pytest.mark.writes("a queue of its own")
def test_a_message_may_have_a_group_and_a_delay(aws: Aws, cleanup: Cleanup) -> None:
    name, sqs = f"{PREFIX}{uuid.uuid4()}", aws.client("sqs")
    cleanup.add("delete_queue", region=aws.region, name=name)
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    entry = {"Id": "0", "MessageBody": "test", "DelaySeconds": 1, "MessageGroupId": BULK_GROUP}
    assert sqs.send_message_batch(QueueUrl=url, Entries=[entry]).get("Failed", []) == []
    [message] = aws.wait_for(
        lambda: sqs.receive_message(
            QueueUrl=url, WaitTimeSeconds=10, MessageSystemAttributeNames=["MessageGroupId"]
        ).get("Messages", []),
        60,
    )
    assert message["Attributes"]["MessageGroupId"] == BULK_GROUP


@pytest.mark.fact(
    "Through the event source a message becomes visible when the worker has scheduled its retry.",
    otherwise="Ten tries take a minute or three hours: `schedule_retry` of the worker's aws.py.",
)
def test_a_retry_comes_when_it_is_scheduled(aws: Aws) -> None:
    received = defaultdict(list)
    for line in aws.log_lines("WorkerLogGroupName", "{ $.message_id = * }"):
        received[line["message_id"]].append(line)
    delays = [
        (following["at"] - line["at"], line["retry_in_seconds"] / aws.delay_speed)
        for lines in received.values()
        for line, following in pairwise(lines)
        if line["message"] == "retry scheduled"
    ]
    if not delays:
        skip("no retry was scheduled within 14 days")
    # The line is written before the call that schedules the retry; a worker may be busy when the message is visible.
    assert all(waited > scheduled * 0.9 for waited, scheduled in delays)
    assert min(waited - scheduled for waited, scheduled in delays) < VISIBILITY_TIMEOUT / 2


@pytest.mark.fact(
    "Lambda receives no message for which no worker is free: messages of a backfill are processed at the first try.",
    otherwise="Messages are given up before ten tries: reserved concurrency, and maxReceiveCount of AccountQueue.",
)
def test_a_backfill_needs_one_try(aws: Aws) -> None:
    tries = [line["tries"] for line in aws.worker_lines("account processed") if line["trigger"] == "backfill"]
    if not tries:
        skip("needs a backfill of a deployment within 14 days")
    assert tries.count(1) >= 0.95 * len(tries)


@pytest.mark.fact(
    "EventBridge delivers to queues that are encrypted with SSE-SQS, or with the key of KmsKeyArn and its policy.",
    otherwise="Events are lost until the reconcile: the queues of template.yaml, and the key policy in permissions.md.",
)
@pytest.mark.aws_only("it has no metrics of EventBridge")
def test_no_delivery_has_failed(aws: Aws) -> None:
    rule = aws.physical_id("AccountEventsRule")
    if not sum(aws.metric("AWS/Events", "Invocations", "Sum", RuleName=rule)):
        skip("needs the event of a new account within 14 days")
    assert sum(aws.metric("AWS/Events", "FailedInvocations", "Sum", RuleName=rule)) == 0


@pytest.mark.fact(
    "New accounts overtake a backfill: SQS delivers messages without a group before those of a busy group.",
    otherwise="A new account waits for the backfill, which has to spread its messages with DelaySeconds: ADR 5.",
)
@pytest.mark.writes("a message in mode report on AccountQueue for one account")
@pytest.mark.aws_only("a backfill of some hundred accounts would take minutes")
def test_a_message_overtakes_a_backfill(aws: Aws) -> None:
    sqs, url = aws.client("sqs"), aws.outputs["AccountQueueUrl"]

    def waiting() -> int:
        names = ["ApproximateNumberOfMessages"]
        return int(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"][names[0]])

    if waiting() < BACKLOG:
        skip(f"needs {BACKLOG} messages of a backfill on AccountQueue: run `alternate-contacts backfill` before")
    start = datetime.now(UTC)
    aws.report(aws.members[0])
    aws.wait_for(
        lambda: any(line["mode"] == "report" for line in aws.worker_lines("account processed", since=start)), 600
    )
    assert waiting() > 0


@pytest.mark.fact(
    "StartMessageMoveTask moves messages that were sent directly to FailedAccountQueue.",
    otherwise="`alternate-contacts replay` has to receive and send each message: move_task.py.",
)
def test_a_replay_has_moved_messages(aws: Aws) -> None:
    sqs = aws.client("sqs")
    url = aws.outputs["FailedAccountQueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    tasks = sqs.list_message_move_tasks(SourceArn=arn, MaxResults=10).get("Results", [])
    if not tasks:
        skip("no replay has been run")
    assert {task["Status"] for task in tasks} <= {"COMPLETED", "RUNNING"}
    assert any(task.get("ApproximateNumberOfMessagesMoved") for task in tasks)
