"""The deployed package, for tests that use it and check its effects."""

import json
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from emulation import deploy
from emulation.demo import wanted_contacts
from emulation.organization import Emulation
from emulation.settings import ROOT
from emulation.waiting import eventually
from tests.emulated.conftest import zipped

_CALLER = """
    import boto3
    from botocore.exceptions import ClientError

    def handler(event, context):
        try:
            getattr(boto3.client(event["service"]), event["operation"])(**event["parameters"])
        except ClientError as error:
            return error.response["Error"]["Code"]
        return "success"
"""
EVENTS = ROOT / "tests" / "events"
QUEUES = ("AccountQueue", "FailedAccountQueue", "UndeliveredQueue")

Contacts = dict[str, dict[str, str]]


def event(name: str, account: str) -> str:
    """Return a recorded event with another account ID."""
    return (EVENTS / f"{name}.json").read_text().replace("111122223333", account)


@dataclass
class Package:
    """The package in an emulated organization. ``accounts`` are those that its tests are about."""

    emulation: Emulation
    build: Path
    accounts: list[str]
    project: Path = ROOT
    outputs: dict[str, str] = field(default_factory=dict)
    desired: Contacts = field(default_factory=dict)

    @classmethod
    def deploy(cls, emulation: Emulation, build: Path, accounts: list[str], **parameters: str) -> "Package":
        """Deploy a build to an organization."""
        package = cls(emulation, build, accounts)
        package.update(**parameters)
        return package

    def update(self, **parameters: str) -> None:
        """Deploy the build. The parameters replace those of samconfig.toml.

        Raises:
            DeploymentError: the update failed.
        """
        self.outputs = deploy.deploy_without_sam(
            self.emulation, self.build, parameters=parameters, project=self.project
        )
        self.desired = wanted_contacts({**deploy.parameters(), **parameters})

    def delete(self) -> None:
        """Delete the stack without `sam`."""
        cloudformation = self.emulation.client("cloudformation")
        cloudformation.delete_stack(StackName="alternate-contacts")
        cloudformation.get_waiter("stack_delete_complete").wait(
            StackName="alternate-contacts", WaiterConfig={"Delay": 1, "MaxAttempts": 30}
        )

    def stack(self) -> dict[str, Any]:
        """Return the stack as DescribeStacks describes it."""
        [stack] = self.emulation.client("cloudformation").describe_stacks(StackName="alternate-contacts")["Stacks"]
        return dict(stack)

    # ---- accounts -----------------------------------------------------------------------------------------------

    def is_compliant(self, *accounts: str) -> bool:
        contacts = self.emulation.contacts()
        return all(contacts.get(account) == self.desired for account in accounts)

    def new_account(self) -> str:
        """Create an account without an event about it."""
        [account] = self.emulation.create_accounts(1)
        return account

    def emit_event(self, account: str, name: str = "create-account-result") -> None:
        """Emit a recorded AWS event about the account."""
        self.emulation.deliver(json.loads(event(name, account)))

    def calls_since(self, counts: dict[str, int], name: str) -> int:
        """Return the number of calls of the account API since ``counts`` were taken."""
        return self.emulation.counts()[name] - counts[name]

    # ---- functions ----------------------------------------------------------------------------------------------

    def invoke_backfill(self, **event: str) -> dict[str, Any]:
        """Invoke BackfillFunction, and return its result or the error."""
        return self.invoke_backfill_with(event)

    def invoke_backfill_with(self, payload: object) -> dict[str, Any]:
        """Invoke BackfillFunction with any JSON value, and return its result or the error."""
        response = self.emulation.client("lambda").invoke(
            FunctionName=self.outputs["BackfillFunctionName"], Payload=json.dumps(payload)
        )
        return dict(json.load(response["Payload"]))

    def create_caller(self, function: str) -> None:
        """Create a function for `call_as`, or another one with the present role of a function of the stack."""
        functions, name = self.emulation.client("lambda"), f"call-as-{function}"
        with suppress(functions.exceptions.ResourceNotFoundException):
            functions.delete_function(FunctionName=name)
        functions.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Handler="index.handler",
            Role=functions.get_function_configuration(FunctionName=self.outputs[f"{function}Name"])["Role"],
            Timeout=30,
            Code={"ZipFile": zipped(_CALLER)},
        )

    def call_as(self, function: str, service: str, operation: str, **parameters: str) -> str:
        """Call an API with the role of a function; return the error code, or ``success``."""
        event = {"service": service, "operation": operation, "parameters": parameters}
        response = self.emulation.client("lambda").invoke(FunctionName=f"call-as-{function}", Payload=json.dumps(event))
        return str(json.load(response["Payload"]))

    def restart_worker(self) -> None:
        """Let the next message have a new execution environment, as a minute later: none has a cached configuration."""
        functions, name = self.emulation.client("lambda"), self.outputs["WorkerFunctionName"]
        timeout = functions.get_function_configuration(FunctionName=name)["Timeout"]
        functions.update_function_configuration(FunctionName=name, Timeout=180 if timeout == 179 else 179)

    def client_of_role(self, service: str, **statement: str) -> Any:
        """Return a client of a new role of the management account, with one statement that allows something."""
        iam, name = self.emulation.client("iam"), f"role-{uuid4().hex}"
        trust = {"Effect": "Allow", "Principal": {"AWS": self.emulation.management_account}, "Action": "sts:AssumeRole"}
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))["Role"]["Arn"]
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]}
        iam.put_role_policy(RoleName=name, PolicyName="policy", PolicyDocument=json.dumps(policy))
        keys = self.emulation.assume_role(arn)
        return self.emulation.client(
            service,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )

    def run_schedule(self, logical_id: str) -> None:
        """Let Scheduler use the target of a schedule of the stack now, instead of in a week."""
        scheduler = self.emulation.client("scheduler")
        [name] = [item["Name"] for item in scheduler.list_schedules()["Schedules"] if logical_id in item["Name"]]
        scheduler.create_schedule(
            Name="now",
            ScheduleExpression=f"at({datetime.now(UTC):%Y-%m-%dT%H:%M:%S})",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target=scheduler.get_schedule(Name=name)["Target"],
        )

    def enable_worker(self, enabled: bool) -> None:
        """Start or stop the delivery of messages to the worker."""
        functions = self.emulation.client("lambda")
        [mapping] = functions.list_event_source_mappings(EventSourceArn=self.arn("AccountQueue"))["EventSourceMappings"]
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=enabled)

    def log_lines(self, group: str = "WorkerLogGroupName") -> list[dict[str, Any]]:
        """Return the JSON log lines of a function."""
        pages = self.emulation.client("logs").get_paginator("filter_log_events")
        texts = [
            event["message"] for page in pages.paginate(logGroupName=self.outputs[group]) for event in page["events"]
        ]
        return [json.loads(text) for text in texts if text.startswith("{")]

    # ---- queues -------------------------------------------------------------------------------------------------

    @property
    def sqs(self) -> Any:
        return self.emulation.client("sqs")

    def url(self, queue: str) -> str:
        return self.outputs[f"{queue}Url"]

    def arn(self, queue: str) -> str:
        response = self.sqs.get_queue_attributes(QueueUrl=self.url(queue), AttributeNames=["QueueArn"])
        return str(response["Attributes"]["QueueArn"])

    def message_body(self, account: str, trigger: str = "manual") -> str:
        body = {"version": 1, "accountId": account, "trigger": trigger, "reason": trigger, "mode": "enforce"}
        return json.dumps(body)

    def send(self, *bodies: str, queue: str = "AccountQueue", group: str = "", **attributes: str) -> set[str]:
        """Send messages in one batch, with string attributes, and return the message IDs."""
        typed = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
        options = {"MessageAttributes": typed, **({"MessageGroupId": group} if group else {})}
        entries = [{"Id": str(number), "MessageBody": body, **options} for number, body in enumerate(bodies)]
        response = self.sqs.send_message_batch(QueueUrl=self.url(queue), Entries=entries)
        return {each["MessageId"] for each in response["Successful"]}

    def messages(self, queue: str) -> list[dict[str, Any]]:
        """Return the visible messages of a queue, which stay there."""
        found: dict[str, dict[str, Any]] = {}
        while True:
            response = self.sqs.receive_message(
                QueueUrl=self.url(queue),
                MessageAttributeNames=["All"],
                MaxNumberOfMessages=10,
                VisibilityTimeout=0,
            )
            new = {each["MessageId"]: each for each in response.get("Messages", []) if each["MessageId"] not in found}
            if not new:
                return list(found.values())
            found.update(new)

    def message_count(self, queue: str) -> int:
        """Return the number of messages of a queue, including those in flight and delayed."""
        names = [f"ApproximateNumberOfMessages{suffix}" for suffix in ("", "NotVisible", "Delayed")]
        response = self.sqs.get_queue_attributes(QueueUrl=self.url(queue), AttributeNames=names)
        return sum(int(response["Attributes"][name]) for name in names)

    def purge(self, *queues: str) -> None:
        for queue in queues:
            self.sqs.purge_queue(QueueUrl=self.url(queue))

    def failure_of(self, account: str) -> dict[str, str]:
        """Wait until the account is on FailedAccountQueue, and return the attributes of its message."""

        def attributes() -> dict[str, str] | None:
            for message in self.messages("FailedAccountQueue"):
                values = {name: each["StringValue"] for name, each in message["MessageAttributes"].items()}
                if values["AccountId"] == account:
                    return values
            return None

        return eventually(attributes, within=60) or {}

    def redrive(self) -> None:
        """Move every message of FailedAccountQueue back to AccountQueue."""
        self.sqs.start_message_move_task(
            SourceArn=self.arn("FailedAccountQueue"), DestinationArn=self.arn("AccountQueue")
        )
