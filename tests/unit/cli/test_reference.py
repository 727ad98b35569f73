"""docs/command.md is generated from the command."""

from pathlib import Path

from typer.main import get_command

from alternate_contacts.cli.main import app
from tools.command_reference import reference, verbs

PAGE = Path(__file__).parents[3] / "docs" / "command.md"


def test_the_page_is_up_to_date() -> None:
    """If this fails, run `make reference`."""
    assert PAGE.read_text() == reference()


def test_the_page_has_every_verb() -> None:
    names = [name for name, _ in verbs(get_command(app))]
    assert "sets put" in names
    assert [name for name in names if f"## `{name}`" not in PAGE.read_text()] == []
