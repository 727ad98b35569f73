"""CloudWatch: alarms on metric math in a template, and the dimensions of a metric.

AWS (CloudWatch user guide: using-metric-math.html): an alarm has either one metric or `Metrics`, a list of metrics and
expressions of which exactly one returns data. DescribeAlarms returns the form that the alarm has. A metric has a
namespace, a name and dimensions; a request gets only the metric with exactly its dimensions
(API_GetMetricStatistics.html).

ministack rejects a template with `Metrics`. Here such an alarm is stored and described, but not evaluated: its state
stays INSUFFICIENT_DATA, because the emulation has no metrics of queues. ministack returns the data points of all
dimensions if the request has none.
"""

from typing import Any

from emulation.services.patching import Patches

patches = Patches()

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


class _Dimensions(dict[str, str]):
    """The dimensions of a request; without any they are true, too, unlike those that ministack ignores."""

    def __bool__(self) -> bool:
        return True


@patches.around("ministack.services.cloudwatch._dims_from_list")
def dimensions_of(original: Any, dimensions: list[dict[str, str]]) -> _Dimensions:
    """Return the dimensions that a request names; a metric must have exactly these."""
    return _Dimensions(original(dimensions))
