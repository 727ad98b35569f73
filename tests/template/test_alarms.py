"""Alarms, their topic and the dashboard: each uses a metric, queue or function that exists."""

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from alternate_contacts.backfill.metrics import DAYS_SINCE_BACKFILL
from alternate_contacts.worker import retry
from alternate_contacts.worker.contacts import ContactType
from tests.fakes import telemetry
from tests.fakes.cloudwatch import ACTIVE_HOURS, QueueHour, alarm_states
from tests.template.conftest import Resources, arn, environment, of_type

ALARMS = (
    "FailedAccountsAlarm",
    "UndeliveredAlarm",
    "QueueBacklogAlarm",
    "WorkerErrorsAlarm",
    "BackfillErrorsAlarm",
    "ReconcileOverdueAlarm",
)
ABOVE_ZERO = {"ComparisonOperator": "GreaterThanThreshold", "Threshold": 0, "EvaluationPeriods": 1}
TOPIC = {"Ref": "AlarmTopic"}


@pytest.fixture
def alarms(resources: Resources) -> dict[str, Any]:
    """The properties of every alarm by logical ID."""
    return of_type(resources, "AWS::CloudWatch::Alarm")


def queue_metrics(alarm: dict[str, Any], queue: str) -> tuple[str, dict[str, str]]:
    """Return the expression of an alarm, and the names of the SQS metrics of the queue in it by their ID."""
    names: dict[str, str] = {}
    for query in alarm["Metrics"]:
        if not query["ReturnData"]:
            stat = query["MetricStat"]
            assert (stat["Metric"]["Namespace"], stat["Stat"], stat["Period"]) == ("AWS/SQS", "Maximum", 300)
            assert stat["Metric"]["Dimensions"] == [
                {"Name": "QueueName", "Value": {"Fn::GetAtt": [queue, "QueueName"]}}
            ]
            names[query["Id"]] = stat["Metric"]["MetricName"]
    [returned] = [query["Expression"] for query in alarm["Metrics"] if query["ReturnData"]]
    return returned, names


def test_every_alarm_notifies_when_it_starts_and_ends_and_describes_the_next_step(alarms: dict[str, Any]) -> None:
    assert tuple(alarms) == ALARMS
    for name, alarm in alarms.items():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [TOPIC]
        assert "ActionsEnabled" not in alarm
        description = alarm["AlarmDescription"]
        assert "`alternate-contacts " in description or "log group" in description
        assert description.endswith(f'See docs/alarms.md, "{name}".')
        assert len(description) <= 1024  # the maximum of CloudWatch


def test_every_queue_and_function_has_an_alarm(resources: Resources, alarms: dict[str, Any]) -> None:
    """A change that cannot be applied fails BackfillFunction at once, and then is on UndeliveredQueue."""
    redrive = resources["ChangeQueue"]["Properties"]["RedrivePolicy"]
    assert redrive["deadLetterTargetArn"] == arn("UndeliveredQueue")
    for name in {*of_type(resources, "AWS::SQS::Queue"), *of_type(resources, "AWS::Serverless::Function")} - {
        "ChangeQueue"
    }:
        assert f'"{name}"' in json.dumps(alarms), name


@pytest.mark.parametrize(
    ("name", "queue"), [("FailedAccountsAlarm", "FailedAccountQueue"), ("UndeliveredAlarm", "UndeliveredQueue")]
)
def test_an_alarm_on_a_queue_counts_messages_in_flight_too(alarms: dict[str, Any], name: str, queue: str) -> None:
    """An alarm on visible messages alone would end while an operator reads the queue.

    SQS reports messages in flight only where there are some, hence FILL, and nothing of a queue that was inactive for
    six hours, hence ``ignore``:
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
    """
    assert ABOVE_ZERO.items() <= alarms[name].items()
    assert queue_metrics(alarms[name], queue) == (
        "visible + FILL(inflight, 0)",
        {"visible": "ApproximateNumberOfMessagesVisible", "inflight": "ApproximateNumberOfMessagesNotVisible"},
    )
    assert alarms[name]["TreatMissingData"] == "ignore"


@pytest.mark.parametrize("function", ["WorkerFunction", "BackfillFunction"])
def test_one_error_of_a_function_is_enough(alarms: dict[str, Any], function: str) -> None:
    alarm = alarms[function.replace("Function", "ErrorsAlarm")]
    assert ABOVE_ZERO.items() <= alarm.items()
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/Lambda", "Errors")
    assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": {"Ref": function}}]
    assert (alarm["Statistic"], alarm["Period"]) == ("Sum", 300)
    assert alarm["TreatMissingData"] == "notBreaching"


# ---- QueueBacklogAlarm, by the model in tests/fakes/cloudwatch.py ---------------------------------------------------

