"""The verb `backfill`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from alternate_contacts.backfill.message import account_message_body
from alternate_contacts.backfill.protocol import Mode, Trigger
from alternate_contacts.cli.aws.backfill_function import invoke_backfill
from alternate_contacts.cli.aws.context import CommandContext
from alternate_contacts.cli.aws.queues import ACCOUNT_QUEUE, batches, send_messages
from alternate_contacts.cli.aws.session import Session
from alternate_contacts.cli.aws.stack import Stack
from alternate_contacts.cli.terminal import output
from alternate_contacts.cli.terminal.options import AccountIds, AsJson, DryRun, Yes
from alternate_contacts.cli.terminal.output import count
from alternate_contacts.cli.terminal.plan import ApplyOptions, ApplyResult, apply

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_NOT_PROCESSED_YET = "The messages are not processed yet. Run `alternate-contacts status --watch` to follow the worker."


@dataclass(frozen=True)
class BackfillPlan:
    """One message for each of these accounts, or for every account of the organization if there are none."""

    accounts: Sequence[str]
    mode: Mode
    enabled: bool
    is_empty = False

    @property
    def lines(self) -> list[str]:
        accounts = ", ".join(self.accounts) or "every active account"
        effect = "sets every contact that differs" if self.mode is Mode.ENFORCE else "logs what it would set"
        lines = [f"Send one message per account to AccountQueue, for {accounts}. The worker {effect}."]
        if not self.enabled:
            lines.append("The package is disabled: messages wait on AccountQueue until it is enabled.")
        return lines

    def document(self) -> dict[str, object]:
        """Return the plan for ``--json``."""
        return {"accounts": list(self.accounts) or "all", "mode": self.mode.value}


def backfill(
    context: typer.Context,
    account: AccountIds = [],  # noqa: B006 - typer copies it
    report: Annotated[
        bool, typer.Option("--report", help="Set no contacts: the worker only logs what it would set.")
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Send one message per account to AccountQueue, for every account or for some. The worker sets the contacts.

    Exit codes: 0 all messages sent; 1 some messages were not sent, or you declined; 2 command failed.
    """
    context_options: CommandContext = context.obj
    session, stack = context_options.session(), context_options.stack()
    mode = Mode(stack.mode).stricter(Mode.REPORT if report else Mode.ENFORCE)
    plan = BackfillPlan(sorted(set(account)), mode, stack.enabled)

    def change() -> ApplyResult:
        if plan.accounts:
            return _backfill_accounts(session.client("sqs"), stack, plan)
        return _backfill_organization(session, stack, plan)

    if not apply(plan, change, ApplyOptions(dry_run, yes, as_json)):
        raise typer.Exit(1)


def _backfill_organization(session: Session, stack: Stack, plan: BackfillPlan) -> ApplyResult:
    with output.notes().status("BackfillFunction lists the accounts"):
        result = invoke_backfill(session, stack.backfill_function, plan.mode)
    return ApplyResult([f"{result.summary}.", _NOT_PROCESSED_YET], result.document())


def _backfill_accounts(client: "SQSClient", stack: Stack, plan: BackfillPlan) -> ApplyResult:
    not_sent: list[str] = []
    for batch in batches(plan.accounts):
        bodies = [account_message_body(account_id, trigger=Trigger.MANUAL, mode=plan.mode) for account_id in batch]
        not_sent.extend(batch[index] for index in sorted(send_messages(client, stack.queue_url(ACCOUNT_QUEUE), bodies)))
    enqueued = len(plan.accounts) - len(not_sent)
    lines = [f"{count(enqueued, 'message')} sent.", _NOT_PROCESSED_YET]
    if not_sent:
        lines.append(f"AccountQueue rejected the messages for {', '.join(not_sent)}. Run the command again for them.")
    return ApplyResult(lines, {"enqueued": enqueued, "notSent": not_sent}, complete=not not_sent)
