"""The verbs `replay` and `discard`."""

from typing import TYPE_CHECKING, Annotated

import typer

from alternate_contacts.cli.aws import backfill_function
from alternate_contacts.cli.aws.context import AsJson, CommandContext, DryRun, Yes
from alternate_contacts.cli.aws.move_task import MoveTasks
from alternate_contacts.cli.aws.queue_lease import lease_queue
from alternate_contacts.cli.aws.queues import QueueLease, QueueMessage, queue_arn, queue_depth
from alternate_contacts.cli.aws.selection import AccountIds, MessageIds, Reasons, Selection
from alternate_contacts.cli.aws.session import Session
from alternate_contacts.cli.aws.stack import Stack
from alternate_contacts.cli.replay.plans import RedriveUndelivered, ReplayAll, ReplayChosen
from alternate_contacts.cli.replay.transfer import transfer
from alternate_contacts.cli.terminal import output
from alternate_contacts.cli.terminal.output import count
from alternate_contacts.cli.terminal.plan import ApplyOptions, ApplyResult, apply

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_FAILED, _UNDELIVERED = "FailedAccountQueue", "UndeliveredQueue"


def replay(
    context: typer.Context,
    account: AccountIds = [],  # noqa: B006 - typer copies it
    reason: Reasons = [],  # noqa: B006
    undelivered: Annotated[
        bool,
        typer.Option(
            "--undelivered",
            help="What lies on UndeliveredQueue instead: events go back to AccountQueue, anything else starts a "
            "backfill.",
        ),
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Put failed accounts back on AccountQueue: all of them, or those chosen. Accounts that are right come to no harm.

    Exit code 0: done; 1: some could not be put back, or you said no; 2: could not be done.
    """
    options: CommandContext = context.obj
    selection = Selection.of(account, reason)
    if undelivered and not selection.is_everything:
        raise typer.BadParameter("--undelivered goes without --account and --reason")
    session, stack, how = options.session(), options.stack(), ApplyOptions(dry_run, yes, as_json)
    if undelivered:
        complete = _make_up(session, stack, how)
    elif selection.is_everything:
        complete = _move_all(session.client("sqs"), stack, how)
    else:
        complete = _replay_chosen(session.client("sqs"), stack, selection, how)
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
    """Delete failed accounts that no replay can help: those that have left, messages that nobody can read.

    Exit code 0: done; 1: some could not be deleted, or you said no; 2: could not be done.
    """
    options: CommandContext = context.obj
    selection = Selection.of(account, reason, message)
    if selection.is_everything:
        raise typer.BadParameter("say which: --account, --reason or --message")
    stack, client, how = options.stack(), options.session().client("sqs"), ApplyOptions(dry_run, yes, as_json)
    with lease_queue(client, stack.failed_account_queue_url, _FAILED, thinking=how.thinking) as (held, reading):
        chosen = selection.choose(reading.messages)
        plan = ReplayChosen(chosen, selection.missing(chosen), reading.remarks, discard=True)

        def act() -> ApplyResult:
            left = held.delete(chosen)
            said = [f"{count(len(chosen) - left, 'message')} deleted."]
            if left:
                said.append(f"{count(left, 'message')} could not be deleted: try again.")
            return ApplyResult(said, {"deleted": len(chosen) - left, "left": left}, complete=not left)

        complete = apply(plan, act, how) and not (plan.missing or plan.remarks)
    if not complete:
        raise typer.Exit(1)


def _move_all(client: "SQSClient", stack: Stack, how: ApplyOptions) -> bool:
    url = stack.failed_account_queue_url
    plan = ReplayAll(queue_depth(client, url), stack.enabled)

    def act() -> ApplyResult:
        tasks = MoveTasks(
            client,
            url=url,
            source_arn=queue_arn(client, url),
            destination_arn=queue_arn(client, stack.account_queue_url),
        )
        with output.progress() as bar:
            task = bar.add_task("SQS moves messages", total=plan.waiting.visible)
            moved = tasks.move(plan.waiting.visible, told=lambda number: bar.update(task, completed=number))
        left = tasks.left()
        said = [f"{count(moved, 'message')} moved to AccountQueue."]
        if left:
            said.append(
                f"SQS counts {count(left, 'message')} on FailedAccountQueue now: failed again, new, held by a reader, "
                "or counted late. See `alternate-contacts failures`."
            )
        return ApplyResult(said, {"moved": moved, "left": left}, complete=not left)

    return apply(plan, act, how) and not plan.waiting.in_flight


def _replay_chosen(client: "SQSClient", stack: Stack, selection: Selection, how: ApplyOptions) -> bool:
    with lease_queue(client, stack.failed_account_queue_url, _FAILED, thinking=how.thinking) as (held, reading):
        chosen = selection.choose(reading.messages)
        plan = ReplayChosen(chosen, selection.missing(chosen), reading.remarks, enabled=stack.enabled)
        return apply(plan, lambda: _send(client, held, stack, chosen), how) and not (plan.missing or plan.remarks)


def _make_up(session: Session, stack: Stack, how: ApplyOptions) -> bool:
    client = session.client("sqs")
    with lease_queue(client, stack.undelivered_queue_url, _UNDELIVERED, thinking=how.thinking) as (held, reading):
        plan = RedriveUndelivered(reading.messages, reading.remarks, stack.enabled)

        def act() -> ApplyResult:
            sent = _send(client, held, stack, plan.to_send)
            if not plan.failed_invocations:
                return sent
            backfill_function.start_backfill(session, stack.backfill_function)
            left = held.delete(plan.failed_invocations)
            said = ["A backfill was started."]
            if left:
                said.append(f"{count(left, 'failed invocation')} could not be deleted: try again.")
            return ApplyResult(
                [*sent.sentences, *said],
                {**sent.document, "backfillStarted": True},
                complete=sent.complete and not left,
            )

        return apply(plan, act, how) and not (plan.left_in_place or plan.remarks)


def _send(client: "SQSClient", held: QueueLease, stack: Stack, messages: list[QueueMessage]) -> ApplyResult:
    with output.progress() as bar:
        task = bar.add_task("sending to AccountQueue", total=len(messages))
        done = transfer(
            client, held, stack.account_queue_url, messages, told=lambda number: bar.update(task, completed=number)
        )
    return ApplyResult(
        [f"{count(done.sent, 'message')} sent to AccountQueue.", *done.remarks],
        {"sent": done.sent, "notTaken": done.not_taken, "notDeleted": done.not_deleted},
        complete=not done.not_taken,
    )
