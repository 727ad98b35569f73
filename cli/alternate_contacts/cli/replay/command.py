"""The verbs `replay` and `discard`."""

from typing import TYPE_CHECKING, Annotated

import typer

from alternate_contacts.cli.aws.context import CommandContext
from alternate_contacts.cli.aws.queue_lease import lease_queue
from alternate_contacts.cli.aws.queues import FAILED_ACCOUNT_QUEUE, UNDELIVERED_QUEUE, queue_depth
from alternate_contacts.cli.aws.selection import Reasons, Selection
from alternate_contacts.cli.aws.session import Session
from alternate_contacts.cli.aws.stack import Stack
from alternate_contacts.cli.replay.changes import DeleteMessages, MoveAll, RedriveUndelivered, SendToAccountQueue
from alternate_contacts.cli.replay.plans import ReplayAll, SelectedMessages, UndeliveredMessages
from alternate_contacts.cli.terminal.options import AccountIds, AsJson, DryRun, MessageIds, Yes
from alternate_contacts.cli.terminal.plan import ApplyOptions, apply

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
            help="Replay UndeliveredQueue instead: send events to AccountQueue, and replace failed invocations and "
            "configuration changes with one backfill.",
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
    selection = Selection(account, reason)
    if undelivered and not selection.is_everything:
        raise typer.BadParameter("--undelivered cannot be combined with --account or --reason")
    session, stack = context_options.session, context_options.stack
    options = ApplyOptions(dry_run, yes, as_json)
    if undelivered:
        complete = _redrive_undelivered(session, stack, options)
    elif selection.is_everything:
        complete = _replay_all(session.client("sqs"), stack, options)
    else:
        complete = _apply_to_selection(session.client("sqs"), stack, selection, options, discard=False)
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
    selection = Selection(account, reason, message)
    if selection.is_everything:
        raise typer.BadParameter("use --account, --reason or --message to select messages")
    client, stack = context_options.session.client("sqs"), context_options.stack

    if not _apply_to_selection(client, stack, selection, ApplyOptions(dry_run, yes, as_json), discard=True):
        raise typer.Exit(1)


def _replay_all(client: "SQSClient", stack: Stack, options: ApplyOptions) -> bool:
    plan = ReplayAll(queue_depth(client, stack.queue_url(FAILED_ACCOUNT_QUEUE)), stack.enabled)
    return apply(plan, MoveAll(client, stack, plan.depth.visible), options) and not plan.depth.in_flight


def _apply_to_selection(
    client: "SQSClient", stack: Stack, selection: Selection, options: ApplyOptions, *, discard: bool
) -> bool:
    """Replay or discard the selected messages; return whether all of them were found and changed."""
    with lease_queue(client, stack, FAILED_ACCOUNT_QUEUE, decision_seconds=options.decision_seconds) as leased:
        lease, snapshot = leased
        selected = selection.choose(snapshot.messages)
        missing = selection.missing(selected)
        plan = SelectedMessages(selected, missing, snapshot.remarks, discard=discard, enabled=stack.enabled)
        change = DeleteMessages(lease, selected) if discard else SendToAccountQueue(client, stack, lease, selected)
        return apply(plan, change, options) and not (missing or snapshot.remarks)


def _redrive_undelivered(session: Session, stack: Stack, options: ApplyOptions) -> bool:
    client = session.client("sqs")
    with lease_queue(client, stack, UNDELIVERED_QUEUE, decision_seconds=options.decision_seconds) as (lease, snapshot):
        plan = UndeliveredMessages(snapshot.messages, snapshot.remarks, stack.enabled)
        change = RedriveUndelivered(session, stack, lease, to_send=plan.to_send, replaced=plan.replaced)
        return apply(plan, change, options) and not (plan.left_in_place or plan.remarks)
