"""The functions import nothing that is missing in Lambda. The contracts in pyproject.toml cannot express that."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHIPPED = {*sys.stdlib_module_names, "boto3", "botocore", "aws_lambda_powertools", "alternate_contacts"}
"""boto3 and botocore come with the runtime, Powertools is in requirements.txt."""


def imported_packages(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level == 1 and path.name == "contact_configuration.py":
                continue  # both functions have this file, byte-identical, and each imports from its own package
            assert node.level == 0, f"{path}:{node.lineno}: absolute imports only"
            yield (node.module or "").partition(".")[0]


@pytest.mark.parametrize(
    "path",
    [path for root in ("src", "custom-resources") for path in sorted((ROOT / root).rglob("*.py"))],
    ids=lambda path: f"{path.parent.name}.{path.stem}",
)
def test_a_function_imports_only_what_is_shipped(path: Path) -> None:
    foreign = set(imported_packages(path)) - SHIPPED
    # The stubs are imported for type checkers only.
    assert [name for name in foreign if not name.startswith("mypy_boto3_")] == []
