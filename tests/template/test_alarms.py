"""Alarms and dashboard: each looks at something that is there, and tells somebody who can be told."""

import json
import re
from typing import Any

import pytest

from backfill import metrics as backfill_metrics
from worker import telemetry as worker_telemetry

Resources = dict[str, Any]

ALARMS = {
    "FailedAccountsAlarm",
    "UndeliveredAlarm",
    "LettersTooOldAlarm",
    "WorkerErrorsAlarm",
    "BackfillErrorsAlarm",
    "ReconcileOverdueAlarm",
}
ANYTHING = {"ComparisonOperator": "GreaterThanThreshold", "Threshold": 0, "EvaluationPeriods": 1}


def alarm(resources: Resources, name: str) -> dict[str, Any]:
    found: dict[str, Any] = resources[f"{name}Alarm"]["Properties"]
    return found


def of_type(resources: Resources, kind: str) -> set[str]:
    return {name for name, each in resources.items() if each["Type"] == kind}


def test_these_alarms_and_no_others(resources: Resources) -> None:
    assert of_type(resources, "AWS::CloudWatch::Alarm") == ALARMS


@pytest.mark.parametrize("name", sorted(ALARMS))
def test_an_alarm_tells_when_it_begins_and_when_it_is_over_and_what_to_do(resources: Resources, name: str) -> None:
    properties = resources[name]["Properties"]
    assert properties["AlarmActions"] == properties["OKActions"] == [{"Ref": "AlarmTopic"}]
    assert re.search(
        r"alternate-contacts (failures|status|replay|backfill)|docs/operations\.md", properties["AlarmDescription"]
    )
    assert "TreatMissingData" in properties


@pytest.mark.parametrize(
    ("name", "queue"), [("FailedAccounts", "FailedAccountQueue"), ("Undelivered", "UndeliveredQueue")]
)
def test_anything_on_a_queue_counts_in_flight_too(resources: Resources, name: str, queue: str) -> None:
    """An alarm on visible messages alone turns itself off while somebody reads them."""
    properties = alarm(resources, name)
    assert ANYTHING.items() <= properties.items()
    parts = {each["Id"]: each for each in properties["Metrics"]}
    assert [name for name, each in parts.items() if each["ReturnData"]] == ["kept"]
    assert parts["kept"]["Expression"] == "visible + FILL(inflight, 0)"
    for part, metric in (("visible", "Visible"), ("inflight", "NotVisible")):
        looked_at = parts[part]["MetricStat"]
        assert (looked_at["Stat"], looked_at["Period"]) == ("Maximum", 300)
        assert looked_at["Metric"] == {
            "Namespace": "AWS/SQS",
            "MetricName": f"ApproximateNumberOfMessages{metric}",
            "Dimensions": [{"Name": "QueueName", "Value": {"Fn::GetAtt": [queue, "QueueName"]}}],
        }
    assert properties["TreatMissingData"] == "ignore"


@pytest.mark.parametrize(
    ("name", "function"), [("WorkerErrors", "WorkerFunction"), ("BackfillErrors", "BackfillFunction")]
)
def test_any_error_of_a_function_counts(resources: Resources, name: str, function: str) -> None:
    properties = alarm(resources, name)
    assert ANYTHING.items() <= properties.items()
    assert (properties["Namespace"], properties["MetricName"]) == ("AWS/Lambda", "Errors")
    assert properties["Dimensions"] == [{"Name": "FunctionName", "Value": {"Ref": function}}]
    assert (properties["Statistic"], properties["Period"]) == ("Sum", 300)
    assert properties["TreatMissingData"] == "notBreaching"


def test_every_queue_and_function_is_watched(resources: Resources) -> None:
    looked_at = json.dumps([resources[name]["Properties"] for name in ALARMS])
    for name in of_type(resources, "AWS::SQS::Queue") | of_type(resources, "AWS::Serverless::Function"):
        assert f'"{name}"' in looked_at, name


def test_letters_may_wait_as_long_as_a_first_backfill_takes(template: dict[str, Any], resources: Resources) -> None:
    """Of 10,000 accounts at the least share of the quota, with the wait of an Update and an hour of retries."""
    properties = alarm(resources, "LettersTooOld")
    parts = {each["Id"]: each for each in properties["Metrics"]}
    assert parts["waiting"]["Expression"] == "IF(visible + FILL(inflight, 0) > 0, age, 0)"
    for part, metric in (
        ("age", "ApproximateAgeOfOldestMessage"),
        ("visible", "ApproximateNumberOfMessagesVisible"),
        ("inflight", "ApproximateNumberOfMessagesNotVisible"),
    ):
        assert parts[part]["MetricStat"]["Metric"] == {
            "Namespace": "AWS/SQS",
            "MetricName": metric,
            "Dimensions": [{"Name": "QueueName", "Value": {"Fn::GetAtt": ["AccountQueue", "QueueName"]}}],
        }
    assert properties["Threshold"] == {"Fn::FindInMap": ["LettersTooOld", {"Ref": "AWS::Partition"}, "Seconds"]}
    share = template["Parameters"]["QuotaShare"]["MinValue"] / 100
    for partition, threshold in template["Mappings"]["LettersTooOld"].items():
        puts_a_second = int(template["Mappings"]["AccountApiQuota"][partition]["PutRate"]) * share
        assert threshold["Seconds"] > 10_000 * 3 / puts_a_second + 180 + 3645
        assert threshold["Seconds"] < resources["AccountQueue"]["Properties"]["MessageRetentionPeriod"]
    assert properties["TreatMissingData"] == "ignore"


