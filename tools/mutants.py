"""Read the results of mutmut: each mutant with its change of the code, and whether a test notices it.

mutmut writes next to each mutated file ``.meta``, with pytest's exit code of each mutant, and ``.spans``, with the
lines of the mutated functions. https://mutmut.readthedocs.io
"""

import ast
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

_KILLED = {1, 3}
_TIMEOUT = {-24, 24, 36, 152, 255}
_SURVIVED = {0, 5, 33}  # 5 and 33: no test runs the function
_LONG = 80
_TEXT = re.compile(r"[A-Za-z].*\s|\s.*[A-Za-z]", re.DOTALL)


@dataclass(frozen=True)
class Mutant:
    """One changed expression or statement of one function."""

    name: str
    """As mutmut calls it."""
    module: str
    """Below ``alternate_contacts``, such as ``worker.pacing``."""
    function: str
    before: str
    after: str
    is_text: bool
    """Whether only a text for people is changed: left out."""
    tested: bool
    """Whether it has a result."""
    killed: bool
    """Whether a test fails, or runs into mutmut's time limit."""
    timeout: bool


def read_mutants(folder: Path) -> Iterator[Mutant]:
    """Yield the mutants below ``mutants/src`` of a run, those included that were not tested, or whose tests crashed."""
    for meta in sorted(folder.rglob("*.py.meta")):
        exit_codes: dict[str, int | None] = json.loads(meta.read_text())["exit_code_by_key"]
        if not exit_codes:
            continue
        code = meta.with_suffix("").read_text().splitlines()
        spans = json.loads(meta.with_suffix(".spans").read_text())["spans"]

        def function_of(name: str, code: list[str] = code, spans: dict[str, tuple[int, int]] = spans) -> ast.stmt:
            start, end = spans[name]
            return _without_name(dedent("\n".join(code[start - 1 : end])))

        for key, exit_code in exit_codes.items():
            module, _, name = key.rpartition(".")
            mangled = name.partition("__mutmut_")[0]
            change = find_change(function_of(f"{mangled}__mutmut_orig"), function_of(name))
            yield Mutant(
                name=key,
                module=module.removeprefix("alternate_contacts."),
                function=mangled[1:].strip("ǁ").replace("ǁ", ".") if "ǁ" in mangled else mangled.removeprefix("x_"),
                before=change.before,
                after=change.after,
                is_text=change.is_text,
                tested=exit_code in _KILLED | _TIMEOUT | _SURVIVED,
                killed=exit_code in _KILLED | _TIMEOUT,
                timeout=exit_code in _TIMEOUT,
            )


def _without_name(source: str) -> ast.stmt:
    """Parse a function: the name of each mutant is another one."""
    (function,) = ast.parse(source).body
    vars(function)["name"] = "function"
    return function


@dataclass(frozen=True)
class Change:
    """The smallest part of a function that shows a mutant's change, as code."""

    before: str
    after: str
    is_text: bool


def find_change(before: ast.AST, after: ast.AST) -> Change:
    """Return the change between two syntax trees that differ."""
    old_children, new_children = list(ast.iter_child_nodes(before)), list(ast.iter_child_nodes(after))
    if type(before) is type(after) and len(old_children) == len(new_children):
        pairs = zip(old_children, new_children, strict=True)
        differing = [(old, new) for old, new in pairs if ast.dump(old) != ast.dump(new)]
        if len(differing) == 1:
            (old, new) = differing[0]
            is_leaf = isinstance(old, ast.Constant | ast.Name | ast.operator | ast.cmpop | ast.boolop | ast.unaryop)
            return _leaf_change(before, after, old, new) if is_leaf else find_change(old, new)
    if isinstance(before, ast.Call) and isinstance(after, ast.Call) and len(old_children) > len(new_children):
        (key,) = Counter(map(ast.dump, old_children)) - Counter(map(ast.dump, new_children))
        removed = next(child for child in old_children if ast.dump(child) == key)
        return Change(
            ast.unparse(removed), "", _is_text(removed.value if isinstance(removed, ast.keyword) else removed)
        )
    replaces_text = isinstance(before, ast.JoinedStr) and _is_text(before)
    return Change(ast.unparse(before), ast.unparse(after), replaces_text)


def _leaf_change(before: ast.AST, after: ast.AST, old: ast.AST, new: ast.AST) -> Change:
    """Show the expression with the leaf, unless it is long, or a string shows itself."""
    is_string = isinstance(old, ast.Constant) and isinstance(old.value, str)
    if is_string or (isinstance(old, ast.expr) and len(ast.unparse(before)) > _LONG):
        return Change(ast.unparse(old), ast.unparse(new), _is_text(old) or _is_text(before))
    return Change(ast.unparse(before), ast.unparse(after), is_text=False)


def _is_text(node: ast.AST) -> bool:
    """Whether a string has alphabetic characters and white space: codes, keys and names have none."""
    pieces = node.values if isinstance(node, ast.JoinedStr) else [node]
    text = "".join(str(piece.value) for piece in pieces if isinstance(piece, ast.Constant))
    return _TEXT.search(text) is not None
