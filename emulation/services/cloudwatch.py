"""CloudWatch: alarms on metric math in a template.

AWS (CloudWatch user guide: using-metric-math.html): an alarm has either one metric or `Metrics`, a list of metrics and
expressions of which exactly one returns data. DescribeAlarms returns the form that the alarm has.

ministack rejects a template with `Metrics`. Here such an alarm is stored and described, but not evaluated: its state
stays INSUFFICIENT_DATA, because the emulation has no metrics of queues.
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
