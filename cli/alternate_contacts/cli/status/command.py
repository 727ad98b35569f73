"""The verb `status`."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from alternate_contacts.cli.aws.context import CommandContext
from alternate_contacts.cli.aws.queues import (
    ACCOUNT_QUEUE,
    FAILED_ACCOUNT_QUEUE,
    QUEUES,
    UNDELIVERED_QUEUE,
    QueueDepth,
    queue_depth,
)
from alternate_contacts.cli.aws.quota import Quota, read_quota
from alternate_contacts.cli.aws.stack import Stack
from alternate_contacts.cli.status.drain import DrainProgress, estimate_time
from alternate_contacts.cli.status.history import BackfillRun, History, read_history
from alternate_contacts.cli.terminal import output
from alternate_contacts.cli.terminal.options import AsJson
from alternate_contacts.cli.terminal.output import count

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_BAR_WIDTH = 40


@dataclass(frozen=True)
class Status:
    """The package at one moment."""

    stack: Stack
    quota: Quota
    queues: Mapping[str, QueueDepth]
    history: History

    @property
    def is_healthy(self) -> bool:
        """Whether no account failed and everything was delivered. Waiting messages are healthy."""
        return not self.queues[FAILED_ACCOUNT_QUEUE].total and not self.queues[UNDELIVERED_QUEUE].total

    @property
    def time_left(self) -> tuple[timedelta, timedelta]:
        """The estimate for AccountQueue: if every contact is compliant, and if none is."""
        return estimate_time(self.queues[ACCOUNT_QUEUE].total, self.stack, self.quota)

    @property
    def history_source(self) -> str:
        return f"log group {self.stack.backfill_log_group}"

    def document(self) -> dict[str, object]:
        """Return the status for ``--json``."""
        shortest, longest = self.time_left
        last = self.history
        return {
            "stack": {"name": self.stack.name, "account": self.stack.account_id, "region": self.stack.region},
            "mode": self.stack.mode.value,
            "enabled": self.stack.enabled,
            "reconcile": self.stack.reconcile,
            "quota": self.quota.document(),
            "queues": {
                name: {"visible": depth.visible, "inFlight": depth.in_flight, "delayed": depth.delayed}
                for name, depth in self.queues.items()
            },
            "secondsLeft": {"ifAllCompliant": shortest.total_seconds(), "ifNoneCompliant": longest.total_seconds()},
            "lastBackfill": last.backfill.document() if last.backfill else None,
            "lastReconcile": last.reconcile.document() if last.reconcile else None,
            "historySource": self.history_source,
            "healthy": self.is_healthy,
        }


def status(
    context: typer.Context,
    watch: Annotated[bool, typer.Option("--watch", help="Refresh the output until AccountQueue is empty.")] = False,
    interval: Annotated[
        float, typer.Option("--interval", min=0.1, metavar="SECONDS", help="Time between two refreshes of --watch.")
    ] = 5.0,
    as_json: AsJson = False,
) -> None:
    """Show the configuration, the queues, and the last backfill and reconcile.

    Exit codes: 0 healthy; 1 an account failed, or something is undelivered; 2 command failed.
    """
    options: CommandContext = context.obj
    stack, session = options.stack(), options.session()
    sqs, logs = session.client("sqs"), session.client("logs")
    now = Status(
        stack, read_quota(session, stack), _read_depths(sqs, stack), read_history(logs, stack.backfill_log_group)
    )
    if watch:
        _watch(now, sqs, interval, as_json=as_json)
        now = replace(now, queues=_read_depths(sqs, stack), history=read_history(logs, stack.backfill_log_group))
    if as_json:
        output.print_json(now.document())
    else:
        output.results().print(_render(now))
    if not now.is_healthy:
        raise typer.Exit(1)


def _read_depths(client: "SQSClient", stack: Stack) -> dict[str, QueueDepth]:
    return {queue: queue_depth(client, stack.queue_url(queue)) for queue in QUEUES}


def _watch(now: Status, client: "SQSClient", interval: float, *, as_json: bool) -> None:
    """Refresh the output until AccountQueue is empty, but not if the package is disabled: its queue does not drain."""
    progress = DrainProgress()
    progress.add(now.queues[ACCOUNT_QUEUE])
    console = output.notes() if as_json else output.results()
    with Live(_render_watch(now, progress), console=console, auto_refresh=False, transient=True) as screen:
        while now.stack.enabled and not progress.is_over:
            time.sleep(interval)
            now = replace(now, queues=_read_depths(client, now.stack))
            progress.add(now.queues[ACCOUNT_QUEUE])
            screen.update(_render_watch(now, progress), refresh=True)


def _render_watch(now: Status, progress: DrainProgress) -> RenderableType:
    most, processed = progress.most, progress.processed
    bar = ProgressBar(total=max(most, 1), completed=processed if most else 1, width=_BAR_WIDTH)
    return Group(
        _render(now), bar, f"{processed} of {count(most, 'message')} processed. Press Ctrl-C to stop watching."
    )


def _render(now: Status) -> RenderableType:
    stack, quota = now.stack, now.quota
    facts = Table(box=None, show_header=False, pad_edge=False)
    facts.add_row("stack", f"{stack.name} in account {stack.account_id}, {stack.region}")
    facts.add_row("mode", stack.mode.value)
    facts.add_row("enabled", "yes" if stack.enabled else "no: messages wait until the package is enabled")
    facts.add_row("reconcile", stack.reconcile)
    facts.add_row(
        "API quota",
        f"{quota.get_rate:g} Gets and {quota.put_rate:g} Puts per second; the worker uses {quota.share:.0%}",
    )
    facts.add_row("", f"(from the {quota.source})")
    facts.add_row("last backfill", _describe_run(now.history.backfill))
    facts.add_row("last reconcile", _describe_run(now.history.reconcile))
    facts.add_row("", f"(both from {now.history_source})")
    queues = output.table("queue", "waiting", "in flight", "delayed", "content")
    for name, content in (
        (ACCOUNT_QUEUE, "messages for the worker, one per account"),
        (FAILED_ACCOUNT_QUEUE, "failed accounts: see `failures`"),
        (UNDELIVERED_QUEUE, "events and invocations that AWS could not deliver"),
    ):
        depth = now.queues[name]
        queues.add_row(name, str(depth.visible), str(depth.in_flight), str(depth.delayed), content)
    estimate = [_describe_time_left(now)] if now.queues[ACCOUNT_QUEUE].total and stack.enabled else []
    return Group(facts, queues, *estimate, _describe_health(now))


def _describe_time_left(now: Status) -> str:
    shortest, longest = now.time_left
    return (
        f"Estimated time to empty AccountQueue: {_format_duration(shortest)} if every contact is compliant, "
        f"{_format_duration(longest)} if none is."
    )


def _describe_health(now: Status) -> str:
    failed, undelivered = now.queues[FAILED_ACCOUNT_QUEUE].total, now.queues[UNDELIVERED_QUEUE].total
    problems = [
        *([f"{count(failed, 'message')} on {FAILED_ACCOUNT_QUEUE}"] if failed else []),
        *([f"{count(undelivered, 'message')} on {UNDELIVERED_QUEUE}"] if undelivered else []),
    ]
    if problems:
        return f"Problems found: {', '.join(problems)}. Run `alternate-contacts failures`."
    return "Healthy."


def _describe_run(run: BackfillRun | None) -> str:
    if run is None:
        return "none found"
    at = output.format_time(run.at)
    if run.reconcile_skipped:
        return f"{at}: skipped, because {count(run.messages_waiting or 0, 'message')} waited on {ACCOUNT_QUEUE}"
    skipped = ", ".join(f"{number} {state}" for state, number in sorted((run.skipped or {}).items())) or "none"
    return (
        f"{at} ({run.trigger}, {run.mode}): {count(run.listed, 'account')} listed, {run.enqueued} enqueued, "
        f"skipped: {skipped}"
    )


def _format_duration(duration: timedelta) -> str:
    minutes, seconds = divmod(round(duration.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" if minutes else f"{seconds} s"
