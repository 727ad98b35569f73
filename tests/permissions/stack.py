"""The deployed stack: its policies, how to change them, and what the flows do with it."""

import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError

from emulation.organization import Emulation
from emulation.settings import Settings
from emulation.waiting import eventually
from tests.emulated.package import Package
from tests.permissions.changes import Statement
from tests.permissions.plan import PATH, ROOT_ID, Variant

SETTINGS = Settings(quota_speed=20, delay_speed=6000)
"""An hour of retries takes 0.6 s, a batching window of a minute 0.01 s."""
PATIENCE = 15.0
"""Seconds after which a flow has failed: several times what it takes on a busy machine."""
_BACKFILL_TIMEOUT = 79
"""Seconds. The backfill stops 75 s before its timeout: it tries for four seconds, not for minutes, if it is denied."""
STACK = "alternate-contacts"

LEFT = "message left for redelivery"
OUTCOMES = ("account processed", "account skipped", "account failed", "retry scheduled", LEFT)
"""Messages of the worker's log at the end of a try."""

Document = dict[str, Any]


class FlowError(Exception):
    """A flow of the package failed."""


@dataclass(frozen=True)
class Policy:
    """A policy document of the stack, and how to replace it. A role may have several with one name."""

    name: str
    document: Document
    write: Callable[[Document], object]

    def with_statement(self, index: int, statement: Statement) -> Document:
        """Return the document with another statement at ``index``."""
        statements = list(self.document["Statement"])
        statements[index] = statement
        return {**self.document, "Statement": statements}


