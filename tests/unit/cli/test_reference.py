"""docs/command.md is generated from the command."""

from pathlib import Path

from alternate_contacts.cli.main import app
from tools.command_reference import reference

PAGE = Path(__file__).parents[3] / "docs" / "command.md"


def test_the_page_is_up_to_date() -> None:
    """If this fails, run `make reference`."""
    assert PAGE.read_text() == reference()


def test_the_page_has_every_verb() -> None:
    verbs = [command.name or command.callback.__name__ for command in app.registered_commands if command.callback]
    assert [verb for verb in verbs if f"## `{verb}`" not in PAGE.read_text()] == []
