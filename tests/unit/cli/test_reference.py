"""docs/command.md is generated from the command."""

from pathlib import Path

from typer.main import get_command

from alternate_contacts.cli.main import app
from alternate_contacts.worker.contacts import CONTACT_FIELDS
from tools.command_reference import reference, verbs

PAGE = Path(__file__).parents[3] / "docs" / "command.md"


def test_the_page_is_up_to_date() -> None:
    """If this fails, run `make reference`."""
    assert PAGE.read_text() == reference()


def test_the_page_has_every_verb() -> None:
    names = [name for name, _ in verbs(get_command(app))]
    assert "sets put" in names
    assert [name for name in names if f"## `{name}`" not in PAGE.read_text()] == []


def test_the_help_of_a_contact_set_names_every_key() -> None:
    text = PAGE.read_text().partition("## `sets put`")[2].partition("## ")[0]
    assert [field.json_key for field in CONTACT_FIELDS if field.json_key not in text] == []
