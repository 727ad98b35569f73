"""Imports point inward, and what only an edge may know stays at the edge."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {"worker": ROOT / "src" / "worker", "backfill": ROOT / "custom-resources" / "backfill"}

FROM_INSIDE_OUT = {
    "worker": (
        *("contacts", "decision", "errors", "letter", "pacing", "retry"),
        *("calls", "account", "batch", "settings", "telemetry", "aws", "handler"),
    ),
    "backfill": (
        *("errors", "figures", "letters", "metrics", "settings", "call", "run", "preflight", "service"),
        *("answer", "telemetry", "aws", "handler"),
    ),
}
"""Every module of a package; each may import those before it."""

ONLY_AT_THE_EDGE = {
    "boto3": {"worker.aws", "backfill.aws"},
    "botocore": {"worker.aws", "backfill.aws", "worker.handler", "backfill.handler"},
    "aws_lambda_powertools": {"worker.handler", "worker.telemetry", "backfill.handler", "backfill.telemetry"},
    "os": {"worker.handler", "backfill.handler"},
    "urllib": {"backfill.answer"},
    "http": {"backfill.answer"},
}
"""Who may import what, ``if TYPE_CHECKING`` or not. ``os`` stands for the environment."""

MODULES = [
    (package, path.stem, path)
    for package, folder in PACKAGES.items()
    for path in sorted(folder.rglob("*.py"))
    if path.stem != "__init__"
]
EVERY_MODULE = pytest.mark.parametrize(
    ("package", "name", "path"), MODULES, ids=[f"{package}.{name}" for package, name, _ in MODULES]
)


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, with the names that it takes from it: either may be a module."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: absolute imports only"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_module_has_its_place() -> None:
    found = {package: {name for owner, name, _ in MODULES if owner == package} for package in PACKAGES}
    assert found == {package: set(names) for package, names in FROM_INSIDE_OUT.items()}


@EVERY_MODULE
def test_imports_point_inward(package: str, name: str, path: Path) -> None:
    order = FROM_INSIDE_OUT[package]
    outside = {f"{package}.{other}" for other in order[order.index(name) :]}
    assert outside.intersection(imports(path)) == set()


@EVERY_MODULE
def test_the_two_functions_share_no_code(package: str, name: str, path: Path) -> None:
    (other,) = PACKAGES.keys() - {package}
    assert [found for found in imports(path) if found.split(".")[0] == other] == [], name


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("src/**/*.py")) + sorted(ROOT.glob("custom-resources/**/*.py")), ids=str
)
def test_nothing_imports_a_door(path: Path) -> None:
    doors = {f"{package}.handler" for package in PACKAGES}
    assert doors.intersection(imports(path)) == set()


@EVERY_MODULE
def test_only_the_edge_knows_what_is_outside(package: str, name: str, path: Path) -> None:
    for outside, allowed in ONLY_AT_THE_EDGE.items():
        if f"{package}.{name}" not in allowed:
            assert [found for found in imports(path) if found.split(".")[0] == outside] == []


@EVERY_MODULE
def test_nothing_is_imported_that_is_not_shipped(package: str, name: str, path: Path) -> None:
    """boto3 and botocore are the runtime's, Powertools is in requirements.txt, and stubs are for type checkers."""
    shipped = {*sys.stdlib_module_names, "boto3", "botocore", "aws_lambda_powertools", package}
    foreign = {found.split(".")[0] for found in imports(path)} - shipped
    assert {found for found in foreign if not found.startswith("mypy_boto3_")} == set(), name
