"""Text from outside: whatever a name holds, no terminal, spreadsheet or browser obeys it."""

import io
import json
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Group
from rich.text import Text

from alternate_contacts.cli.audit import csv_file, html_page, table
from alternate_contacts.cli.terminal import output
from alternate_contacts.cli.terminal.text import visible
from tests.fakes.audit import MISSING, report, row

HARMFUL = {"Cc", "Cf", "Cs", "Zl", "Zp"}
NAMES = st.text(st.characters(), max_size=30)
KINDS = {
    "ESC": "\x1b[2J",
    "OSC": "\x1b]0;title\x07",
    "C1": "\x9b2J",
    "NEL": "\x85",
    "BEL": "\x07",
    "NUL": "\x00",
    "DEL": "\x7f",
    "bidi": "\u202e\u2066\u2069\u200f",
    "zero width": "\u200b\u200d\ufeff\u2060\u034f\u3164",
    "separators": "\u2028\u2029",
    "tags": "\U000e0041",
    "surrogate": "\udc80",
    "lines": "a\nb\rc\td",
}


def harmful(text: str) -> set[str]:
    return {character for character in text if unicodedata.category(character) in HARMFUL}


def test_no_code_point_passes_that_does_something() -> None:
    for character in map(chr, range(sys.maxunicode + 1)):
        shown = visible(character)
        if shown == character:
            assert unicodedata.category(character) not in HARMFUL
        else:
            assert shown.isascii()
            assert shown.isprintable()


@pytest.mark.parametrize("text", ["東京", "Jürgen Müller-Lüdenscheidt", "עברית", "a\\x1b [red]", "😀"])
def test_readable_text_stays(text: str) -> None:
    assert visible(text) == text


@given(NAMES, NAMES)
def test_nothing_harmful_leaves_in_any_format(name: str, unit: str) -> None:
    names = report(row("111111111111", MISSING, name=name, unit=(unit, name)))
    assert not harmful(csv_file.render(names, show_contacts=False).replace("\r\n", ""))
    # The script and the style of the page have lines.
    assert harmful(html_page.render(names)) <= {"\n"}


@given(NAMES)
def test_json_is_exact_and_escaped(name: str) -> None:
    shown = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", shown)
        output.print_json({"name": name})
    assert shown.getvalue().isascii()
    assert harmful(shown.getvalue()) == {"\n"}
    assert json.loads(shown.getvalue()) == {"name": name}


@given(NAMES)
def test_nothing_harmful_reaches_the_terminal(name: str) -> None:
    shown = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", shown)
        console = output.results()
        table.print_report(report(row("111111111111", MISSING, name=name, unit=(name,))), console)
        console.print(name)
        console.print(Text(name), Group(name, Text(name)))
        cells = output.table("a", title=name)
        cells.add_row(name)
        cells.add_row(Text(name))
        console.print(cells)
        with console.status(name):
            pass
    assert harmful(shown.getvalue()) <= {"\n"}


@pytest.mark.parametrize("text", KINDS.values(), ids=KINDS)
def test_an_error_is_one_harmless_line(capsys: pytest.CaptureFixture[str], text: str) -> None:
    output.print_error(f"a{text}b")
    error = capsys.readouterr().err
    assert error == f"a{visible(text)}b\n"
    assert not harmful(error[:-1])


def test_foreign_text_is_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    console = output.results()
    cells = output.table("a", title="[/title]")
    cells.add_row("[red]x[/nothing]")
    console.print("[bold]y[/nothing]", cells)
    shown = capsys.readouterr().out
    assert all(text in shown for text in ("[/title]", "[red]x[/nothing]", "[bold]y[/nothing]"))
