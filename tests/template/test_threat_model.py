"""docs/threat-model.md: each actor has tests, and each test exists."""

import ast
import re

import pytest

from tests.template.conftest import ROOT

PAGE = (ROOT / "docs" / "threat-model.md").read_text()
ROWS = [line.strip("|").split(" | ") for line in PAGE.splitlines() if line.startswith("| ")][1:]
NODE_IDS = sorted({node_id for row in ROWS for node_id in re.findall(r"`(tests/[^`]+)`", row[-1])})


def functions(path: str) -> set[str]:
    """Return the tests of a file as in their node IDs, such as ``TestStack::test_it``."""
    found = set()
    for node in ast.parse((ROOT / path).read_text()).body:
        members = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        found |= {f"{prefix}{member.name}" for member in members if isinstance(member, ast.FunctionDef)}
    return found


@pytest.mark.parametrize("node_id", NODE_IDS)
def test_a_test_on_the_page_exists(node_id: str) -> None:
    path, _, name = node_id.partition("::")
    assert name in functions(path)


def test_every_actor_has_a_worst_case_what_holds_it_and_a_test() -> None:
    assert len(ROWS) > 20
    for row in ROWS:
        assert len(row) == 5
        assert all(cell.strip() for cell in row)
        assert re.fullmatch(r"(`tests/\S+::\S+`\s*)+", row[-1].strip()), row[0]


def test_a_missing_test_is_found() -> None:
    assert "TestFindStack::test_several_stacks_need_a_choice" in functions("tests/unit/cli/test_stack.py")
    assert "test_several_stacks_need_a_choice" not in functions("tests/unit/cli/test_stack.py")
