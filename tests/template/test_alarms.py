"""Alarms and dashboard: each looks at something that is there, and tells somebody who can be told."""

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from alternate_contacts.backfill import metrics as backfill
from alternate_contacts.worker import retry
from alternate_contacts.worker.contacts import ContactType
from tests.fakes import telemetry

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
TOPIC = [{"Ref": "AlarmTopic"}]


def alarm(resources: Resources, name: str) -> dict[str, Any]:
    found: dict[str, Any] = resources[f"{name}Alarm"]["Properties"]
    return found


def of_type(resources: Resources, kind: str) -> set[str]:
    return {name for name, each in resources.items() if each["Type"] == kind}


def parts(properties: dict[str, Any], queue: str) -> tuple[str, dict[str, str]]:
    """The expression of an alarm on a queue, and the names of SQS's metrics in it by their id."""
    found: dict[str, str] = {}
    for each in properties["Metrics"]:
        if not each["ReturnData"]:
            stat = each["MetricStat"]
            assert (stat["Metric"]["Namespace"], stat["Stat"], stat["Period"]) == ("AWS/SQS", "Maximum", 300)
            assert stat["Metric"]["Dimensions"] == [
                {"Name": "QueueName", "Value": {"Fn::GetAtt": [queue, "QueueName"]}}
            ]
            found[each["Id"]] = stat["Metric"]["MetricName"]
    [returning] = [each for each in properties["Metrics"] if each["ReturnData"]]
    return returning["Expression"], found


def test_these_alarms_and_no_others(resources: Resources) -> None:
    assert of_type(resources, "AWS::CloudWatch::Alarm") == ALARMS


@pytest.mark.parametrize("name", sorted(ALARMS))
def test_an_alarm_tells_when_it_begins_and_when_it_is_over(resources: Resources, name: str) -> None:
    properties = resources[name]["Properties"]
    assert properties["AlarmActions"] == properties["OKActions"] == TOPIC
    assert properties.get("ActionsEnabled", True) is True


@pytest.mark.parametrize("name", sorted(ALARMS))
def test_its_description_says_what_to_do_and_where_more_stands(resources: Resources, name: str) -> None:
    description = resources[name]["Properties"]["AlarmDescription"]
    assert "`alternate-contacts " in description or "log group" in description
    assert description.endswith(f'See docs/operations.md, "{name}".')
    assert len(description) <= 1024  # CloudWatch's longest


@pytest.mark.parametrize(
    ("name", "queue"), [("FailedAccounts", "FailedAccountQueue"), ("Undelivered", "UndeliveredQueue")]
)
def test_anything_on_a_queue_counts_in_flight_too(resources: Resources, name: str, queue: str) -> None:
    """An alarm on visible messages alone turns itself off while somebody reads them.

    SQS tells of messages in flight only where there are some, hence FILL, and nothing of a queue that nobody touched
    for six hours, hence ``ignore``:
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
    """
    properties = alarm(resources, name)
    assert ANYTHING.items() <= properties.items()
    assert parts(properties, queue) == (
        "visible + FILL(inflight, 0)",
        {"visible": "ApproximateNumberOfMessagesVisible", "inflight": "ApproximateNumberOfMessagesNotVisible"},
    )
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


def test_the_age_of_a_letter_is_that_of_the_oldest_and_0_where_none_waits(resources: Resources) -> None:
    """SQS tells no age of an empty queue: the alarm would stay on."""
    properties = alarm(resources, "LettersTooOld")
    assert parts(properties, "AccountQueue") == (
        "IF(visible + FILL(inflight, 0) > 0, age, 0)",
        {
            "age": "ApproximateAgeOfOldestMessage",
            "visible": "ApproximateNumberOfMessagesVisible",
            "inflight": "ApproximateNumberOfMessagesNotVisible",
        },
    )
    assert (properties["ComparisonOperator"], properties["EvaluationPeriods"]) == ("GreaterThanThreshold", 1)
    assert properties["TreatMissingData"] == "ignore"


def test_a_letter_may_be_as_old_as_the_largest_first_backfill_makes_it(
    template: dict[str, Any], resources: Resources
) -> None:
    properties = alarm(resources, "LettersTooOld")
    assert properties["Threshold"] == {"Fn::FindInMap": ["LettersTooOld", {"Ref": "AWS::Partition"}, "Seconds"]}
    limits = template["Mappings"]["LettersTooOld"]
    quotas = template["Mappings"]["AccountApiQuota"]
    assert limits.keys() == quotas.keys()
    variables = resources["WorkerFunction"]["Properties"]["Environment"]["Variables"]
    delay = int(resources["BackfillFunction"]["Properties"]["Environment"]["Variables"]["UPDATE_DELAY"])
    tries = sum(retry.retry_delay(number) for number in range(1, int(variables["MAX_TRIES"])))
    least_share = template["Parameters"]["QuotaShare"]["MinValue"] / 100
    for partition, quota in quotas.items():
        puts = 10_000 * len(ContactType) / (int(quota["PutRate"]) * least_share)
        longest = puts + delay + tries
        assert longest < limits[partition]["Seconds"] < 1.1 * longest
        assert limits[partition]["Seconds"] < resources["AccountQueue"]["Properties"]["MessageRetentionPeriod"]


