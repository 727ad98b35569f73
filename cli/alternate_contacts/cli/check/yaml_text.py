"""Read YAML and JSON with the line of everything, and find what other readers of the same file would read differently.

PyYAML reads YAML 1.1, in which ``no`` is false and ``012345670123`` is an octal number. Terraform reads YAML 1.2. So a
key or text that one of them could read as something else must be in quotes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import yaml

NOT_YAML = "not_yaml"
NOT_A_MAPPING = "not_a_mapping"
DUPLICATE_KEY = "duplicate_key"
QUOTES_NEEDED = "quotes_needed"
ALIAS = "alias_not_supported"
FUNCTION = "function_not_supported"

_TAG = "tag:yaml.org,2002:"
_STRING, _BOOLEAN, _NULL, _MERGE = (f"{_TAG}{name}" for name in ("str", "bool", "null", "merge"))


@dataclass(frozen=True)
class TextProblem:
    """A problem of the text at a line, counted from 1. ``detail`` is a code and never repeats a value."""

    line: int
    detail: str


class Pair(NamedTuple):
    """A key of a mapping with its line, counted from 1, and its value."""

    key: str
    line: int
    value: yaml.Node


@dataclass
class YamlText:
    """A composed document, and the problems in the parts of it that were read."""

    root: yaml.Node | None
    problems: list[TextProblem] = field(default_factory=list)
    _seen: set[int] = field(default_factory=set)

    def pairs(self, node: yaml.Node) -> Iterator[Pair]:
        """Yield keys and values of a mapping. Report duplicate keys, keys that need quotes, and aliases."""
        if not isinstance(node, yaml.MappingNode):
            self.report(node, NOT_A_MAPPING if node.tag.startswith(_TAG) else FUNCTION)
            return
        keys: set[str] = set()
        for key_node, value in node.value:
            key = self._key(key_node)
            if key is None:
                continue
            if key in keys:
                self.report(key_node, DUPLICATE_KEY)
            keys.add(key)
            yield Pair(key, line_of(key_node), self._without_alias(value, key_node))

    def mapping(self, node: yaml.Node) -> dict[str, yaml.Node]:
        """Return the values of a mapping by key."""
        return {pair.key: pair.value for pair in self.pairs(node)}

    def value(self, node: yaml.Node) -> object:
        """Return a scalar as text, a boolean or None. What is no scalar becomes an empty list, which is never valid."""
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if not node.tag.startswith(_TAG):
            self.report(node, FUNCTION)
        return []

    def text(self, node: yaml.Node) -> str | None:
        """Return the text of a scalar as it is written; None if it is no literal text."""
        if isinstance(node, yaml.ScalarNode) and node.tag.startswith(_TAG):
            return _joined(node.value)
        self.report(node, FUNCTION)
        return None

    def report(self, node: yaml.Node, detail: str) -> None:
        self.problems.append(TextProblem(line_of(node), detail))

    def take_problems(self) -> list[TextProblem]:
        """Return the problems that were found since the last call."""
        taken, self.problems = self.problems, []
        return taken

    def _without_alias(self, node: yaml.Node, key: yaml.Node) -> yaml.Node:
        """Return the node, or an empty mapping for an alias, which is the node of its anchor once more."""
        if id(node) not in self._seen:
            self._seen.add(id(node))
            return node
        self.report(key, ALIAS)
        return yaml.MappingNode(f"{_TAG}map", [], key.start_mark, key.end_mark)

    def _key(self, node: yaml.Node) -> str | None:
        if not isinstance(node, yaml.ScalarNode):
            self.report(node, NOT_A_MAPPING)
            return None
        if node.tag == _MERGE:
            self.report(node, ALIAS)
            return None
        if node.tag != _STRING or (node.style is None and node.value.isdecimal()):
            self.report(node, QUOTES_NEEDED)
        return _joined(node.value)

    def _scalar(self, node: yaml.ScalarNode) -> object:
        if node.tag == _BOOLEAN and node.value.lower() in ("true", "false"):
            return node.value.lower() == "true"
        if node.tag == _NULL:
            return None
        if not node.tag.startswith(_TAG):
            self.report(node, FUNCTION)
        elif node.tag != _STRING or (node.style is None and node.value.isdecimal()):
            self.report(node, QUOTES_NEEDED)
        return _joined(node.value)


def parse_yaml(text: str) -> YamlText:
    """Return the document in ``text``. If it is neither YAML nor JSON, that is its only problem."""
    if text.lstrip().startswith("{"):
        # JSON allows tabs between its tokens, and within no string; YAML allows them nowhere.
        text = text.replace("\t", " ")
    try:
        # `compose` keeps every scalar as it is written, with its line, and creates no object.
        return YamlText(yaml.compose(text, yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        return YamlText(None, [TextProblem(error.problem_mark.line + 1 if error.problem_mark else 1, NOT_YAML)])
    except yaml.reader.ReaderError as error:
        return YamlText(None, [TextProblem(text.count("\n", 0, error.position) + 1, NOT_YAML)])
    except (RecursionError, ValueError):
        return YamlText(None, [TextProblem(1, NOT_YAML)])


def line_of(node: yaml.Node) -> int:
    """Return the line at which the node starts, counted from 1."""
    return int(node.start_mark.line) + 1


def _joined(text: str) -> str:
    """Return the text with the halves of surrogate pairs joined: in JSON they are two escapes."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
