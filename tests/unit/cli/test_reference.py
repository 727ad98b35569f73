"""docs/command.md is what the command says of itself."""

from pathlib import Path

from alternate_contacts.cli.main import app
from tools.command_reference import reference

PAGE = Path(__file__).parents[3] / "docs" / "command.md"


def test_the_page_is_the_commands_own_help() -> None:
    """Made by `make reference`."""
    assert PAGE.read_text() == reference()


def test_the_page_names_every_verb() -> None:
    verbs = [each.name or each.callback.__name__ for each in app.registered_commands if each.callback]
    assert [verb for verb in verbs if f"## `{verb}`" not in PAGE.read_text()] == []