def test_an_overdue_reconcile_is_noticed_after_two_periods(resources: Resources) -> None:
    properties = alarm(resources, "ReconcileOverdue")
    [metric] = [each for each in telemetry.metrics() if each.name == properties["MetricName"]]
    assert metric.name == backfill.DAYS_SINCE_BACKFILL
    assert (properties["Namespace"], metric.dimensions) == (metric.namespace, frozenset({"service"}))
    assert properties["Dimensions"] == [{"Name": "service", "Value": metric.service}]
    assert properties["Statistic"] == "Minimum"
    assert properties["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert properties["Threshold"] == {"Fn::FindInMap": ["Reconcile", {"Ref": "Reconcile"}, "TwoPeriodsInDays"]}
    assert (properties["Period"], properties["EvaluationPeriods"], properties["DatapointsToAlarm"]) == (86400, 2, 2)


def test_a_dead_watch_is_told_and_a_new_alarm_says_nothing_before_its_first_figure(resources: Resources) -> None:
    """A new alarm is in INSUFFICIENT_DATA from the start, so getting there later is a change that it tells."""
    properties = alarm(resources, "ReconcileOverdue")
    assert (properties["TreatMissingData"], properties["InsufficientDataActions"]) == ("missing", TOPIC)
    others = ALARMS - {"ReconcileOverdueAlarm"}
    assert not any("InsufficientDataActions" in resources[name]["Properties"] for name in others)


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


# ---- topic ------------------------------------------------------------------------------------------------------


def test_the_topic_has_no_key(resources: Resources) -> None:
    """CloudWatch may not use alias/aws/sns, and nobody would hear that it could not publish."""
    assert "KmsMasterKeyId" not in resources["AlarmTopic"]["Properties"]


def test_only_alarms_of_this_account_may_publish_and_nobody_without_tls(resources: Resources) -> None:
    policy = resources["AlarmTopicPolicy"]["Properties"]
    assert policy["Topics"] == TOPIC
    allow, deny = policy["PolicyDocument"]["Statement"]
    assert (allow["Effect"], allow["Principal"]) == ("Allow", {"Service": "cloudwatch.amazonaws.com"})
    assert allow["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    assert (deny["Effect"], deny["Principal"]) == ("Deny", "*")
    assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    for statement in (allow, deny):
        assert (statement["Action"], statement["Resource"]) == ("sns:Publish", TOPIC[0])


def test_an_address_is_subscribed_only_if_there_is_one(template: dict[str, Any], resources: Resources) -> None:
    subscription = resources["AlarmSubscription"]
    assert subscription["Condition"] == "HasAlarmEmail"
    assert template["Conditions"]["HasAlarmEmail"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "AlarmEmail"}, "none"]}]}
    assert subscription["Properties"] == {
        "TopicArn": TOPIC[0],
        "Protocol": "email",
        "Endpoint": {"Ref": "AlarmEmail"},
    }


def test_the_address_for_alarms_is_none_or_one_that_a_contact_may_have(template: dict[str, Any]) -> None:
    parameter, contact = template["Parameters"]["AlarmEmail"], template["Parameters"]["SecurityEmailAddress"]
    assert parameter["Default"] == "none"
    assert (parameter["AllowedPattern"], parameter["MaxLength"]) == (contact["AllowedPattern"], contact["MaxLength"])


def test_outputs_name_topic_and_dashboard(template: dict[str, Any]) -> None:
    assert template["Outputs"]["AlarmTopicArn"]["Value"] == TOPIC[0]
    assert template["Outputs"]["DashboardName"]["Value"] == {"Ref": "Dashboard"}


# ---- dashboard --------------------------------------------------------------------------------------------------

SWITCHES = [
    dict(zip(("IsEnabled", "Reconciles"), on, strict=True)) for on in itertools.product((True, False), repeat=2)
]


def substituted(value: Any, conditions: Mapping[str, bool]) -> str:
    """The text that CloudFormation makes of it; ``Queue.QueueName`` for the attribute of that name."""
    if isinstance(value, str):
        return value
    [(function, given)] = value.items()
    if function == "Fn::If":
        condition, yes, no = given
        return substituted(yes if conditions[condition] else no, conditions)
    assert function == "Fn::Sub"
    text, variables = given if isinstance(given, list) else (given, {})
    values = {name: substituted(each, conditions) for name, each in variables.items()}
    return re.sub(r"\$\{([\w:.]+)}", lambda match: values.get(match[1], match[1]), text)


