"""CloudWatch Logs through boto3: filter patterns, pages, queries, and embedded metrics."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulation.organization import Emulation
from tests.unit.emulation.test_log_patterns import JSON_CASES, LINES, TERM_CASES

GROUP = "group"


@pytest.fixture
def logs(emulation: Emulation) -> Any:
    client = emulation.client("logs")
    client.create_log_group(logGroupName=GROUP)
    for stream in ("one", "two"):
        client.create_log_stream(logGroupName=GROUP, logStreamName=stream)
    return client


def put(logs: Any, *lines: str, stream: str = "one", at: float | None = None) -> None:
    timestamp = int((at or time.time()) * 1000)
    events = [{"timestamp": timestamp + number, "message": line} for number, line in enumerate(lines)]
    logs.put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=events)


def messages(logs: Any, **parameters: Any) -> list[str]:
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=GROUP, **parameters)
    return [event["message"] for page in pages for event in page["events"]]


def test_filter_patterns_match_as_the_module_does(logs: Any) -> None:
    put(logs, *LINES)
    for pattern, expected in [*TERM_CASES, *JSON_CASES]:
        assert messages(logs, filterPattern=pattern) == [LINES[index] for index in expected], pattern


@pytest.mark.parametrize("pattern", ["{ $.message = ", "[ip, user]", "%regex%", "account-id"])
def test_an_invalid_pattern_is_rejected(logs: Any, pattern: str) -> None:
    put(logs, "line")
    with pytest.raises(logs.exceptions.InvalidParameterException):
        logs.filter_log_events(logGroupName=GROUP, filterPattern=pattern)


def test_time_and_streams_restrict_the_events(logs: Any) -> None:
    now = time.time()
    put(logs, "old", at=now - 60)
    put(logs, "new", at=now, stream="two")

    assert messages(logs) == ["old", "new"]
    assert messages(logs, startTime=int((now - 30) * 1000)) == ["new"]
    assert messages(logs, endTime=int((now - 30) * 1000)) == ["old"]
    assert messages(logs, logStreamNames=["one"]) == ["old"]
    assert messages(logs, logStreamNamePrefix="t") == ["new"]


def test_events_come_in_pages_that_may_be_empty(logs: Any) -> None:
    put(logs, *(f"line {number}" for number in range(5)))

    pages = list(logs.get_paginator("filter_log_events").paginate(logGroupName=GROUP, limit=2))

    assert [len(page["events"]) for page in pages] == [2, 0, 2, 1]
    with pytest.raises(logs.exceptions.InvalidParameterException, match="nextToken"):
        logs.filter_log_events(logGroupName=GROUP, nextToken="invalid")


def test_logs_insights_queries_are_rejected(logs: Any) -> None:
    with pytest.raises(ClientError, match="UnknownOperationException"):
        logs.start_query(logGroupName=GROUP, startTime=0, endTime=1, queryString="fields @message")


def test_embedded_metrics_become_metrics(emulation: Emulation, logs: Any) -> None:
    now = datetime.now(UTC)
    line = {
        "_aws": {
            "Timestamp": int(now.timestamp() * 1000),
            "CloudWatchMetrics": [
                {
                    "Namespace": "Space",
                    "Dimensions": [["service"], ["service", "mode"]],
                    "Metrics": [{"Name": "Accounts", "Unit": "Count"}, {"Name": "Calls"}],
                }
            ],
        },
        "service": "backfill",
        "mode": "enforce",
        "Accounts": 60,
        "Calls": [1, 2],
    }
    put(logs, json.dumps(line), '{"_aws": "no metrics"}', '{"_aws": {"CloudWatchMetrics": []}}')

    def total(name: str, **dimensions: str) -> float | None:
        points = emulation.client("cloudwatch").get_metric_statistics(
            Namespace="Space",
            MetricName=name,
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(hours=1),
            Period=3600 * 24,
            Statistics=["Sum"],
        )["Datapoints"]
        return sum(point["Sum"] for point in points) if points else None

    assert total("Accounts", service="backfill") == 60
    assert total("Accounts", service="backfill", mode="enforce") == 60
    assert total("Calls", service="backfill") == 3
    assert total("Accounts", service="worker") is None
    assert total("Accounts") is None
