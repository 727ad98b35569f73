"""The verb `backfill`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from alternate_contacts.backfill.message import account_message_body
from alternate_contacts.backfill.protocol import Mode, Trigger
from alternate_contacts.cli.aws.backfill_function import invoke_backfill
from alternate_contacts.cli.aws.context import AsJson, CommandContext, DryRun, Yes
from alternate_contacts.cli.aws.queues import batches, send_messages
from alternate_contacts.cli.aws.selection import AccountIds
from alternate_contacts.cli.aws.session import Session
from alternate_contacts.cli.aws.stack import Stack
from alternate_contacts.cli.terminal import output
from alternate_contacts.cli.terminal.output import count
from alternate_contacts.cli.terminal.plan import ApplyOptions, ApplyResult, apply

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_NOT_DONE_YET = "On AccountQueue, not done yet: `alternate-contacts status --watch` shows how it goes on."


@dataclass(frozen=True)
class BackfillPlan:
    """Letters for these accounts, or for every account of the organization where none is named."""

    accounts: Sequence[str]
    mode: Mode
    enabled: bool
    is_empty = False

    @property
    def sentences(self) -> list[str]:
        whom = f"account {', '.join(self.accounts)}" if self.accounts else "every active account of the organization"
        does = "sets what differs" if self.mode is Mode.ENFORCE else "changes nothing, and logs what it would set"
        said = [f"A letter for {whom} is put on AccountQueue; the worker {does}."]
        if not self.enabled:
            said.append("The package is disabled: letters wait on AccountQueue until it is enabled.")
        return said

    def document(self) -> dict[str, object]:
        return {"accounts": list(self.accounts) or "all", "mode": self.mode.value}


def backfill(
    context: typer.Context,
    account: AccountIds = [],  # noqa: B006 - typer copies it
    report: Annotated[
        bool, typer.Option("--report", help="Change nothing: have the worker log what it would set.")
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Put a letter for every account, or for some, on AccountQueue; the worker brings them right from there.

    Exit code 0: done; 1: not every letter was taken, or you said no; 2: could not be done.
    """
    options: CommandContext = context.obj
    session, stack = options.session(), options.stack()
    mode = Mode(stack.mode).stricter(Mode.REPORT if report else Mode.ENFORCE)
    plan = BackfillPlan(sorted(set(account)), mode, stack.enabled)

    def act() -> ApplyResult:
        return _some(session.client("sqs"), stack, plan) if plan.accounts else _all(session, stack, plan)

    if not apply(plan, act, ApplyOptions(dry_run, yes, as_json)):
        raise typer.Exit(1)


def _all(session: Session, stack: Stack, plan: BackfillPlan) -> ApplyResult:
    with output.notes().status("BackfillFunction lists the accounts"):
        figures = invoke_backfill(session, stack.backfill_function, plan.mode)
    return ApplyResult([f"{figures.summary}.", _NOT_DONE_YET], figures.document())


def _some(client: "SQSClient", stack: Stack, plan: BackfillPlan) -> ApplyResult:
    refused: list[str] = []
    for batch in batches(plan.accounts):
        bodies = [account_message_body(account_id, trigger=Trigger.MANUAL, mode=plan.mode) for account_id in batch]
        refused.extend(batch[index] for index in sorted(send_messages(client, stack.account_queue_url, bodies)))
    enqueued = len(plan.accounts) - len(refused)
    said = [f"{count(enqueued, 'letter')} sent.", _NOT_DONE_YET]
    if refused:
        said.append(f"AccountQueue did not take the letters for {', '.join(refused)}: try again.")
    return ApplyResult(said, {"enqueued": enqueued, "notTaken": refused}, complete=not refused)
