"""Lambda through boto3: the environment of functions, their end, and the checks of event source mappings."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulation.organization import Emulation
from emulation.settings import RUNTIME
from emulation.waiting import eventually

POLL = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
INSPECT = """
    import importlib.util, os, sys

    def handler(event, context):
        return {
            "importable": [name for name in event["names"] if importlib.util.find_spec(name)],
            "environment": dict(os.environ),
            "interpreter": sys.executable,
        }
"""

# For the beginning of a function that records its progress in a file, because an import of boto3 takes 0.2 s.
RECORD = """
        import os
        def record(line):
            with open(os.environ["TMPDIR"] + "/progress", "a") as progress:
                print(line, file=progress)
"""


@pytest.fixture
def recorded(emulation: Emulation) -> Iterator[Callable[[], list[str]]]:
    """Read the lines that a function recorded."""
    progress = emulation.log.parent / "progress"
    yield lambda: progress.read_text().splitlines() if progress.exists() else []
    progress.unlink()


@pytest.fixture
def invoke(emulation: Emulation) -> Callable[..., Any]:
    """Invoke a function; returns its result or its error."""

    def call(name: str, event: object = None, **options: Any) -> Any:
        options.setdefault("Payload", json.dumps(event))
        response = emulation.client("lambda").invoke(FunctionName=name, **options)
        return json.loads(response["Payload"].read() or "null")

    return call


def test_a_function_has_only_what_it_has_in_lambda(
    monkeypatch: pytest.MonkeyPatch, emulation: Emulation, function: Callable[..., str], invoke: Callable[..., Any]
) -> None:
    """It can import boto3 and its own files, and has Lambda's environment and its own variables."""
    monkeypatch.setenv("LEAKED", "from the tests")
    function("inspector", INSPECT, RATE="50")
    names = ["boto3", "index", "aws_lambda_powertools", "ministack", "emulation", "pytest", "yaml"]

    result = invoke("inspector", {"names": names})

    assert result["importable"] == ["boto3", "index"]
    assert result["interpreter"] == str(RUNTIME)
    assert result["interpreter"] != sys.executable
    environment = result["environment"]
    assert environment["RATE"] == "50"
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "inspector"
    assert environment["AWS_ACCESS_KEY_ID"].startswith("ASIA")
    assert environment["AWS_ENDPOINT_URL"] == emulation.endpoint_url
    assert environment["HOME"] != os.environ.get("HOME")
    leaks = {"AUTH", "GATEWAY_PORT", "LEAKED", "LOG_LEVEL", "MINISTACK_HOST", "PYTHONPATH", "VIRTUAL_ENV", "STATE_DIR"}
    assert not leaks & environment.keys()


def test_a_function_calls_aws_with_its_role(function: Callable[..., str], invoke: Callable[..., Any]) -> None:
    source = """
        import boto3
        def handler(event, context):
            return boto3.client("sqs").create_queue(QueueName=event)["QueueUrl"]
    """
    function("creator", source, {"Action": "sqs:CreateQueue", "Resource": "arn:aws:sqs:*:*:allowed"}, timeout=10)
    assert invoke("creator", "allowed").endswith("/allowed")
    assert "not authorized to perform: sqs:createqueue" in invoke("creator", "denied")["errorMessage"]


def test_a_function_is_stopped_at_its_timeout(function: Callable[..., str], invoke: Callable[..., Any]) -> None:
    function("sleeper", "import time\ndef handler(event, context): time.sleep(60)", timeout=1)
    assert invoke("sleeper") == {"errorType": "Sandbox.Timedout", "errorMessage": "Task timed out after 1.00 seconds"}


@pytest.mark.parametrize("invocation", ["RequestResponse", "Event"])
@pytest.mark.parametrize("payload", [b"{not json", b"\xff", b"NaN"])
def test_a_payload_that_is_not_json_is_rejected(
    emulation: Emulation, function: Callable[..., str], invocation: str, payload: bytes
) -> None:
    function("echo", "def handler(event, context): return event")
    functions = emulation.client("lambda")
    with pytest.raises(functions.exceptions.InvalidRequestContentException):
        functions.invoke(FunctionName="echo", Payload=payload, InvocationType=invocation)