HOUR, DAY = 3600, 86400


@pytest.fixture
def backlog(alarms: dict[str, Any]) -> dict[str, Any]:
    alarm: dict[str, Any] = alarms["QueueBacklogAlarm"]
    return alarm


def test_the_alarm_on_the_backlog_uses_metrics_of_account_queue(backlog: dict[str, Any]) -> None:
    queries = {query["Id"]: query["MetricStat"] for query in backlog["Metrics"] if not query["ReturnData"]}
    assert {name: (each["Metric"]["MetricName"], each["Stat"]) for name, each in queries.items()} == {
        "waiting": ("ApproximateNumberOfMessagesVisible", "Minimum"),
        "completed": ("NumberOfMessagesDeleted", "Sum"),
        "age": ("ApproximateAgeOfOldestMessage", "Maximum"),
    }
    queue = [{"Name": "QueueName", "Value": {"Fn::GetAtt": ["AccountQueue", "QueueName"]}}]
    assert all(each["Metric"]["Dimensions"] == queue for each in queries.values())


@pytest.mark.parametrize("days", [1, 6])
def test_a_queue_that_is_not_read_starts_the_alarm_before_sqs_stops_reporting(
    backlog: dict[str, Any], days: int
) -> None:
    """Whatever the partition: neither the quota nor the number of accounts counts."""
    sent = [QueueHour(waiting=0), QueueHour(waiting=10, age=HOUR)]
    unread = [QueueHour(waiting=10, age=hours * HOUR, used=False) for hours in range(2, 24 * days)]
    states = alarm_states(backlog, [*sent, *unread])
    assert states.index("ALARM") + 1 < ACTIVE_HOURS
    assert set(states[ACTIVE_HOURS:]) == {"ALARM"}


def test_a_worker_that_completes_no_message_starts_the_alarm_until_it_does(backlog: dict[str, Any]) -> None:
    failing = [QueueHour(waiting=50, age=hour * HOUR) for hour in range(4)]
    states = alarm_states(backlog, [*failing, QueueHour(waiting=40, completed=10, age=5 * HOUR)])
    assert states == ["INSUFFICIENT_DATA", "INSUFFICIENT_DATA", "ALARM", "ALARM", "OK"]


@pytest.mark.parametrize("partition", ["aws", "aws-cn"])
@pytest.mark.parametrize("accounts", [10_000, 50_000])
def test_the_largest_first_backfill_starts_no_alarm(
    template: dict[str, Any], backlog: dict[str, Any], partition: str, accounts: int
) -> None:
    quota = int(template["Mappings"]["AccountApiQuota"][partition]["PutRate"])
    share = template["Parameters"]["QuotaShare"]["MinValue"] / 100
    per_hour = int(quota * share * HOUR / len(ContactType))
    hours = [
        QueueHour(waiting=left, completed=per_hour, age=number * HOUR)
        for number, left in enumerate(range(accounts, 0, -per_hour), 1)
    ]
    if partition == "aws-cn":  # an age above this would not be reported of a queue that is not read
        assert len(hours) > ACTIVE_HOURS
    assert set(alarm_states(backlog, [*hours, QueueHour(waiting=0)])) == {"OK"}


def test_short_runs_start_no_alarm(backlog: dict[str, Any]) -> None:
    """A message of each hour may be waiting at its end, but the queue was empty before."""
    assert set(alarm_states(backlog, [QueueHour(waiting=0, completed=5)] * 24)) == {"OK"}


def test_accounts_that_fail_in_every_try_start_no_alarm(resources: Resources, backlog: dict[str, Any]) -> None:
    tries = int(environment(resources, "WorkerFunction")["MAX_TRIES"])
    retries = sum(retry.retry_delay(number) for number in range(1, tries))
    assert retries < (backlog["EvaluationPeriods"] - 1) * HOUR


