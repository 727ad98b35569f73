"""EventBridge through boto3: permissions of deliveries, and dead-letter queues."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from emulation.organization import Emulation
from emulation.waiting import eventually
from tests.emulated.conftest import queue_policy

EVENT = {
    "source": "aws.organizations",
    "detail-type": "AWS Service Event via CloudTrail",
    "region": "us-east-1",
    "detail": {"eventName": "CreateAccountResult"},
}
PATTERN = json.dumps({"source": ["aws.organizations"]})


@pytest.fixture
def sqs(emulation: Emulation) -> Any:
    return emulation.client("sqs")


@pytest.fixture
def queue(emulation: Emulation, sqs: Any) -> Callable[..., str]:
    """Create a queue, with a policy for the rule if one is given; returns its ARN."""

    def make(name: str, rule: str | None = None) -> str:
        arn = f"arn:aws:sqs:us-east-1:{emulation.management_account}:{name}"
        sqs.create_queue(QueueName=name, Attributes={"Policy": queue_policy(arn, rule)} if rule else {})
        return arn

    return make


@pytest.fixture
def rule(emulation: Emulation) -> Callable[..., str]:
    """Create a rule for the event with a target; returns the rule's ARN, the same for the same name."""

    def make(name: str, region: str = "us-east-1", **target: Any) -> str:
        events = emulation.client("events", region=region)
        arn: str = events.put_rule(Name=name, EventPattern=PATTERN)["RuleArn"]
        if target:
            events.put_targets(Rule=name, Targets=[{"Id": "target", **target}])
        return arn

    return make


def test_an_event_of_aws_arrives_as_it_was_recorded(emulation: Emulation, sqs: Any, event_queue: str) -> None:
    emulation.deliver({**EVENT, "resources": ["arn:aws:organizations::aws:thing"]})

    [message] = sqs.receive_message(QueueUrl=event_queue)["Messages"]
    envelope = json.loads(message["Body"])
    assert {key: envelope[key] for key in EVENT} == EVENT
    assert envelope["resources"] == ["arn:aws:organizations::aws:thing"]
    assert envelope["account"] == emulation.management_account


def test_only_aws_puts_events_of_aws(caller: Callable[..., Any]) -> None:
    events = caller({"Action": "events:PutEvents", "Resource": "*"})("events")
    entry = {"Source": "aws.organizations", "DetailType": "any", "Detail": "{}"}
    [result] = events.put_events(Entries=[entry])["Entries"]
    assert result["ErrorCode"] == "NotAuthorizedForSourceException"


def test_a_queue_without_policy_receives_nothing(
    emulation: Emulation, sqs: Any, queue: Callable[..., str], rule: Callable[..., str]
) -> None:
    rule("rule", Arn=queue("closed"))
    emulation.deliver(EVENT)
    assert "Messages" not in sqs.receive_message(QueueUrl="closed")


@pytest.mark.parametrize("allowed", [True, False])
def test_a_denied_event_goes_to_the_targets_dead_letter_queue_if_its_policy_allows_it(
    emulation: Emulation, sqs: Any, queue: Callable[..., str], rule: Callable[..., str], allowed: bool
) -> None:
    arn = rule("rule")
    closed = queue("closed", "arn:aws:events:us-east-1:000000000000:rule/another")
    undelivered = queue("undelivered", arn if allowed else None)
    rule("rule", Arn=closed, DeadLetterConfig={"Arn": undelivered})

    emulation.deliver(EVENT)

    messages = sqs.receive_message(QueueUrl="undelivered", MessageAttributeNames=["All"]).get("Messages", [])
    assert len(messages) == allowed
    for message in messages:
        assert json.loads(message["Body"])["detail"] == EVENT["detail"]
        attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
        assert attributes["ERROR_CODE"] == "NO_PERMISSIONS"
        assert (attributes["RULE_ARN"], attributes["TARGET_ARN"]) == (arn, closed)


def test_an_event_that_the_queue_does_not_accept_goes_to_the_dead_letter_queue(
    emulation: Emulation, sqs: Any, queue: Callable[..., str], rule: Callable[..., str]
) -> None:
    arn = rule("rule")
    small, undelivered = queue("small", arn), queue("undelivered", arn)
    sqs.set_queue_attributes(QueueUrl="small", Attributes={"MaximumMessageSize": "1024"})
    rule("rule", Arn=small, DeadLetterConfig={"Arn": undelivered})

    emulation.deliver(EVENT)
    emulation.deliver({**EVENT, "detail": {"large": "x" * 1024}})

    [message] = sqs.receive_message(QueueUrl="small")["Messages"]
    assert json.loads(message["Body"])["detail"] == EVENT["detail"]
    [message] = sqs.receive_message(QueueUrl="undelivered", MessageAttributeNames=["All"])["Messages"]
    assert message["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "INVALID_PARAMETER"


def test_a_missing_target_is_no_resource(
    emulation: Emulation, sqs: Any, queue: Callable[..., str], rule: Callable[..., str]
) -> None:
    arn = rule("rule")
    missing = f"arn:aws:sqs:us-east-1:{emulation.management_account}:missing"
    rule("rule", Arn=missing, DeadLetterConfig={"Arn": queue("undelivered", arn)})

    emulation.deliver(EVENT)

    [message] = sqs.receive_message(QueueUrl="undelivered", MessageAttributeNames=["All"])["Messages"]
    assert message["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_RESOURCE"


def test_a_function_needs_a_permission_for_the_rule(
    emulation: Emulation, sqs: Any, function: Callable[..., str], rule: Callable[..., str]
) -> None:
    sqs.create_queue(QueueName="received")
    source = """
        import boto3
        def handler(event, context):
            boto3.client("sqs").send_message(QueueUrl="received", MessageBody=event["source"])
    """
    arn = function("listener", source, {"Action": "sqs:SendMessage", "Resource": "*"}, timeout=10)
    rule_arn = rule("rule", Arn=arn)
    emulation.deliver(EVENT)

    emulation.client("lambda").add_permission(
        FunctionName="listener",
        StatementId="rule",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=rule_arn,
    )
    emulation.deliver(EVENT)

    assert eventually(lambda: sqs.receive_message(QueueUrl="received").get("Messages"))
    assert "Messages" not in sqs.receive_message(QueueUrl="received"), "the first event was delivered too"


def test_an_event_reaches_the_bus_of_another_region_with_the_targets_role(
    emulation: Emulation, sqs: Any, event_queue: str, role: Callable[..., str], rule: Callable[..., str]
) -> None:
    bus = f"arn:aws:events:us-east-1:{emulation.management_account}:event-bus/default"
    powerless = role("powerless", trusts="events.amazonaws.com")
    forwarder = role("forwarder", {"Action": "events:PutEvents", "Resource": bus}, trusts="events.amazonaws.com")
    event = {**EVENT, "region": "eu-west-1"}

    rule("forward", region="eu-west-1", Arn=bus, RoleArn=powerless)
    emulation.deliver(event)
    assert "Messages" not in sqs.receive_message(QueueUrl=event_queue)

    rule("forward", region="eu-west-1", Arn=bus, RoleArn=forwarder)
    emulation.deliver(event)
    [message] = sqs.receive_message(QueueUrl=event_queue)["Messages"]
    assert json.loads(message["Body"])["region"] == "eu-west-1"
