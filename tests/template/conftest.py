"""The template as data: short forms such as ``!Ref`` read as ``{"Ref": ...}``."""

from pathlib import Path
from typing import Any

import pytest
from cfnlint.decode.cfn_yaml import load

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def template() -> dict[str, Any]:
    """template.yaml, parsed."""
    loaded: dict[str, Any] = load(str(ROOT / "template.yaml"))
    return loaded


@pytest.fixture(scope="session")
def resources(template: dict[str, Any]) -> dict[str, Any]:
    """Its resources by logical id."""
    found: dict[str, Any] = template["Resources"]
    return found
