"""The templates that a manifest deploys."""

import pytest

from control_tower.configuration import read_templates
from control_tower.template import Template


@pytest.fixture(scope="session")
def templates() -> dict[str, Template]:
    """Our templates by the name of the resource that deploys them."""
    return read_templates()
