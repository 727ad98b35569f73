"""What a template takes: its parameters with their restrictions, and its rules, as CloudFormation applies them.

Restrictions: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
Rules: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-rules.html
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml


class Template:
    """A CloudFormation template as data, its short forms written out: ``!Ref x`` is ``{"Ref": "x"}``."""

    def __init__(self, text: str) -> None:
        """Read a template from its text."""
        self.content: dict[str, Any] = yaml.load(text, _Loader)  # noqa: S506 # a SafeLoader that knows short forms

    @classmethod
    def read(cls, path: Path) -> "Template":
        """Read a template from its file."""
        return cls(path.read_text(encoding="utf-8"))

    @property
    def parameters(self) -> dict[str, dict[str, Any]]:
        """Parameters with what restricts them."""
        found: dict[str, dict[str, Any]] = self.content.get("Parameters", {})
        return found

    def defaults(self) -> dict[str, str]:
        """The parameters that need not be given, with their values."""
        return {name: text_of(each["Default"]) for name, each in self.parameters.items() if "Default" in each}

    def complaint(self, name: str, value: str) -> str | None:
        """What CloudFormation has against a parameter's value, without the value."""
        parameter = self.parameters[name]
        allowed = [text_of(each) for each in parameter.get("AllowedValues", [])]
        if allowed and value not in allowed:
            return f"{name} must be one of {', '.join(allowed)}."
        if not _is_within(parameter, value):
            wanted = parameter.get("ConstraintDescription", "as its Description in the template says")
            return f"{name} is not what the stack takes: {wanted}."
        return None

    def broken_rules(self, values: Mapping[str, str]) -> Iterator[str]:
        """The sentence of every rule that these values break.

        Args:
            values: parameters and pseudo parameters. A rule that asks for another one is left to CloudFormation.
        """
        for rule in self.content.get("Rules", {}).values():
            if _holds(rule.get("RuleCondition", True), values) is True:
                for assertion in rule["Assertions"]:
                    if _holds(assertion["Assert"], values) is False:
                        yield assertion["AssertDescription"]

    def code_left_behind(self) -> list[str]:
        """The logical ids of functions whose code is not in a bucket."""
        return [name for name, each in self.content["Resources"].items() if not _is_in_a_bucket(each)]


def text_of(value: object) -> str:
    """A scalar of a template as CloudFormation takes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_within(parameter: Mapping[str, Any], value: str) -> bool:
    if parameter["Type"] == "Number":
        try:
            number = float(value)
        except ValueError:
            return False
        return float(parameter.get("MinValue", number)) <= number <= float(parameter.get("MaxValue", number))
    if not int(parameter.get("MinLength", 0)) <= len(value) <= int(parameter.get("MaxLength", len(value))):
        return False
    # \S and \w mean ASCII to CloudFormation, whose patterns are Java's.
    return re.fullmatch(parameter.get("AllowedPattern", "(?s:.*)"), value, re.ASCII) is not None


def _holds(condition: Any, values: Mapping[str, str]) -> bool | None:
    """Whether a rule's condition holds; None if that depends on something unknown."""
    if isinstance(condition, bool):
        return condition
    [(function, arguments)] = condition.items()
    match function:
        case "Fn::Not":
            held = _holds(arguments[0], values)
            return None if held is None else not held
        case "Fn::And" | "Fn::Or":
            decisive = function == "Fn::Or"
            each = [_holds(argument, values) for argument in arguments]
            return decisive if decisive in each else None if None in each else not decisive
        case "Fn::Equals":
            left, right = (_value(argument, values) for argument in arguments)
            return None if left is None or right is None else left == right
        case "Fn::Contains":
            options, sought = arguments
            found = _value(sought, values)
            return None if found is None else found in [_value(option, values) for option in options]
    raise ValueError(f"{function} in a rule")


def _value(operand: Any, values: Mapping[str, str]) -> str | None:
    return values.get(operand["Ref"]) if isinstance(operand, dict) else text_of(operand)


def _is_in_a_bucket(resource: Mapping[str, Any]) -> bool:
    match resource:
        case {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": dict() as code}}:
            return {"Bucket", "Key"} <= code.keys()
        case {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": str() as address}}:
            return address.startswith("s3://")
        case {"Type": "AWS::Lambda::Function", "Properties": {"Code": code}}:
            return isinstance(code, dict) and ("ZipFile" in code or {"S3Bucket", "S3Key"} <= code.keys())
    return True


class _Loader(yaml.SafeLoader):
    """Reads ``!Ref`` and ``!GetAtt a.b`` as their long forms."""


def _long_form(loader: yaml.SafeLoader, name: str, node: yaml.Node) -> dict[str, Any]:
    argument: Any
    if isinstance(node, yaml.ScalarNode):
        argument = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        argument = loader.construct_sequence(node, deep=True)
    else:
        argument = loader.construct_mapping(node, deep=True)  # type: ignore[arg-type]
    if name == "GetAtt" and isinstance(argument, str):
        argument = argument.split(".", 1)
    return {name if name in ("Ref", "Condition") else f"Fn::{name}": argument}


yaml.add_multi_constructor("!", _long_form, _Loader)
