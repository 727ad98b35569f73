"""Check a whole contact configuration in one file: the tree of its values, or a template of CloudFormation."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import yaml

from alternate_contacts.cli.check.yaml_text import FUNCTION, Pair, TextProblem, YamlText, parse_yaml
from alternate_contacts.worker.contact_configuration import SETS, TARGETS, VERSION_PARAMETER, parse_configuration

INVALID_FILE = "invalid_file"
"""The reason of problems that the file has, and its parameters would not have."""

_NAME = re.compile(r"(?P<path>/.+)/(?:sets/[^/]+|targets/[^/]+|version)")
"""The name of a parameter of a contact configuration, whatever its path is."""


@dataclass(frozen=True)
class FileProblem:
    """A problem at a line, with the codes of `ConfigurationProblem`, or with the reason `INVALID_FILE`.

    Attributes:
        parameter: such as ``sets/payments``; a resource, such as ``Resources/Payments``, if its name is not known;
            empty for the whole file.
    """

    line: int
    parameter: str
    reason: str
    detail: str


@dataclass(frozen=True)
class CheckedFile:
    """How many contact sets and targets a file has, and every problem in the order of the lines."""

    sets: int
    targets: int
    problems: Sequence[FileProblem]


def check_text(text: str) -> CheckedFile:
    """Return what a contact configuration in YAML or JSON has, and every problem of it."""
    document = parse_yaml(text)
    found = _FoundParameters(document)
    root = document.root
    if root is not None:
        top = {pair.key: pair for pair in document.pairs(root)}
        found.attribute_problems("")
        if "Resources" in top:
            _read_template(document, top["Resources"].value, found)
        else:
            _read_tree(document, top.values(), found)
    found.attribute_problems("")
    if not found.values and not found.problems:
        found.report(1, "", "no_parameters")
    return found.check()


@dataclass
class _FoundParameters:
    """The parameters in the file, by their names below the path, with their lines."""

    document: YamlText
    values: dict[str, str | None] = field(default_factory=dict, repr=False)
    lines: dict[str, int] = field(default_factory=dict)
    problems: list[FileProblem] = field(default_factory=list)

    def add(self, parameter: str, line: int, value: str | None) -> None:
        self.values[parameter] = value
        self.lines[parameter] = line
        self.attribute_problems(parameter)

    def report(self, line: int, parameter: str, detail: str) -> None:
        self.problems.append(FileProblem(line, parameter, INVALID_FILE, detail))

    def attribute_problems(self, parameter: str) -> None:
        """Attribute the problems of the text that were found since the last call to ``parameter``."""
        self.report_all(self.document.take_problems(), parameter)

    def report_all(self, problems: Iterable[TextProblem], parameter: str) -> None:
        for problem in problems:
            self.report(problem.line, parameter, problem.detail)

    def check(self) -> CheckedFile:
        """Add the problems that the worker and the backfill would find.

        A parameter whose text has a problem is not judged by its value, which may be another one after the correction;
        nor is a target by such a contact set.
        """
        problems = list(self.problems)
        if self.values:
            reported = {problem.parameter for problem in self.problems}
            problems += [
                FileProblem(self.lines.get(problem.parameter, 1), problem.parameter, problem.reason, problem.detail)
                for problem in parse_configuration(self.values).validate()
                if problem.parameter not in reported and f"{SETS}{problem.detail}" not in reported
            ]
        return CheckedFile(
            sets=sum(name.startswith(SETS) for name in self.values),
            targets=sum(name.startswith(TARGETS) for name in self.values),
            problems=sorted(problems, key=lambda problem: (problem.line, problem.parameter)),
        )


def _read_tree(document: YamlText, top: Iterable[Pair], found: _FoundParameters) -> None:
    """Read the keys version, sets and targets. Any other key becomes a parameter with an unknown path."""
    for key, line, node in top:
        if f"{key}/" in (SETS, TARGETS):
            for pair in document.pairs(node):
                content = {part: document.value(value) for part, value in document.mapping(pair.value).items()}
                found.add(f"{key}/{pair.key}", pair.line, json.dumps(content))
            found.attribute_problems(key)
        else:
            found.add(key, line, document.text(node) if key == VERSION_PARAMETER else None)


@dataclass(frozen=True)
class _Resource:
    """A resource of the type AWS::SSM::Parameter whose name is literal text."""

    name: str
    line: int
    value: str | None = field(repr=False)
    problems: Sequence[TextProblem]


def _read_template(document: YamlText, resources: yaml.Node, found: _FoundParameters) -> None:
    """Read the resources of the type AWS::SSM::Parameter that are below one path."""
    parameters = [resource for pair in document.pairs(resources) if (resource := _read_resource(document, pair, found))]
    paths = Counter(match["path"] for each in parameters if (match := _NAME.fullmatch(each.name)))
    if not paths:
        return
    [(path, _)] = paths.most_common(1)
    for each in parameters:
        parameter = each.name.removeprefix(f"{path}/")
        if parameter != each.name:
            found.report_all(each.problems, parameter)
            if parameter in found.values:
                found.report(each.line, parameter, "duplicate_parameter")
            found.add(parameter, each.line, each.value)
        elif _NAME.fullmatch(each.name):
            found.report(each.line, each.name, "another_path")


def _read_resource(document: YamlText, resource: Pair, found: _FoundParameters) -> _Resource | None:
    """Return the resource; None if it has another type, or a name that is reported because it is not literal."""
    if resource.key.startswith("Fn::"):
        document.report(resource.value, FUNCTION)
    attributes = document.mapping(resource.value) if isinstance(resource.value, yaml.MappingNode) else {}
    kind = attributes.get("Type")
    properties: dict[str, yaml.Node] = {}
    if isinstance(kind, yaml.ScalarNode) and kind.value == "AWS::SSM::Parameter" and "Properties" in attributes:
        properties = document.mapping(attributes["Properties"])
    name, value, parameter_type = (
        document.text(properties[key]) if key in properties else None for key in ("Name", "Value", "Type")
    )
    if name is None:
        found.attribute_problems(f"Resources/{resource.key}")
        return None
    return _Resource(name, resource.line, value if parameter_type == "String" else None, document.take_problems())
