"""An edit of a YAML file changes only the text that it concerns."""

import pytest
import yaml

from control_tower.document import Document, entries, indent, is_text, items, scalar
from control_tower.errors import PackagingError

ITEMS = (["- name: x", "  y: 1"], ["- z"])
BLOCK = "  - name: x\n    y: 1\n  - z"
FLOW = "{name: x, y: 1}, z"


def test_a_scalar_is_replaced_in_place() -> None:
    document = Document("# first\nregion:   us-east-1   # here\nb: [x, 'y']")
    node = entries(document.root)["region"]
    assert isinstance(node, yaml.ScalarNode)
    assert document.replace([(node, "eu-west-1")]).text == document.text.replace("us-east-1", "eu-west-1")


def test_deep_nesting_that_cfct_reads_is_read() -> None:
    text = f"a: {'[' * 200}{']' * 200}\n"
    assert Document(text).data == yaml.safe_load(text)


def test_scalars_are_replaced_together_and_one_with_aliases_once() -> None:
    document = Document("a: &x 1\nb: *x\nc: 2\n")
    nodes = [node for node in entries(document.root).values() if isinstance(node, yaml.ScalarNode)]
    assert document.replace([(node, "here it is") for node in nodes]).text == "a: &x here it is\nb: *x\nc: here it is\n"
    assert document.replace([]) is document


@pytest.mark.parametrize(
    ("text", "replaced"),
    [
        ("a: &x 1\nb: *x\n", 'a: &x "2"\nb: *x\n'),
        ("a: !!str 1 # why\n", 'a: !!str "2" # why\n'),
        ("a: |\n  1\n\nb: 1\n", 'a: "2"\n\nb: 1\n'),
    ],
)
def test_an_anchor_a_tag_and_what_follows_stay(text: str, replaced: str) -> None:
    document = Document(text)
    node = entries(document.root)["a"]
    assert isinstance(node, yaml.ScalarNode)
    assert document.replace([(node, '"2"')]).text == replaced


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("a: 1", f"a: 1\nr:\n{BLOCK}"),
        ("a: 1\n\n# end\n", f"a: 1\nr:\n{BLOCK}\n\n# end\n"),
        ("a: 1\n...\n", f"a: 1\nr:\n{BLOCK}\n...\n"),
        ("r:\nb: 1\n", f"r:\n{BLOCK}\nb: 1\n"),
        ("r: # why\nb: 1\n", f"r: # why\n{BLOCK}\nb: 1\n"),
        ("r:\n  # add here\nb: 1\n", f"r:\n{BLOCK}\n  # add here\nb: 1\n"),
        ("r: ~ # why\nb: 1\n", f"r: # why\n{BLOCK}\nb: 1\n"),
        ("r: null", f"r:\n{BLOCK}"),
        ("r: []  # none yet\nb: 1\n", f"r:  # none yet\n{BLOCK}\nb: 1\n"),
        ("r: [ ]", f"r:\n{BLOCK}"),
        ("r: [\n  # inside\n]  # behind\nb: 1\n", f"r:\n  # inside\n{BLOCK}  # behind\nb: 1\n"),
        ("r: [# inside\n]\n", f"r: # inside\n{BLOCK}\n"),
        ("r: &x []\nb: 1\n", f"r: &x\n{BLOCK}\nb: 1\n"),
        ("r:\n  - a\n# end\nb: 1\n", f"r:\n  - a\n{BLOCK}\n# end\nb: 1\n"),
        ("r:\n  - a: &x 1\n  - - *x # why\n\nb: 1\n", f"r:\n  - a: &x 1\n  - - *x # why\n{BLOCK}\n\nb: 1\n"),
        ("r: &all\n      - a\n", "r: &all\n      - a\n      - name: x\n        y: 1\n      - z\n"),
        ("r:\n  - |\n    text\n\nb: 1\n", f"r:\n  - |\n    text\n{BLOCK}\n\nb: 1\n"),
        ("r: [a, {b: 1}, # c\n  ]\n", f"r: [a, {{b: 1}}, {FLOW} # c\n  ]\n"),
        ("r: [a, 'b' # c\n  ]\n", f"r: [a, 'b', {FLOW} # c\n  ]\n"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_items_are_appended_to_a_list_in_any_style(text: str, result: str, newline: str) -> None:
    document = Document(text.replace("\n", newline))
    edited = document.append(document.root, "r", ITEMS, FLOW)
    assert edited.text == result.replace("\n", newline if newline in document.text else "\n")
    assert edited.data["r"][-2:] == [{"name": "x", "y": 1}, "z"]
    assert edited.data["r"][:-2] == (document.data.get("r") or [])


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("r:\n  - {n: 1}\n", f"r:\n  - {{n: 1, p: [{FLOW}]}}\n"),
        ("r:\n  - {n: 1, p: []}\n", f"r:\n  - {{n: 1, p: [{FLOW}]}}\n"),
        ("r:\n- n: 1\n  p: []\n- m: 1\n", "r:\n- n: 1\n  p:\n    - name: x\n      y: 1\n    - z\n- m: 1\n"),
        ("r:\n- n: 1 # c\n\n- m: 1\n", "r:\n- n: 1 # c\n  p:\n    - name: x\n      y: 1\n    - z\n\n- m: 1\n"),
    ],
)  # fmt: skip
def test_items_are_appended_to_a_list_inside_an_item(text: str, result: str) -> None:
    document = Document(text)
    [mapping, *_] = items(entries(document.root)["r"])
    assert isinstance(mapping, yaml.MappingNode)
    assert document.append(mapping, "p", ITEMS, FLOW).text == result


