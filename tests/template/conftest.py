"""The template as data: a short form such as ``!Ref x`` becomes ``{"Ref": "x"}``."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from cfnlint.decode.cfn_yaml import load

from tests.profiles import load_profile

load_profile()

ROOT = Path(__file__).parents[2]

Resources = dict[str, Any]


@pytest.fixture(scope="session")
def template() -> dict[str, Any]:
    """template.yaml, parsed."""
    content: dict[str, Any] = load(str(ROOT / "template.yaml"))
    return content


@pytest.fixture(scope="session")
def resources(template: dict[str, Any]) -> Resources:
    """The resources of template.yaml by logical ID."""
    by_id: Resources = template["Resources"]
    return by_id


def of_type(resources: Resources, resource_type: str) -> dict[str, Any]:
    """Return the properties of the resources of a type by logical ID."""
    return {name: each["Properties"] for name, each in resources.items() if each["Type"] == resource_type}


def arn(logical_id: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [logical_id, "Arn"]}


def environment(resources: Resources, function: str) -> dict[str, Any]:
    """Return the environment variables of a function."""
    variables: dict[str, Any] = resources[function]["Properties"]["Environment"]["Variables"]
    return variables


def actions(statement: dict[str, Any]) -> set[str]:
    action = statement["Action"]
    return {action} if isinstance(action, str) else set(action)


NO_VALUE = {"Ref": "AWS::NoValue"}
ALL_CONDITIONS = {
    "Enforces": True,
    "ManagesBilling": True,
    "ManagesOperations": True,
    "ManagesSecurity": True,
    "HasKmsKey": True,
    "HasContactsPath": True,
}
"""The conditions of permissions and encryption."""


def resolve(value: Any, conditions: Mapping[str, bool]) -> Any:
    """Return a part of the template as CloudFormation sees it under these conditions."""
    if isinstance(value, list):
        return [resolve(each, conditions) for each in value if resolve(each, conditions) != NO_VALUE]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"Fn::If"}:
        condition, if_true, if_false = value["Fn::If"]
        return resolve(if_true if conditions[condition] else if_false, conditions)
    resolved = {key: resolve(each, conditions) for key, each in value.items()}
    return {key: each for key, each in resolved.items() if each != NO_VALUE}


def statements(
    resources: Resources, role: str, conditions: Mapping[str, bool] = ALL_CONDITIONS
) -> Iterator[dict[str, Any]]:
    """Yield the statements of the policies of a role, inline or not, under these conditions."""
    properties = resolve(resources[role]["Properties"], conditions)
    for policy in properties["Policies"]:
        yield from policy["PolicyDocument"]["Statement"]
    for policy in properties.get("ManagedPolicyArns", []):
        yield from resources[policy["Ref"]]["Properties"]["PolicyDocument"]["Statement"]