def dashboard(resources: Resources, conditions: Mapping[str, bool]) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(substituted(resources["Dashboard"]["Properties"]["DashboardBody"], conditions))
    return body


@pytest.fixture(params=SWITCHES, ids=lambda switches: ",".join(name for name, on in switches.items() if on) or "off")
def conditions(request: pytest.FixtureRequest) -> dict[str, bool]:
    found: dict[str, bool] = request.param
    return found


@pytest.fixture
def widgets(resources: Resources) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = dashboard(resources, SWITCHES[0])["widgets"]
    return found


def shown(widgets: list[dict[str, Any]]) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Namespace, name and dimensions of each metric on the dashboard; of a search those that it asks for."""
    for widget in widgets:
        for metric in widget["properties"].get("metrics", []):
            if isinstance(metric[0], dict):
                found = re.fullmatch(
                    r"SEARCH\('{(\w+),([\w,]+)} MetricName=\"(\w+)\"', 'Sum', 300\)", metric[0]["expression"]
                )
                assert found, metric
                yield found[1], found[3], dict.fromkeys(found[2].split(","), "any")
            else:
                namespace, name, *dimensions = [each for each in metric if isinstance(each, str)]
                yield namespace, name, dict(zip(dimensions[::2], dimensions[1::2], strict=True))


def test_the_dashboard_is_json_and_shows_the_alarms_that_are_there(
    resources: Resources, conditions: dict[str, bool]
) -> None:
    [listed] = [
        each["properties"]["alarms"] for each in dashboard(resources, conditions)["widgets"] if each["type"] == "alarm"
    ]
    there = {name for name in ALARMS if conditions.get(resources[name].get("Condition", ""), True)}
    assert sorted(listed) == sorted(f"{name}.Arn" for name in there)


def test_it_shows_metrics_that_somebody_writes(resources: Resources, widgets: list[dict[str, Any]]) -> None:
    ours = {(each.name, each.dimensions): each for each in telemetry.metrics()}
    for namespace, name, dimensions in shown(widgets):
        if namespace == "AlternateContacts":
            metric = ours[name, frozenset(dimensions)]
            assert dimensions["service"] in (metric.service, "any")
            assert dimensions.get("contact_type", "any") in ("any", *ContactType)
        else:
            kind, dimension, suffix = {
                "AWS/SQS": ("AWS::SQS::Queue", "QueueName", ".QueueName"),
                "AWS/Lambda": ("AWS::Serverless::Function", "FunctionName", ""),
            }[namespace]
            logical_id = dimensions[dimension].removesuffix(suffix)
            assert dimensions == {dimension: logical_id + suffix}
            assert resources[logical_id]["Type"] == kind


def test_it_shows_every_metric_that_tells_of_accounts_and_backfills(widgets: list[dict[str, Any]]) -> None:
    """All but contacts that nobody manages, and failed ones, which the accounts that failed tell of."""
    names = {name for namespace, name, _ in shown(widgets) if namespace == "AlternateContacts"}
    assert names == {each.name for each in telemetry.metrics()} - {"ContactsIgnored", "ContactsFailed"}


def test_it_shows_depth_and_age_of_every_queue_and_errors_of_every_function(
    resources: Resources, widgets: list[dict[str, Any]]
) -> None:
    found = {(name, *dimensions.values()) for namespace, name, dimensions in shown(widgets) if "AWS/" in namespace}
    for queue in of_type(resources, "AWS::SQS::Queue"):
        for metric in ("NumberOfMessagesVisible", "NumberOfMessagesNotVisible", "AgeOfOldestMessage"):
            assert (f"Approximate{metric}", f"{queue}.QueueName") in found
    for function in of_type(resources, "AWS::Serverless::Function"):
        assert {("Errors", function), ("Duration", function)} <= found


def test_updated_and_unchanged_stand_there_by_type(widgets: list[dict[str, Any]]) -> None:
    """Named one by one: a search finds only metrics that were written within two weeks, a monthly reconcile is none."""
    for name in ("ContactsUpdated", "ContactsUnchanged"):
        types = [dimensions["contact_type"] for _, found, dimensions in shown(widgets) if found == name]
        assert types == [kind.value for kind in ContactType]


def test_every_graph_says_where_it_looks_and_what_it_shows(widgets: list[dict[str, Any]]) -> None:
    for widget in widgets:
        if widget["type"] == "metric":
            assert widget["properties"]["region"] == "AWS::Region"
            assert widget["properties"]["title"]


def test_no_widget_covers_another(widgets: list[dict[str, Any]]) -> None:
    cells = [
        (x, y)
        for widget in widgets
        for x in range(widget["x"], widget["x"] + widget["width"])
        for y in range(widget["y"], widget["y"] + widget["height"])
    ]
    assert len(cells) == len(set(cells)) == 24 * (1 + max(y for _, y in cells))
