"""One run: reads the accounts, shows the progress, and keeps the readings for the next run if it is interrupted."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from alternate_contacts.cli.audit.findings import AccountReading
from alternate_contacts.cli.audit.state_file import StateFile
from alternate_contacts.cli.aws.contact_reader import AccountContacts, ContactReader
from alternate_contacts.cli.terminal import output
from alternate_contacts.cli.terminal.errors import CliError
from alternate_contacts.cli.terminal.process import INTERRUPTED
from alternate_contacts.worker.contacts import ContactType

NOT_CONTINUED = "If this run is interrupted, the next one reads all accounts."

_SHORT = timedelta(minutes=2)
"""A run that takes longer prints how long."""


@dataclass(frozen=True)
class RunResult:
    """The readings by account ID.

    Attributes:
        interruption: what ended the run before it had read every account, if anything.
    """

    readings: dict[str, AccountReading]
    interruption: CliError | None


def read_accounts(
    reader: ContactReader,
    compare: Callable[[AccountContacts], AccountReading],
    account_ids: Sequence[str],
    state_file: StateFile | None,
    *,
    rate: float,
    fresh: bool,
) -> RunResult:
    """Read the accounts, except those that an interrupted run has read and found compliant, unless ``fresh``.

    The state file is empty or gone as soon as every account is read, whatever happens to the report.
    """
    with state_file or nullcontext():
        keeper = _Keeper(state_file, _continue(state_file, account_ids) if state_file and not fresh else {})
        _print_duration(len(account_ids) - len(keeper.readings), rate)
        interruption = _read(reader, compare, account_ids, keeper)
        if len(keeper.readings) == len(account_ids):
            keeper.finish()
    if interruption is not None:
        read = f"{len(keeper.readings):,} of {output.count(len(account_ids), 'account')} read."
        interruption = CliError(f"{interruption} {read}{keeper.next_step}", exit_code=interruption.exit_code)
    return RunResult(keeper.readings, interruption)


def _continue(state_file: StateFile, account_ids: Sequence[str]) -> dict[str, AccountReading]:
    """Return the readings of an interrupted run, if it left accounts to read."""
    saved = state_file.load(datetime.now(UTC))
    readings = {account_id: saved[account_id] for account_id in account_ids if account_id in saved}
    if not readings or len(readings) == len(account_ids):
        return {}
    since = output.format_time(min(reading.read_at for reading in readings.values()))
    output.print_error(
        f"Continuing an interrupted run: {len(readings):,} of {output.count(len(account_ids), 'account')} had been "
        f"read since {since} and found compliant. Use --fresh to read every account again.",
    )
    return readings


def _print_duration(accounts: int, rate: float) -> None:
    duration = timedelta(seconds=accounts * len(ContactType) / rate)
    if duration > _SHORT:
        hours, minutes = divmod(round(duration.total_seconds() / 60), 60)
        output.print_error(
            f"Reading {output.count(accounts, 'account')} takes about "
            f"{f'{hours} h ' if hours else ''}{minutes} min at {rate:g} calls a second.",
        )


def _read(
    reader: ContactReader,
    compare: Callable[[AccountContacts], AccountReading],
    account_ids: Sequence[str],
    keeper: "_Keeper",
) -> CliError | None:
    """Read the accounts that the keeper does not have. Returns what interrupted the run, if anything."""
    with _progress() as progress:
        task = progress.add_task("reading", total=len(account_ids), completed=len(keeper.readings))

        def keep(account: AccountContacts) -> None:
            keeper.keep(compare(account))
            progress.advance(task)

        try:
            reader.read([account_id for account_id in account_ids if account_id not in keeper.readings], keep)
        except KeyboardInterrupt:
            return CliError("Interrupted:", exit_code=INTERRUPTED)
        except CliError as error:
            return error
    return None


def _progress() -> Progress:
    """Return a progress display of one line that fits into 40 columns."""
    progress = output.progress()
    progress.columns = (
        TextColumn("{task.description} {task.completed:,.0f}/{task.total:,.0f}"),
        BarColumn(bar_width=None),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    return progress


class _Keeper:
    """Keeps the readings in memory, and in the state file as long as it can be written."""

    def __init__(self, state_file: StateFile | None, readings: dict[str, AccountReading]) -> None:
        self.readings = readings
        self._state_file = state_file
        self._try(lambda file: file.start(readings.values()))

    def keep(self, reading: AccountReading) -> None:
        self.readings[reading.account_id] = reading
        self._try(lambda file: file.append(reading))

    def finish(self) -> None:
        """Leave nothing to continue."""
        self._try(StateFile.finish)
        self._state_file = None

    @property
    def next_step(self) -> str:
        """What the operator can do after an interruption."""
        if self._state_file is None or not self._state_file.exists:
            return ""
        return f" Run the same command to continue; {self._state_file.path} keeps the results."

    def _try(self, change: Callable[[StateFile], None]) -> None:
        if self._state_file is None:
            return
        try:
            change(self._state_file)
        except OSError as error:
            output.print_error(f"{self._state_file.path} cannot be written ({error.strerror}). {NOT_CONTINUED}")
            self._state_file = None
