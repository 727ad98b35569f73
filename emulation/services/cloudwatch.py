"""CloudWatch: alarms on metric math in a template, the topics of an alarm, and the dimensions of a metric.

AWS (CloudWatch user guide: using-metric-math.html): an alarm has either one metric or `Metrics`, a list of metrics and
expressions of which exactly one returns data. DescribeAlarms returns the form that the alarm has. A metric has a
namespace, a name and dimensions; a request gets only the metric with exactly its dimensions
(API_GetMetricStatistics.html). An alarm notifies topics of its own region, of other accounts too, if the policy of the
topic allows it (Notify_Users_Alarm_Changes.html).

ministack rejects a template with `Metrics`. Here such an alarm is stored and described, but not evaluated: its state
stays INSUFFICIENT_DATA, because the emulation has no metrics of queues. ministack returns the data points of all
dimensions if the request has none. It notifies topics of the alarm's account only, whatever their policy is.
"""

from typing import Any

from ministack.core.arn import ArnParseError, parse_arn
from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import sns

from emulation.services.patching import Patches

patches = Patches()

_SERVICE = "cloudwatch.amazonaws.com"
_ACTIONS = ("AlarmActions", "OKActions", "InsufficientDataActions")
_SINGLE_METRIC_KEYS = ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Dimensions", "Unit")


@patches.around("ministack.services.cloudformation.provisioners._cw_metric_alarm_record")
def metric_alarm_record(original: Any, name: str, properties: dict[str, Any]) -> dict[str, Any]:
    """Return the alarm as CloudWatch stores it."""
    metrics = properties.get("Metrics")
    if not metrics:
        record: dict[str, Any] = original(name, properties)
        return record
    if sum(bool(metric.get("ReturnData", True)) for metric in metrics) != 1:
        raise ValueError("Exactly one element of the metrics list should return data")
    single = original(name, {**properties, "Metrics": None, "MetricName": name, "Namespace": name})
    return {"Metrics": metrics} | {key: value for key, value in single.items() if key not in _SINGLE_METRIC_KEYS}


@patches.around("ministack.services.cloudwatch._dispatch_alarm_actions")
def notify_topics(original: Any, alarm: dict[str, Any], *change: str) -> None:
    """Notify the topics of an alarm whose policies allow it, each in its own account."""
    topics = {arn for actions in _ACTIONS for arn in alarm.get(actions) or [] if _may_publish(arn, alarm["AlarmArn"])}
    for account in {parse_arn(arn).account_id for arn in topics}:
        own = {arn for arn in topics if parse_arn(arn).account_id == account}
        permitted = {actions: [arn for arn in alarm.get(actions) or [] if arn in own] for actions in _ACTIONS}
        with request_scope(account, get_region()):
            original({**alarm, **permitted}, *change)


def _may_publish(topic_arn: str, alarm_arn: str) -> bool:
    try:
        is_topic = parse_arn(topic_arn).service == "sns"
    except ArnParseError:
        return False
    return is_topic and bool(sns.topic_policy_allows(topic_arn, _SERVICE, alarm_arn, get_account_id()))


class _Dimensions(dict[str, str]):
    """The dimensions of a request; without any they are true, too, unlike those that ministack ignores."""

    def __bool__(self) -> bool:
        return True


@patches.around("ministack.services.cloudwatch._dims_from_list")
def dimensions_of(original: Any, dimensions: list[dict[str, str]]) -> _Dimensions:
    """Return the dimensions that a request names; a metric must have exactly these."""
    return _Dimensions(original(dimensions))
