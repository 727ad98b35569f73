"""The verb `failures`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

import typer
from rich.console import Console
from rich.table import Table

from alternate_contacts.cli.aws.context import CommandContext
from alternate_contacts.cli.aws.failed_messages import NO_ACCOUNT, FailedAccount, by_account, parse_failure
from alternate_contacts.cli.aws.failure_reasons import remedy
from alternate_contacts.cli.aws.queue_lease import QueueSnapshot, read_queue
from alternate_contacts.cli.aws.queues import FAILED_ACCOUNT_QUEUE, UNDELIVERED_QUEUE
from alternate_contacts.cli.aws.undelivered import count_kinds
from alternate_contacts.cli.terminal import output
from alternate_contacts.cli.terminal.options import AsJson
from alternate_contacts.cli.terminal.output import count
from alternate_contacts.worker.contacts import ContactType

_MAX_ROWS = 50
"""Accounts of one failure reason that a table shows, and account IDs that a group shows."""


@dataclass(frozen=True)
class FailureReport:
    """Failed accounts, and what could not be delivered."""

    accounts: Sequence[FailedAccount]
    failed: QueueSnapshot
    undelivered: QueueSnapshot

    @property
    def is_healthy(self) -> bool:
        return not self.failed.counted and not self.undelivered.counted

    def document(self) -> dict[str, object]:
        """Return the report for ``--json``."""
        return {
            "accounts": [account.document() for account in self.accounts],
            "messages": self.failed.document(),
            "undelivered": {**self.undelivered.document(), "kinds": count_kinds(self.undelivered.messages)},
            "remarks": [*self.failed.remarks, *self.undelivered.remarks],
        }


def failures(context: typer.Context, as_json: AsJson = False) -> None:
    """List every failed account with the failure reason, the time and the remedy. All messages stay on the queue.

    Exit codes: 0 healthy; 1 an account failed, or something is undelivered; 2 command failed.
    """
    options: CommandContext = context.obj
    stack, sqs = options.stack, options.session.client("sqs")
    failed = read_queue(sqs, stack, FAILED_ACCOUNT_QUEUE)
    report = FailureReport(
        accounts=by_account(parse_failure(message) for message in failed.messages),
        failed=failed,
        undelivered=read_queue(sqs, stack, UNDELIVERED_QUEUE),
    )
    if as_json:
        output.print_json(report.document())
    else:
        _print_report(report, output.results())
    if not report.is_healthy:
        raise typer.Exit(1)


def _print_report(report: FailureReport, console: Console) -> None:
    if not report.failed.counted:
        console.print("No failed accounts.")
    elif report.accounts:
        messages = sum(account.messages for account in report.accounts)
        console.print(f"{count(len(report.accounts), 'failed account')}, {count(messages, 'message')}.")
    for reason, group in groupby(sorted(report.accounts, key=_reason), key=_reason):
        accounts = list(group)
        console.print(f"{reason}: {count(len(accounts), 'account')}", style="bold")
        console.print(remedy(reason))
        if len(accounts) <= _MAX_ROWS:
            console.print(_table(accounts))
        else:
            _print_groups(accounts, console)
    kinds = count_kinds(report.undelivered.messages)
    if kinds:
        counts = ", ".join(count(number, kind) for kind, number in kinds.items())
        console.print(f"On {UNDELIVERED_QUEUE}: {counts}. Run `alternate-contacts replay --undelivered`.")
    for remark in (*report.failed.remarks, *report.undelivered.remarks):
        console.print(remark)


def _print_groups(accounts: Sequence[FailedAccount], console: Console) -> None:
    """Print accounts that failed alike together, because no one reads a table of a thousand rows."""
    for (error, contact_types), group in groupby(sorted(accounts, key=_failure), key=_failure):
        alike = list(group)
        since = min(account.since for account in alike)
        console.print(
            f"{count(len(alike), 'account')}: {error}; contact types: {contact_types}; since {_format_time(since)} UTC"
        )
        account_ids = [account.latest.account_id for account in alike]
        console.print("  " + " ".join(account_ids[:_MAX_ROWS]))
        if len(alike) > _MAX_ROWS:
            console.print(f"  and {len(alike) - _MAX_ROWS:,} more: --json lists all of them.")


def _failure(account: FailedAccount) -> tuple[str, str]:
    return _describe_error(account), _describe_contact_types(account)


def _describe_error(account: FailedAccount) -> str:
    latest = account.latest
    return "-" if latest.error_code == "none" else f"{latest.operation}: {latest.error_code}"


def _describe_contact_types(account: FailedAccount) -> str:
    contact_types = account.latest.contact_types
    return "all" if len(contact_types) == len(ContactType) else ", ".join(contact_types) or "-"


def _format_time(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M}"


def _reason(account: FailedAccount) -> str:
    return account.latest.reason


def _table(accounts: Sequence[FailedAccount]) -> Table:
    """Return a table narrow enough for most terminals: the column of message counts appears only where needed."""
    several = any(account.messages > 1 for account in accounts)
    columns = (
        output.Exact("account"),
        "error",
        "contact types",
        "tries",
        "since (UTC)",
        *(["messages"] if several else []),
    )
    table = output.table(*columns)
    for account in accounts:
        latest = account.latest
        table.add_row(
            latest.account_id if latest.account_id != NO_ACCOUNT else f"{NO_ACCOUNT} (message {latest.message_id})",
            _describe_error(account),
            _describe_contact_types(account),
            "-" if latest.tries is None else str(latest.tries),
            _format_time(account.since),
            *([str(account.messages)] if several else []),
        )
    return table
