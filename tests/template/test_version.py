"""One version: in the Metadata of the template, from which the output of the stack and pyproject.toml take it."""

import re
import tomllib
from typing import Any

from control_tower.bundle import version_of
from tests.template.conftest import ROOT


def test_pyproject_finds_the_version_of_the_template(template: dict[str, Any]) -> None:
    """The pattern is read as hatchling reads it; tests/emulated/test_wheel.py builds the wheel."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["dynamic"] == ["version"]
    source = project["tool"]["hatch"]["version"]
    text = (ROOT / source["path"]).read_text(encoding="utf-8")
    [version] = re.findall(source["pattern"], text, re.MULTILINE)
    assert version == template["Metadata"]["Version"] == template["Outputs"]["Version"]["Value"]
    assert version == version_of(text)
    assert text.count(version) == 1
    # PEP 440, in its normal form: the metadata of the wheel has the same text.
    assert re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+(\.dev[0-9]+)?", version)


def test_the_changelog_links_every_release_and_its_previous_one() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## \[(.+?)\]", text, re.MULTILINE)
    links = re.findall(r"^\[(.+?)\]: (\S+)$", text, re.MULTILINE)
    assert [name for name, _ in links] == headings
    *later, (_, first) = links
    assert re.fullmatch(r"\.\./\.\./commit/[0-9a-f]{40}", first)
    for name, link in later:
        end = "HEAD" if name == "Unreleased" else f"v{name}"
        assert re.fullmatch(rf"\.\./\.\./compare/[0-9a-f]{{40}}\.\.\.{re.escape(end)}", link)
