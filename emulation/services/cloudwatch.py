"""CloudWatch: alarms of a template that watch a sum of metrics.

AWS (CloudWatch user guide: using-metric-math.html): an alarm has either one metric or `Metrics`, a list of metrics and
expressions of which one returns data, and describes whichever it has.

ministack refuses a template with the latter. Here it is kept and described as it was written, and never evaluated: its
state stays INSUFFICIENT_DATA, because nothing here publishes metrics of queues or functions.
"""

from typing import Any

from emulation.services.patching import Patches

patches = Patches()

_OF_ONE_METRIC = ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Dimensions", "Unit")


@patches.around("ministack.services.cloudformation.provisioners._cw_metric_alarm_record")
def metric_alarm_record(original: Any, name: str, properties: dict[str, Any]) -> dict[str, Any]:
    """The alarm as CloudWatch keeps it."""
    metrics = properties.get("Metrics")
    if not metrics:
        record: dict[str, Any] = original(name, properties)
        return record
    if sum(bool(metric.get("ReturnData", True)) for metric in metrics) != 1:
        raise ValueError("Exactly one element of the metrics list should return data")
    one = {**properties, "Metrics": None, "MetricName": name, "Namespace": name}
    kept = original(name, one)
    return {"Metrics": metrics} | {key: value for key, value in kept.items() if key not in _OF_ONE_METRIC}
