"""Finds out whether a trust policy or a bucket policy allows an action.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

Policy = Mapping[str, Any]


@dataclass(frozen=True)
class Statement:
    """A statement that matches an action. Only a request can evaluate the condition of a ``conditional`` one."""

    allows: bool
    conditional: bool
    sid: str


def find_statements(
    policy: Policy, action: str, principals: Collection[str], resource: str = ""
) -> Iterator[Statement]:
    """Yield the statements that allow or deny one of ``principals`` the ``action``.

    ``resource`` is for policies that name resources; trust policies do not. A Deny for requests without TLS does not
    count, because AWS services and tools use TLS.
    """
    for statement in _as_list(policy.get("Statement")):
        if (
            _covers(statement, "Action", action.lower())
            and _covers(statement, "Resource", resource)
            and _names(statement, principals)
            and not _denies_only_without_tls(statement)
        ):
            allows = statement.get("Effect") == "Allow"
            yield Statement(allows, bool(statement.get("Condition")), statement.get("Sid", ""))


def is_allowed(statements: Collection[Statement]) -> bool | None:
    """Return whether these statements together allow the action; None if that depends on a condition."""
    if any(not statement.allows and not statement.conditional for statement in statements):
        return False
    if any(not statement.allows for statement in statements):
        return None
    if any(not statement.conditional for statement in statements):
        return True
    return None if statements else False


def _covers(statement: Policy, element: str, value: str) -> bool:
    """Return whether the Action or Resource of a statement covers ``value``; without the element, it covers all."""
    if f"Not{element}" in statement:
        return not _matches(statement[f"Not{element}"], element, value)
    return element not in statement or _matches(statement[element], element, value)


def _matches(patterns: object, element: str, value: str) -> bool:
    """Return whether a pattern matches. The case of actions does not count, the case of resources does."""
    texts = [str(pattern) for pattern in _as_list(patterns)]
    return any(fnmatchcase(value, text.lower() if element == "Action" else text) for text in texts)


def _names(statement: Policy, principals: Collection[str]) -> bool:
    """Return whether a statement applies to one of the principals. NotPrincipal counts only in a Deny."""
    if "NotPrincipal" in statement:
        return statement.get("Effect") == "Deny" and not _includes(statement["NotPrincipal"], principals)
    return _includes(statement.get("Principal"), principals)


def _includes(element: object, principals: Collection[str]) -> bool:
    names = _as_list(element.get("AWS")) if isinstance(element, Mapping) else _as_list(element)
    return any(name == "*" or name in principals for name in names)


def _denies_only_without_tls(statement: Policy) -> bool:
    condition = statement.get("Condition") or {}
    keys = {key.lower(): value for key, value in (condition.get("Bool") or {}).items()}
    return (
        set(condition) == {"Bool"}
        and set(keys) == {"aws:securetransport"}
        and [str(value).lower() for value in _as_list(keys["aws:securetransport"])] == ["false"]
    )


def _as_list(value: object) -> list[Any]:
    """Return a list. IAM accepts a single value in its place."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]
