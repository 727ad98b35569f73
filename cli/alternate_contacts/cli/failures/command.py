"""The verb `failures`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from itertools import groupby

import typer
from rich.console import Console
from rich.table import Table

from alternate_contacts.cli.aws import undelivered
from alternate_contacts.cli.aws.context import AsJson, CommandContext
from alternate_contacts.cli.aws.failed_messages import NO_ACCOUNT, FailedAccount, by_account, parse_failure
from alternate_contacts.cli.aws.failure_reasons import remedy
from alternate_contacts.cli.aws.queue_lease import QueueSnapshot, read_queue
from alternate_contacts.cli.terminal import output
from alternate_contacts.cli.terminal.output import count
from alternate_contacts.worker.contacts import ContactType


@dataclass(frozen=True)
class FailureReport:
    """What is wrong: accounts that failed, and what could not be delivered."""

    accounts: Sequence[FailedAccount]
    failed: QueueSnapshot
    undelivered: QueueSnapshot

    @property
    def is_well(self) -> bool:
        return not self.failed.counted and not self.undelivered.counted

    def document(self) -> dict[str, object]:
        return {
            "accounts": [account.document() for account in self.accounts],
            "messages": self.failed.document(),
            "undelivered": {**self.undelivered.document(), "kinds": undelivered.count(self.undelivered.messages)},
            "remarks": [*self.failed.remarks, *self.undelivered.remarks],
        }


def failures(context: typer.Context, as_json: AsJson = False) -> None:
    """Name every failed account: why, since when, and what to do about it. Takes nothing off the queue.

    Exit code 0: none; 1: some, or something is undelivered; 2: could not find out.
    """
    options: CommandContext = context.obj
    stack, sqs = options.stack(), options.session().client("sqs")
    failed = read_queue(sqs, stack.failed_account_queue_url, "FailedAccountQueue")
    report = FailureReport(
        accounts=by_account(parse_failure(message) for message in failed.messages),
        failed=failed,
        undelivered=read_queue(sqs, stack.undelivered_queue_url, "UndeliveredQueue"),
    )
    if as_json:
        output.answer(report.document())
    else:
        _show(report, output.results())
    if not report.is_well:
        raise typer.Exit(1)


def _show(report: FailureReport, console: Console) -> None:
    if not report.failed.counted:
        console.print("No account has failed.")
    by_reason = groupby(sorted(report.accounts, key=_reason), key=_reason)
    for reason, accounts in by_reason:
        failed = list(accounts)
        console.print(f"{reason}: {count(len(failed), 'account')}", style="bold")
        console.print(remedy(reason))
        console.print(_table(failed))
    kinds = undelivered.count(report.undelivered.messages)
    if kinds:
        told = ", ".join(f"{count(number, kind)}" for kind, number in kinds.items())
        console.print(f"On UndeliveredQueue: {told}. `alternate-contacts replay --undelivered` makes up for them.")
    for remark in (*report.failed.remarks, *report.undelivered.remarks):
        console.print(remark)


def _reason(account: FailedAccount) -> str:
    return account.latest.reason


def _table(accounts: Sequence[FailedAccount]) -> Table:
    """Narrow enough for most terminals: messages are only counted where an account has several."""
    several = any(account.messages > 1 for account in accounts)
    columns = ("account", "error", "contacts", "tries", "since (UTC)", *(["messages"] if several else []))
    table = output.table(*columns)
    for account in accounts:
        latest = account.latest
        table.add_row(
            latest.account_id if latest.account_id != NO_ACCOUNT else f"{NO_ACCOUNT} (message {latest.message_id})",
            "-" if latest.error_code == "none" else f"{latest.error_code} at {latest.operation}",
            "all" if len(latest.contact_types) == len(ContactType) else ", ".join(latest.contact_types) or "-",
            "-" if latest.tries is None else str(latest.tries),
            f"{account.since.astimezone(UTC):%Y-%m-%d %H:%M}",
            *([str(account.messages)] if several else []),
        )
    return table
