"""The last backfill and the last reconcile, by the log lines of BackfillFunction."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from alternate_contacts.backfill.protocol import Trigger
from alternate_contacts.cli.aws.previous_release import LOG_MESSAGES, current_log_line

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

COMPLETED, SKIPPED = "backfill completed", "reconcile skipped"
"""Log messages of ``alternate_contacts.backfill.telemetry``."""

_PATTERN = "{ " + " || ".join(f'$.message = "{message}"' for message in (COMPLETED, SKIPPED, *LOG_MESSAGES)) + " }"
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html"""

_UNKNOWN = "unknown"
"""A field that the line of another release does not have."""

_PERIOD = timedelta(days=93)
"""Three periods of the slowest schedule."""


@dataclass(frozen=True)
class BackfillRun:
    """A backfill or reconcile. ``skipped`` counts accounts by state; ``messages_waiting`` marks a skipped run."""

    at: datetime
    trigger: str
    mode: str = "none"
    listed: int = 0
    enqueued: int = 0
    skipped: Mapping[str, int] | None = None
    messages_waiting: int | None = None

    @property
    def reconcile_skipped(self) -> bool:
        return self.messages_waiting is not None

    def document(self) -> dict[str, object]:
        """Return the run for ``--json``."""
        if self.reconcile_skipped:
            return {"at": self.at.isoformat(), "reconcileSkipped": True, "messagesWaiting": self.messages_waiting}
        return {
            "at": self.at.isoformat(),
            "trigger": self.trigger,
            "mode": self.mode,
            "listed": self.listed,
            "enqueued": self.enqueued,
            "skipped": dict(self.skipped or {}),
        }


@dataclass(frozen=True)
class History:
    """The newest run that the schedule has not started, and the newest run that it has."""

    backfill: BackfillRun | None = None
    reconcile: BackfillRun | None = None


def read_history(client: "CloudWatchLogsClient", log_group: str, now: datetime | None = None) -> History:
    """Return the newest runs of the last three months. A run writes a handful of lines, so this reads few pages."""
    start = (now or datetime.now(UTC)) - _PERIOD
    pages = client.get_paginator("filter_log_events").paginate(
        logGroupName=log_group, filterPattern=_PATTERN, startTime=int(start.timestamp() * 1000)
    )
    events = (event for page in pages for event in page["events"])
    newest: dict[bool, BackfillRun] = {}
    for run in filter(None, (_parse_run(event.get("timestamp", 0), event.get("message", "")) for event in events)):
        scheduled = run.trigger == Trigger.RECONCILE
        if scheduled not in newest or run.at > newest[scheduled].at:
            newest[scheduled] = run
    return History(newest.get(False), newest.get(True))


def _parse_run(timestamp: int, text: str) -> BackfillRun | None:
    """Return the run that a log line records; None for any other line. ``timestamp`` is in milliseconds."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return None
    line = current_log_line(content) if isinstance(content, dict) else {}
    at = datetime.fromtimestamp(timestamp / 1000, UTC)
    if line.get("message") == SKIPPED:
        return BackfillRun(at, Trigger.RECONCILE, messages_waiting=_number(line, "messages_waiting"))
    if line.get("message") == COMPLETED:
        skipped = line.get("skipped")
        return BackfillRun(
            at,
            trigger=str(line.get("trigger", _UNKNOWN)),
            mode=str(line.get("mode", _UNKNOWN)),
            listed=_number(line, "listed"),
            enqueued=_number(line, "enqueued"),
            skipped=skipped if isinstance(skipped, dict) else {},
        )
    return None


def _number(line: Mapping[str, Any], field: str) -> int:
    """Return the number in a field, 0 if the line of another release has none."""
    value = line.get(field)
    return value if isinstance(value, int) else 0
