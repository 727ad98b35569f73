"""SQS through boto3."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulation.organization import Emulation
from emulation.waiting import eventually


@pytest.fixture
def sqs(emulation: Emulation) -> Any:
    return emulation.client("sqs")


@pytest.fixture
def queue(sqs: Any) -> str:
    url: str = sqs.create_queue(QueueName="queue")["QueueUrl"]
    return url


def test_an_empty_attribute_is_rejected(sqs: Any, queue: str) -> None:
    empty = {"Reason": {"DataType": "String", "StringValue": ""}}
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        sqs.send_message(QueueUrl=queue, MessageBody="message", MessageAttributes=empty)

    entry = {"Id": "1", "MessageBody": "message", "MessageAttributes": empty}
    [failed] = sqs.send_message_batch(QueueUrl=queue, Entries=[entry])["Failed"]
    assert failed["Code"] == "InvalidParameterValue"


def test_an_eleventh_attribute_is_rejected(sqs: Any, queue: str) -> None:
    eleven = {f"A{number}": {"DataType": "String", "StringValue": "a"} for number in range(11)}
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        sqs.send_message(QueueUrl=queue, MessageBody="message", MessageAttributes=eleven)


@pytest.mark.parametrize(("body", "fits"), [(1024 - 16, True), (1024 - 15, False)])
def test_attributes_count_towards_the_size_of_a_message(sqs: Any, body: int, fits: bool) -> None:
    """Name, type and value have 16 bytes."""
    queue = sqs.create_queue(QueueName="small", Attributes={"MaximumMessageSize": "1024"})["QueueUrl"]
    entry = {
        "MessageBody": "x" * body,
        "MessageAttributes": {"Reason": {"DataType": "String", "StringValue": "\u00fc\u00fc"}},
    }
    response = sqs.send_message_batch(QueueUrl=queue, Entries=[{"Id": "1", **entry}])
    assert [failed["Code"] for failed in response.get("Failed", [])] == ([] if fits else ["InvalidParameterValue"])
    if not fits:
        with pytest.raises(ClientError, match="InvalidParameterValue"):
            sqs.send_message(QueueUrl=queue, **entry)


def test_a_delay_is_at_most_fifteen_minutes_and_is_sped_up(sqs: Any, queue: str) -> None:
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        sqs.send_message(QueueUrl=queue, MessageBody="message", DelaySeconds=901)

    sqs.send_message(QueueUrl=queue, MessageBody="message", DelaySeconds=300)  # half a second at delay_speed 600

    assert "Messages" not in sqs.receive_message(QueueUrl=queue)
    assert eventually(lambda: sqs.receive_message(QueueUrl=queue).get("Messages"), within=2)


def test_a_message_in_flight_is_visible_again_after_the_sped_up_timeout(sqs: Any, queue: str) -> None:
    sqs.send_message(QueueUrl=queue, MessageBody="message")
    [message] = sqs.receive_message(QueueUrl=queue)["Messages"]
    handle = {"QueueUrl": queue, "ReceiptHandle": message["ReceiptHandle"]}

    sqs.change_message_visibility(**handle, VisibilityTimeout=300)

    assert "Messages" not in sqs.receive_message(QueueUrl=queue)
    assert eventually(lambda: sqs.receive_message(QueueUrl=queue).get("Messages"), within=2)


def test_the_queues_own_timeout_is_not_sped_up(sqs: Any, queue: str) -> None:
    sqs.send_message(QueueUrl=queue, MessageBody="message")
    sqs.receive_message(QueueUrl=queue)
    time.sleep(0.3)  # the default timeout of 30 s would be 0.05 s
    assert "Messages" not in sqs.receive_message(QueueUrl=queue)


@pytest.mark.parametrize("timeout", [-1, 43_201])
def test_a_visibility_timeout_is_between_zero_and_twelve_hours(sqs: Any, queue: str, timeout: int) -> None:
    sqs.send_message(QueueUrl=queue, MessageBody="message")
    [message] = sqs.receive_message(QueueUrl=queue)["Messages"]
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=timeout)


def test_a_message_that_is_visible_again_is_not_in_flight(sqs: Any, queue: str) -> None:
    sqs.send_message(QueueUrl=queue, MessageBody="message")
    [message] = sqs.receive_message(QueueUrl=queue, VisibilityTimeout=0)["Messages"]
    change = {"ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 60}
    with pytest.raises(ClientError, match="MessageNotInflight"):
        sqs.change_message_visibility(QueueUrl=queue, **change)
    [failed] = sqs.change_message_visibility_batch(QueueUrl=queue, Entries=[{"Id": "1", **change}])["Failed"]
    assert failed["Code"] == "MessageNotInflight"


def test_a_standard_queue_keeps_the_message_group(sqs: Any, queue: str) -> None:
    sqs.send_message(QueueUrl=queue, MessageBody="message", MessageGroupId="backfill")
    [message] = sqs.receive_message(QueueUrl=queue, MessageSystemAttributeNames=["MessageGroupId"])["Messages"]
    assert message["Attributes"]["MessageGroupId"] == "backfill"


def test_messages_of_a_noisy_group_are_received_last(sqs: Any, queue: str) -> None:
    for number in range(3):
        sqs.send_message(QueueUrl=queue, MessageBody=f"backfill {number}", MessageGroupId="backfill")
    assert _receive(sqs, queue) == ["backfill 0"]
    sqs.send_message(QueueUrl=queue, MessageBody="event")
    assert _receive(sqs, queue, 10) == ["event", "backfill 1", "backfill 2"]


def test_after_max_receive_count_a_message_is_in_the_dead_letter_queue(sqs: Any, dead_letters: tuple[str, str]) -> None:
    source, destination = (arn.rpartition(":")[2] for arn in dead_letters)
    sqs.send_message(QueueUrl=destination, MessageBody="message")
    for _ in range(2):
        assert sqs.receive_message(QueueUrl=destination, VisibilityTimeout=0)["Messages"]
    assert "Messages" not in sqs.receive_message(QueueUrl=destination)
    names = ["DeadLetterQueueSourceArn"]
    [message] = sqs.receive_message(QueueUrl=source, MessageSystemAttributeNames=names)["Messages"]
    assert message["Attributes"]["DeadLetterQueueSourceArn"] == dead_letters[1]


def test_sources_of_a_dead_letter_queue_are_listed(sqs: Any, dead_letters: tuple[str, str]) -> None:
    source, destination = (arn.rpartition(":")[2] for arn in dead_letters)
    [url] = sqs.list_dead_letter_source_queues(QueueUrl=source)["queueUrls"]
    assert url.endswith(f"/{destination}")


def test_no_message_is_lost_while_lambda_polls(emulation: Emulation, function: Any) -> None:
    sqs = emulation.client("sqs")
    queue = sqs.create_queue(QueueName="queue")["QueueUrl"]
    source = """
        def handler(event, context):
            for record in event["Records"]:
                print(record["body"])
    """
    arn = function("consumer", source, {"Action": ["sqs:*", "logs:*"], "Resource": "*"})
    emulation.client("lambda").create_event_source_mapping(
        FunctionName=arn, EventSourceArn=f"arn:aws:sqs:us-east-1:{emulation.management_account}:queue"
    )

    for batch in range(20):
        entries = [{"Id": str(number), "MessageBody": f"message {batch}.{number}"} for number in range(10)]
        sqs.send_message_batch(QueueUrl=queue, Entries=entries)

    eventually(lambda: _message_count(sqs, queue) == 0)
    sent = {f"message {batch}.{number}" for batch in range(20) for number in range(10)}
    eventually(lambda: set(_logged(emulation, "/aws/lambda/consumer")) >= sent)


def _logged(emulation: Emulation, group: str) -> list[str]:
    pages = emulation.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
    return [line for page in pages for event in page["events"] for line in event["message"].splitlines()]


def _receive(sqs: Any, queue: str, count: int = 1) -> list[str]:
    messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=count)["Messages"]
    return [message["Body"] for message in messages]


def _message_count(sqs: Any, queue: str) -> int:
    attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    return sum(int(value) for name, value in attributes.items() if name.startswith("ApproximateNumberOfMessages"))


@pytest.mark.parametrize(
    ("allowed", "sent", "received"),
    [
        (["kms:Decrypt", "kms:GenerateDataKey"], True, True),
        (["kms:Decrypt"], False, True),
        (["kms:GenerateDataKey"], False, False),
    ],
)
def test_a_queue_with_a_key_needs_permissions_on_the_key(
    sqs: Any, caller: Callable[..., Any], allowed: list[str], sent: bool, received: bool
) -> None:
    key = "arn:aws:kms:us-east-1:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    url = sqs.create_queue(QueueName="queue", Attributes={"KmsMasterKeyId": key})["QueueUrl"]
    client = caller({"Action": "sqs:*", "Resource": "*"}, {"Action": allowed, "Resource": key})("sqs")

    calls: dict[Any, dict[str, Any]] = {
        client.send_message: {"MessageBody": "message"},
        client.send_message_batch: {"Entries": [{"Id": "1", "MessageBody": "message"}]},
        client.receive_message: {},
    }
    for (call, parameters), is_allowed in zip(calls.items(), (sent, sent, received), strict=True):
        if is_allowed:
            call(QueueUrl=url, **parameters)
        else:
            with pytest.raises(ClientError, match=r"KMS\.AccessDeniedException"):
                call(QueueUrl=url, **parameters)