def test_a_payload_may_be_empty_or_any_json(function: Callable[..., str], invoke: Callable[..., Any]) -> None:
    function("echo", "def handler(event, context): return event")
    assert invoke("echo", [1, "two", None]) == [1, "two", None]
    assert invoke("echo", Payload=b"") == {}


@pytest.mark.parametrize(
    ("source", "error_type", "message"),
    [
        ("class Custom(Exception): pass\ndef handler(event, context): raise Custom('text')", "Custom", "text"),
        ("def handler(event, context): return {}['key']", "KeyError", "'key'"),
        ("1 / 0", "ZeroDivisionError", "division by zero"),
        ("import missing", "Runtime.ImportModuleError", "Unable to import module 'index': No module named 'missing'"),
    ],
)
def test_an_error_has_the_class_of_the_exception(
    function: Callable[..., str], invoke: Callable[..., Any], source: str, error_type: str, message: str
) -> None:
    function("failing", source)

    error = invoke("failing")

    assert (error["errorType"], error["errorMessage"]) == (error_type, message)
    assert error["requestId"]
    if "def" in source:
        [frame] = error["stackTrace"]
        assert '"/var/task/index.py", line ' in frame


def test_a_failed_asynchronous_invocation_is_retried_twice_and_then_sent_to_the_destination(
    emulation: Emulation,
    function: Callable[..., str],
    invoke: Callable[..., Any],
    recorded: Callable[[], list[str]],
) -> None:
    sqs = emulation.client("sqs")
    sqs.create_queue(QueueName="undelivered")
    source = """
        def handler(event, context):
            record("try")
            raise RuntimeError
    """
    function("failing", RECORD + source, {"Action": "sqs:SendMessage", "Resource": "*"}, timeout=10)
    destination = f"arn:aws:sqs:us-east-1:{emulation.management_account}:undelivered"
    emulation.client("lambda").put_function_event_invoke_config(
        FunctionName="failing", DestinationConfig={"OnFailure": {"Destination": destination}}
    )

    invoke("failing", {"id": 1}, InvocationType="Event")

    [message] = eventually(lambda: sqs.receive_message(QueueUrl="undelivered").get("Messages"))
    assert json.loads(message["Body"])["requestPayload"] == {"id": 1}
    assert recorded() == ["try"] * 3


def test_a_reset_ends_the_retries_of_an_asynchronous_invocation(
    emulation: Emulation,
    function: Callable[..., str],
    invoke: Callable[..., Any],
    recorded: Callable[[], list[str]],
) -> None:
    source = """
        def handler(event, context):
            record(event)
            1 / event.count("later")
    """
    function("retried", RECORD + source, timeout=10)
    invoke("retried", "try", InvocationType="Event")
    eventually(lambda: recorded() == ["try"])

    emulation.reset()
    # The first retry comes after a tenth of a second; each of these calls takes longer.
    for name in ("first", "second", "third"):
        function(name, RECORD + source)
        invoke(name, "later")
    assert recorded() == ["try", *["later"] * 3]


def test_a_failed_invocation_is_lost_without_the_roles_permission(
    emulation: Emulation, function: Callable[..., str], invoke: Callable[..., Any]
) -> None:
    sqs, iam = emulation.client("sqs"), emulation.client("iam")
    url = sqs.create_queue(QueueName="undelivered")["QueueUrl"]
    destination = f"arn:aws:sqs:us-east-1:{emulation.management_account}:undelivered"
    for name in ("denied", "allowed"):
        function(name, "def handler(event, context): raise RuntimeError", {"Action": "sqs:*", "Resource": "*"})
        emulation.client("lambda").put_function_event_invoke_config(
            FunctionName=name, MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": destination}}
        )
    iam.delete_role_policy(RoleName="denied-role", PolicyName="policy")

    invoke("denied", {"id": "denied"}, InvocationType="Event")
    invoke("allowed", {"id": "allowed"}, InvocationType="Event")

    [message] = eventually(lambda: sqs.receive_message(QueueUrl=url).get("Messages"))
    assert json.loads(message["Body"])["requestPayload"] == {"id": "allowed"}