class Stack:
    """The package in an emulated organization, with its policies."""

    def __init__(self, emulation: Emulation, build: Path) -> None:
        self.emulation = emulation
        self.package = Package(emulation, build, [])
        self.enforces = True
        self.root: str = self.client("organizations").list_roots()["Roots"][0]["Id"]
        self.client("ssm").put_parameter(Name=f"{PATH}/version", Type="String", Value="1")
        own = {"name": "own", "title": "Team", "emailAddress": "own@acme.test", "phoneNumber": "+44 20 7946 0018"}
        self.client("ssm").put_parameter(Name=f"{PATH}/sets/own", Type="String", Value=json.dumps(own))

    def client(self, service: str) -> Any:
        """Return a client of the management account's root user."""
        return self.emulation.client(service)

    def deploy(self, variant: Variant) -> None:
        """Create or update the stack with the parameters of a variant."""
        values = {name: self.root if value == ROOT_ID else value for name, value in variant.parameters.items()}
        self.package.update(**values)
        self.enforces = values.get("Mode") != "report"
        managed = {kind: each for kind, each in self.package.desired.items() if each["Name"] != "none"}
        self.package.desired = managed
        for name in ("WorkerFunction", "BackfillFunction"):
            self.package.create_caller(name)
        self.client("lambda").update_function_configuration(
            FunctionName=self.package.outputs["BackfillFunctionName"], Timeout=_BACKFILL_TIMEOUT
        )
        eventually(lambda: self.package.message_count("AccountQueue") == 0, within=60)

    def reset(self) -> None:
        """Restore an organization of one account, without messages and contacts."""
        self.emulation.reset(stacks=False)
        self.emulation.enable_trusted_access()

    def physical_id(self, logical_id: str) -> str:
        detail = self.client("cloudformation").describe_stack_resource(StackName=STACK, LogicalResourceId=logical_id)
        return str(detail["StackResourceDetail"]["PhysicalResourceId"])

    def has(self, logical_id: str) -> bool:
        try:
            return bool(self.physical_id(logical_id))
        except ClientError:
            return False

    # ---- policies -----------------------------------------------------------------------------------------------

    def policies(self) -> list[Policy]:
        """Return the policies of the stack as they are now."""
        found: list[Policy] = []
        for resource in self.client("cloudformation").list_stack_resources(StackName=STACK)["StackResourceSummaries"]:
            find = _READERS.get(resource["ResourceType"])
            if find:
                found += find(self, resource["LogicalResourceId"], resource["PhysicalResourceId"])
        return found

    # ---- what flows do ------------------------------------------------------------------------------------------

    def role(self, function: str) -> str:
        """Return the ARN of the role of ``WorkerFunction`` or ``BackfillFunction``."""
        name = self.package.outputs[f"{function}Name"]
        return str(self.client("lambda").get_function_configuration(FunctionName=name)["Role"])

    def invoke_backfill(self, event: Mapping[str, object]) -> dict[str, Any]:
        """Invoke BackfillFunction, and return its result.

        Raises:
            FlowError: the function failed.
        """
        result = self.package.invoke_backfill_with(event)
        if "errorMessage" in result:
            raise FlowError(result["errorMessage"])
        return result

    def lines(self, function: str, since: float, **fields: object) -> list[dict[str, Any]]:
        """Return the JSON log lines of a function since a time that have these fields."""
        group = self.package.outputs[f"{function}LogGroupName"]
        pages = self.client("logs").get_paginator("filter_log_events")
        texts = [
            event["message"]
            for page in pages.paginate(logGroupName=group, startTime=int(since * 1000))
            for event in page["events"]
        ]
        lines = [json.loads(text) for text in texts if text.startswith("{")]
        return [line for line in lines if fields.items() <= line.items()]

    def wait_for(self, condition: Callable[[], Any], failure: str, within: float = PATIENCE) -> Any:
        """Wait until the condition is true, and return its value.

        Raises:
            FlowError: it was false for ``within`` seconds.
        """
        try:
            return eventually(condition, within=within)
        except TimeoutError:
            raise FlowError(failure) from None

    def wait_for_outcome(
        self, item: str, since: float, *, expected: str = "account processed", ends: Collection[str] = OUTCOMES
    ) -> dict[str, Any]:
        """Wait for the first log line of the worker about an account or message that is one of ``ends``; return it.

        Raises:
            FlowError: it is not the ``expected`` one.
        """

        def first_line() -> dict[str, Any] | None:
            if any(item in message["Body"] for message in self.messages("UndeliveredQueue")):
                raise FlowError("on UndeliveredQueue")
            lines = self.lines("Worker", since)
            return next((line for line in lines if item in line.values() and line.get("message") in ends), None)

        line: dict[str, Any] = self.wait_for(first_line, f"no log line about {item}")
        if line["message"] != expected:
            raise FlowError(f"{line['message']}: {line.get('error_code', '')}")
        return line

    def messages(self, queue: str) -> list[dict[str, Any]]:
        return self.package.messages(queue)

    def expect_message(self, queue: str, text: str) -> None:
        """Check that a queue has a message whose body contains ``text``. EventBridge delivers before its call returns.

        Raises:
            FlowError: it has none.
        """
        if not any(text in message["Body"] for message in self.messages(queue)):
            raise FlowError(f"{text} is not on {queue}")

    def wait_for_message(self, queue: str, text: str, within: float = PATIENCE) -> None:
        """Wait until a queue has a message whose body contains ``text``.

        Raises:
            FlowError: it has none.
        """

        def has_message() -> bool:
            return any(text in message["Body"] for message in self.messages(queue))

        self.wait_for(has_message, f"{text} is not on {queue}", within)

    @contextmanager
    def queue(self, sender: str) -> Iterator[tuple[str, str]]:
        """Create a queue of a test to which an AWS service may send; give its URL and ARN."""
        sqs, name = self.client("sqs"), f"test-{uuid4().hex}"
        arn = f"arn:aws:sqs:us-east-1:{self.emulation.management_account}:{name}"
        allow = {"Effect": "Allow", "Principal": {"Service": sender}, "Action": "sqs:SendMessage", "Resource": arn}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        url = sqs.create_queue(QueueName=name, Attributes={"Policy": policy})["QueueUrl"]
        try:
            yield url, arn
        finally:
            sqs.delete_queue(QueueUrl=url)

    def bodies(self, url: str) -> list[str]:
        """Return the bodies of up to ten messages of a queue, which stay there."""
        response = self.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return [message["Body"] for message in response.get("Messages", [])]

    @contextmanager
    def closed(self, queue: str) -> Iterator[None]:
        """Let no AWS service send to a queue of the stack meanwhile."""
        sqs, url = self.client("sqs"), self.physical_id(queue)
        policy = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"]
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
        try:
            yield
        finally:
            sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})

    def schedule_now(self, target: Mapping[str, object], group: str = "default") -> str:
        """Create a schedule with this target that is due now; return its name. It is deleted when it has run."""
        name = f"test-{uuid4().hex}"
        self.client("scheduler").create_schedule(
            Name=name,
            GroupName=group,
            ScheduleExpression=f"at({time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime())})",
            FlexibleTimeWindow={"Mode": "OFF"},
            ActionAfterCompletion="DELETE",
            Target=target,
        )
        return name

    def has_schedule(self, name: str) -> bool:
        scheduler = self.client("scheduler")
        try:
            return bool(scheduler.get_schedule(Name=name))
        except scheduler.exceptions.ResourceNotFoundException:
            return False

    def schedule_target(self, logical_id: str) -> dict[str, Any]:
        """Return the target of a schedule of the stack."""
        name = self.physical_id(logical_id).rpartition("/")[2]
        return dict(self.client("scheduler").get_schedule(Name=name)["Target"])


