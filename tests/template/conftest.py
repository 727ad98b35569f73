"""The template as data: a short form such as ``!Ref x`` becomes ``{"Ref": "x"}``."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cfnlint.decode.cfn_yaml import load

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


def statements(resources: Resources, role: str) -> Iterator[dict[str, Any]]:
    """Yield the statements of the inline policies of a role, those under a condition too."""
    for policy in resources[role]["Properties"]["Policies"]:
        _, policy, _ = policy.get("Fn::If", (None, policy, None))
        yield from policy["PolicyDocument"]["Statement"]