def test_a_destination_needs_the_roles_permission(emulation: Emulation, function: Callable[..., str]) -> None:
    emulation.client("sqs").create_queue(QueueName="undelivered")
    function("failing", "def handler(event, context): raise RuntimeError")
    destination = f"arn:aws:sqs:us-east-1:{emulation.management_account}:undelivered"
    with pytest.raises(ClientError, match="does not have permissions to call SendMessage"):
        emulation.client("lambda").put_function_event_invoke_config(
            FunctionName="failing", DestinationConfig={"OnFailure": {"Destination": destination}}
        )


@pytest.mark.parametrize("may_log", [True, False])
def test_a_log_needs_the_roles_permission(
    emulation: Emulation, function: Callable[..., str], invoke: Callable[..., Any], may_log: bool
) -> None:
    log_group = f"arn:aws:logs:us-east-1:{emulation.management_account}:log-group:/aws/lambda/talker:*"
    permission = {"Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": log_group}
    function("talker", "def handler(event, context): print('hello')", *([permission] if may_log else []))

    invoke("talker")

    groups = emulation.client("logs").describe_log_groups()["logGroups"]
    assert [group["logGroupName"] for group in groups] == ["/aws/lambda/talker"] * may_log


def test_a_running_invocation_survives_a_change_of_its_function(
    emulation: Emulation,
    function: Callable[..., str],
    invoke: Callable[..., Any],
    recorded: Callable[[], list[str]],
) -> None:
    source = """
        import time
        def handler(event, context):
            for stage in ("started", "ended"):
                record(f"{stage} {os.environ['CONTACT']}")
                time.sleep(event)
    """
    function("worker", RECORD + source, timeout=10, CONTACT="old")
    invoke("worker", 0.5, InvocationType="Event")
    eventually(lambda: recorded() == ["started old"])

    emulation.client("lambda").update_function_configuration(
        FunctionName="worker", Environment={"Variables": {"CONTACT": "new"}}
    )
    invoke("worker", 0)

    eventually(lambda: sorted(recorded()) == ["ended new", "ended old", "started new", "started old"])


@pytest.mark.parametrize(
    ("timeout", "actions", "settings", "reason"),
    [
        (31, POLL, {}, "Queue visibility timeout: 30 seconds is less than Function timeout: 31 seconds"),
        (30, POLL, {"BatchSize": 11}, "Maximum batch window in seconds must be greater than 0"),
        (30, POLL[:1], {}, "does not have permissions to call DeleteMessage on SQS"),
    ],
)
def test_an_invalid_mapping_is_rejected(
    emulation: Emulation,
    function: Callable[..., str],
    timeout: int,
    actions: list[str],
    settings: dict[str, int],
    reason: str,
) -> None:
    emulation.client("sqs").create_queue(QueueName="queue")
    queue = f"arn:aws:sqs:us-east-1:{emulation.management_account}:queue"
    source = "def handler(event, context): pass"
    worker = function("worker", source, {"Action": actions, "Resource": queue}, timeout=timeout)
    with pytest.raises(ClientError, match=reason):
        emulation.client("lambda").create_event_source_mapping(FunctionName=worker, EventSourceArn=queue, **settings)


