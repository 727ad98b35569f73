"""The verbs `replay` and `discard`."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from alternate_contacts.cli.aws.backfill_function import start_backfill
from alternate_contacts.cli.aws.context import CommandContext
from alternate_contacts.cli.aws.move_task import MoveTasks
from alternate_contacts.cli.aws.queue_lease import QueueLease, lease_queue
from alternate_contacts.cli.aws.queues import (
    ACCOUNT_QUEUE,
    FAILED_ACCOUNT_QUEUE,
    UNDELIVERED_QUEUE,
    QueueMessage,
    batches,
    queue_depth,
    send_messages,
)
from alternate_contacts.cli.aws.selection import Reasons, Selection
from alternate_contacts.cli.aws.session import Session
from alternate_contacts.cli.aws.stack import Stack
from alternate_contacts.cli.replay.plans import RedriveUndelivered, ReplayAll, SelectedMessages
from alternate_contacts.cli.terminal import output
from alternate_contacts.cli.terminal.options import AccountIds, AsJson, DryRun, MessageIds, Yes
from alternate_contacts.cli.terminal.output import count
from alternate_contacts.cli.terminal.plan import ApplyOptions, ApplyResult, apply

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


def replay(
    context: typer.Context,
    account: AccountIds = [],  # noqa: B006 - typer copies it
    reason: Reasons = [],  # noqa: B006
    undelivered: Annotated[
        bool,
        typer.Option(
            "--undelivered",
            help="Replay UndeliveredQueue instead: send events to AccountQueue, and replace failed invocations with "
            "one backfill.",
        ),
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Move failed messages back to AccountQueue: all of them, or a selection. A compliant account stays as it is.

    Exit codes: 0 all messages replayed; 1 some messages were not replayed, or you declined; 2 command failed.
    """
    context_options: CommandContext = context.obj
    selection = Selection.of(account, reason)
    if undelivered and not selection.is_everything:
        raise typer.BadParameter("--undelivered cannot be combined with --account or --reason")
    session, stack = context_options.session(), context_options.stack()
    options = ApplyOptions(dry_run, yes, as_json)
    if undelivered:
        complete = _redrive_undelivered(session, stack, options)
    elif selection.is_everything:
        complete = _replay_all(session.client("sqs"), stack, options)
    else:
        client = session.client("sqs")
        complete = _apply_to_selection(client, stack, selection, options, partial(_send, client, stack))
    if not complete:
        raise typer.Exit(1)


