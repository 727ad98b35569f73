"""One version: the output of the stack, from which pyproject.toml takes that of the command."""

import re
import tomllib
from typing import Any

from tests.template.conftest import ROOT


def test_pyproject_finds_the_output_of_the_template(template: dict[str, Any]) -> None:
    """The pattern is read as hatchling reads it; tests/emulated/test_wheel.py builds the wheel."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["dynamic"] == ["version"]
    source = project["tool"]["hatch"]["version"]
    text = (ROOT / source["path"]).read_text(encoding="utf-8")
    [version] = re.findall(source["pattern"], text, re.MULTILINE)
    assert version == template["Outputs"]["Version"]["Value"]
    # PEP 440, in its normal form: the metadata of the wheel has the same text.
    assert re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+(\.dev[0-9]+)?", version)
