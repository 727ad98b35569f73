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

from alternate_contacts.cli.aws.context import AsJson, CommandContext
from alternate_contacts.cli.aws.queues import QueueDepth, queue_depth
from alternate_contacts.cli.aws.stack import Stack
from alternate_contacts.cli.status import history
from alternate_contacts.cli.status.drain import Drain, Pace
from alternate_contacts.cli.status.history import BackfillRun, History
from alternate_contacts.cli.terminal import output
from alternate_contacts.cli.terminal.output import count

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

LETTERS, FAILED, UNDELIVERED = "AccountQueue", "FailedAccountQueue", "UndeliveredQueue"
_BAR_WIDTH = 40


@dataclass(frozen=True)
class Status:
    """The package at one moment."""

    stack: Stack
    queues: Mapping[str, QueueDepth]
    history: History

    @property
    def is_well(self) -> bool:
        """Whether nothing has failed and nothing is undelivered; letters that wait are well."""
        return not self.queues[FAILED].total and not self.queues[UNDELIVERED].total

    @property
    def time_left(self) -> tuple[timedelta, timedelta]:
        return Pace.of(self.stack).time_left(self.queues[LETTERS].total)

    @property
    def source(self) -> str:
        """Where the history is from."""
        return f"log group {self.stack.backfill_log_group}"

    def document(self) -> dict[str, object]:
        soonest, latest = self.time_left
        last = self.history
        return {
            "stack": {"name": self.stack.name, "account": self.stack.account_id, "region": self.stack.region},
            "mode": self.stack.mode.value,
            "enabled": self.stack.enabled,
            "reconcile": self.stack.reconcile,
            "queues": {
                name: {"visible": each.visible, "inFlight": each.in_flight, "delayed": each.delayed}
                for name, each in self.queues.items()
            },
            "secondsLeft": {"ifAllAreRight": soonest.total_seconds(), "ifNoneIs": latest.total_seconds()},
            "lastBackfill": last.backfill.document() if last.backfill else None,
            "lastReconcile": last.reconcile.document() if last.reconcile else None,
            "lastRunsFrom": self.source,
            "isWell": self.is_well,
        }


def status(
    context: typer.Context,
    watch: Annotated[bool, typer.Option("--watch", help="Look again and again until AccountQueue is empty.")] = False,
    interval: Annotated[
        float, typer.Option("--interval", min=0.1, metavar="SECONDS", help="Between two looks of --watch.")
    ] = 5.0,
    as_json: AsJson = False,
) -> None:
    """Tell how the package is set, what waits, what has failed, and when every account was last looked at.

    Exit code 0: all is well; 1: an account has failed, or something is undelivered; 2: could not find out.
    """
    options: CommandContext = context.obj
    stack = options.stack()
    sqs, logs = options.session().client("sqs"), options.session().client("logs")
    now = Status(stack, _queues(sqs, stack), history.read_history(logs, stack.backfill_log_group))
    if watch:
        _watch(now, sqs, interval, as_json=as_json)
        now = Status(stack, _queues(sqs, stack), history.read_history(logs, stack.backfill_log_group))
    if as_json:
        output.answer(now.document())
    else:
        output.results().print(render(now))
    if not now.is_well:
        raise typer.Exit(1)


def _queues(client: "SQSClient", stack: Stack) -> dict[str, QueueDepth]:
    return {
        LETTERS: queue_depth(client, stack.account_queue_url),
        FAILED: queue_depth(client, stack.failed_account_queue_url),
        UNDELIVERED: queue_depth(client, stack.undelivered_queue_url),
    }


def _watch(now: Status, client: "SQSClient", interval: float, *, as_json: bool) -> None:
    """Redraw until AccountQueue is empty; a package that is disabled never gets there."""
    drain = Drain()
    drain.seen(now.queues[LETTERS])
    console = output.notes() if as_json else output.results()
    with Live(_watched(now, drain), console=console, auto_refresh=False, transient=True) as screen:
        while now.stack.enabled and not drain.is_over:
            time.sleep(interval)
            now = replace(now, queues=_queues(client, now.stack))
            drain.seen(now.queues[LETTERS])
            screen.update(_watched(now, drain), refresh=True)


def _watched(now: Status, drain: Drain) -> RenderableType:
    bar = ProgressBar(total=max(drain.most, 1), completed=drain.done if drain.most else 1, width=_BAR_WIDTH)
    return Group(render(now), bar, f"{drain.done} of {count(drain.most, 'letter')} worked off; Ctrl-C stops looking")


def render(now: Status) -> RenderableType:
    """The status for people."""
    stack = now.stack
    facts = Table(box=None, show_header=False, pad_edge=False)
    facts.add_row("stack", f"{stack.name} in account {stack.account_id}, {stack.region}")
    facts.add_row("mode", stack.mode.value)
    facts.add_row("enabled", "yes" if stack.enabled else "no: letters wait until it is")
    facts.add_row("reconcile", stack.reconcile)
    facts.add_row("last backfill", _told(now.history.backfill))
    facts.add_row("last reconcile", _told(now.history.reconcile))
    facts.add_row("", f"(both from {now.source})")
    queues = output.table("queue", "waiting", "in flight", "delayed", "what it holds")
    for name, holds in (
        (LETTERS, "letters for the worker"),
        (FAILED, "accounts that failed: see `failures`"),
        (UNDELIVERED, "events and calls that AWS could not hand over"),
    ):
        each = now.queues[name]
        queues.add_row(name, str(each.visible), str(each.in_flight), str(each.delayed), holds)
    return Group(facts, queues, *([_left(now)] if now.queues[LETTERS].total and stack.enabled else []), _verdict(now))


def _left(now: Status) -> str:
    soonest, latest = now.time_left
    pace = Pace.of(now.stack)
    puts = f" and {pace.puts:g} Puts" if pace.puts else ""
    return (
        f"By the quota of {pace.gets:g} Gets{puts} a second: {_span(soonest)} if every account is right, "
        f"{_span(latest)} if none is."
    )


def _verdict(now: Status) -> str:
    failed, undelivered = now.queues[FAILED].total, now.queues[UNDELIVERED].total
    wrong = [
        *([f"{count(failed, 'message')} about failed accounts"] if failed else []),
        *([f"{count(undelivered, 'message')} undelivered"] if undelivered else []),
    ]
    return f"Not well: {', '.join(wrong)}. See `alternate-contacts failures`." if wrong else "All is well."


def _told(run: BackfillRun | None) -> str:
    if run is None:
        return "none found"
    when = output.moment(run.at)
    if run.reconcile_skipped:
        return f"{when}: stood back for {count(run.letters_waiting or 0, 'letter')} that waited"
    skipped = ", ".join(f"{number} {state}" for state, number in sorted((run.skipped or {}).items())) or "none"
    return (
        f"{when} ({run.reason}, {run.mode}): {count(run.listed, 'account')} listed, {run.enqueued} put on "
        f"AccountQueue, skipped: {skipped}"
    )


def _span(time_left: timedelta) -> str:
    minutes, seconds = divmod(round(time_left.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" if minutes else f"{seconds} s"
