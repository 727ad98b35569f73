"""A change to a YAML file touches the lines that it is about."""

import pytest
import yaml

from control_tower.document import Document, entries, is_text, items, scalar, shifted
from control_tower.refusal import RefusalError

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


def test_a_scalar_is_replaced_where_it_stands() -> None:
    document = parsed()
    node = entries(document.root)["region"]
    assert isinstance(node, yaml.ScalarNode)
    assert document.replaced(node, "eu-west-1").text == document.text.replace("us-east-1", "eu-west-1")


def test_lines_go_behind_the_last_line_of_a_node_and_before_what_follows() -> None:
    document = parsed()
    resources = entries(document.root)["resources"]
    assert document.with_lines(resources, ["- name: two"]).text == document.text.replace(
        "      folded\n", "      folded\n- name: two\n"
    )
    assert document.with_lines(document.root, ["end: 1"]).text == document.text + "\nend: 1"
    region = entries(document.root)["region"]
    assert document.with_lines(region, ["x: 1"]).text == document.text.replace("# here\n", "# here\nx: 1\n")


@pytest.mark.parametrize("ending", ["", "\n", "\n\n\n", "\n# the end\n"])
def test_lines_go_behind_the_last_line_of_a_file_however_it_ends(ending: str) -> None:
    document = Document("a: 1\nb:\n  - c" + ending)
    assert document.with_lines(entries(document.root)["b"], ["  - d"]).text == "a: 1\nb:\n  - c\n  - d" + ending


def test_line_breaks_are_those_of_the_file() -> None:
    document = Document("a: 1\r\nb:\r\n  - c # d\r\ne: 2\r\n")
    changed = document.with_lines(entries(document.root)["b"], ["  - x"])
    assert changed.text == "a: 1\r\nb:\r\n  - c # d\r\n  - x\r\ne: 2\r\n"


def test_an_alias_at_the_end_of_a_list_is_not_cut_off() -> None:
    document = Document("a: &x 1\nb:\n  - *x # why\nc: 2\n")
    assert (
        document.with_lines(entries(document.root)["b"], ["  - d"]).text == "a: &x 1\nb:\n  - *x # why\n  - d\nc: 2\n"
    )


def test_the_lines_of_an_item_are_its_own() -> None:
    document = Document("a:\n  - b: 1\n    # inside\n    c: 2 # d\n\n  # behind\n  - e: 3\n")
    first, second = items(entries(document.root)["a"])
    assert document.lines(first) == ["  - b: 1", "    # inside", "    c: 2 # d"]
    assert document.lines(second) == ["  - e: 3"]
    assert document.line(second) == "  - e: 3"


def test_shifted_lines_keep_their_distance() -> None:
    assert shifted(["  - a:", "", "# far left", "      b"], 0) == ["- a:", "", "# far left", "    b"]
    assert shifted(["- a:", "    b"], 4) == ["    - a:", "        b"]


@pytest.mark.parametrize("value", ["012345670123", "+12065550101", "1:30", "off", "2021-03-15", "~", "", "1e5", "1_0"])
def test_what_yaml_1_1_takes_for_something_else_is_no_text(value: str) -> None:
    # 1e5 is the one that YAML 1.1 leaves alone, because it wants a dot and a sign.
    assert is_text(entries(Document(f"a: {value}").root)["a"]) is (value == "1e5")
    assert is_text(entries(Document(f"a: '{value}'").root)["a"])


def test_what_is_no_mapping_and_no_list_is_empty() -> None:
    assert entries(None) == {}
    assert items(None) == []
    assert scalar(None) == ""


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: 1\nb: Bea: Billing", "The manifest is not valid YAML: look at line 2."),
        ("a: !secret Bea", "The manifest is not valid YAML: look at line 1."),
        ("a: 2021-99-99", "The manifest is not valid YAML."),
        ("a: 1\n---\na: 2", "The manifest is not valid YAML: look at line 2."),
        ("- Bea", "The manifest must have one key on each line, such as region, version and resources."),
        ("{name: Bea}", "The manifest must have one key on each line, such as region, version and resources."),
        ("", "The manifest must have one key on each line, such as region, version and resources."),
    ],
)
def test_what_cannot_be_read_is_refused_without_quoting_it(text: str, sentence: str) -> None:
    with pytest.raises(RefusalError) as refused:
        Document(text)
    assert refused.value.sentences == (sentence,)
