"""How verbs talk: results on stdout, everything else on stderr, and one question before anything is changed."""

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from alternate_contacts.cli.terminal.errors import CliError

_WIDE = 200
"""Columns where there is no terminal: nothing wraps there, and who reads it is often a program."""


def results() -> Console:
    """Where a verb's results go."""
    return _console(stderr=False)


def notes() -> Console:
    """Where plans beside ``--json``, progress and remarks go."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = _WIDE
    return console


def table(*columns: str, title: str | None = None) -> Table:
    """An empty table; what does not fit into a column goes on in the next line."""
    empty = Table(box=SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    for column in columns:
        empty.add_column(column, overflow="fold")
    return empty


def moment(time: datetime) -> str:
    """Such as ``2026-11-24 11:03 UTC``."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def count(number: int, one: str, many: str | None = None) -> str:
    """Such as ``1 account`` or ``2 accounts``."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def answer(document: Mapping[str, object]) -> None:
    """The one JSON document of ``--json``."""
    typer.echo(json.dumps(document, indent=2))


def progress() -> Progress:
    """A progress bar on stderr, which is gone when the work is done, and is not there without a terminal."""
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


def confirm(*, yes: bool) -> None:
    """Ask whether to act on the plan that was printed, unless ``yes``.

    Raises:
        CliError: nobody is there to ask, or the answer is no.
    """
    if yes:
        return
    if not _somebody_is_there():
        raise CliError("There is no terminal to ask on: say --yes to act on the plan, or --dry-run to only see it.")
    if not typer.confirm("Do this?", err=True):
        raise CliError("Nothing was changed.", exit_code=1)


def _somebody_is_there() -> bool:
    return sys.stdin.isatty()
