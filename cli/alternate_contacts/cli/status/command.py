"""The verb `status`."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from botocore.exceptions import ClientError, PaginationError
from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from alternate_contacts.cli.aws.alarm_topic import AlarmReceivers, read_alarm_receivers
from alternate_contacts.cli.aws.contact_parameters import (
    ContactParameters,
    problem_document,
    read_contact_parameters,
)
from alternate_contacts.cli.aws.context import CommandContext
from alternate_contacts.cli.aws.problem_details import describe_problem
from alternate_contacts.cli.aws.queues import (
    ACCOUNT_QUEUE,
    CHANGE_QUEUE,
    FAILED_ACCOUNT_QUEUE,
    QUEUE_DOES_NOT_EXIST,
    UNDELIVERED_QUEUE,
    QueueDepth,
    queue_depth,
)
from alternate_contacts.cli.aws.quota import Quota, quota_of
from alternate_contacts.cli.aws.stack import Stack
from alternate_contacts.cli.aws.version import command_version
from alternate_contacts.cli.aws.worker_environment import read_worker_environment
from alternate_contacts.cli.status.drain import DrainProgress, estimate_time
from alternate_contacts.cli.status.history import BackfillRun, History, read_history
from alternate_contacts.cli.terminal import output
from alternate_contacts.cli.terminal.errors import error_code
from alternate_contacts.cli.terminal.options import AsJson, finite
from alternate_contacts.cli.terminal.output import count
from alternate_contacts.worker.contact_configuration import ConfigurationProblem
from alternate_contacts.worker.error_codes import EXPIRED_CREDENTIALS

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_BAR_WIDTH = 40
_MAX_PROBLEMS = 20
"""Problems of the contact configuration that the text shows."""
_CONTENT = {
    ACCOUNT_QUEUE: "messages for the worker, one per account",
    FAILED_ACCOUNT_QUEUE: "failed accounts: see `failures`",
    UNDELIVERED_QUEUE: "events and invocations that AWS could not deliver",
    CHANGE_QUEUE: "changes of the contact configuration, not yet applied",
}

Part = TypeVar("Part")


@dataclass(frozen=True)
class Unreadable:
    """A part of the status that could not be read; ``message`` says why."""

    message: str
    is_missing: bool = False


@dataclass(frozen=True)
class Status:
    """The package at one moment. What could not be read does not hide the rest."""

    stack: Stack
    quota: Quota
    queues: Mapping[str, QueueDepth | Unreadable]
    history: History | Unreadable
    receivers: AlarmReceivers | Unreadable
    configuration: ContactParameters | Unreadable | None = None
    """The contact configuration; None if the stack has none."""

    @property
    def configuration_problems(self) -> list[ConfigurationProblem]:
        """What is wrong in the contact configuration, as far as it can be read."""
        if not isinstance(self.configuration, ContactParameters):
            return []
        return self.configuration.configuration.validate()

    @property
    def problems(self) -> list[str]:
        """What is wrong. Waiting messages are not a problem."""
        return [
            *([f"stack {self.stack.name} is {self.stack.status}"] if self.stack.is_broken else []),
            *(
                f"{count(depth.total, 'message')} on {name}"
                for name in (FAILED_ACCOUNT_QUEUE, UNDELIVERED_QUEUE)
                if isinstance(depth := self.queues[name], QueueDepth) and depth.total
            ),
            *(
                f"{name} does not exist"
                for name, depth in self.queues.items()
                if isinstance(depth, Unreadable) and depth.is_missing
            ),
            *(
                ["no confirmed subscription receives the alarms"]
                if isinstance(self.receivers, AlarmReceivers) and not self.receivers.confirmed
                else []
            ),
            *(
                [f"{count(len(problems), 'problem')} of the contact configuration"]
                if (problems := self.configuration_problems)
                else []
            ),
        ]

    @property
    def has_failures(self) -> bool:
        """Whether a message is on FailedAccountQueue or UndeliveredQueue."""
        depths = (self.queues[name] for name in (FAILED_ACCOUNT_QUEUE, UNDELIVERED_QUEUE))
        return any(isinstance(depth, QueueDepth) and depth.total for depth in depths)

    @property
    def unknown(self) -> list[str]:
        """Queues whose depth could not be read: without them, the status may look better than it is."""
        return [
            f"{name}: {depth.message}"
            for name, depth in self.queues.items()
            if isinstance(depth, Unreadable) and not depth.is_missing
        ]

    @property
    def account_messages(self) -> int | None:
        """Messages on AccountQueue; None if they could not be counted."""
        depth = self.queues[ACCOUNT_QUEUE]
        return depth.total if isinstance(depth, QueueDepth) else None

    @property
    def time_left(self) -> tuple[timedelta, timedelta]:
        """The time that the worker needs for the messages on AccountQueue, see `estimate_time`."""
        parameters = self.configuration if isinstance(self.configuration, ContactParameters) else None
        configuration = parameters.configuration if parameters else None
        return estimate_time(self.account_messages or 0, self.stack, self.quota, configuration)

    @property
    def history_source(self) -> str:
        return f"log group {self.stack.backfill_log_group}"

    def document(self) -> dict[str, object]:
        """Return the status for ``--json``."""
        shortest, longest = self.time_left
        last = self.history if isinstance(self.history, History) else History()
        return {
            "versions": {"command": command_version(), "stack": self.stack.version},
            "stack": {
                "name": self.stack.name,
                "account": self.stack.account_id,
                "region": self.stack.region,
                "status": self.stack.status,
            },
            "mode": self.stack.mode.value,
            "enabled": self.stack.enabled,
            "reconcile": self.stack.reconcile,
            "quota": self.quota.document(),
            "queues": {
                name: {"visible": depth.visible, "inFlight": depth.in_flight, "delayed": depth.delayed}
                if isinstance(depth, QueueDepth)
                else {"unreadable": depth.message}
                for name, depth in self.queues.items()
            },
            "secondsLeft": {"ifAllCompliant": shortest.total_seconds(), "ifNoneCompliant": longest.total_seconds()},
            "lastBackfill": last.backfill.document() if last.backfill else None,
            "lastReconcile": last.reconcile.document() if last.reconcile else None,
            "historySource": self.history_source,
            "historyUnreadable": self.history.message if isinstance(self.history, Unreadable) else None,
            "alarmReceivers": asdict(self.receivers)
            if isinstance(self.receivers, AlarmReceivers)
            else {"unreadable": self.receivers.message},
            "contactConfiguration": self._configuration_document(),
            "problems": self.problems,
            "healthy": not (self.problems or self.unknown),
        }

    def _configuration_document(self) -> dict[str, object] | None:
        match self.configuration:
            case None:
                return None
            case Unreadable(message):
                return {"path": self.stack.contacts_path, "unreadable": message}
            case parameters:
                problems = [problem_document(problem) for problem in self.configuration_problems]
                return {**parameters.document(), "problems": problems}


def status(
    context: typer.Context,
    watch: Annotated[bool, typer.Option("--watch", help="Refresh the output until AccountQueue is empty.")] = False,
    interval: Annotated[
        float,
        typer.Option(
            "--interval",
            min=0.1,
            max=3600,
            metavar="SECONDS",
            callback=finite,
            help="Time between two refreshes of --watch.",
        ),
    ] = 5.0,
    as_json: AsJson = False,
) -> None:
    """Show the stack, its configuration, the queues, the receivers of alarms, and the last backfill and reconcile.

    With a contact configuration, its problems are shown, too. A target that is not in the organization is a problem
    that only `audit` finds.

    Exit codes: 0 healthy; 1 problems found; 2 command failed, or a queue could not be read.
    """
    options: CommandContext = context.obj
    stack, session = options.stack, options.session
    sqs = session.client("sqs")
    now = Status(
        stack,
        quota_of(stack, read_worker_environment(session, stack)),
        _read_depths(sqs, stack),
        _read(lambda: read_history(session.client("logs"), stack.backfill_log_group)),
        _read(lambda: read_alarm_receivers(session.client("sns"), stack.output("AlarmTopicArn"))),
        _read(lambda: read_contact_parameters(session, path)) if (path := stack.contacts_path) else None,
    )
    if watch:
        now = _watch(now, sqs, interval, as_json=as_json)
        now = replace(now, history=_read(lambda: read_history(session.client("logs"), stack.backfill_log_group)))
    _print(now, as_json=as_json)
    if now.problems:
        raise typer.Exit(1)
    if now.unknown:
        raise typer.Exit(2)


def _print(now: Status, *, as_json: bool) -> None:
    if as_json:
        output.print_json(now.document())
    else:
        output.results().print(_render(now))


def _read_depths(client: "SQSClient", stack: Stack) -> dict[str, QueueDepth | Unreadable]:
    def read(queue: str) -> QueueDepth | Unreadable:
        return _read(lambda: queue_depth(client, stack.queue_url(queue)))

    return {queue: read(queue) for queue in stack.queues}


def _read(read: Callable[[], Part]) -> Part | Unreadable:
    """Return what ``read`` returns, or why AWS did not return it. Expired credentials end the command all the same."""
    try:
        return read()
    except ClientError as error:
        code = error_code(error)
        if code in EXPIRED_CREDENTIALS:
            raise
        is_missing = code in QUEUE_DOES_NOT_EXIST
        return Unreadable(f"{error.operation_name} failed: {code}", is_missing=is_missing)
    except PaginationError:
        return Unreadable("AWS returned the same page twice")


def _watch(now: Status, client: "SQSClient", interval: float, *, as_json: bool) -> Status:
    """Show what changes until AccountQueue is empty, and return the last status.

    A disabled package is not watched, because its queue does not drain. Ctrl-C prints the last status.
    """
    progress = DrainProgress()
    console = output.notes() if as_json else output.results()
    shown = None
    try:
        with Live(console=console, auto_refresh=False, transient=True) as screen:
            while now.stack.enabled:
                depth = now.queues[ACCOUNT_QUEUE]
                if isinstance(depth, Unreadable):
                    break
                progress.add(depth)
                if console.is_terminal:
                    screen.update(_render_watch(now, progress), refresh=True)
                elif shown != now.queues and not as_json:
                    for line in _describe_queues(now):
                        console.print(line)
                    shown = now.queues
                if progress.is_over:
                    break
                time.sleep(interval)
                now = replace(now, queues=_read_depths(client, now.stack))
    except KeyboardInterrupt:
        _print(now, as_json=as_json)
        raise
    return now


def _render_watch(now: Status, progress: DrainProgress) -> RenderableType:
    """Return only what changes, so that it fits into a low terminal; the bar on a line of its own."""
    most, processed = progress.most, progress.processed
    bar = ProgressBar(total=max(most, 1), completed=processed if most else 1, width=_BAR_WIDTH)
    rows = Table.grid()
    for line in (*_describe_queues(now), f"{processed} of {count(most, 'message')} processed"):
        rows.add_row(line)
    rows.add_row(bar)
    rows.add_row("Press Ctrl-C to stop watching.")
    return rows


def _describe_queues(now: Status) -> list[str]:
    """Return one line per queue with its depth."""
    return [
        f"{name}: {depth.message}"
        if isinstance(depth, Unreadable)
        else f"{name}: {depth.visible} waiting, {depth.in_flight} in flight, {depth.delayed} delayed"
        for name, depth in now.queues.items()
    ]


def _render(now: Status) -> RenderableType:
    stack, quota = now.stack, now.quota
    facts = Table(box=None, show_header=False, pad_edge=False)
    facts.add_row("stack", f"{stack.name} in account {stack.account_id}, {stack.region}")
    facts.add_row("", stack.status)
    facts.add_row("version", f"{stack.version}; this command: {command_version()}")
    facts.add_row("mode", stack.mode.value)
    facts.add_row("enabled", "yes" if stack.enabled else "no: messages wait until the package is enabled")
    facts.add_row("reconcile", stack.reconcile)
    facts.add_row(
        "API quota",
        f"{quota.get_rate:g} Gets and {quota.put_rate:g} Puts per second; the worker uses {quota.share:.0%}",
    )
    facts.add_row("", f"(from the {quota.source})")
    if isinstance(now.history, Unreadable):
        facts.add_row("last backfill", f"unknown: {now.history.message}")
        facts.add_row("last reconcile", "unknown")
    else:
        facts.add_row("last backfill", _describe_run(now.history.backfill))
        facts.add_row("last reconcile", _describe_run(now.history.reconcile))
    facts.add_row("", f"(both from {now.history_source})")
    facts.add_row("alarms", _describe_receivers(now.receivers))
    if now.configuration is not None:
        facts.add_row("contact configuration", _describe_configuration(now.configuration, stack))
    queues = output.table("queue", "waiting", "in flight", "delayed", "content")
    for name, depth in now.queues.items():
        if isinstance(depth, Unreadable):
            queues.add_row(name, "?", "?", "?", depth.message)
        else:
            queues.add_row(name, str(depth.visible), str(depth.in_flight), str(depth.delayed), _CONTENT[name])
    estimate = [_describe_time_left(*now.time_left)] if now.account_messages and stack.enabled else []
    return Group(facts, queues, *estimate, *_describe_health(now))


def _describe_receivers(receivers: AlarmReceivers | Unreadable) -> str:
    if isinstance(receivers, Unreadable):
        return f"receivers unknown: {receivers.message}"
    pending = f", {receivers.pending} not confirmed" if receivers.pending else ""
    return f"{count(receivers.confirmed, 'confirmed receiver')}{pending}"


def _describe_configuration(configuration: ContactParameters | Unreadable, stack: Stack) -> str:
    if isinstance(configuration, Unreadable):
        return f"{stack.contacts_path}: unknown: {configuration.message}"
    parsed = configuration.configuration
    sets, targets = count(len(parsed.sets), "contact set"), count(len(parsed.targets), "target")
    return f"{configuration.path}: {sets}, {targets}"


def _describe_time_left(shortest: timedelta, longest: timedelta) -> str:
    return (
        f"Estimated time to empty AccountQueue: {_format_duration(shortest)} if every contact is compliant, "
        f"{_format_duration(longest)} if none is."
    )


def _describe_health(now: Status) -> list[str]:
    lines = []
    if now.problems:
        lines.append(f"Problems found: {'; '.join(now.problems)}.")
    if now.unknown:
        lines.append(f"Unknown: {'; '.join(now.unknown)}.")
    problems = now.configuration_problems
    lines += [f"  {describe_problem(problem)}" for problem in problems[:_MAX_PROBLEMS]]
    if problems[_MAX_PROBLEMS:]:
        lines.append(f"  and {len(problems) - _MAX_PROBLEMS:,} more: --json lists all of them.")
    if problems:
        lines.append(
            "Correct these parameters where they are written: `alternate-contacts check` checks a file, and "
            "`alternate-contacts targets show` shows a target. docs/own-contacts.md explains the reasons."
        )
    if now.stack.is_broken:
        lines.append('Read the cause in the events of the stack: docs/deploy.md, "A deployment fails".')
    if isinstance(now.receivers, AlarmReceivers) and not now.receivers.confirmed:
        step = "Confirm the subscription" if now.receivers.pending else "Subscribe, and confirm the subscription"
        lines.append(f'{step}: docs/operations.md, "Subscribe to the alarms".')
    if now.has_failures:
        lines.append("Run `alternate-contacts failures`.")
    return lines or ["Healthy."]


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
