"""CloudWatch: metrics out of log lines, and the alarms on them."""

import pytest

from tests.live.aws import Aws, skip


@pytest.mark.fact(
    "CloudWatch extracts the metrics from log lines in the format JSON, with exactly the dimensions that are set.",
    otherwise="Alarms and dashboard have no data: the two telemetry.py, or the log format.",
)
def test_the_metrics_have_their_dimensions(aws: Aws) -> None:
    pages = aws.client("cloudwatch").get_paginator("list_metrics").paginate(Namespace="AlternateContacts")
    found = {
        (metric["MetricName"], *sorted(dimension["Name"] for dimension in metric["Dimensions"]))
        for page in pages
        for metric in page["Metrics"]
    }
    if not found:
        skip("no message was processed within 14 days")
    assert {("BackfillCompleted", "service"), ("DaysSinceBackfill", "service")} <= found
    assert {tuple(dimensions) for _, *dimensions in found} <= {
        ("service",),
        ("contact_type", "service"),
        ("reason", "service"),
    }


@pytest.mark.fact(
    "FailedAccountsAlarm and UndeliveredAlarm are in ALARM while their queue has messages, also while they are read.",
    otherwise="An alarm fires too often or not at all: the metric math and TreatMissingData in template.yaml.",
)
@pytest.mark.aws_only("it does not evaluate alarms on metric math")
@pytest.mark.parametrize(
    ("alarm", "queue"), [("FailedAccountsAlarm", "FailedAccountQueue"), ("UndeliveredAlarm", "UndeliveredQueue")]
)
def test_the_alarm_is_on_while_messages_are_kept(aws: Aws, alarm: str, queue: str) -> None:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = aws.client("sqs").get_queue_attributes(QueueUrl=aws.outputs[f"{queue}Url"], AttributeNames=names)[
        "Attributes"
    ]
    [described] = aws.client("cloudwatch").describe_alarms(AlarmNames=[aws.physical_id(alarm)])["MetricAlarms"]
    if described["StateValue"] == "INSUFFICIENT_DATA":
        skip("the alarm has no data yet")
    messages = sum(int(attributes[name]) for name in names)
    assert (described["StateValue"] == "ALARM") is (messages > 0)
