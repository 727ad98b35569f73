"""CloudWatch Logs: filter patterns, pages, queries, and embedded metrics.

AWS (CloudWatch Logs API reference, API_FilterLogEvents.html; CloudWatch user guide:
CloudWatch_Embedded_Metric_Format_Specification.html):

* FilterLogEvents has pages; an empty page may have a nextToken. An invalid filter pattern is rejected.
* A log line in the embedded metric format becomes metrics, for each of its dimension sets.

ministack treats a JSON pattern as one that matches every line, ignores logStreamNamePrefix, drops what exceeds the
limit, and extracts no metrics. It runs Logs Insights queries, but ignores what it does not understand: StartQuery is
rejected here, so that no test relies on it.
"""

import json
from collections.abc import Callable
from typing import Any

from ministack.core.responses import error_response_json, json_response
from ministack.services import cloudwatch, cloudwatch_logs

from emulation.log_patterns import InvalidPatternError, compile_pattern
from emulation.services.paging import InvalidTokenError, page
from emulation.services.patching import Patches

patches = Patches()

_MAX_EVENTS = 10_000


@patches.around("ministack.services.cloudwatch_logs._filter_log_events")
def filter_log_events(original: Any, parameters: dict[str, Any]) -> Any:
    """Return a page of the log lines that match."""
    group = cloudwatch_logs._resolve_log_group_name(parameters)
    if group not in cloudwatch_logs._log_groups:
        return original(parameters)
    names, prefix = parameters.get("logStreamNames"), parameters.get("logStreamNamePrefix")
    if names and prefix:
        return _invalid("logStreamNames and logStreamNamePrefix exclude each other.")
    try:
        matches = compile_pattern(parameters.get("filterPattern") or "")
        streams = cloudwatch_logs._log_groups[group]["streams"]
        events = [
            {**event, "logStreamName": name}
            for name, stream in list(streams.items())
            if (name in names if names else name.startswith(prefix or ""))
            for event in list(stream["events"])
            if _is_between(event["timestamp"], parameters.get("startTime"), parameters.get("endTime"))
            and matches(event["message"])
        ]
        events.sort(key=lambda event: event["timestamp"])
        found, token = page(events, parameters.get("limit", _MAX_EVENTS), parameters.get("nextToken"))
    except InvalidPatternError as error:
        return _invalid(str(error))
    except InvalidTokenError:
        return _invalid("The specified nextToken is invalid.")
    return json_response({"events": found, "searchedLogStreams": [], **({"nextToken": token} if token else {})})


@patches.around("ministack.services.cloudwatch_logs._subscription_pattern_matches")
def subscription_pattern_matches(_: Any, pattern: str, message: str) -> bool:
    """Return whether a log line matches the pattern of a subscription."""
    matches: Callable[[str], bool] = compile_pattern(pattern or "")
    return matches(message or "")


@patches.around("ministack.services.cloudwatch_logs._start_query")
def start_query(_: Any, __: dict[str, Any]) -> Any:
    """Reject Logs Insights queries."""
    message = "The emulation does not have logs:StartQuery."
    return error_response_json("UnknownOperationException", message, 400)


@patches.around("ministack.services.cloudwatch_logs._append_log_events")
def append_log_events(original: Any, stream: dict[str, Any], events: list[dict[str, Any]]) -> None:
    """Store log lines, and the metrics that are embedded in them."""
    original(stream, events)
    for event in events:
        if '"_aws"' in event["message"]:
            _put_embedded_metrics(event["message"])


def _put_embedded_metrics(line: str) -> None:
    try:
        document = json.loads(line)
        metadata = document["_aws"]
        data = [
            (directive["Namespace"], metric, {name: str(document[name]) for name in dimensions})
            for directive in metadata["CloudWatchMetrics"]
            for dimensions in directive["Dimensions"]
            for metric in directive["Metrics"]
            if metric["Name"] in document
        ]
        timestamp = metadata["Timestamp"] / 1000
    except (ValueError, LookupError, TypeError):
        return  # CloudWatch ignores a line that violates the format
    for namespace, metric, dimensions in data:
        value = document[metric["Name"]]
        datum = {
            "MetricName": metric["Name"],
            "Dimensions": [{"Name": name, "Value": dimension} for name, dimension in dimensions.items()],
            "Timestamp": timestamp,
            "Unit": metric.get("Unit", "None"),
            **({"Values": value} if isinstance(value, list) else {"Value": value}),
        }
        cloudwatch._put_metric_data({}, {"Namespace": namespace, "MetricData": [datum]}, False, is_json=True)


def _is_between(timestamp: int, start: int | None, end: int | None) -> bool:
    return (start is None or timestamp >= start) and (end is None or timestamp <= end)


def _invalid(message: str) -> Any:
    return error_response_json("InvalidParameterException", message, 400)
