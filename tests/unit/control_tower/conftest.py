"""The templates that a manifest deploys."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from control_tower.configuration import read_templates
from control_tower.document import Document
from control_tower.template import Template


@pytest.fixture(scope="session", autouse=True)
def _parse_once() -> Iterator[None]:
    """Parse every text once: a document does not change, and most tests begin with the same manifests."""
    parse: Any = Document.__init__
    parsed: dict[str, dict[str, Any]] = {}

    def initialize(document: Document, text: str) -> None:
        if text not in parsed:
            parse(document, text)
            parsed[text] = vars(document).copy()
        vars(document).update(parsed[text])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Document, "__init__", initialize)
        yield


@pytest.fixture(autouse=True)
def _known_regions(session: boto3.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Load the regions that boto3 knows once."""
    monkeypatch.setattr(boto3, "Session", lambda: session)


@pytest.fixture(scope="session")
def templates() -> dict[str, Template]:
    """Our templates by the name of the resource that deploys them."""
    return read_templates()
