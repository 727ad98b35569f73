"""What docs/install-bundle.md names exists. tests/emulated/test_bundle.py runs its commands."""

import re
from typing import Any

from control_tower.bundle import version_of
from tests.template.conftest import ROOT
from tools import release

PAGE = (ROOT / "docs" / "install-bundle.md").read_text()


def test_the_table_has_the_files_of_the_bundle() -> None:
    files = release.bundle_files(ROOT, {"src": {}, "custom-resources": {}}, {})
    version = version_of((ROOT / "template.yaml").read_text())
    expected = {re.sub("/.*", "/", path).replace(version, "VERSION") for path in files}
    rows = PAGE.partition("## The files")[2]
    # This page, and files that every reader knows.
    assert set(re.findall(r"`([\w.-]+\.\w+|SHA256SUMS|terraform/)`", rows)) - {"packaged.yaml"} == expected - {
        "CHANGELOG.md",
        "INSTALL.md",
        "LICENSE",
    }


def test_the_page_has_no_link_that_is_broken_in_the_bundle() -> None:
    assert [link for link in re.findall(r"\]\(([^)]+)\)", PAGE) if not link.startswith("https:")] == []


def test_the_parameters_on_the_page_exist(template: dict[str, Any]) -> None:
    assert "Mode" in template["Parameters"]
    assert {"Version", "BackfillSummary"} <= template["Outputs"].keys()
    assert all(f"`{name}`" in PAGE for name in ("Mode", "Version", "BackfillSummary"))
