"""What verbs print: results on stdout, everything else on stderr.

Every string is data: it is never markup, and its harmful characters are visible (see `text`). Commands, account IDs and
message IDs are never folded or cut, whatever the width of the terminal.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TextIO

import typer
from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from alternate_contacts.cli.terminal.errors import CliError
from alternate_contacts.cli.terminal.text import visible

_WIDTH_WITHOUT_TERMINAL = 200
"""Columns. Without a terminal a program often reads the output, so lines should not wrap."""
_MAX_LISTED = 20
"""Identifiers that one message has."""
_READABLE_WIDTH = 10
"""Columns that a folded cell of a table has at least."""


def results() -> Console:
    """Return the console for the results of a verb."""
    return _OutputConsole(stderr=False)


def notes() -> Console:
    """Return the console for progress, remarks, and the plan if stdout holds JSON."""
    return _OutputConsole(stderr=True)


class _OutputConsole(Console):
    """A console that shows strings as they are, and knows a terminal by its stream alone.

    FORCE_COLOR, TTY_COMPATIBLE, NO_COLOR and TERM decide about colors. They do not make a terminal of a pipe: there,
    rich would draw progress bars and cut tables to 80 columns.
    """

    def __init__(self, *, stderr: bool) -> None:
        is_terminal = (sys.stderr if stderr else sys.stdout).isatty()
        super().__init__(
            stderr=stderr,
            force_terminal=is_terminal,
            color_system=_color_system(stderr=stderr),
            width=None if is_terminal else _WIDTH_WITHOUT_TERMINAL,
            highlight=False,
            markup=False,
            emoji=False,
        )

    def print(self, *objects: Any, **options: Any) -> None:
        """Print; strings are lines of prose. A line that is too long continues on the next, uncut."""
        prose = (Prose(item) if isinstance(item, str) else item for item in objects)
        super().print(*prose, **{"crop": False} | options)

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(visible(text), **options | {"markup": False, "emoji": False, "highlight": False})

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render. Of the characters that `visible` replaces, only line ends pass."""
        # Cells of a table have a rule for long words, and prose has none.
        if isinstance(renderable, str) and (options or self.options).overflow is None:
            renderable = Prose(renderable)
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else "\n".join(map(visible, text.split("\n"))), style, control)


def _color_system(*, stderr: bool) -> Any:
    return Console(stderr=stderr).color_system


@dataclass(frozen=True)
class Prose:
    """Text that wraps between words, but not within a command in backticks. Its leading spaces indent every line."""

    text: str

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> RenderResult:
        text = visible(self.text)
        indent = " " * (len(text) - len(text.lstrip(" ")))
        lines = [""]
        for word in re.findall(r"`[^`]*`\S*|\S+", text) if not options.no_wrap else [text]:
            longer = f"{lines[-1]} {word}" if lines[-1] else word
            if lines[-1] and cell_len(indent + longer) > options.max_width:
                lines.append(word)
            else:
                lines[-1] = longer
        for line in lines:
            yield Text(line if options.no_wrap else indent + line, no_wrap=True, overflow="ignore")


class Exact(str):
    """The heading of a table column whose cells are never folded or cut, such as account IDs."""


class _ResultTable(Table):
    """A table, or in a terminal too narrow for it one block of lines for each row."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self._fits(console, options):
            yield from super().__rich_console__(console, options)
            return
        if self.title:
            yield Prose(str(self.title))
        for cells in zip(*(column.cells for column in self.columns), strict=True):
            yield ""
            for column, cell in zip(self.columns, cells, strict=True):
                yield from _field(str(column.header), str(cell), options.max_width)

    def _fits(self, console: Console, options: ConsoleOptions) -> bool:
        width = self._extra_width
        for column in self.columns:
            natural = max(Measurement.get(console, options, cell).maximum for cell in (column.header, *column.cells))
            width += (natural if column.no_wrap else min(natural, _READABLE_WIDTH)) + 2
        return width <= options.max_width


def _field(heading: str, value: str, width: int) -> Iterator[RenderableType]:
    """Yield a cell with its heading, below the heading if the line is too narrow for both."""
    lines = [visible(line) for line in value.split("\n")]
    if cell_len(f"{visible(heading)}: {lines[0]}") <= width:
        lines[0] = f"{visible(heading)}: {lines[0]}"
    else:
        lines.insert(0, f"{visible(heading)}:")
    for line in lines:
        yield Text(line, no_wrap=True, overflow="ignore")


def table(*columns: str, title: str | None = None) -> Table:
    """Return an empty table whose long cells continue on the next line, except in columns that are `Exact`."""
    empty = _ResultTable(box=SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    for column in columns:
        empty.add_column(column, overflow="fold", no_wrap=isinstance(column, Exact))
    return empty


def format_time(time: datetime) -> str:
    """Return a text such as ``2026-11-24 11:03 UTC``."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def format_period(start: datetime, end: datetime) -> str:
    """Return a text such as ``2026-11-24 11:03:00 and 2026-11-24 11:40:12 UTC``, to go after "between"."""
    return f"{start.astimezone(UTC):%Y-%m-%d %H:%M:%S} and {end.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def count(number: int, one: str, many: str | None = None) -> str:
    """Return a text such as ``1 account`` or ``2,000 accounts``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def list_some(identifiers: Sequence[str]) -> str:
    """Return the first identifiers of a list for a message, and the number of the others."""
    others = len(identifiers) - _MAX_LISTED
    return ", ".join(identifiers[:_MAX_LISTED]) + (f" and {others:,} more" if others > 0 else "")


def print_json(document: Mapping[str, object]) -> None:
    """Print the JSON document of ``--json``. It is exact and in ASCII, with every control character escaped."""
    print_line(json.dumps(document, indent=2).replace("\x7f", "\\u007f"))


def print_line(text: str) -> None:
    """Print a text of this command on stdout without wrapping, because programs read it."""
    _write(sys.stdout, text)


def print_error(message: str) -> None:
    """Print an error or a remark on stderr, on one line without wrapping, because scripts read it."""
    _write(sys.stderr, visible(message))


def _write(stream: TextIO, text: str) -> None:
    # Not typer.echo: for an ASCII stream it writes to another one, whose errors are not those of `streams`.
    stream.write(f"{text}\n")
    stream.flush()


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
        disable=not console.is_interactive,
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
