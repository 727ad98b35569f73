"""The parameters of a template with their restrictions, and its rules, as CloudFormation applies them.

Restrictions: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
Rules: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-rules.html
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml


class Template:
    """A CloudFormation template as data, with short forms in their long form: ``!Ref x`` is ``{"Ref": "x"}``."""

    def __init__(self, text: str) -> None:
        """Parse a text."""
        self.content: dict[str, Any] = yaml.load(text, _Loader)  # noqa: S506 # a CSafeLoader that knows short forms

    @classmethod
    def read(cls, path: Path) -> "Template":
        """Read a file."""
        return cls(path.read_text(encoding="utf-8"))

    @property
    def parameters(self) -> dict[str, dict[str, Any]]:
        """The parameters with their restrictions."""
        parameters: dict[str, dict[str, Any]] = self.content.get("Parameters", {})
        return parameters

    def defaults(self) -> dict[str, str]:
        """Return the default values of the parameters that have one."""
        return {name: text_of(field["Default"]) for name, field in self.parameters.items() if "Default" in field}

    def violation(self, name: str, value: str) -> str | None:
        """Return the restriction that a parameter's value violates, without the value, or None."""
        parameter = self.parameters[name]
        allowed = [text_of(option) for option in parameter.get("AllowedValues", [])]
        if allowed and value not in allowed:
            return f"{name} must be one of {', '.join(allowed)}."
        if not _is_within(parameter, value):
            return f"{name} must be {parameter.get('ConstraintDescription', 'as the template describes it')}."
        return None

    def broken_rules(self, values: Mapping[str, str]) -> Iterator[str]:
        """Return the description of every assertion that these values violate.

        Args:
            values: of parameters and pseudo parameters. A rule that depends on any other value is not applied.
        """
        for rule in self.content.get("Rules", {}).values():
            if _holds(rule.get("RuleCondition", True), values) is True:
                for assertion in rule["Assertions"]:
                    if _holds(assertion["Assert"], values) is False:
                        yield assertion["AssertDescription"]

    def functions_with_local_code(self) -> list[str]:
        """Return the logical IDs of the functions whose code is not in a bucket."""
        return [name for name, resource in self.content["Resources"].items() if _has_local_code(resource)]


def text_of(value: object) -> str:
    """Convert a scalar of a template to a string as CloudFormation does."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_within(parameter: Mapping[str, Any], value: str) -> bool:
    if parameter["Type"] == "Number":
        # Python's float also reads 7_0, " 70", nan and the digits of other scripts.
        number = float(value) if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value) else None
        return number is not None and (
            float(parameter.get("MinValue", number)) <= number <= float(parameter.get("MaxValue", number))
        )
    if not int(parameter.get("MinLength", 0)) <= len(value) <= int(parameter.get("MaxLength", len(value))):
        return False
    # CloudFormation's patterns are Java's, where \S and \w are ASCII only, and a dot matches none of these line breaks.
    if "AllowedPattern" in parameter and re.search("[\r\x85\u2028\u2029]", value):
        return False
    return re.fullmatch(parameter.get("AllowedPattern", "(?s:.*)"), value, re.ASCII) is not None


def _holds(condition: Any, values: Mapping[str, str]) -> bool | None:
    """Whether a condition of a rule holds; None if that depends on an unknown value."""
    if isinstance(condition, bool):
        return condition
    [(function, arguments)] = condition.items()
    match function:
        case "Fn::Not":
            held = _holds(arguments[0], values)
            return None if held is None else not held
        case "Fn::And" | "Fn::Or":
            decisive = function == "Fn::Or"
            results = [_holds(argument, values) for argument in arguments]
            return decisive if decisive in results else None if None in results else not decisive
        case "Fn::Equals":
            left, right = (_value(argument, values) for argument in arguments)
            return None if left is None or right is None else left == right
        case "Fn::Contains":
            options, sought = arguments
            value = _value(sought, values)
            return None if value is None else value in [_value(option, values) for option in options]
    raise ValueError(f"{function} in a rule")


def _value(operand: Any, values: Mapping[str, str]) -> str | None:
    return values.get(operand["Ref"]) if isinstance(operand, dict) else text_of(operand)


def _has_local_code(resource: Mapping[str, Any]) -> bool:
    match resource:
        case {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": dict() as code}}:
            return not {"Bucket", "Key"} <= code.keys()
        case {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": str() as address}}:
            return not address.startswith("s3://")
        case {"Type": "AWS::Lambda::Function", "Properties": {"Code": code}}:
            return not isinstance(code, dict) or not ("ZipFile" in code or {"S3Bucket", "S3Key"} <= code.keys())
    return False


class _Loader(yaml.CSafeLoader):
    """A SafeLoader that reads ``!Ref`` and ``!GetAtt a.b`` as their long forms."""


def _long_form(loader: yaml.CSafeLoader, name: str, node: yaml.Node) -> dict[str, Any]:
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
