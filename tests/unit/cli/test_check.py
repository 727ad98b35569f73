"""`check`: a whole contact configuration in a file, without AWS."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from typer.testing import CliRunner, Result

from alternate_contacts.cli.aws.problem_details import describe_detail
from alternate_contacts.cli.check.configuration_file import check_text
from alternate_contacts.cli.main import app
from alternate_contacts.worker.contact_configuration import parse_configuration
from tests.fakes.contact_data import contact_set

ROOT = Path(__file__).parents[3]
CONTACT = json.dumps(contact_set(1, name="Pia", email_address="pia@acme.test", phone_number="+44 20 7946 0018"))
TREE = f"""
version: "1"
sets:
  payments: {CONTACT}
targets:
  ou-ab12-12345678: {{billing: payments}}
  "012345670123": {{security: ignore, exclude: false}}
"""


def check(text: str, *options: str) -> Result:
    """Run the command with ``text`` on standard input."""
    return CliRunner().invoke(app, ["check", "-", *options], input=text)


def problems(text: str) -> list[tuple[int, str, str]]:
    """Return line, parameter and detail of every problem."""
    return [(problem.line, problem.parameter, problem.detail) for problem in check_text(text).problems]


@pytest.fixture(autouse=True)
def _no_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> Any:
        pytest.fail("check needs no AWS session")

    monkeypatch.setattr(boto3, "Session", fail)


def test_a_valid_tree_has_no_problem() -> None:
    result = check(TREE)
    assert (result.exit_code, result.stdout) == (0, "1 contact set, 2 targets: no problem.\n")


def test_json_with_tabs_crlf_and_a_byte_order_mark_is_a_tree() -> None:
    contact = contact_set(1, name="Zoë 😀")
    tree = {"version": "1", "sets": {"payments": contact}, "targets": {"012345670123": {"billing": "payments"}}}
    for ascii_only in (True, False):
        text = "\ufeff" + json.dumps(tree, indent="\t", ensure_ascii=ascii_only).replace("\n", "\r\n")
        assert json.loads(check(text, "--json").stdout) == {"file": "-", "sets": 1, "targets": 1, "problems": []}


def examples() -> Iterator[str]:
    """Yield the examples of docs/own-contacts.md that this verb checks."""
    page = (ROOT / "docs" / "own-contacts.md").read_text()
    for text in re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        if text.startswith(("Resources:", "version:")):
            yield text


def test_the_examples_of_the_page_are_valid() -> None:
    assert [check_text(example).problems for example in examples()] == [[], []]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ('"012345670123"', "012345670123", (7, "targets/012345670123", "quotes_needed")),
        ('"012345670123"', "012345678901", (7, "targets/012345678901", "quotes_needed")),
        ('"012345670123"', "112345678901", (7, "targets/112345678901", "quotes_needed")),
        ("exclude: false", "exclude: no", (7, "targets/012345670123", "quotes_needed")),
        ("exclude: false", "exclude: 'false'", (7, "targets/012345670123", "invalid_exclude")),
        ("exclude: false", "security: default", (7, "targets/012345670123", "duplicate_key")),
        ('"+44 20 7946 0018"', "+442079460018", (4, "sets/payments", "quotes_needed")),
        ("billing: payments", "billing: missing", (6, "targets/ou-ab12-12345678", "missing")),
        ("ou-ab12-12345678", "ou-ab12", (6, "targets/ou-ab12", "invalid_target_id")),
        ("pia@acme.test", "pia", (4, "sets/payments", "invalid_emailAddress")),
        ("{billing: payments}", "!Sub x", (6, "targets/ou-ab12-12345678", "function_not_supported")),
        ("{billing: payments}", "payments", (6, "targets/ou-ab12-12345678", "not_a_mapping")),
        ("billing: payments", "billing: [payments]", (6, "targets/ou-ab12-12345678", "invalid_billing")),
        ("targets:", "target:", (5, "target", "unknown_path")),
        ('version: "1"', "", (1, "version", "no_version")),
        ('version: "1"', "version: 2", (2, "version", "unknown_version")),
        ("targets:", "sets:", (5, "", "duplicate_key")),
    ],
)
def test_a_problem_has_its_line_and_parameter(before: str, after: str, expected: tuple[int, str, str]) -> None:
    assert before in TREE
    assert expected in problems(TREE.replace(before, after, 1))


def test_one_mistake_is_one_problem() -> None:
    """A target is not reported because the text of its contact set is."""
    assert problems(TREE.replace('"+44 20 7946 0018"', "2079460018")) == [(4, "sets/payments", "quotes_needed")]
    twice = TREE.replace("targets:", f"  payments: {CONTACT}\ntargets:")
    assert problems(twice) == [(5, "sets/payments", "duplicate_key")]


@pytest.mark.parametrize("merge", ["*shared", "{<<: *shared}"])
def test_an_alias_is_reported_where_it_is(merge: str) -> None:
    text = TREE.replace("{billing: payments}", f"&shared {{billing: payments}}\n  ou-ab12-99999999: {merge}")
    assert problems(text) == [(7, "targets/ou-ab12-99999999", "alias_not_supported")]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\nb: c: d\n", 2),
        ("version: '1'\na: \x1b", 2),
        ("[" * 600 + "]" * 600, 1),
        ("a: 1\n---\nb: 2", 2),
        ("a: *b", 1),
    ],
    ids=["syntax", "control character", "depth", "two documents", "unknown alias"],
)
def test_what_is_not_yaml_has_a_line_and_nothing_of_the_text(text: str, line: int) -> None:
    result = check(text)
    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout.startswith(f"Standard input:{line}: invalid_file: not_yaml (")


@pytest.mark.parametrize("text", ["hello", "- a", "1", "~"])
def test_a_file_without_keys_is_a_problem(text: str) -> None:
    assert problems(text) == [(1, "", "not_a_mapping")]


def template(*parameters: tuple[str, str], kind: str = "String") -> str:
    """Return a template with resources of these names and values; a resource has six lines, the first is line 2."""
    return "Resources:\n" + "".join(
        f"  P{index}:\n    Type: AWS::SSM::Parameter\n    Properties:\n      Name: {name}\n"
        f"      Type: {kind if index else 'String'}\n      Value: {value}\n"
        for index, (name, value) in enumerate(parameters)
    )


VERSION = ("/a/version", '"1"')
TARGET = ("/a/targets/r-ab12", """'{"exclude": true}'""")


def test_a_template_of_cloudformation_is_a_configuration() -> None:
    text = template(VERSION, TARGET) + "  Topic: {Type: AWS::SNS::Topic, Properties: {TopicName: !Ref Name}}\n"
    assert check(text).stdout == "0 contact sets, 1 target: no problem.\n"
    unrelated = template(VERSION, TARGET, ("/other/parameter", "!Ref Name"))
    assert problems(unrelated) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (template(VERSION, ("!Sub /a/sets/${Name}", "x")), (11, "Resources/P1", "function_not_supported")),
        (template(VERSION, ("{Ref: Name}", "x")), (11, "Resources/P1", "function_not_supported")),
        (template(VERSION, (TARGET[0], "!Ref Value")), (13, "targets/r-ab12", "function_not_supported")),
        (template(VERSION, TARGET, kind="StringList"), (8, "targets/r-ab12", "not_a_string_parameter")),
        (template(VERSION, TARGET, TARGET), (14, "targets/r-ab12", "duplicate_parameter")),
        (template(VERSION, TARGET, ("/b/targets/r-ab12", "x")), (14, "/b/targets/r-ab12", "another_path")),
        (template(VERSION, ("/a/target/r-ab12", "x")), (8, "target/r-ab12", "unknown_path")),
        (template(TARGET), (1, "version", "no_version")),
        (template(("/other/parameter", "x")), (1, "", "no_parameters")),
        (
            "Resources:\n  Fn::ForEach::Sets: [a, [b], {}]\n",
            (2, "Resources/Fn::ForEach::Sets", "function_not_supported"),
        ),
        ("Resources: !Include x\n", (1, "", "function_not_supported")),
    ],
)
def test_a_problem_of_a_template_has_its_line(text: str, expected: tuple[int, str, str]) -> None:
    assert problems(text) == [expected]


def test_the_lines_are_those_of_compilers_and_hold_no_contact(tmp_path: Path) -> None:
    file = tmp_path / "contacts.yaml"
    file.write_text(TREE.replace("pia@acme.test", "pia@acme test"))
    result = CliRunner().invoke(app, ["check", str(file)])
    assert result.exit_code == 1
    assert "sets/payments: invalid_contact_set: invalid_emailAddress (" in result.stdout.replace("\n", " ")
    assert f"{file}:4:" in result.stdout
    assert not {"Pia", "pia@acme"} & set(result.output.split())
    document = json.loads(CliRunner().invoke(app, ["check", str(file), "--json"]).stdout)
    assert [problem["parameter"] for problem in document["problems"]] == ["sets/payments", "targets/ou-ab12-12345678"]


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    for file in (tmp_path, tmp_path / "missing"):
        result = CliRunner().invoke(app, ["check", str(file)])
        assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("sets/a", None),
        ("sets/a", "{"),
        ("sets/a", "[]"),
        ("sets/a", "{}"),
        ("sets/a", '{"x": 1}'),
        ("sets/a", '{"name": 1, "name": 2}'),
        ("sets/a", '{"name": ""}'),
        ("sets/A", "{}"),
        ("targets/a", "{}"),
        ("targets/r-ab12", '{"exclude": 1}'),
        ("targets/r-ab12", '{"billing": 1}'),
        ("version", "2"),
        ("typo", ""),
    ],
)
def test_every_detail_has_a_meaning(parameter: str, value: str | None) -> None:
    for problem in parse_configuration({parameter: value}).validate():
        assert describe_detail(problem.detail).startswith(f"{problem.detail} (")


def test_the_name_of_a_set_is_no_detail() -> None:
    assert [describe_detail(name) for name in ("no", "invalid", "payments")] == ["no", "invalid", "payments"]
