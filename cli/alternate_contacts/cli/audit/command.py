"""The verb `audit`."""

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from botocore.config import Config
from rich.progress import TextColumn, TimeRemainingColumn

from alternate_contacts.cli.audit import csv_file, html_page, json_document, table
from alternate_contacts.cli.audit.contact_reader import ContactReader, thread_count
from alternate_contacts.cli.audit.findings import AccountReading
from alternate_contacts.cli.audit.report import AuditReport, AuditRow, worst_first
from alternate_contacts.cli.audit.state_file import StateFile, StateKey, default_path, digest
from alternate_contacts.cli.aws.context import CommandContext
from alternate_contacts.cli.aws.organization import RETRIES, OrganizationAccount, OrganizationTree
from alternate_contacts.cli.aws.quota import read_quota
from alternate_contacts.cli.aws.stack import Stack
from alternate_contacts.cli.terminal import output
from alternate_contacts.cli.terminal.errors import CliError
from alternate_contacts.cli.terminal.options import AsJson
from alternate_contacts.worker.aws import AwsAccountApi, AwsOrganizationLookup
from alternate_contacts.worker.protocol import ACTIVE

QUOTA_SHARE = 0.25
"""The worker may use the whole quota, so the audit uses little of it."""

_PROBLEMS_FOUND = 1
_INTERRUPTED = 130


def audit(
    context: typer.Context,
    as_json: AsJson = False,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write one line per account to this CSV file.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write the report to this HTML file.")] = None,
    show_contacts: Annotated[
        bool,
        typer.Option(
            "--show-contacts", help="Include the contacts of the accounts, which are personal data, in every output."
        ),
    ] = False,
    rate: Annotated[
        float | None,
        typer.Option(min=0.1, help="GetAlternateContact calls a second. Default: a quarter of the quota."),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(
            help="File that keeps the results of an interrupted run, without contact data. "
            "Default: a file in ~/.cache/alternate-contacts."
        ),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Ignore the results of an interrupted run and read every account.")
    ] = False,
) -> None:
    """Report the compliance status of the alternate contacts of every account.

    The status of a contact is one of:
    compliant (as configured), missing, different, unreadable (the reason is shown),
    unmanaged (the policy leaves the contact alone: ignore, or fill if there is another contact),
    skipped (the account is not ACTIVE).

    If Ctrl-C interrupts a run, it reports the accounts that it has read.
    The next run reads the others, if it starts within 24 hours and the stack has the same contacts.
    With --show-contacts, no results are kept and every run reads all accounts.

    Exit codes: 0 healthy; 1 problems found; 2 command failed; 130 interrupted.
    """
    options: CommandContext = context.obj
    stack = options.stack()
    rate = _rate(rate, options, stack)
    for path in (csv, html):
        _check_writable(path)
    organization = OrganizationTree(options.session().client("organizations", config=RETRIES))
    accounts = _list_accounts(organization)
    active = [account.account_id for account in accounts if account.state == ACTIVE]
    state_file, readings = (None, {}) if show_contacts else _resume(state, organization, stack, active, fresh=fresh)
    started_at = min((reading.read_at for reading in readings.values()), default=datetime.now(UTC))
    reader = _reader(options, stack, rate, keep_contacts=show_contacts)
    interruption = _read(reader, active, readings, state_file)
    report = AuditReport(
        organization_id=organization.organization_id,
        stack_name=stack.name,
        policies={contact_type: assignment.policy for contact_type, assignment in stack.desired.items()},
        started_at=started_at,
        finished_at=datetime.now(UTC),
        active=len(active),
        rows=worst_first(_rows(accounts, readings)),
    )
    if csv is not None:
        _write(csv, csv_file.render(report, show_contacts=show_contacts))
    if html is not None:
        _write(html, html_page.render(report))
    if as_json:
        output.print_json(json_document.build(report))
    else:
        table.print_report(report, output.results())
    if interruption is not None:
        kept = f" Run the same command to continue; {state_file.path} keeps the results." if state_file else ""
        raise CliError(
            f"{interruption} {report.read:,} of {report.active:,} accounts read.{kept}",
            exit_code=interruption.exit_code,
        )
    if state_file is not None:
        state_file.remove()
    if report.not_compliant:
        raise typer.Exit(_PROBLEMS_FOUND)


