"""The verb `backfill`."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from alternate_contacts.backfill.message import account_message_body
from alternate_contacts.backfill.protocol import Mode, Trigger
from alternate_contacts.cli.aws.backfill_function import CompletedBackfill, invoke_backfill
from alternate_contacts.cli.aws.context import CommandContext
from alternate_contacts.cli.aws.queues import ACCOUNT_QUEUE, batches, send_messages
from alternate_contacts.cli.aws.session import Session
from alternate_contacts.cli.aws.uninterrupted import run_to_end
from alternate_contacts.cli.terminal import output
from alternate_contacts.cli.terminal.errors import CliError
from alternate_contacts.cli.terminal.options import AccountIds, AsJson, DryRun, Yes
from alternate_contacts.cli.terminal.output import count
from alternate_contacts.cli.terminal.plan import ApplyOptions, ApplyResult, Change, apply

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
    session, stack = context_options.session, context_options.stack
    mode = Mode(stack.mode).stricter(Mode.REPORT if report else Mode.ENFORCE)
    plan = BackfillPlan(sorted(set(account)), mode, stack.enabled)
    if not (stack.enabled or plan.accounts):
        # BackfillFunction would reject the invocation.
        raise CliError(
            "No backfill: the package is disabled. Deploy the stack with Enabled=true, which runs a backfill; or use "
            "--account to send messages that wait until then."
        )
    change: Change
    if plan.accounts:
        change = BackfillAccounts(session.client("sqs"), stack.queue_url(ACCOUNT_QUEUE), plan)
    else:
        change = BackfillOrganization(session, stack.backfill_function, plan.mode)
    if not apply(plan, change, ApplyOptions(dry_run, yes, as_json)):
        raise typer.Exit(1)


class BackfillOrganization:
    """Invoke BackfillFunction, and wait for its result."""

    def __init__(self, session: Session, function: str, mode: Mode) -> None:
        self._session = session
        self._function = function
        self._mode = mode
        self._result: CompletedBackfill | None = None
        self._is_interrupted = False

    def run(self) -> None:
        try:
            with output.notes().status("BackfillFunction lists the accounts"):
                self._result = invoke_backfill(self._session, self._function, self._mode)
        except KeyboardInterrupt:
            self._is_interrupted = True
            raise

    def result(self) -> ApplyResult:
        if self._result is None:
            lines = ["BackfillFunction continues. Run `alternate-contacts status` to see its messages."]
            return ApplyResult(lines if self._is_interrupted else [], {}, complete=False)
        return ApplyResult([f"{self._result.summary}.", _NOT_PROCESSED_YET], self._result.document())


class BackfillAccounts:
    """Send the messages of some accounts to AccountQueue."""

    def __init__(self, client: "SQSClient", url: str, plan: BackfillPlan) -> None:
        self._client = client
        self._url = url
        self._plan = plan
        self._sent: set[str] = set()

    def run(self) -> None:
        for batch in batches(self._plan.accounts):
            run_to_end(partial(self._send, batch))

    def _send(self, batch: Sequence[str]) -> None:
        mode = self._plan.mode
        bodies = [account_message_body(account_id, trigger=Trigger.MANUAL, mode=mode) for account_id in batch]
        rejected = send_messages(self._client, self._url, bodies)
        self._sent.update(account_id for index, account_id in enumerate(batch) if index not in rejected)

    def result(self) -> ApplyResult:
        not_sent = [account_id for account_id in self._plan.accounts if account_id not in self._sent]
        lines = [f"{count(len(self._sent), 'message')} sent.", *([_NOT_PROCESSED_YET] if self._sent else [])]
        if not_sent:
            lines.append(f"No message was sent for {', '.join(not_sent)}. Run the command again for them.")
        return ApplyResult(lines, {"enqueued": len(self._sent), "notSent": not_sent}, complete=not not_sent)