def test_a_second_mapping_of_one_function_and_queue_is_rejected(
    emulation: Emulation, function: Callable[..., str]
) -> None:
    sqs, functions = emulation.client("sqs"), emulation.client("lambda")
    arn = f"arn:aws:sqs:us-east-1:{emulation.management_account}"
    sqs.create_queue(QueueName="queue")
    sqs.create_queue(QueueName="other")
    worker = function("worker", "def handler(event, context): pass", {"Action": POLL, "Resource": "*"})
    mapping_id = functions.create_event_source_mapping(FunctionName=worker, EventSourceArn=f"{arn}:queue")["UUID"]

    with pytest.raises(functions.exceptions.ResourceConflictException) as error:
        functions.create_event_source_mapping(FunctionName="worker", EventSourceArn=f"{arn}:queue")

    assert error.value.response["Error"]["Message"] == (
        f'An event source mapping with SQS arn (" {arn}:queue ") and function (" worker ") already exists. '
        f"Please update or delete the existing mapping with UUID {mapping_id}"
    )
    functions.create_event_source_mapping(FunctionName="worker", EventSourceArn=f"{arn}:other")
    functions.delete_event_source_mapping(UUID=mapping_id)
    functions.create_event_source_mapping(FunctionName="worker", EventSourceArn=f"{arn}:queue")


def test_a_mapping_cannot_be_updated_to_an_invalid_one(emulation: Emulation, function: Callable[..., str]) -> None:
    emulation.client("sqs").create_queue(QueueName="queue")
    queue = f"arn:aws:sqs:us-east-1:{emulation.management_account}:queue"
    worker = function("worker", "def handler(event, context): pass", {"Action": POLL, "Resource": queue})
    functions = emulation.client("lambda")
    mapping_id = functions.create_event_source_mapping(FunctionName=worker, EventSourceArn=queue)["UUID"]
    with pytest.raises(ClientError, match="Maximum batch window"):
        functions.update_event_source_mapping(UUID=mapping_id, BatchSize=100)
    functions.update_event_source_mapping(UUID=mapping_id, BatchSize=5)


def test_a_mapping_receives_no_message_without_the_roles_permission(
    emulation: Emulation, function: Callable[..., str], recorded: Callable[[], list[str]]
) -> None:
    sqs, iam = emulation.client("sqs"), emulation.client("iam")
    sqs.create_queue(QueueName="queue")
    queue = f"arn:aws:sqs:us-east-1:{emulation.management_account}:queue"
    source = """
        def handler(event, context):
            for message in event["Records"]:
                record(message["body"])
    """
    arn = function("poller", RECORD + source, {"Action": POLL, "Resource": "*"}, timeout=10)
    emulation.client("lambda").create_event_source_mapping(FunctionName=arn, EventSourceArn=queue)
    policy = iam.get_role_policy(RoleName="poller-role", PolicyName="policy")["PolicyDocument"]
    iam.delete_role_policy(RoleName="poller-role", PolicyName="policy")

    sqs.send_message(QueueUrl="queue", MessageBody="message")

    # A poll happens at once after SendMessage. The message is not in flight.
    [message] = sqs.receive_message(QueueUrl="queue", VisibilityTimeout=0)["Messages"]
    assert message["Body"] == "message"
    iam.put_role_policy(RoleName="poller-role", PolicyName="policy", PolicyDocument=json.dumps(policy))
    sqs.send_message(QueueUrl="queue", MessageBody="next message")
    eventually(lambda: sorted(recorded()) == ["message", "next message"])


def test_a_batching_window_gathers_messages(
    emulation: Emulation, function: Callable[..., str], recorded: Callable[[], list[str]]
) -> None:
    """The window of 300 s takes half a second here."""
    sqs = emulation.client("sqs")
    sqs.create_queue(QueueName="queue")
    queue = f"arn:aws:sqs:us-east-1:{emulation.management_account}:queue"
    source = """
        def handler(event, context):
            record(len(event["Records"]))
    """
    arn = function("gatherer", RECORD + source, {"Action": POLL, "Resource": "*"}, timeout=10)
    emulation.client("lambda").create_event_source_mapping(
        FunctionName=arn, EventSourceArn=queue, BatchSize=100, MaximumBatchingWindowInSeconds=300
    )
    for _ in range(2):
        sqs.send_message_batch(
            QueueUrl="queue", Entries=[{"Id": str(number), "MessageBody": "body"} for number in range(10)]
        )
    assert eventually(recorded) == ["20"]
