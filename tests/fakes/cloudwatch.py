"""How SQS reports the metrics of a queue, and how CloudWatch evaluates an alarm on them, hour by hour.

* SQS reports metrics of a queue while it is active: up to six hours after it was last used
  (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/monitoring-using-cloudwatch.html).
* An alarm with ``ignore`` keeps its state while data is missing
  (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

ACTIVE_HOURS = 6


@dataclass(frozen=True)
class QueueHour:
    """One hour of a queue. ``used``: a message was sent, received or deleted."""

    waiting: int
    completed: int = 0
    age: int = 0
    used: bool = True


def reported(hours: Iterable[QueueHour]) -> Iterator[QueueHour | None]:
    """Yield what SQS reports of each hour, None for nothing. The queue is unused before the first hour."""
    unused = ACTIVE_HOURS
    for hour in hours:
        unused = 0 if hour.used else unused + 1
        yield hour if unused < ACTIVE_HOURS else None


def alarm_states(alarm: dict[str, Any], hours: Iterable[QueueHour]) -> list[str]:
    """Return the state of an alarm after each hour. Its periods are hours, and each of them must breach."""
    [expression] = [query["Expression"] for query in alarm["Metrics"] if query["ReturnData"]]
    assert {query["MetricStat"]["Period"] for query in alarm["Metrics"] if not query["ReturnData"]} == {3600}
    assert (alarm["TreatMissingData"], alarm["ComparisonOperator"]) == ("ignore", "GreaterThanThreshold")
    state, states = "INSUFFICIENT_DATA", []
    values: list[int] = []
    for hour in reported(hours):
        if hour is not None:
            values.append(_evaluate(expression, hour))
            last = values[-alarm["EvaluationPeriods"] :]
            if not all(value > alarm["Threshold"] for value in last):
                state = "OK"
            elif len(last) == alarm["EvaluationPeriods"]:
                state = "ALARM"
        states.append(state)
    return states


def _evaluate(expression: str, hour: QueueHour) -> int:
    python = re.sub(r"FILL\((\w+), 0\)", r"\1", expression).replace("AND", "and").replace("OR", "or")
    names = {"IF": lambda condition, yes, no: yes if condition else no}
    return int(eval(python, names, {"waiting": hour.waiting, "completed": hour.completed, "age": hour.age}))  # noqa: S307
