"""The verb `audit`."""

import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from alternate_contacts.cli.audit import csv_file, html_page, json_document, table
from alternate_contacts.cli.audit.comparison import ContactComparison
from alternate_contacts.cli.audit.findings import AccountReading
from alternate_contacts.cli.audit.report import AuditReport, AuditRow, ContactSource, worst_first
from alternate_contacts.cli.audit.run import NOT_CONTINUED, read_accounts
from alternate_contacts.cli.audit.state_file import StateFile, StateKey, UnusableStateFile, default_path, digest
from alternate_contacts.cli.aws.compliance import skip_reason
from alternate_contacts.cli.aws.contact_reader import contact_reader
from alternate_contacts.cli.aws.contact_selector import describe_target, read_contact_selector
from alternate_contacts.cli.aws.context import CommandContext
from alternate_contacts.cli.aws.deployed_contacts import deployed_contacts
from alternate_contacts.cli.aws.organization import RETRIES, OrganizationAccount, OrganizationTree
from alternate_contacts.cli.aws.quota import Quota, quota_of
from alternate_contacts.cli.aws.stack import Stack
from alternate_contacts.cli.aws.worker_environment import read_worker_environment
from alternate_contacts.cli.terminal import output
from alternate_contacts.cli.terminal.errors import CliError
from alternate_contacts.cli.terminal.files import is_stream, write_private
from alternate_contacts.cli.terminal.options import AsJson, finite
from alternate_contacts.worker.contact_configuration import DEFAULT
from alternate_contacts.worker.contact_selection import AccountSelection, ContactSelection
from alternate_contacts.worker.contacts import ContactType
from alternate_contacts.worker.protocol import ACTIVE

QUOTA_SHARE = 0.25
"""The worker may use the whole quota, so the audit uses little of it."""

_UNKNOWN_CHARACTERS = (
    "A parameter of the stack contains ?, which CloudFormation may return for a character other than ASCII. A contact "
    "that differs only there has the status unknown. The permission lambda:GetFunctionConfiguration avoids this."
)


