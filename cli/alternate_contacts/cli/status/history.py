"""When every account was last looked at: from the lines that BackfillFunction leaves in its log group."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from alternate_contacts.backfill.protocol import Trigger

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

DONE, STOOD_BACK = "backfill done", "reconcile stood back"
"""What BackfillFunction logs (``alternate_contacts.backfill.telemetry``)."""

_PATTERN = f'{{ $.message = "{DONE}" || $.message = "{STOOD_BACK}" }}'
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html"""

_FURTHEST_BACK = timedelta(days=93)
"""Three periods of the slowest schedule."""


@dataclass(frozen=True)
class BackfillRun:
    """One run over all accounts. ``skipped`` by state; ``letters_waiting`` where it stood back for them."""

    at: datetime
    reason: str
    mode: str = "none"
    listed: int = 0
    enqueued: int = 0
    skipped: Mapping[str, int] | None = None
    letters_waiting: int | None = None

    @property
    def reconcile_skipped(self) -> bool:
        return self.letters_waiting is not None

    def document(self) -> dict[str, object]:
        """For ``--json``."""
        if self.reconcile_skipped:
            return {"at": self.at.isoformat(), "stoodBack": True, "lettersWaiting": self.letters_waiting}
        return {
            "at": self.at.isoformat(),
            "reason": self.reason,
            "mode": self.mode,
            "listed": self.listed,
            "enqueued": self.enqueued,
            "skipped": dict(self.skipped or {}),
        }


@dataclass(frozen=True)
class History:
    """The newest run that somebody asked for (CloudFormation or an operator), and the newest scheduled one."""

    backfill: BackfillRun | None = None
    reconcile: BackfillRun | None = None


def read_history(client: "CloudWatchLogsClient", log_group: str, now: datetime | None = None) -> History:
    """Look for both, three months back: a run leaves a handful of lines, so that is a page or two."""
    since = (now or datetime.now(UTC)) - _FURTHEST_BACK
    pages = client.get_paginator("filter_log_events").paginate(
        logGroupName=log_group, filterPattern=_PATTERN, startTime=int(since.timestamp() * 1000)
    )
    lines = ((event.get("timestamp", 0), event.get("message", "")) for page in pages for event in page["events"])
    newest: dict[bool, BackfillRun] = {}
    for run in filter(None, (_run(*line) for line in lines)):
        scheduled = run.reason == Trigger.RECONCILE
        if scheduled not in newest or run.at > newest[scheduled].at:
            newest[scheduled] = run
    return History(newest.get(False), newest.get(True))


def _run(timestamp: int, message: str) -> BackfillRun | None:
    """The run that a log line tells of."""
    try:
        told = json.loads(message)
    except ValueError:
        return None
    kind = told.get("message") if isinstance(told, dict) else None
    at = datetime.fromtimestamp(timestamp / 1000, UTC)
    if kind == STOOD_BACK:
        return BackfillRun(at, Trigger.RECONCILE, letters_waiting=told["letters_waiting"])
    if kind == DONE:
        return BackfillRun(at, told["reason"], told["mode"], told["listed"], told["enqueued"], told["skipped"])
    return None