def _rate(rate: float | None, options: CommandContext, stack: Stack) -> float:
    quota = read_quota(options.session(), stack)
    if not quota.from_worker:
        _note(f"API quota: {quota.source}.")
    if rate is None:
        return quota.get_rate * QUOTA_SHARE
    if rate > quota.get_rate:
        raise CliError(
            f"The quota is {quota.get_rate:g} calls a second, and the worker needs it too. Use a lower --rate."
        )
    return rate


def _check_writable(path: Path | None) -> None:
    """Raise CliError before the accounts are read rather than after it."""
    if path is None:
        return
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise CliError(f"{path} cannot be written. Name another file.")


def _list_accounts(organization: OrganizationTree) -> list[OrganizationAccount]:
    accounts: list[OrganizationAccount] = []
    with output.notes().status("listing accounts") as status:
        for account in organization.accounts():
            accounts.append(account)
            status.update(f"listing accounts: {len(accounts):,}")
    return accounts


def _resume(
    path: Path | None, organization: OrganizationTree, stack: Stack, active: Sequence[str], *, fresh: bool
) -> tuple[StateFile | None, dict[str, AccountReading]]:
    """Start the state file of this run, with the readings of an interrupted run unless ``fresh``.

    Returns:
        The state file, None if the default one cannot be written, and the readings of active accounts.

    Raises:
        CliError: the file at ``path`` cannot be used.
    """
    key = StateKey(organization.organization_id, digest(stack.desired))
    state_file = StateFile(path or default_path(key.organization_id, stack.name, os.environ), key)
    try:
        saved = state_file.load(datetime.now(UTC))
        readings = {account_id: saved[account_id] for account_id in active if account_id in saved and not fresh}
        state_file.start(readings.values())
    except OSError as error:
        message = f"{state_file.path} cannot be written ({error.strerror})."
        if path is not None:
            raise CliError(f"{message} Name another file with --state.") from None
        _note(f"{message} If this run is interrupted, the next one reads all accounts. --state names another file.")
        return None, {}
    if readings:
        since = output.format_time(min(reading.read_at for reading in readings.values()))
        _note(
            f"Continuing an interrupted run: {len(readings):,} of {len(active):,} accounts were read since {since}. "
            "Use --fresh to read them again."
        )
    return state_file, readings


def _reader(options: CommandContext, stack: Stack, rate: float, *, keep_contacts: bool) -> ContactReader:
    # One attempt: the pacer must see every call.
    one_attempt = Config(
        connect_timeout=5,
        read_timeout=10,
        max_pool_connections=thread_count(rate),
        retries={"total_max_attempts": 1, "mode": "standard"},
    )
    session = options.session()
    return ContactReader(
        AwsAccountApi(session.client("account", config=one_attempt)),
        stack.desired,
        own_account_id=stack.account_id,
        rate=rate,
        trusted_access=AwsOrganizationLookup(session.client("organizations")).trusted_access,
        keep_contacts=keep_contacts,
    )


def _read(
    reader: ContactReader, active: Sequence[str], readings: dict[str, AccountReading], state_file: StateFile | None
) -> CliError | None:
    """Read the accounts that are not in ``readings``, and add them. Returns what interrupted the run, if anything."""
    progress = output.progress()
    progress.columns = (*progress.columns, TextColumn("time left"), TimeRemainingColumn())
    with progress:
        task = progress.add_task("reading contacts", total=len(active), completed=len(readings))

        def keep(reading: AccountReading) -> None:
            readings[reading.account_id] = reading
            progress.advance(task)
            if state_file is not None:
                _append(state_file, reading)

        try:
            reader.read([account_id for account_id in active if account_id not in readings], keep)
        except KeyboardInterrupt:
            return CliError("Interrupted:", exit_code=_INTERRUPTED)
        except CliError as error:
            return error
    return None


def _append(state_file: StateFile, reading: AccountReading) -> None:
    try:
        state_file.append(reading)
    except OSError as error:
        raise CliError(f"{state_file.path} cannot be written ({error.strerror}).") from None


def _rows(accounts: Sequence[OrganizationAccount], readings: Mapping[str, AccountReading]) -> Iterator[AuditRow]:
    """Yield a row for every account that was read or is not ACTIVE."""
    for account in accounts:
        if account.state != ACTIVE:
            yield AuditRow(account)
        elif account.account_id in readings:
            yield AuditRow(account, readings[account.account_id])


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise CliError(f"{path} cannot be written ({error.strerror}).") from None


def _note(message: str) -> None:
    typer.echo(message, err=True)
