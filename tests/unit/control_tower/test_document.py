"""An edit of a YAML file changes only the lines that it concerns."""

import pytest
import yaml

from control_tower.document import Document, entries, indent, is_text, items, scalar
from control_tower.errors import PackagingError

TEXT = """\
# first
region:   us-east-1   # here
resources:   # all of them
- name: one   # 1
  list: &anchor
    - a

    # between
    - *anchor2
    - |
      folded

# behind
last: 'x'"""


def parsed(text: str = TEXT) -> Document:
    return Document(text.replace("*anchor2", "b"))


def test_a_scalar_is_replaced_in_place() -> None:
    document = parsed()
    node = entries(document.root)["region"]
    assert isinstance(node, yaml.ScalarNode)
    assert document.replace(node, "eu-west-1").text == document.text.replace("us-east-1", "eu-west-1")


def test_lines_are_inserted_after_the_last_line_of_a_node() -> None:
    document = parsed()
    resources = entries(document.root)["resources"]
    assert document.insert_lines(resources, ["- name: two"]).text == document.text.replace(
        "      folded\n", "      folded\n- name: two\n"
    )
    assert document.insert_lines(document.root, ["end: 1"]).text == document.text + "\nend: 1"
    region = entries(document.root)["region"]
    assert document.insert_lines(region, ["x: 1"]).text == document.text.replace("# here\n", "# here\nx: 1\n")


@pytest.mark.parametrize("ending", ["", "\n", "\n\n\n", "\n# the end\n"])
def test_lines_are_inserted_at_the_end_of_a_file_however_it_ends(ending: str) -> None:
    document = Document("a: 1\nb:\n  - c" + ending)
    assert document.insert_lines(entries(document.root)["b"], ["  - d"]).text == "a: 1\nb:\n  - c\n  - d" + ending


def test_line_breaks_are_those_of_the_file() -> None:
    document = Document("a: 1\r\nb:\r\n  - c # d\r\ne: 2\r\n")
    changed = document.insert_lines(entries(document.root)["b"], ["  - x"])
    assert changed.text == "a: 1\r\nb:\r\n  - c # d\r\n  - x\r\ne: 2\r\n"


def test_lines_are_inserted_after_an_alias_at_the_end_of_a_list() -> None:
    document = Document("a: &x 1\nb:\n  - *x # why\nc: 2\n")
    assert (
        document.insert_lines(entries(document.root)["b"], ["  - d"]).text == "a: &x 1\nb:\n  - *x # why\n  - d\nc: 2\n"
    )


def test_the_lines_of_an_item_end_with_its_last_token() -> None:
    document = Document("a:\n  - b: 1\n    # inside\n    c: 2 # d\n\n  # behind\n  - e: 3\n")
    first, second = items(entries(document.root)["a"])
    assert document.lines(first) == ["  - b: 1", "    # inside", "    c: 2 # d"]
    assert document.lines(second) == ["  - e: 3"]
    assert document.line(second) == "  - e: 3"


def test_indented_lines_keep_their_distance() -> None:
    assert indent(["  - a:", "", "# far left", "      b"], 0) == ["- a:", "", "# far left", "    b"]
    assert indent(["- a:", "    b"], 4) == ["    - a:", "        b"]


@pytest.mark.parametrize("value", ["012345670123", "+12065550101", "1:30", "off", "2021-03-15", "~", "", "1e5", "1_0"])
def test_a_scalar_that_yaml_1_1_does_not_read_as_a_string_is_not_text(value: str) -> None:
    # YAML 1.1 reads 1e5 as a string, because its numbers need a dot and a sign.
    assert is_text(entries(Document(f"a: {value}").root)["a"]) is (value == "1e5")
    assert is_text(entries(Document(f"a: '{value}'").root)["a"])


def test_other_nodes_have_no_entries_no_items_and_no_content() -> None:
    assert entries(None) == {}
    assert items(None) == []
    assert scalar(None) == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: Bea: Billing", "The manifest is not valid YAML: see line 2."),
        ("a: !secret Bea", "The manifest is not valid YAML: see line 1."),
        ("a: 2021-99-99", "The manifest is not valid YAML."),
        ("a: 1\n---\na: 2", "The manifest is not valid YAML: see line 2."),
        ("- Bea", "The manifest must have one key on each line, such as region, version and resources."),
        ("{name: Bea}", "The manifest must have one key on each line, such as region, version and resources."),
        ("", "The manifest must have one key on each line, such as region, version and resources."),
    ],
)
def test_an_error_names_the_line_and_quotes_nothing(text: str, message: str) -> None:
    with pytest.raises(PackagingError) as error:
        Document(text)
    assert error.value.messages == (message,)