def audit(
    context: typer.Context,
    as_json: AsJson = False,
    csv: Annotated[
        Path | None, typer.Option("--csv", help="Write one line per account to this CSV file, for a spreadsheet.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write the report to this HTML file, for a browser.")
    ] = None,
    show_contacts: Annotated[
        bool,
        typer.Option(
            "--show-contacts", help="Include the contacts of the accounts, which are personal data, in every output."
        ),
    ] = False,
    rate: Annotated[
        float | None,
        typer.Option(
            min=0.1, callback=finite, help="GetAlternateContact calls a second. Default: a quarter of the quota."
        ),
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
    unknown (the contact configuration is invalid, and the reason is shown; or the contact
    differs only where CloudFormation may have returned ? for another character),
    unmanaged (the policy leaves the contact alone: ignore, or fill if there is another contact),
    skipped (the account is not ACTIVE, or a target of the contact configuration excludes it).

    With a contact configuration, every contact is compared with the one that the worker would set.
    The report shows the contact set and the target that decides, and problems of the configuration.

    The JSON document is a record: every value is exactly as AWS returned it.
    Table, CSV and HTML are for reading: control characters are escaped, and a formula in CSV
    gets an apostrophe.

    If Ctrl-C interrupts a run, it reports the accounts that it has read.
    The next run keeps those that were compliant and reads the others,
    and those that should have other contacts now, if it starts within 24 hours.
    With --show-contacts, no results are kept and every run reads all accounts.

    Exit codes: 0 healthy; 1 problems found; 2 command failed; 130 interrupted.
    """
    started_at = datetime.now(UTC)
    options: CommandContext = context.obj
    stack = options.stack
    worker_environment = read_worker_environment(options.session, stack)
    stack_contacts = deployed_contacts(stack, worker_environment)
    rate = _rate(rate, quota_of(stack, worker_environment))
    if stack_contacts.has_unknown_characters:
        output.print_error(_UNKNOWN_CHARACTERS)
    _check_paths({"--csv": csv, "--html": html, "--state": state})
    for path in filter(None, (csv, html)):
        _check_writable(path, private=show_contacts)
    selector = read_contact_selector(options.session, stack, stack_contacts)
    organization = OrganizationTree(
        options.session.client("organizations", config=RETRIES), require_parents=selector.needs_parents
    )
    accounts = _list_accounts(organization)
    selections = {account.account_id: selector.select(account) for account in accounts}
    digests = {account_id: digest(selection) for account_id, selection in selections.items()}
    key = StateKey(organization.organization_id, digests)
    run = read_accounts(
        contact_reader(options.session, own_account_id=stack.account_id, rate=rate),
        ContactComparison(selector, selections, keep_contacts=show_contacts).compare,
        [
            account.account_id
            for account in accounts
            if skip_reason(account.state, selections[account.account_id]) is None
        ],
        None if show_contacts else _open_state_file(state, key, stack),
        rate=rate,
        fresh=fresh,
    )
    report = AuditReport(
        organization_id=organization.organization_id,
        stack_name=stack.name,
        policies={contact_type: assignment.policy for contact_type, assignment in stack_contacts.assignments.items()},
        started_at=started_at,
        finished_at=datetime.now(UTC),
        active=sum(account.state == ACTIVE for account in accounts),
        rows=worst_first(_rows(accounts, run.readings, selections, organization)),
        parameters=selector.parameters,
        problems=[
            *(selector.configuration.validate() if selector.configuration else []),
            *selector.find_unknown_targets(accounts, organization),
        ],
    )
    errors = _write_files(report, csv, html, show_contacts=show_contacts)
    if as_json:
        output.print_json(json_document.build(report))
    else:
        table.print_report(report, output.results())
    _raise_last([*errors, *([run.interruption] if run.interruption else [])])
    if report.not_compliant or report.problems:
        raise typer.Exit(1)


def _rate(rate: float | None, quota: Quota) -> float:
    if not quota.from_worker:
        output.print_error(f"API quota and desired contacts: {quota.source}.")
    if rate is None:
        return quota.get_rate * QUOTA_SHARE
    if rate > quota.get_rate:
        raise CliError(
            f"The quota is {quota.get_rate:g} GetAlternateContact calls per second, and the worker needs it too. "
            "Use a lower --rate."
        )
    return rate


def _check_paths(paths: Mapping[str, Path | None]) -> None:
    """Raise CliError if two options name the same file: one would replace the other."""
    named = [(option, path) for option, path in paths.items() if path is not None]
    for (option, path), (other_option, other) in itertools.combinations(named, 2):
        if os.path.realpath(path) == os.path.realpath(other):
            raise CliError(f"{option} and {other_option} name the same file, {path}. Name two files.")


def _check_writable(path: Path, *, private: bool) -> None:
    """Raise CliError before the accounts are read rather than after it, and print which file is overwritten."""
    in_place = is_stream(path) or (path.exists() and not private)
    if path.is_dir() or not os.access(path if in_place else path.parent, os.W_OK):
        raise CliError(f"{path} cannot be written. Name another file.")
    if path.is_file() and not is_stream(path):
        output.print_error(f"{path} exists and is overwritten.")


def _list_accounts(organization: OrganizationTree) -> list[OrganizationAccount]:
    # By ID: an account may be on two pages if the organization changes meanwhile.
    accounts: dict[str, OrganizationAccount] = {}
    with output.notes().status("listing accounts") as status:
        for account in organization.accounts():
            accounts[account.account_id] = account
            status.update(f"listing accounts: {len(accounts):,}")
    return list(accounts.values())


def _open_state_file(path: Path | None, key: StateKey, stack: Stack) -> StateFile | None:
    """Return the state file; None if no ``path`` is given and the default file cannot be used.

    Raises:
        CliError: the file at ``path`` cannot be used.
    """
    file = path
    try:
        file = path or default_path(key.organization_id, stack.name, os.environ)
        return StateFile(file, key)
    except (UnusableStateFile, OSError, RuntimeError) as error:
        message = f"The state file {file or ''} cannot be used: {getattr(error, 'strerror', None) or error}."
    if path is not None:
        raise CliError(f"{message} Name another file with --state.")
    output.print_error(f"{message} {NOT_CONTINUED} --state names another file.")
    return None


def _rows(
    accounts: Sequence[OrganizationAccount],
    readings: Mapping[str, AccountReading],
    selections: Mapping[str, AccountSelection],
    organization: OrganizationTree,
) -> Iterator[AuditRow]:
    """Yield a row for every account that was read or is skipped."""
    for account in accounts:
        selection = selections[account.account_id]
        if account.state != ACTIVE:
            yield AuditRow(account)
        elif selection.excluded_by is not None or account.account_id in readings:
            yield AuditRow(
                account,
                readings.get(account.account_id),
                _sources(account, selection, organization),
                is_excluded=selection.excluded_by is not None,
            )


def _sources(
    account: OrganizationAccount, selection: AccountSelection, organization: OrganizationTree
) -> Mapping[ContactType, ContactSource]:
    if selection.excluded_by is not None:
        target = describe_target(selection.excluded_by, account, organization)
        return dict.fromkeys(ContactType, ContactSource(None, selection.excluded_by, target))
    return {
        contact_type: _source(account, selected, organization) for contact_type, selected in selection.contacts.items()
    }


def _source(account: OrganizationAccount, selected: ContactSelection, organization: OrganizationTree) -> ContactSource:
    if selected.target is None:
        return ContactSource(selected.choice, DEFAULT)
    target = describe_target(selected.target, account, organization)
    return ContactSource(
        selected.choice, selected.target, f"{selected.choice} from {target}" if selected.choice else target
    )


def _write_files(report: AuditReport, csv: Path | None, html: Path | None, *, show_contacts: bool) -> list[CliError]:
    """Write the files. Returns the errors, so that a long run does not lose its other outputs with one of them."""
    errors = []
    for path, render in ((csv, partial(csv_file.render, show_contacts=show_contacts)), (html, html_page.render)):
        try:
            if path is not None:
                _write(path, render(report), private=show_contacts)
        except CliError as error:
            errors.append(error)
    return errors


def _raise_last(errors: Sequence[CliError]) -> None:
    if errors:
        *others, last = errors
        for error in others:
            output.print_error(str(error))
        raise last


def _write(path: Path, text: str, *, private: bool) -> None:
    try:
        if private:
            write_private(path, text)
        else:
            path.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise CliError(f"{path} cannot be written ({error.strerror}).") from None
