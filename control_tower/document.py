"""A YAML file that is edited as text: comments, order, quotes and white space stay as they are.

YAML libraries write a whole file again in a style of their own. Here YAML is only read, to find the places to edit.
"""

import re
from collections.abc import Sequence
from functools import cached_property

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import YAMLError

from control_tower.errors import PackagingError


class Document:
    """A YAML mapping, as text and as nodes with their positions in it. An edit returns a new document.

    CfCT reads a manifest with two libraries. Both have to accept it:
    - PyYAML reads YAML 1.1 and deploys. 012345670123 is an octal number there, and off is false.
    - ruamel.yaml reads YAML 1.2 for pykwalify, which checks the schema. It rejects a key that occurs twice.

    Attributes:
        root: the nodes of PyYAML.
        data: the content as PyYAML reads it.
        data_of_schema: the content as ruamel.yaml reads it.
    """

    def __init__(self, text: str) -> None:
        """Parse a text.

        Raises:
            PackagingError: it is not YAML, or not a mapping; with the line, and without its content.
        """
        self.text = text
        try:
            root = yaml.compose(text, yaml.SafeLoader)
            self.data = yaml.safe_load(text)
            self.data_of_schema = YAML(typ="safe", pure=True).load(text)
        except (yaml.YAMLError, YAMLError, ValueError, TypeError, RecursionError) as error:
            mark = getattr(error, "problem_mark", None)
            problem = "has a key twice" if isinstance(error, DuplicateKeyError) else "is not valid YAML"
            raise PackagingError(f"The manifest {problem}{f': see line {mark.line + 1}' if mark else ''}.") from None
        if not isinstance(root, yaml.MappingNode) or root.flow_style:
            raise PackagingError("The manifest must have one key on each line, such as region, version and resources.")
        self.root = root

    @cached_property
    def _tokens(self) -> Sequence[yaml.Token]:
        """The tokens of PyYAML, which only edits need."""
        return list(yaml.scan(self.text, yaml.SafeLoader))

    def replace(self, texts: Sequence[tuple[yaml.ScalarNode, str]]) -> "Document":
        """Put other texts in place of scalars. An anchor or a tag before a scalar stays."""
        edited = self.text
        # By place, because an alias is the node of its anchor once more. From the end, so that the other places stay.
        for (start, end), text in sorted({self._span(node): text for node, text in texts}.items(), reverse=True):
            edited = edited[:start] + text + edited[end:]
        return Document(edited) if texts else self

    def append(self, mapping: yaml.MappingNode, key: str, items: Sequence[Sequence[str]], flow: str = "") -> "Document":
        """Append items to the list that a mapping has below a key. The list and the key are created if missing.

        Args:
            mapping: where the key belongs.
            key: a key that needs no quotes.
            items: the lines of each item in block style, beginning with its dash.
            flow: the same items in flow style, separated by commas; without it, a list in flow style stays as it is.
        """
        keys = {scalar(name): (name, value) for name, value in mapping.value}
        lines = [line for item in items for line in indent(item, 0)]
        if key in keys:
            name, value = keys[key]
            below = indent(lines, name.start_mark.column + 2)
            if isinstance(value, yaml.SequenceNode) and not value.flow_style:
                dash = next(token for token in self._within(value) if isinstance(token, yaml.BlockEntryToken))
                return self._insert_lines(value, indent(lines, dash.start_mark.column))
            if isinstance(value, yaml.SequenceNode) and (mapping.flow_style or value.value):
                return self._insert_flow(value, flow)
            if isinstance(value, yaml.SequenceNode):
                return self._fill(value, below)
            if isinstance(value, yaml.ScalarNode) and value.tag == "tag:yaml.org,2002:null" and not mapping.flow_style:
                start, end = self._span(value)
                position = self._line_break(start)
                rest = self.text[end:position]
                return Document(self.text[:start].rstrip(" ") + rest + self._joined(below, position))
        elif mapping.flow_style:
            return self._insert_flow(mapping, f"{key}: [{flow}]")
        else:
            column = mapping.value[0][0].start_mark.column
            return self._insert_lines(mapping, [" " * column + f"{key}:", *indent(lines, column + 2)])
        return self

    def lines(self, node: yaml.Node) -> list[str]:
        """Return the lines of an item of a list, from the one with its dash to its last token."""
        start = self.text.rfind("\n", 0, node.start_mark.index) + 1
        return re.split("\r?\n", self.text[start : self._end_of_line(node)])

    def is_ambiguous(self, node: yaml.ScalarNode) -> bool:
        """Whether a scalar without quotes has a comment after it, or an anchor before it: `Ops #1`, `&A B`."""
        start, end = node.start_mark.index, node.end_mark.index
        comment = re.match(r"[ \t]*#", self.text[end:])
        return node.style is None and (comment is not None or self.text[start : start + 1] in ("&", "!"))

    def _fill(self, value: yaml.SequenceNode, lines: Sequence[str]) -> "Document":
        """Turn an empty list in flow style, which may have comments inside, into a list in block style."""
        start = next(t.start_mark.index for t in self._within(value) if isinstance(t, yaml.FlowSequenceStartToken))
        end = value.end_mark.index
        before, inside = self.text[:start].rstrip(" "), self.text[start + 1 : end - 1].rstrip()
        if inside:
            return Document(before + (" " if inside[0] == "#" else "") + inside + self._joined(lines, end))
        position = self._line_break(end)
        return Document(before + self.text[end:position] + self._joined(lines, position))

    def _insert_flow(self, collection: yaml.CollectionNode, text: str) -> "Document":
        """Insert a text after the last item of a collection in flow style."""
        if not text:
            return self
        last = self._within(collection)[-2]
        starts = (yaml.FlowSequenceStartToken, yaml.FlowMappingStartToken)
        comma = "" if isinstance(last, starts) else " " if isinstance(last, yaml.FlowEntryToken) else ", "
        position = last.end_mark.index
        return Document(self.text[:position] + comma + text + self.text[position:])

    def _insert_lines(self, after: yaml.Node, lines: Sequence[str]) -> "Document":
        """Insert lines after the last line of a node."""
        position = self._end_of_line(after)
        return Document(self.text[:position] + self._joined(lines, position))

    def _joined(self, lines: Sequence[str], position: int) -> str:
        """Return lines, each after a line break as the file has it there, and the text from a position on."""
        newline = re.search("\r?\n", self.text[position:]) or re.search("\r?\n", self.text)
        return "".join((newline[0] if newline else "\n") + line for line in lines) + self.text[position:]

    def _span(self, node: yaml.ScalarNode) -> tuple[int, int]:
        """Return the positions of a scalar without an anchor or a tag, and without a line break after it."""
        token = next((token for token in self._within(node) if isinstance(token, yaml.ScalarToken)), node)
        start = token.start_mark.index
        return start, max(start, len(self.text[: token.end_mark.index].rstrip()))

    def _within(self, node: yaml.Node) -> list[yaml.Token]:
        """Return the tokens of a node that have a text."""
        start, end = node.start_mark.index, node.end_mark.index
        return [t for t in self._tokens if start <= t.start_mark.index < t.end_mark.index <= end]

    def _end_of_line(self, node: yaml.Node) -> int:
        """Return the position of the line break, or of the end, after the last token of a node.

        The end mark of a block node is at the next token, after comments and empty lines.
        """
        last = max((token.end_mark.index for token in self._within(node)), default=node.start_mark.index)
        return self._line_break(len(self.text[:last].rstrip()))  # the token of a text with | or > has the line break

    def _line_break(self, position: int) -> int:
        """Return the position of the next line break, or of the end."""
        line_break = re.search("[\r\n]", self.text[position:])
        return position + line_break.start() if line_break else len(self.text)


def entries(node: yaml.Node | None) -> dict[str, yaml.Node]:
    """Return the values of a mapping by key; nothing for any other node."""
    return {scalar(key): value for key, value in node.value} if isinstance(node, yaml.MappingNode) else {}


def items(node: yaml.Node | None) -> list[yaml.Node]:
    """Return the items of a list; nothing for any other node."""
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def is_text(node: yaml.Node | None) -> bool:
    """Whether YAML reads a node as a string: not as a number, a date, a Boolean or null."""
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:str"


def scalar(node: yaml.Node | None) -> str:
    """Return the content of a scalar as it is written; nothing for any other node."""
    return node.value if isinstance(node, yaml.ScalarNode) else ""


def quoted(value: str) -> str:
    """Write a value as a YAML string."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def indentation(line: str) -> int:
    """Return the number of spaces at the beginning of a line."""
    return len(line) - len(line.lstrip(" "))


def indent(lines: Sequence[str], to: int) -> list[str]:
    """Move lines so that the first begins at a column; the others keep their distance from it."""
    by = to - indentation(lines[0])
    return [(" " * max(0, indentation(line) + by) + line.lstrip(" ")) if line.strip() else "" for line in lines]
