"""The templates that a manifest deploys."""

import pytest

from control_tower.manifest import FORWARDER, MAIN
from control_tower.package import FORWARDER_TEMPLATE, TEMPLATE
from control_tower.template import Template


@pytest.fixture(scope="session")
def templates() -> dict[str, Template]:
    """Our templates by the name of the resource that deploys them."""
    return {MAIN: Template.read(TEMPLATE), FORWARDER: Template.read(FORWARDER_TEMPLATE)}
