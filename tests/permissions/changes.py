"""The changes of a policy document: each removes or narrows one action, resource, principal or condition.

They are the same for a policy as it is deployed and as it is in the template, where an ARN is a `!GetAtt` or `!Sub`.
Therefore the name of a change has no ARN.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Statement = dict[str, Any]

UNUSED_ACTION = "sts:GetCallerIdentity"
"""AWS allows it to everyone. A policy must have a statement: one that is removed gets this action instead."""
_OTHER_ACCOUNT = "999999999999"


@dataclass(frozen=True)
class Change:
    """A change of one statement: its name, such as `without sqs:SendMessage`, and what becomes of the statement."""

    name: str
    statement: Statement


def sid(statement: Mapping[str, Any]) -> str:
    """Return the Sid of a statement; the one statement of a trust policy has none."""
    return str(statement.get("Sid", "trust"))


def changes(statement: Statement) -> Iterator[Change]:
    """Yield every change of a statement."""
    yield Change("without the statement", {**statement, "Action": UNUSED_ACTION})
    yield from _action_changes(statement)
    yield from _resource_changes(statement)
    yield from _principal_changes(statement)
    yield from _condition_changes(statement)


def _action_changes(statement: Statement) -> Iterator[Change]:
    actions = as_list(statement["Action"])
    if len(actions) > 1:
        for action in actions:
            yield Change(f"without {action}", {**statement, "Action": [each for each in actions if each != action]})
    for action in actions:
        if action.endswith(":*"):
            narrowed = f"{action.removesuffix('*')}SendMessage"
            yield Change(f"{narrowed} instead of {action}", {**statement, "Action": narrowed})


def _resource_changes(statement: Statement) -> Iterator[Change]:
    resources = as_list(statement.get("Resource", []))
    if len(resources) > 1:
        for index in range(len(resources)):
            kept = [each for other, each in enumerate(resources) if other != index]
            yield Change(f"without resource {index + 1} of {len(resources)}", {**statement, "Resource": kept})
    else:
        for _ in resources:
            yield Change("another resource", {**statement, "Resource": f"arn:aws:sqs:us-east-1:{_OTHER_ACCOUNT}:none"})


def _principal_changes(statement: Statement) -> Iterator[Change]:
    principal = statement.get("Principal")
    if principal == "*":
        yield Change("another principal", {**statement, "Principal": {"AWS": _OTHER_ACCOUNT}})
    elif principal:
        yield Change("another principal", {**statement, "Principal": {"Service": "none.amazonaws.com"}})


def _condition_changes(statement: Statement) -> Iterator[Change]:
    condition = statement.get("Condition", {})
    keys = [(operator, key) for operator, values in condition.items() for key in values]
    if len(keys) > 1:
        yield Change("without any condition", {name: each for name, each in statement.items() if name != "Condition"})
    for operator, key in keys:
        rest = {
            name: {each: value for each, value in values.items() if (name, each) != (operator, key)}
            for name, values in condition.items()
        }
        yield Change(f"without the condition {key}", _with_condition(statement, rest))
        values = as_list(condition[operator][key])
        for index, value in enumerate(values) if len(values) > 1 else ():
            shown = value if isinstance(value, str) and ":" not in value else f"value {index + 1} of {len(values)}"
            kept = [each for other, each in enumerate(values) if other != index]
            changed = {**condition, operator: {**condition[operator], key: kept}}
            yield Change(f"{key} without {shown}", _with_condition(statement, changed))
        other = {**condition, operator: {**condition[operator], key: _other_value(operator)}}
        yield Change(f"another {key}", _with_condition(statement, other))


def _with_condition(statement: Statement, condition: Mapping[str, Any]) -> Statement:
    return {**statement, "Condition": {operator: values for operator, values in condition.items() if values}}


def _other_value(operator: str) -> str:
    if operator == "Bool":
        return "true"
    return f"arn:aws:none:us-east-1:{_OTHER_ACCOUNT}:none" if operator.startswith("Arn") else _OTHER_ACCOUNT


def as_list(value: Any) -> Sequence[Any]:
    """Return a value of a policy that may be one or a list."""
    return value if isinstance(value, list) else [value]