def test_a_worker_that_is_too_slow_starts_the_alarm_two_days_before_sqs_deletes_a_message(
    resources: Resources, backlog: dict[str, Any]
) -> None:
    retention = resources["AccountQueue"]["Properties"]["MessageRetentionPeriod"]
    hours = [QueueHour(waiting=1000, completed=1, age=number * HOUR) for number in range(retention // HOUR)]
    states = alarm_states(backlog, hours)
    left = retention - states.index("ALARM") * HOUR
    assert 1.5 * DAY < left < 2 * DAY


def test_a_reconcile_is_overdue_after_two_periods(alarms: dict[str, Any]) -> None:
    alarm = alarms["ReconcileOverdueAlarm"]
    [metric] = [each for each in telemetry.metrics() if each.name == alarm["MetricName"]]
    assert metric.name == DAYS_SINCE_BACKFILL
    assert (alarm["Namespace"], metric.dimensions) == (metric.namespace, frozenset({"service"}))
    assert alarm["Dimensions"] == [{"Name": "service", "Value": metric.service}]
    assert (alarm["Statistic"], alarm["ComparisonOperator"]) == ("Minimum", "GreaterThanOrEqualToThreshold")
    assert alarm["Threshold"] == {"Fn::FindInMap": ["Reconcile", {"Ref": "Reconcile"}, "TwoPeriodsInDays"]}
    assert (alarm["Period"], alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"]) == (86400, 2, 2)


def test_only_the_alarm_on_the_backfill_age_notifies_of_missing_data(alarms: dict[str, Any]) -> None:
    """A new alarm starts in INSUFFICIENT_DATA, so only a later change to that state notifies."""
    assert alarms["ReconcileOverdueAlarm"]["TreatMissingData"] == "missing"
    notified = {name: alarm.get("InsufficientDataActions") for name, alarm in alarms.items()}
    assert notified == dict.fromkeys(ALARMS) | {"ReconcileOverdueAlarm": [TOPIC]}


def test_an_alarm_on_what_is_disabled_does_not_exist(resources: Resources) -> None:
    conditions = {name: resources[name].get("Condition") for name in ALARMS}
    expected = {"QueueBacklogAlarm": "IsEnabled", "ReconcileOverdueAlarm": "Reconciles"}
    assert conditions == dict.fromkeys(ALARMS) | expected


def test_no_alarm_evaluates_more_than_cloudwatch_allows(alarms: dict[str, Any]) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html, Period"""
    for alarm in alarms.values():
        stats = [query["MetricStat"] for query in alarm.get("Metrics", []) if "MetricStat" in query]
        period = max(each["Period"] for each in [alarm, *stats] if "Period" in each)
        assert period * alarm["EvaluationPeriods"] <= (604_800 if period >= 3600 else 86_400)


# ---- topic ------------------------------------------------------------------------------------------------------


def test_only_alarms_of_this_account_may_publish_and_only_with_tls(resources: Resources) -> None:
    # CloudWatch may not use alias/aws/sns, and its failure to publish would be silent.
    assert resources["AlarmTopic"]["Properties"]["KmsMasterKeyId"] == {
        "Fn::If": ["HasKmsKey", {"Ref": "KmsKeyArn"}, {"Ref": "AWS::NoValue"}]
    }
    policy = resources["AlarmTopicPolicy"]["Properties"]
    assert policy["Topics"] == [TOPIC]
    allow, deny = policy["PolicyDocument"]["Statement"]
    assert (allow["Effect"], allow["Principal"]) == ("Allow", {"Service": "cloudwatch.amazonaws.com"})
    assert allow["Condition"] == {
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
        "ArnLike": {
            "aws:SourceArn": {"Fn::Sub": "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:*"}
        },
    }
    assert (deny["Effect"], deny["Principal"]) == ("Deny", "*")
    assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    for statement in (allow, deny):
        assert (statement["Action"], statement["Resource"]) == ("sns:Publish", TOPIC)


def test_an_email_address_is_subscribed_if_there_is_one(template: dict[str, Any], resources: Resources) -> None:
    subscription = resources["AlarmSubscription"]
    assert template["Conditions"][subscription["Condition"]] == {
        "Fn::Not": [{"Fn::Equals": [{"Ref": "AlarmEmail"}, "none"]}]
    }
    assert subscription["Properties"] == {"TopicArn": TOPIC, "Protocol": "email", "Endpoint": {"Ref": "AlarmEmail"}}
    parameter, contact = template["Parameters"]["AlarmEmail"], template["Parameters"]["SecurityEmailAddress"]
    assert (parameter["AllowedPattern"], parameter["MaxLength"]) == (contact["AllowedPattern"], contact["MaxLength"])


# ---- dashboard --------------------------------------------------------------------------------------------------

CONDITIONS = [
    dict(zip(("IsEnabled", "Reconciles", "HasContactsPath"), values, strict=True))
    for values in itertools.product((True, False), repeat=3)
]
NOT_SHOWN = {"ContactsIgnored", "ContactsFailed"}
"""Contacts that the package does not manage, and those of the failed accounts, which are shown."""


def substitute(value: Any, conditions: Mapping[str, bool]) -> str:
    """Return the text that CloudFormation makes of a value; ``Queue.QueueName`` stands for that attribute."""
    if isinstance(value, str):
        return value
    [(function, argument)] = value.items()
    if function == "Fn::If":
        condition, if_true, if_false = argument
        return substitute(if_true if conditions[condition] else if_false, conditions)
    assert function == "Fn::Sub"
    text, variables = argument if isinstance(argument, list) else (argument, {})
    values = {name: substitute(each, conditions) for name, each in variables.items()}
    return re.sub(r"\$\{([\w:.]+)}", lambda match: values.get(match[1], match[1]), text)


def dashboard(resources: Resources, conditions: Mapping[str, bool]) -> list[dict[str, Any]]:
    """Return the widgets of the dashboard."""
    body = json.loads(substitute(resources["Dashboard"]["Properties"]["DashboardBody"], conditions))
    widgets: list[dict[str, Any]] = body["widgets"]
    return widgets


@pytest.fixture
def widgets(resources: Resources) -> list[dict[str, Any]]:
    return dashboard(resources, CONDITIONS[0])


def metrics_in(widgets: list[dict[str, Any]]) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield namespace, name and dimensions of each metric; the values of the dimensions of a search are ``any``."""
    for widget in widgets:
        for metric in widget["properties"].get("metrics", []):
            if isinstance(metric[0], dict):
                search = re.fullmatch(
                    r"SEARCH\('{(\w+),([\w,]+)} MetricName=\"(\w+)\"', 'Sum', 300\)", metric[0]["expression"]
                )
                assert search, metric
                yield search[1], search[3], dict.fromkeys(search[2].split(","), "any")
            else:
                namespace, name, *dimensions = [each for each in metric if isinstance(each, str)]
                yield namespace, name, dict(zip(dimensions[::2], dimensions[1::2], strict=True))


@pytest.mark.parametrize("conditions", CONDITIONS, ids=str)
def test_the_dashboard_is_json_and_shows_the_alarms_that_exist(
    resources: Resources, conditions: dict[str, bool]
) -> None:
    [shown] = [each["properties"]["alarms"] for each in dashboard(resources, conditions) if each["type"] == "alarm"]
    existing = [name for name in ALARMS if conditions.get(resources[name].get("Condition", ""), True)]
    assert sorted(shown) == sorted(f"{name}.Arn" for name in existing)


def test_the_dashboard_shows_metrics_that_exist(resources: Resources, widgets: list[dict[str, Any]]) -> None:
    written = {(metric.name, metric.dimensions): metric for metric in telemetry.metrics()}
    for namespace, name, dimensions in metrics_in(widgets):
        if namespace == "AlternateContacts":
            metric = written[name, frozenset(dimensions)]
            assert dimensions["service"] in (metric.service, "any")
            assert dimensions.get("contact_type", "any") in ("any", *ContactType)
        else:
            resource_type, dimension, suffix = {
                "AWS/SQS": ("AWS::SQS::Queue", "QueueName", ".QueueName"),
                "AWS/Lambda": ("AWS::Serverless::Function", "FunctionName", ""),
            }[namespace]
            logical_id = dimensions[dimension].removesuffix(suffix)
            assert dimensions == {dimension: logical_id + suffix}
            assert resources[logical_id]["Type"] == resource_type


def test_the_dashboard_shows_every_metric_of_accounts_backfills_queues_and_functions(
    resources: Resources, widgets: list[dict[str, Any]]
) -> None:
    shown = list(metrics_in(widgets))
    own = {name for namespace, name, _ in shown if namespace == "AlternateContacts"}
    assert own == {metric.name for metric in telemetry.metrics()} - NOT_SHOWN
    of_aws = {(name, *dimensions.values()) for namespace, name, dimensions in shown if namespace != "AlternateContacts"}
    for queue in of_type(resources, "AWS::SQS::Queue"):
        for metric in ("NumberOfMessagesVisible", "NumberOfMessagesNotVisible", "AgeOfOldestMessage"):
            assert (f"Approximate{metric}", f"{queue}.QueueName") in of_aws
    for function in of_type(resources, "AWS::Serverless::Function"):
        assert {("Errors", function), ("Duration", function)} <= of_aws


def test_updated_and_unchanged_contacts_are_shown_by_contact_type(widgets: list[dict[str, Any]]) -> None:
    """One by one, because a search finds only metrics of the last two weeks, and a reconcile may be monthly."""
    for name in ("ContactsUpdated", "ContactsUnchanged"):
        shown = [dimensions["contact_type"] for _, metric, dimensions in metrics_in(widgets) if metric == name]
        assert shown == [contact_type.value for contact_type in ContactType]


def test_every_graph_has_region_and_title_and_no_widget_overlaps_another(widgets: list[dict[str, Any]]) -> None:
    graphs = [widget["properties"] for widget in widgets if widget["type"] == "metric"]
    assert all(graph["region"] == "AWS::Region" and graph["title"] for graph in graphs)
    cells = [
        (x, y)
        for widget in widgets
        for x in range(widget["x"], widget["x"] + widget["width"])
        for y in range(widget["y"], widget["y"] + widget["height"])
    ]
    assert len(cells) == len(set(cells)) == 24 * (1 + max(y for _, y in cells))
