"""A YAML file that is changed in a few places, and nowhere else: comments, order, quotes and blanks stay as they are.

YAML libraries write a whole file anew, each in a style of its own. So the file is only read as YAML, and what is to
change is changed in its text.
"""

from collections.abc import Sequence

import yaml

from control_tower.refusal import RefusalError


class Document:
    """A YAML mapping, as text and as nodes with their places in it. A change gives a new one.

    It is read as YAML 1.1, as CfCT's PyYAML does: 012345670123 is an octal number there, and off is false.
    """

    def __init__(self, text: str) -> None:
        """Read a text.

        Raises:
            RefusalError: it is not YAML, or no mapping; says where, and quotes nothing of it.
        """
        self.text = text
        try:
            root = yaml.compose(text, yaml.SafeLoader)
            self.data = yaml.safe_load(text)
        except (yaml.YAMLError, ValueError) as error:
            mark = getattr(error, "problem_mark", None)
            place = f": look at line {mark.line + 1}" if mark else ""
            raise RefusalError(f"The manifest is not valid YAML{place}.") from None
        if not isinstance(root, yaml.MappingNode) or root.flow_style:
            raise RefusalError("The manifest must have one key on each line, such as region, version and resources.")
        self.root = root

    def replaced(self, node: yaml.ScalarNode, text: str) -> "Document":
        """With another text in the place of a scalar."""
        return Document(self.text[: node.start_mark.index] + text + self.text[node.end_mark.index :])

    def without_value(self, node: yaml.Node) -> "Document":
        """With nothing in the place of a value."""
        return Document(self.text[: node.start_mark.index].rstrip(" ") + self.text[node.end_mark.index :])

    def with_lines(self, after: yaml.Node, lines: Sequence[str]) -> "Document":
        """With lines put in after the last line of a node."""
        place = self._end_of_line(after)
        newline = "\r\n" if "\r\n" in self.text else "\n"
        return Document(self.text[:place] + "".join(newline + line for line in lines) + self.text[place:])

    def lines(self, node: yaml.Node) -> list[str]:
        """The lines of an item of a list, the one with its dash first, without what surrounds them."""
        start = self.text.rfind("\n", 0, node.start_mark.index) + 1
        return self.text[start : self._end_of_line(node)].splitlines()

    def line(self, node: yaml.Node) -> str:
        """The line in which a node begins."""
        return self.text.splitlines()[node.start_mark.line]

    def _end_of_line(self, node: yaml.Node) -> int:
        """The place of the line break, or of the end, after the last token of a node.

        A node's own end mark will not do: that of a block is at the next token, behind comments and empty lines.
        """
        last = node.start_mark.index
        for token in yaml.scan(self.text, yaml.SafeLoader):
            if token.start_mark.index >= node.end_mark.index:
                break
            if not isinstance(token, yaml.BlockEndToken):
                last = token.end_mark.index
        last = len(self.text[:last].rstrip())  # the token of a text with | or > reaches into the next line
        found = self.text.find("\n", last)
        return len(self.text.rstrip("\r\n")) if found < 0 else found - (self.text[found - 1] == "\r")


def entries(node: yaml.Node | None) -> dict[str, yaml.Node]:
    """A mapping's values by key; none of anything else."""
    return {scalar(key): value for key, value in node.value} if isinstance(node, yaml.MappingNode) else {}


def items(node: yaml.Node | None) -> list[yaml.Node]:
    """A list's items; none of anything else."""
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def is_text(node: yaml.Node | None) -> bool:
    """Whether it is a string also to YAML: no number, date, truth or nothing."""
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:str"


def scalar(node: yaml.Node | None) -> str:
    """What a scalar says, as it is written; nothing of anything else."""
    return node.value if isinstance(node, yaml.ScalarNode) else ""


def indentation(line: str) -> int:
    """How many blanks a line begins with."""
    return len(line) - len(line.lstrip(" "))


def shifted(lines: Sequence[str], to: int) -> list[str]:
    """Lines of which the first begins at a column, the others keeping their distance from it."""
    by = to - indentation(lines[0])
    return [(" " * max(0, indentation(line) + by) + line.lstrip(" ")) if line.strip() else "" for line in lines]
