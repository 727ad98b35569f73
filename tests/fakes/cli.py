"""Fakes for the unit tests of the operator's command: a stack, and SQS in memory behind a real client."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from alternate_contacts.backfill.message import account_message_body
from alternate_contacts.backfill.protocol import Mode, Trigger
from alternate_contacts.cli.aws.queues import CHANGE_QUEUE, FAILED_ACCOUNT_QUEUE, QUEUES
from alternate_contacts.cli.aws.quota import Quota
from alternate_contacts.cli.aws.stack import Stack
from tests.fakes.clock import FakeClock
from tests.fakes.environment import WORKER, WORKER_SECRETS
from tests.fakes.wire import FakeWire, HttpResponse, error_response

_SQS = "https://sqs.us-east-1.amazonaws.com/000000000000"
_SENT = 1_767_225_600_000
"""2026-01-01 in milliseconds: the time at which every message was sent."""

PARAMETERS: Mapping[str, str] = {
    **{
        "".join(word.capitalize() for word in name.split("_")): value
        for name, value in WORKER.items()
        if name.startswith(("BILLING", "OPERATIONS", "SECURITY"))
    },
    "Mode": "enforce",
    "Enabled": "true",
    "Reconcile": "weekly",
    "PutRate": "default",
    "GetRate": "default",
    "QuotaShare": "100",
}
SECRETS = WORKER_SECRETS
"""Contact data, which the command must never print."""

STACK = Stack(
    name="alternate-contacts",
    parameters=PARAMETERS,
    outputs={
        **{f"{queue}Url": f"{_SQS}/{queue}" for queue in QUEUES},
        "WorkerLogGroupName": "worker-log",
        "BackfillLogGroupName": "backfill-log",
        "WorkerFunctionName": "worker-function",
        "BackfillFunctionName": "backfill-function",
        "AlarmTopicArn": "arn:aws:sns:us-east-1:000000000000:alarm-topic",
    },
    arn="arn:aws:cloudformation:us-east-1:000000000000:stack/alternate-contacts/0f6b7a52",
    status="CREATE_COMPLETE",
)


def failed_attributes(account_id: str, reason: str = "access_denied", **changes: str) -> dict[str, str]:
    """Return the message attributes that the worker writes on FailedAccountQueue."""
    return {
        "AccountId": account_id,
        "Reason": reason,
        "ErrorCode": "AccessDeniedException",
        "Operation": "PutAlternateContact",
        "ContactTypes": "BILLING",
        "Tries": "10",
        "FailedAt": "2026-01-02T03:04:05+00:00",
    } | changes


@dataclass
class StoredMessage:
    """A message on a `FakeSqs`, invisible until ``visible_at``."""

    message_id: str
    body: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    redriven: bool = False
    group: str | None = None
    visible_at: float = 0.0
    receipt: str = ""


class FakeSqs:
    """Queues with visibility timeouts and receipt handles. Time passes only on ``clock``.

    A message move task progresses when it is listed, by ``moves_at_a_time`` messages.
    """

    def __init__(self, wire: FakeWire) -> None:
        self.clock = FakeClock()
        self.queues: dict[str, list[StoredMessage]] = {queue: [] for queue in (*QUEUES, CHANGE_QUEUE)}
        self.rejections: dict[str, Callable[[dict[str, Any]], str | None]] = {}
        """By batch operation: the error code for an entry, or None to accept it."""
        self.tasks: list[dict[str, Any]] = []
        self.moves_at_a_time = 1000
        self.on_move: Callable[[], None] = lambda: None
        """Called when a task ends; stands for what the worker does meanwhile."""
        self._ids = 0
        wire.respond("GetQueueAttributes", self._respond(self._attributes))
        wire.respond("ReceiveMessage", self._respond(self._receive))
        wire.respond("SendMessageBatch", self._batch("SendMessageBatch", self._send))
        wire.respond("DeleteMessageBatch", self._batch("DeleteMessageBatch", self._delete))
        wire.respond("ChangeMessageVisibilityBatch", self._batch("ChangeMessageVisibilityBatch", self._change))
        wire.respond("StartMessageMoveTask", self._respond(self._start))
        wire.respond("ListMessageMoveTasks", self._respond(self._list))

    def put(
        self, queue: str, body: str, attributes: Mapping[str, str] | None = None, *, redriven: bool = False
    ) -> StoredMessage:
        """Add a message; ``redriven``: SQS moved it here from another queue."""
        message = StoredMessage(self._next("message"), body, attributes or {}, redriven)
        self.queues[queue].append(message)
        return message

    def fail(self, account_id: str, reason: str = "access_denied", **changes: str) -> StoredMessage:
        """Add a message to FailedAccountQueue as the worker does."""
        body = account_message_body(account_id, trigger=Trigger.BACKFILL, mode=Mode.ENFORCE)
        return self.put(FAILED_ACCOUNT_QUEUE, body, failed_attributes(account_id, reason, **changes))

    def bodies(self, queue: str) -> list[str]:
        """Return the bodies of all messages on a queue, visible or in flight."""
        return [message.body for message in self.queues[queue]]

    def in_flight(self, queue: str) -> list[StoredMessage]:
        """Return the messages that are invisible."""
        return [message for message in self.queues[queue] if message.visible_at > self.clock()]

    def _attributes(self, parameters: dict[str, Any]) -> dict[str, Any]:
        queue = _queue(parameters)
        in_flight = len(self.in_flight(queue))
        attributes = {
            "ApproximateNumberOfMessages": str(len(self.queues[queue]) - in_flight),
            "ApproximateNumberOfMessagesNotVisible": str(in_flight),
            "ApproximateNumberOfMessagesDelayed": "0",
            "QueueArn": f"arn:aws:sqs:us-east-1:000000000000:{queue}",
        }
        return {"Attributes": {name: attributes[name] for name in parameters["AttributeNames"]}}

    def _receive(self, parameters: dict[str, Any]) -> dict[str, Any]:
        now = self.clock()
        visible = [message for message in self.queues[_queue(parameters)] if message.visible_at <= now]
        received = visible[: parameters["MaxNumberOfMessages"]]
        for message in received:
            message.visible_at = now + parameters["VisibilityTimeout"]
            message.receipt = self._next("receipt")
        return {"Messages": [_describe(message) for message in received]} if received else {}

    def _send(self, queue: str, entry: dict[str, Any]) -> str | None:
        self.queues[queue].append(
            StoredMessage(self._next("message"), entry["MessageBody"], group=entry.get("MessageGroupId"))
        )
        return None

    def _delete(self, queue: str, entry: dict[str, Any]) -> str | None:
        message = self._by_receipt(queue, entry)
        if message is None:
            return "ReceiptHandleIsInvalid"
        self.queues[queue].remove(message)
        return None

    def _change(self, queue: str, entry: dict[str, Any]) -> str | None:
        message = self._by_receipt(queue, entry)
        if message is None:
            return "ReceiptHandleIsInvalid"
        if message.visible_at <= self.clock():
            return "MessageNotInflight"
        message.visible_at = self.clock() + entry["VisibilityTimeout"]
        return None

    def _start(self, parameters: dict[str, Any]) -> dict[str, Any]:
        source, destination = (parameters[name].rpartition(":")[2] for name in ("SourceArn", "DestinationArn"))
        to_move = [message for message in self.queues[source] if message.visible_at <= self.clock()]
        self.tasks.insert(0, {"source": source, "destination": destination, "to_move": to_move, "moved": 0})
        return {"TaskHandle": "handle"}

    def _list(self, _: dict[str, Any]) -> dict[str, Any]:
        results = []
        for number, task in enumerate(reversed(self.tasks)):
            step, task["to_move"] = task["to_move"][: self.moves_at_a_time], task["to_move"][self.moves_at_a_time :]
            for message in step:
                self.queues[task["source"]].remove(message)
                self.queues[task["destination"]].append(message)
            task["moved"] += len(step)
            running = bool(task["to_move"])
            results.append(
                {
                    "Status": "RUNNING" if running else "COMPLETED",
                    "ApproximateNumberOfMessagesMoved": task["moved"],
                    "StartedTimestamp": _SENT + number,
                }
            )
            if step and not running:
                self.on_move()
        return {"Results": results[::-1]}

    def _by_receipt(self, queue: str, entry: dict[str, Any]) -> StoredMessage | None:
        return next((message for message in self.queues[queue] if message.receipt == entry["ReceiptHandle"]), None)

    def _batch(
        self, operation: str, handle: Callable[[str, dict[str, Any]], str | None]
    ) -> Callable[[dict[str, Any]], HttpResponse]:
        def respond(parameters: dict[str, Any]) -> HttpResponse:
            entries: Sequence[dict[str, Any]] = parameters["Entries"]
            assert 1 <= len(entries) <= 10
            body: dict[str, list[dict[str, Any]]] = {"Successful": [], "Failed": []}
            for entry in entries:
                reject = self.rejections.get(operation)
                code = (reject and reject(entry)) or handle(_queue(parameters), entry)
                if code:
                    body["Failed"].append({"Id": entry["Id"], "Code": code, "SenderFault": True})
                else:
                    body["Successful"].append({"Id": entry["Id"], "MessageId": "m", "MD5OfMessageBody": "0"})
            return HttpResponse(body=body)

        return respond

    def _respond(self, handle: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[dict[str, Any]], HttpResponse]:
        return lambda parameters: HttpResponse(body=handle(parameters))

    def _next(self, name: str) -> str:
        self._ids += 1
        return f"{name}-{self._ids}"


def worker_configuration(stack: Stack) -> HttpResponse:
    """Return the configuration of WorkerFunction, contacts included, as the template derives it from the parameters."""
    quota = Quota.from_parameters(stack.parameters, stack.partition)
    variables = {
        **{
            name: stack.parameters.get("".join(word.capitalize() for word in name.split("_")), value)
            for name, value in WORKER.items()
        },
        "GET_RATE": str(quota.get_rate),
        "PUT_RATE": str(quota.put_rate),
        "QUOTA_SHARE": str(quota.share * 100),
    }
    return HttpResponse(body={"Environment": {"Variables": variables}})


def subscriptions(*, confirmed: int = 1, pending: int = 0) -> HttpResponse:
    """Return the response to ListSubscriptionsByTopic."""
    arns = ["arn:aws:sns:us-east-1:000000000000:alarm-topic:1"] * confirmed + ["PendingConfirmation"] * pending
    members = "".join(f"<member><SubscriptionArn>{arn}</SubscriptionArn></member>" for arn in arns)
    result = (
        f"<ListSubscriptionsByTopicResult><Subscriptions>{members}</Subscriptions></ListSubscriptionsByTopicResult>"
    )
    return HttpResponse(body=f"<ListSubscriptionsByTopicResponse>{result}</ListSubscriptionsByTopicResponse>")


def deny(wire: FakeWire, operation: str) -> None:
    """Deny the operation from now on, with an error message that holds contact data."""
    wire.respond(operation, error_response("AccessDenied", 403, f"not for {SECRETS[0]}"))


def _queue(parameters: Mapping[str, Any]) -> str:
    return str(parameters["QueueUrl"]).rpartition("/")[2]


def _describe(message: StoredMessage) -> dict[str, Any]:
    system = {"SentTimestamp": str(_SENT), "ApproximateReceiveCount": "1"}
    if message.redriven:
        system["DeadLetterQueueSourceArn"] = "arn:aws:sqs:us-east-1:000000000000:AccountQueue"
    return {
        "MessageId": message.message_id,
        "ReceiptHandle": message.receipt,
        "Body": message.body,
        "Attributes": system,
        "MessageAttributes": {
            name: {"DataType": "String", "StringValue": value} for name, value in message.attributes.items()
        },
    }


class FakeParameterStoreApi:
    """Parameters behind a real client of Parameter Store, in pages of ten as AWS returns them."""

    def __init__(self, wire: FakeWire, path: str, values: Mapping[str, object]) -> None:
        self.path = path
        self.parameters: dict[str, dict[str, Any]] = {}
        """By the name below the path."""
        for name, value in values.items():
            self.set(name, value)
        wire.respond("GetParametersByPath", self._list)
        wire.respond("PutParameter", self._put)
        wire.respond("DeleteParameter", self._delete)

    def set(self, name: str, value: object, parameter_type: str = "String") -> None:
        """Create or change a parameter; a value that is no text becomes JSON."""
        text = value if isinstance(value, str) else json.dumps(value)
        version = self.parameters.get(name, {"Version": 0})["Version"] + 1
        self.parameters[name] = {
            "Name": f"{self.path}/{name}",
            "Type": parameter_type,
            "Value": text,
            "Version": version,
        }

    def value(self, name: str) -> Any:
        """Return the JSON value of a parameter."""
        return json.loads(self.parameters[name]["Value"])

    def _list(self, request: dict[str, Any]) -> HttpResponse:
        assert (request["Path"], request["Recursive"]) == (self.path, True)
        start = int(request.get("NextToken", "0"))
        page = list(self.parameters.values())[start : start + 10]
        more = {"NextToken": str(start + 10)} if start + 10 < len(self.parameters) else {}
        return HttpResponse(body={"Parameters": page, **more})

    def _put(self, request: dict[str, Any]) -> HttpResponse:
        name = request["Name"].removeprefix(f"{self.path}/")
        if name in self.parameters and not request["Overwrite"]:
            return error_response("ParameterAlreadyExists", 400)
        self.set(name, request["Value"], request["Type"])
        return HttpResponse(body={"Version": self.parameters[name]["Version"], "Tier": "Standard"})

    def _delete(self, request: dict[str, Any]) -> HttpResponse:
        name = request["Name"].removeprefix(f"{self.path}/")
        if self.parameters.pop(name, None) is None:
            return error_response("ParameterNotFound", 400)
        return HttpResponse()
