"""docs/configure.md has every parameter with its default and every output, and no other."""

import re
from typing import Any

from alternate_contacts.worker.contacts import CONTACT_FIELDS
from tests.template.conftest import ROOT

PAGE = (ROOT / "docs" / "configure.md").read_text()


def rows(text: str) -> dict[str, list[str]]:
    """Return the other cells of each table row by the names in its first cell."""
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line[:3] == "| `"]
    return {name: row[1:] for row in cells for name in re.findall(r"`(\w+)`", row[0])}


def test_every_parameter_has_a_row_with_its_default_and_its_values(template: dict[str, Any]) -> None:
    table = rows(PAGE.partition("## Outputs")[0])
    assert table.keys() == template["Parameters"].keys()
    for name, parameter in template["Parameters"].items():
        default, meaning = table[name]
        assert default == f"`{parameter['Default']}`"
        if "AllowedValues" in parameter and parameter["Type"] == "String":
            values = set(parameter["AllowedValues"])
            assert {value for value in values if f"`{value}`" in f"{default} {meaning}"} == values
        limit = parameter.get("MaxLength")
        if name.endswith(tuple(field.api_name for field in CONTACT_FIELDS)):
            assert f"{limit} characters" in meaning


def test_every_output_has_a_row(template: dict[str, Any]) -> None:
    assert rows(PAGE.partition("## Outputs")[2]).keys() == template["Outputs"].keys()
