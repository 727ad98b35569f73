"""What verbs print: results on stdout, everything else on stderr."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from alternate_contacts.cli.terminal.errors import CliError

_WIDTH_WITHOUT_TERMINAL = 200
"""Columns. Without a terminal a program often reads the output, so lines should not wrap."""


def results() -> Console:
    """Return the console for the results of a verb."""
    return _console(stderr=False)


def notes() -> Console:
    """Return the console for progress, remarks, and the plan if stdout holds JSON."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = _WIDTH_WITHOUT_TERMINAL
    return console


def table(*columns: str, title: str | None = None) -> Table:
    """Return an empty table whose long cells continue on the next line."""
    empty = Table(box=SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    for column in columns:
        empty.add_column(column, overflow="fold")
    return empty


def format_time(time: datetime) -> str:
    """Return a text such as ``2026-11-24 11:03 UTC``."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def count(number: int, one: str, many: str | None = None) -> str:
    """Return a text such as ``1 account`` or ``2 accounts``."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def print_json(document: Mapping[str, object]) -> None:
    """Print the JSON document of ``--json``."""
    typer.echo(json.dumps(document, indent=2))


def progress() -> Progress:
    """Return a progress display on stderr. It disappears at the end, and is off without a terminal."""
    console = notes()
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


@contextmanager
def progress_bar(description: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show one progress bar for the block; yield the function that sets how many are completed."""
    with progress() as display:
        task = display.add_task(description, total=total)
        yield lambda completed: display.update(task, completed=completed)


def confirm(*, yes: bool) -> None:
    """Ask whether to apply the plan that was printed, unless ``yes``.

    Raises:
        CliError: there is no terminal to ask on, or the operator declined.
    """
    if yes:
        return
    if not _is_interactive():
        raise CliError("There is no terminal to confirm on. Use --yes to apply the plan, or --dry-run to print it.")
    if not typer.confirm("Apply this plan?", err=True):
        raise CliError("Nothing was changed.", exit_code=1)


def _is_interactive() -> bool:
    return sys.stdin.isatty()