def test_an_overdue_reconcile_is_noticed_after_two_periods_and_a_dead_watch_is_told_of(resources: Resources) -> None:
    properties = alarm(resources, "ReconcileOverdue")
    assert properties["Namespace"] == backfill_metrics.NAMESPACE
    assert properties["MetricName"] == backfill_metrics.DAYS_SINCE_BACKFILL
    assert properties["Dimensions"] == [{"Name": "service", "Value": backfill_metrics.SERVICE}]
    assert properties["Statistic"] == "Minimum"
    assert properties["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert properties["Threshold"] == {"Fn::FindInMap": ["Reconcile", {"Ref": "Reconcile"}, "TwoPeriodsInDays"]}
    assert (properties["Period"], properties["EvaluationPeriods"], properties["DatapointsToAlarm"]) == (86400, 2, 2)
    assert properties["TreatMissingData"] == "missing"
    assert properties["InsufficientDataActions"] == [{"Ref": "AlarmTopic"}]


def test_nobody_is_told_of_what_was_switched_off(resources: Resources) -> None:
    conditions = {name: resources[name].get("Condition") for name in ALARMS}
    assert {name: each for name, each in conditions.items() if each} == {
        "LettersTooOldAlarm": "IsEnabled",
        "ReconcileOverdueAlarm": "Reconciles",
    }


def test_no_alarm_looks_back_further_than_cloudwatch_does(resources: Resources) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html, Period"""
    for name in ALARMS:
        properties = resources[name]["Properties"]
        period = properties.get("Period") or 300
        assert period * properties["EvaluationPeriods"] <= (604_800 if period >= 3600 else 86_400)


def test_cloudwatch_can_publish_to_the_topic(resources: Resources) -> None:
    """It may not use alias/aws/sns, and would not say so."""
    assert "KmsMasterKeyId" not in resources["AlarmTopic"]["Properties"]
    allow, deny = resources["AlarmTopicPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert (allow["Effect"], allow["Principal"]) == ("Allow", {"Service": "cloudwatch.amazonaws.com"})
    assert allow["Action"] == "sns:Publish"
    assert allow["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    assert (deny["Effect"], deny["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_an_address_is_subscribed_only_if_there_is_one(template: dict[str, Any], resources: Resources) -> None:
    assert resources["AlarmSubscription"]["Condition"] == "HasAlarmEmail"
    assert template["Conditions"]["HasAlarmEmail"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "AlarmEmail"}, "none"]}]}
    assert template["Parameters"]["AlarmEmail"]["Default"] == "none"


# ---- dashboard --------------------------------------------------------------------------------------------------


@pytest.fixture
def body(resources: Resources) -> dict[str, Any]:
    """The dashboard, with names in place of what CloudFormation puts there."""
    text, more = resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    for name, alarms in more.items():
        condition, with_it, without_it = alarms["Fn::If"]
        [listed] = re.findall(r"\$\{(\w+)\.Arn\}", with_it["Fn::Sub"])
        assert (resources[listed]["Condition"], without_it) == (condition, "")
        text = text.replace(f"${{{name}}}", with_it["Fn::Sub"])
    for reference in re.findall(r"\$\{([\w:.]+)\}", text):
        logical_id, _, attribute = reference.partition(".")
        assert logical_id in resources or reference == "AWS::Region", reference
        assert attribute in ("", "QueueName", "Arn")
    found: dict[str, Any] = json.loads(re.sub(r"\$\{([\w:.]+)\}", r"\1", text))
    return found


def test_the_dashboard_shows_metrics_that_somebody_writes(body: dict[str, Any], resources: Resources) -> None:
    worker = {*worker_telemetry._CONTACTS.values(), "AccountsSkipped", "AccountsFailed", "CallsThrottled"}
    backfill = {value for name, value in vars(backfill_metrics).items() if name.isupper()}
    shown = [metric for widget in body["widgets"] for metric in widget["properties"].get("metrics", [])]
    for metric in shown:
        if isinstance(metric[0], dict):
            searched = re.findall(r'MetricName="(\w+)"', metric[0]["expression"])
            assert searched
            assert set(searched) <= worker
        elif metric[0] == "AlternateContacts":
            assert metric[1] in (worker if metric[3] == "worker" else backfill)
            assert metric[2] == "service"
            assert metric[4] == "contact_type" or isinstance(metric[4], dict)
        else:
            kinds = {"AWS/SQS": "AWS::SQS::Queue", "AWS/Lambda": "AWS::Serverless::Function"}
            assert resources[metric[3].partition(".")[0]]["Type"] == kinds[metric[0]]


@pytest.mark.parametrize(
    "wanted",
    [
        "ContactsUpdated",
        "ContactsUnchanged",
        "AccountsFailed",
        "ApproximateNumberOfMessagesVisible",
        "ApproximateAgeOfOldestMessage",
        "CallsThrottled",
    ],
)
def test_the_dashboard_shows_what_an_operator_asks_first(body: dict[str, Any], wanted: str) -> None:
    assert wanted in json.dumps(body)


def test_the_dashboard_shows_every_alarm(body: dict[str, Any]) -> None:
    [alarms] = [widget["properties"]["alarms"] for widget in body["widgets"] if widget["type"] == "alarm"]
    assert {each.removesuffix(".Arn") for each in alarms} == ALARMS


def test_no_widget_covers_another(body: dict[str, Any]) -> None:
    cells = [
        (x, y)
        for widget in body["widgets"]
        for x in range(widget["x"], widget["x"] + widget["width"])
        for y in range(widget["y"], widget["y"] + widget["height"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
