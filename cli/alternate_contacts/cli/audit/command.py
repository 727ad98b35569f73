"""The verb `audit`."""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from botocore.config import Config
from rich.progress import TextColumn, TimeRemainingColumn

from alternate_contacts.cli.audit import csv_file, html_page, table
from alternate_contacts.cli.audit.contact_reader import ContactReader, ReadingStopped, threads
from alternate_contacts.cli.audit.findings import AccountReading
from alternate_contacts.cli.audit.report import AuditReport, AuditRow, document, worst_first
from alternate_contacts.cli.audit.state_file import StateFile, StateKey, default_path, digest
from alternate_contacts.cli.aws.context import CommandContext
from alternate_contacts.cli.aws.organization import PATIENT, OrganizationAccount, OrganizationTree
from alternate_contacts.cli.aws.quota import Quota, read_quota
from alternate_contacts.cli.aws.stack import Stack
from alternate_contacts.cli.terminal import output
from alternate_contacts.cli.terminal.errors import CliError
from alternate_contacts.cli.terminal.options import AsJson
from alternate_contacts.worker.aws import AwsAccountApi, AwsOrganizationLookup
from alternate_contacts.worker.protocol import ACTIVE

QUOTA_SHARE = 0.25
"""The worker may use up all of the quota, so what is taken from it must be little."""

_NOT_RIGHT = 1
_TROUBLE = 2
_INTERRUPTED = 130


@dataclass(frozen=True)
class Ending:
    """How a run ended that did not come to its end."""

    sentence: str
    exit_code: int