def discard(
    context: typer.Context,
    account: AccountIds = [],  # noqa: B006 - typer copies it
    reason: Reasons = [],  # noqa: B006
    message: MessageIds = [],  # noqa: B006
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Delete failed messages that a replay cannot help: accounts outside the organization, and invalid messages.

    Exit codes: 0 all messages deleted; 1 some messages were not deleted, or you declined; 2 command failed.
    """
    context_options: CommandContext = context.obj
    selection = Selection.of(account, reason, message)
    if selection.is_everything:
        raise typer.BadParameter("use --account, --reason or --message to select messages")
    client, stack = context_options.session().client("sqs"), context_options.stack()

    def delete(lease: QueueLease, messages: Sequence[QueueMessage]) -> ApplyResult:
        remaining = lease.delete(messages)
        deleted = len(messages) - remaining
        lines = [f"{count(deleted, 'message')} deleted."]
        if remaining:
            lines.append(f"{count(remaining, 'message')} could not be deleted. Run the command again.")
        return ApplyResult(lines, {"deleted": deleted, "remaining": remaining}, complete=not remaining)

    if not _apply_to_selection(client, stack, selection, ApplyOptions(dry_run, yes, as_json), delete, discard=True):
        raise typer.Exit(1)


def _replay_all(client: "SQSClient", stack: Stack, options: ApplyOptions) -> bool:
    plan = ReplayAll(queue_depth(client, stack.queue_url(FAILED_ACCOUNT_QUEUE)), stack.enabled)

    def change() -> ApplyResult:
        tasks = MoveTasks(client, stack)
        with output.progress_bar("Moving messages", plan.depth.visible) as on_progress:
            moved = tasks.move(plan.depth.visible, on_progress)
        remaining = tasks.remaining()
        lines = [f"{count(moved, 'message')} moved to AccountQueue."]
        if remaining:
            lines.append(
                f"SQS now counts {count(remaining, 'message')} on FailedAccountQueue: they failed again, are new or in "
                "flight, or the count is late. Run `alternate-contacts failures`."
            )
        return ApplyResult(lines, {"moved": moved, "remaining": remaining}, complete=not remaining)

    return apply(plan, change, options) and not plan.depth.in_flight


def _apply_to_selection(
    client: "SQSClient",
    stack: Stack,
    selection: Selection,
    options: ApplyOptions,
    change: Callable[[QueueLease, Sequence[QueueMessage]], ApplyResult],
    *,
    discard: bool = False,
) -> bool:
    """Plan and apply ``change`` to the selected messages; return whether all of them were found and changed."""
    with lease_queue(client, stack, FAILED_ACCOUNT_QUEUE, decision_seconds=options.decision_seconds) as leased:
        lease, snapshot = leased
        selected = selection.choose(snapshot.messages)
        missing = selection.missing(selected)
        plan = SelectedMessages(selected, missing, snapshot.remarks, discard=discard, enabled=stack.enabled)
        return apply(plan, lambda: change(lease, selected), options) and not (missing or snapshot.remarks)


def _redrive_undelivered(session: Session, stack: Stack, options: ApplyOptions) -> bool:
    client = session.client("sqs")
    with lease_queue(client, stack, UNDELIVERED_QUEUE, decision_seconds=options.decision_seconds) as (lease, snapshot):
        plan = RedriveUndelivered(snapshot.messages, snapshot.remarks, stack.enabled)

        def change() -> ApplyResult:
            sent = _send(client, stack, lease, plan.to_send)
            if not plan.failed_invocations:
                return sent
            start_backfill(session, stack.backfill_function)
            remaining = lease.delete(plan.failed_invocations)
            lines = [*sent.lines, "A backfill was started."]
            if remaining:
                lines.append(f"{count(remaining, 'failed invocation')} could not be deleted. Run the command again.")
            return ApplyResult(
                lines, {**sent.document, "backfillStarted": True}, complete=sent.complete and not remaining
            )

        return apply(plan, change, options) and not (plan.left_in_place or plan.remarks)


def _send(client: "SQSClient", stack: Stack, lease: QueueLease, messages: Sequence[QueueMessage]) -> ApplyResult:
    """Send the messages to AccountQueue, then delete them.

    If the command ends in between, a message is on both queues, which does no harm: for a compliant account the worker
    only reads the contacts again. The other order could lose a message.
    """
    sent = not_sent = not_deleted = 0
    with output.progress_bar("Sending to AccountQueue", len(messages)) as on_progress:
        for batch in batches(messages, size=lambda message: len(message.body.encode())):
            rejected = send_messages(client, stack.queue_url(ACCOUNT_QUEUE), [message.body for message in batch])
            accepted = [message for index, message in enumerate(batch) if index not in rejected]
            not_deleted += lease.delete(accepted)
            sent += len(accepted)
            not_sent += len(rejected)
            on_progress(sent + not_sent)
    lines = [f"{count(sent, 'message')} sent to AccountQueue."]
    if not_sent:
        lines.append(
            f"AccountQueue rejected {count(not_sent, 'message')}, which stay on their queue. Run the command again."
        )
    if not_deleted:
        lines.append(
            f"{count(not_deleted, 'message')} could not be deleted after sending and are on both queues. This does no "
            "harm."
        )
    return ApplyResult(lines, {"sent": sent, "notSent": not_sent, "notDeleted": not_deleted}, complete=not not_sent)
