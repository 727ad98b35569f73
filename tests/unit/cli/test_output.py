"""Terminals of any width: what an operator copies is whole, and only a terminal gets a progress bar."""

import io
import sys
from collections import Counter
from collections.abc import Callable

import pytest
from rich.console import Console, Group, RenderableType

from alternate_contacts.cli.audit import table
from alternate_contacts.cli.terminal import output
from tests.fakes.audit import DIFFERENT, MISSING, PRODUCTION, report, row

ACCOUNT, MESSAGE = "111111111111", "0b5f3a52-9d3c-4c1e-8f0a-6a1d2c3b4e5f"
COMMAND = "`alternate-contacts replay --reason access_denied --account 111111111111`"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(params=[40, 80, 200])
def open_terminal(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Terminal]:
    """Return a function that puts a terminal of this width in place of standard output."""

    def open_it() -> Terminal:
        stream = Terminal()
        monkeypatch.setenv("COLUMNS", str(request.param))
        monkeypatch.setattr(sys, "stdout", stream)
        return stream

    return open_it


@pytest.mark.parametrize("group", [str, Group])
def test_a_command_is_on_one_line_and_other_text_wraps(
    open_terminal: Callable[[], Terminal], group: Callable[[str], RenderableType]
) -> None:
    terminal = open_terminal()
    console = output.results()
    text = f"The message of the account could not be sent to the queue. Run {COMMAND}. Then look at it again."
    console.print(group(text))
    lines = terminal.getvalue().splitlines()
    assert any(COMMAND in line for line in lines)
    assert all(len(line) <= console.width for line in lines if COMMAND not in line)


def test_ids_in_a_table_are_whole(open_terminal: Callable[[], Terminal]) -> None:
    terminal = open_terminal()
    cells = output.table(output.Exact("account"), output.Exact("message ID"), "error", title="Failed accounts")
    cells.add_row(ACCOUNT, MESSAGE, "PutAlternateContact: AccessDeniedException")
    output.results().print(cells)
    assert ACCOUNT in terminal.getvalue()
    assert MESSAGE in terminal.getvalue()
    assert "…" not in terminal.getvalue()
    # Folded or not, no character is cut.
    characters = Counter("PutAlternateContact:AccessDeniedException")
    assert characters <= Counter(terminal.getvalue())


def test_the_audit_shows_every_account_id_whole(open_terminal: Callable[[], Terminal]) -> None:
    terminal = open_terminal()
    rows = [row(f"{number:012}", MISSING, DIFFERENT, name="n" * 50, unit=PRODUCTION) for number in range(1, 9)]
    table.print_report(report(*rows), output.results())
    for account in rows:
        assert account.account.account_id in terminal.getvalue()


def test_a_narrow_terminal_gets_a_block_of_lines_for_each_row(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setenv("COLUMNS", "40")
    cells = output.table(output.Exact("message ID"), "error", "since", title="Failed")
    cells.add_row(MESSAGE, "PutAlternateContact: AccessDeniedException", "12:00")
    output.results().print(cells)
    assert stream.getvalue().splitlines() == [
        "Failed",
        "",
        "message ID:",
        MESSAGE,
        "error:",
        "PutAlternateContact: AccessDeniedException",
        "since: 12:00",
    ]


@pytest.mark.parametrize("variables", [{"FORCE_COLOR": "1"}, {"TTY_COMPATIBLE": "1"}, {"COLUMNS": "80"}])
@pytest.mark.parametrize("create", [output.results, output.notes])
def test_a_pipe_is_as_wide_as_ever_and_has_no_progress_bar(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], create: Callable[[], Console]
) -> None:
    pipe = io.StringIO()
    monkeypatch.setattr(sys, "stdout", pipe)
    monkeypatch.setattr(sys, "stderr", pipe)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    console = create()
    assert (console.width, console.is_terminal) == (200, False)
    with output.progress_bar("reading", 3) as on_progress, console.status("listing"):
        on_progress(2)
    assert pipe.getvalue() == ""


@pytest.mark.parametrize(("variables", "colored"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_colors_follow_the_environment(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], colored: bool
) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stdout", stream)
    for name, value in {"TERM": "xterm", **variables}.items():
        monkeypatch.setenv(name, value)
    output.results().print("x", style="red")
    assert ("\x1b[31m" in stream.getvalue()) == colored


def test_a_dumb_terminal_has_no_progress_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "dumb")
    with output.progress_bar("reading", 3) as on_progress:
        on_progress(2)
    assert "\x1b" not in stream.getvalue()
    assert "reading" not in stream.getvalue()