def audit(
    context: typer.Context,
    as_json: AsJson = False,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write a line for each account into this file.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write a page to look at into this file.")] = None,
    show_contacts: Annotated[
        bool,
        typer.Option(
            "--show-contacts", help="Show the contacts that the accounts have, which is personal data, in every output."
        ),
    ] = False,
    rate: Annotated[
        float | None,
        typer.Option(min=0.1, help="GetAlternateContact calls a second; by default a quarter of the quota."),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(
            help="File that keeps what was read until the run is complete, without contact data; "
            "by default one in ~/.cache/alternate-contacts."
        ),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Read every account anew, also after a stopped run.")] = False,
) -> None:
    """Read the contacts of every account, and say which of them are right.

    For each account and type one word:
    right, missing, different, unreadable,
    not managed (the policy leaves it alone: ignore, or fill where there is another),
    skipped (the account is not ACTIVE).

    A run that Ctrl-C stopped shows what it has, and the next one goes on from there:
    within a day, and unless the contacts of the stack were changed meanwhile.
    With --show-contacts nothing is kept, and every run begins anew.

    Exit code 0: every managed contact is right; 1: not every one is;
    2: could not be done; 130: stopped.
    """
    options: CommandContext = context.obj
    stack = options.stack()
    rate = _rate(rate, _quota(options, stack))
    for path in (csv, html):
        _check_writable(path)
    organization = OrganizationTree(options.session().client("organizations", config=PATIENT))
    accounts = _listed(organization)
    active = [account.account_id for account in accounts if account.state == ACTIVE]
    saved = None if show_contacts else _saved(state, organization, stack)
    readings = _resumed(saved, active, fresh=fresh, chosen=state is not None) if saved else {}
    if readings is None:
        saved, readings = None, {}
    started_at = min((each.read_at for each in readings.values()), default=datetime.now(UTC))
    ending = _read(_reader(options, stack, rate, keep_contacts=show_contacts), active, readings, saved)
    report = AuditReport(
        organization_id=organization.organization_id,
        stack_name=stack.name,
        policies={kind: assignment.policy for kind, assignment in stack.desired.items()},
        started_at=started_at,
        finished_at=datetime.now(UTC),
        active=len(active),
        rows=worst_first(_rows(accounts, readings)),
    )
    if csv is not None:
        _write(csv, csv_file.write(report, show_contacts=show_contacts))
    if html is not None:
        _write(html, html_page.write(report))
    if as_json:
        output.print_json(document(report))
    else:
        table.show(report, output.results())
    if saved is not None and ending is None:
        saved.remove()
    if ending is not None:
        _say(f"{ending.sentence} {report.read:,} of {report.active:,} accounts read.{_way_on(saved)}")
        raise typer.Exit(ending.exit_code)
    if report.not_right:
        raise typer.Exit(_NOT_RIGHT)


def _quota(options: CommandContext, stack: Stack) -> Quota:
    quota = read_quota(options.session(), stack)
    if not quota.from_worker:
        _say(f"API quota: {quota.source}.")
    return quota


def _rate(chosen: float | None, quota: Quota) -> float:
    if chosen is None:
        return quota.get_rate * QUOTA_SHARE
    if chosen > quota.get_rate:
        raise CliError(
            f"The quota is {quota.get_rate:g} calls a second, which the worker needs too: choose a lower --rate."
        )
    return chosen


def _check_writable(path: Path | None) -> None:
    """Raise CliError now rather than after an hour of reading."""
    if path is None:
        return
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise CliError(f"{path} cannot be written: choose another file.")


def _listed(organization: OrganizationTree) -> list[OrganizationAccount]:
    accounts: list[OrganizationAccount] = []
    with output.notes().status("listing accounts") as status:
        for account in organization.accounts():
            accounts.append(account)
            status.update(f"listing accounts: {len(accounts):,}")
    return accounts


def _saved(path: Path | None, organization: OrganizationTree, stack: Stack) -> StateFile:
    about = StateKey(organization.organization_id, digest(stack.desired))
    return StateFile(path or default_path(about.organization_id, stack.name, os.environ), about)


def _resumed(
    saved: StateFile, active: Collection[str], *, fresh: bool, chosen: bool
) -> dict[str, AccountReading] | None:
    """What a stopped run has read of accounts that are still active.

    None where the user has no writable cache: a next run then cannot go on with this one, and that is all.

    Raises:
        CliError: the file was ``chosen`` by the user, and cannot be used.
    """
    try:
        known = saved.load(datetime.now(UTC))
        readings = {account_id: known[account_id] for account_id in active if account_id in known and not fresh}
        saved.start(readings.values())
    except OSError as error:
        sentence = f"{saved.path} cannot be written ({error.strerror})"
        if chosen:
            raise CliError(f"{sentence}: name another file with --state.") from None
        _say(f"{sentence}, so a stopped run will begin anew: name another file with --state.")
        return None
    if readings:
        since = output.format_time(min(each.read_at for each in readings.values()))
        _say(
            f"Going on with a stopped run: {len(readings):,} of {len(active):,} accounts were read then, the first at "
            f"{since}. --fresh reads them anew."
        )
    return readings


def _reader(options: CommandContext, stack: Stack, rate: float, *, keep_contacts: bool) -> ContactReader:
    # One attempt: the pacer has to see each call.
    one_attempt = Config(
        connect_timeout=5,
        read_timeout=10,
        max_pool_connections=threads(rate),
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
    reader: ContactReader, active: Sequence[str], readings: dict[str, AccountReading], saved: StateFile | None
) -> Ending | None:
    """Read what is not among ``readings`` yet, and add it there; how it ended, if before its end."""
    progress = output.progress()
    progress.columns = (*progress.columns, TextColumn("time left"), TimeRemainingColumn())
    with progress:
        task = progress.add_task("reading contacts", total=len(active), completed=len(readings))

        def keep(reading: AccountReading) -> None:
            readings[reading.account_id] = reading
            progress.advance(task)
            if saved is not None:
                _save(saved, reading)

        try:
            reader.read([account_id for account_id in active if account_id not in readings], keep)
        except KeyboardInterrupt:
            return Ending("Stopped:", _INTERRUPTED)
        except ReadingStopped as error:
            return Ending(str(error), _TROUBLE)
    return None


def _save(saved: StateFile, reading: AccountReading) -> None:
    try:
        saved.keep(reading)
    except OSError as error:
        raise ReadingStopped(f"{saved.path} cannot be written ({error.strerror}).") from None


def _rows(accounts: Sequence[OrganizationAccount], readings: Mapping[str, AccountReading]) -> Iterator[AuditRow]:
    """A row for every account that was read, or that is not active."""
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


def _way_on(saved: StateFile | None) -> str:
    return f" The same command goes on from there: {saved.path} keeps it." if saved else ""


def _say(sentence: str) -> None:
    typer.echo(sentence, err=True)