def _role_policies(stack: Stack, name: str, role: str) -> Iterator[Policy]:
    iam = stack.client("iam")
    trust = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]

    def write_trust(document: Document) -> None:
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(document))

    yield Policy(f"{name} trust", trust, write_trust)
    for policy_name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=role, PolicyName=policy_name)["PolicyDocument"]

        def write(changed: Document, policy_name: str = policy_name) -> None:
            iam.put_role_policy(RoleName=role, PolicyName=policy_name, PolicyDocument=json.dumps(changed))

        yield Policy(name, document, write)


def _managed_policies(stack: Stack, name: str, arn: str) -> Iterator[Policy]:
    iam = stack.client("iam")
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    document = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]

    def write(changed: Document) -> None:
        for each in iam.list_policy_versions(PolicyArn=arn)["Versions"]:  # a policy has five at most
            if not each["IsDefaultVersion"]:
                iam.delete_policy_version(PolicyArn=arn, VersionId=each["VersionId"])
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(changed), SetAsDefault=True)

    yield Policy(name, document, write)


def _queue_policies(stack: Stack, name: str, _: str) -> Iterator[Policy]:
    sqs, url = stack.client("sqs"), stack.physical_id(name.removesuffix("Policy"))
    text = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"]

    original = json.loads(text)

    def write(changed: Document) -> None:
        # A statement that denies everything to everyone would deny its removal too.
        statements = [
            {**{key: value for key, value in each.items() if key != "Action"}, "NotAction": "sqs:SetQueueAttributes"}
            if changed is not original and each["Action"] == "sqs:*"
            else each
            for each in changed["Statement"]
        ]
        policy = json.dumps({**changed, "Statement": statements})
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})

    yield Policy(name, original, write)


def _topic_policies(stack: Stack, name: str, _: str) -> Iterator[Policy]:
    sns, arn = stack.client("sns"), stack.package.outputs["AlarmTopicArn"]
    text = sns.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"]

    def write(changed: Document) -> None:
        sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=json.dumps(changed))

    yield Policy(name, json.loads(text), write)


def _service_control_policies(stack: Stack, name: str, policy_id: str) -> Iterator[Policy]:
    organizations = stack.client("organizations")
    text = organizations.describe_policy(PolicyId=policy_id)["Policy"]["Content"]

    def write(changed: Document) -> None:
        organizations.update_policy(PolicyId=policy_id, Content=json.dumps(changed))

    yield Policy(name, json.loads(text), write)


_READERS: Mapping[str, Callable[[Stack, str, str], Iterator[Policy]]] = {
    "AWS::IAM::Role": _role_policies,
    "AWS::IAM::ManagedPolicy": _managed_policies,
    "AWS::SQS::QueuePolicy": _queue_policies,
    "AWS::SNS::TopicPolicy": _topic_policies,
    "AWS::Organizations::Policy": _service_control_policies,
}


@contextmanager
def emulated_stack(build: Path) -> Iterator[Stack]:
    """Start an emulation for one stack; deploy a variant to use it."""
    with Emulation(SETTINGS) as emulation:
        emulation.enable_trusted_access()
        yield Stack(emulation, build)
