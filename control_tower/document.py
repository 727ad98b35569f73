"""A YAML file that is edited as text: comments, order, quotes and white space stay as they are.

YAML libraries write a whole file again in a style of their own. Here YAML is only read, to find the places to edit.
"""

from collections.abc import Sequence

import yaml

from control_tower.errors import PackagingError


class Document:
    """A YAML mapping, as text and as nodes with their positions in it. An edit returns a new document.

    It is read as YAML 1.1, as CfCT's PyYAML does: 012345670123 is an octal number there, and off is false.
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
        except (yaml.YAMLError, ValueError) as error:
            mark = getattr(error, "problem_mark", None)
            line = f": see line {mark.line + 1}" if mark else ""
            raise PackagingError(f"The manifest is not valid YAML{line}.") from None
        if not isinstance(root, yaml.MappingNode) or root.flow_style:
            raise PackagingError("The manifest must have one key on each line, such as region, version and resources.")
        self.root = root

    def replace(self, node: yaml.ScalarNode, text: str) -> "Document":
        """Put another text in place of a scalar."""
        return Document(self.text[: node.start_mark.index] + text + self.text[node.end_mark.index :])

    def remove_value(self, node: yaml.Node) -> "Document":
        """Remove a value, and leave its key."""
        return Document(self.text[: node.start_mark.index].rstrip(" ") + self.text[node.end_mark.index :])

    def insert_lines(self, after: yaml.Node, lines: Sequence[str]) -> "Document":
        """Insert lines after the last line of a node."""
        position = self._end_of_line(after)
        newline = "\r\n" if "\r\n" in self.text else "\n"
        return Document(self.text[:position] + "".join(newline + line for line in lines) + self.text[position:])

    def lines(self, node: yaml.Node) -> list[str]:
        """Return the lines of an item of a list, from the one with its dash to its last token."""
        start = self.text.rfind("\n", 0, node.start_mark.index) + 1
        return self.text[start : self._end_of_line(node)].splitlines()

    def line(self, node: yaml.Node) -> str:
        """Return the line in which a node begins."""
        return self.text.splitlines()[node.start_mark.line]

    def _end_of_line(self, node: yaml.Node) -> int:
        """Return the position of the line break, or of the end, after the last token of a node.

        The end mark of a block node is at the next token, after comments and empty lines.
        """
        last = node.start_mark.index
        for token in yaml.scan(self.text, yaml.SafeLoader):
            if token.start_mark.index >= node.end_mark.index:
                break
            if not isinstance(token, yaml.BlockEndToken):
                last = token.end_mark.index
        last = len(self.text[:last].rstrip())  # the token of a text with | or > includes the line break
        return next((place for place in range(last, len(self.text)) if self.text[place] in "\r\n"), len(self.text))


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


def indentation(line: str) -> int:
    """Return the number of spaces at the beginning of a line."""
    return len(line) - len(line.lstrip(" "))


def indent(lines: Sequence[str], to: int) -> list[str]:
    """Move lines so that the first begins at a column; the others keep their distance from it."""
    by = to - indentation(lines[0])
    return [(" " * max(0, indentation(line) + by) + line.lstrip(" ")) if line.strip() else "" for line in lines]
