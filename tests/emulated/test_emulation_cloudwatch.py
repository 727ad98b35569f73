"""CloudWatch through boto3: an alarm on metric math in a template."""

import json
from typing import Any

import pytest

from emulation.organization import Emulation
from emulation.waiting import eventually
from tests.emulated.alarm import create_alarm


def metric(identifier: str, **more: Any) -> dict[str, Any]:
    stat = {
        "Metric": {"Namespace": "AWS/SQS", "MetricName": identifier, "Dimensions": []},
        "Period": 60,
        "Stat": "Maximum",
    }
    return {"Id": identifier, "MetricStat": stat, "ReturnData": False, **more}


def create(emulation: Emulation, *metrics: dict[str, Any]) -> str:
    """Create a stack with an alarm on these metrics; returns its final status."""
    alarm = {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "Metrics": list(metrics),
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": 0,
            "EvaluationPeriods": 1,
            "TreatMissingData": "ignore",
            "OKActions": ["arn:aws:sns:us-east-1:000000000000:topic"],
        },
    }
    cloudformation = emulation.client("cloudformation")
    cloudformation.create_stack(StackName="alarm", TemplateBody=json.dumps({"Resources": {"Alarm": alarm}}))

    def final_status() -> str:
        status: str = cloudformation.describe_stacks(StackName="alarm")["Stacks"][0]["StackStatus"]
        return "" if status.endswith("_IN_PROGRESS") else status

    return eventually(final_status)


def test_an_alarm_on_metric_math_is_described_as_in_the_template(emulation: Emulation) -> None:
    sum_of_both = {"Id": "both", "Expression": "one + two", "ReturnData": True}
    assert create(emulation, sum_of_both, metric("one"), metric("two")) == "CREATE_COMPLETE"
    [alarm] = emulation.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert alarm["Metrics"] == [sum_of_both, metric("one"), metric("two")]
    assert "MetricName" not in alarm
    assert (alarm["StateValue"], alarm["TreatMissingData"]) == ("INSUFFICIENT_DATA", "ignore")
    assert alarm["OKActions"] == ["arn:aws:sns:us-east-1:000000000000:topic"]


@pytest.mark.parametrize("returning", [0, 2])
def test_exactly_one_metric_must_return_data(emulation: Emulation, returning: int) -> None:
    metrics = [metric(f"m{number}", ReturnData=number < returning) for number in range(3)]
    assert create(emulation, *metrics) == "ROLLBACK_COMPLETE"


@pytest.mark.parametrize("alarms", ["own", "other", "none"])
def test_an_alarm_notifies_a_topic_whose_policy_allows_it(emulation: Emulation, alarms: str) -> None:
    [other] = emulation.create_accounts(1)
    account = {"own": emulation.management_account, "other": other, "none": "999999999999"}[alarms]
    sns, sqs = emulation.client("sns"), emulation.client("sqs")
    topic = sns.create_topic(Name="topic")["TopicArn"]
    allow = {"Effect": "Allow", "Principal": {"Service": "cloudwatch.amazonaws.com"}, "Action": "sns:Publish"}
    condition = {"StringEquals": {"aws:SourceAccount": account}}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{**allow, "Resource": topic, "Condition": condition}]})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    queue = f"arn:aws:sqs:us-east-1:{emulation.management_account}:subscriber"
    send = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
    allowed = json.dumps({"Version": "2012-10-17", "Statement": [{**send, "Resource": queue}]})
    url = sqs.create_queue(QueueName="subscriber", Attributes={"Policy": allowed})["QueueUrl"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)

    for name, owner in (("own", None), ("other", other)):
        cloudwatch = emulation.client("cloudwatch", account=owner)
        create_alarm(cloudwatch, name, topic)
        cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="test")

    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    notified = [json.loads(json.loads(message["Body"])["Message"])["AlarmName"] for message in messages]
    assert notified == ([] if alarms == "none" else [alarms])