@pytest.mark.parametrize("text", ["r: here\n", "r: {a: b}\n", "r: [a]\n"])
def test_nothing_is_appended_to_another_value(text: str) -> None:
    document = Document(text)
    assert document.append(document.root, "r", ITEMS).text == text


def test_the_lines_of_an_item_end_with_its_last_token() -> None:
    document = Document("a:\n  - b: 1\r\n    # inside\n    c: 2 # d\n\n  # behind\n  - e: '\u2028'\n")
    first, second = items(entries(document.root)["a"])
    assert document.lines(first) == ["  - b: 1", "    # inside", "    c: 2 # d"]
    assert document.lines(second) == ["  - e: '\u2028'"]


def test_indented_lines_keep_their_distance() -> None:
    assert indent(["  - a:", "", "# far left", "      b"], 0) == ["- a:", "", "# far left", "    b"]
    assert indent(["- a:", "    b"], 4) == ["    - a:", "        b"]


@pytest.mark.parametrize("value", ["012345670123", "+12065550101", "1:30", "off", "2021-03-15", "~", "", "1e5", "1_0"])
def test_a_scalar_that_yaml_1_1_does_not_read_as_a_string_is_not_text(value: str) -> None:
    # YAML 1.1 reads 1e5 as a string, because its numbers need a dot and a sign.
    assert is_text(entries(Document(f"a: {value}").root)["a"]) is (value == "1e5")
    assert is_text(entries(Document(f"a: '{value}'").root)["a"])


@pytest.mark.parametrize(
    ("value", "ambiguous"),
    [
        ("Ops #1", True),
        ("Ops # the team", True),
        ("&A B", True),
        ("!!str B", True),
        ("Ops#1", False),
        ("A & B", False),
        ("'Ops #1'", False),
        ('"Ops" # the team', False),
        ("&a 'B'", False),
        ("Ops\nb: 1 # why", False),
    ],
)
def test_a_value_that_yaml_cuts_is_ambiguous(value: str, ambiguous: bool) -> None:
    document = Document(f"a: {value}")
    node = entries(document.root)["a"]
    assert isinstance(node, yaml.ScalarNode)
    assert document.is_ambiguous(node) is ambiguous


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
        ("a:\tBea", "The manifest is not valid YAML: see line 1."),
        ("a: 1\u2028b: 2", "The manifest is not valid YAML: see line 1."),  # valid as YAML 1.1, not as 1.2
        ("a: " + "[" * 600 + "]" * 600, "The manifest is not valid YAML."),
        ("a: Bea\nb: 1\na: Bea", "The manifest has a key twice: see line 3."),
        ("a:\n  - b: 1\n    c: {d: 1,\n      d: 1}", "The manifest has a key twice: see line 4."),
        ("- Bea", "The manifest must have one key on each line, such as region, version and resources."),
        ("{name: Bea}", "The manifest must have one key on each line, such as region, version and resources."),
        ("", "The manifest must have one key on each line, such as region, version and resources."),
    ],
)
def test_an_error_names_the_line_and_quotes_nothing(text: str, message: str) -> None:
    with pytest.raises(PackagingError) as error:
        Document(text)
    assert error.value.messages == (message,)
