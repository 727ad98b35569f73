"""Reading one permission out of a policy that is attached to a role or a bucket.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

Policy = Mapping[str, Any]


@dataclass(frozen=True)
class Grant:
    """A statement about the permission in question. What a condition makes of it, only a request can tell."""

    allows: bool
    conditional: bool
    sid: str


def grants(policy: Policy, action: str, principals: Collection[str], resource: str = "") -> Iterator[Grant]:
    """The statements of ``policy`` that let one of ``principals`` do ``action``, or deny it.

    ``resource`` is for policies that name resources; trust policies do not. A Deny for whoever comes without TLS is
    left out: AWS's own services and tools come with it.
    """
    for statement in _listed(policy.get("Statement")):
        if (
            _is_about(statement, "Action", action.lower())
            and _is_about(statement, "Resource", resource)
            and _names(statement, principals)
            and not _only_without_tls(statement)
        ):
            yield Grant(statement.get("Effect") == "Allow", bool(statement.get("Condition")), statement.get("Sid", ""))


def verdict(found: Collection[Grant]) -> bool | None:
    """Whether these grants together allow; None where that hangs on a condition."""
    if any(not grant.allows and not grant.conditional for grant in found):
        return False
    if any(not grant.allows for grant in found):
        return None
    if any(not grant.conditional for grant in found):
        return True
    return None if found else False


def _is_about(statement: Policy, element: str, value: str) -> bool:
    """Whether ``value`` is among what the statement says of Action or Resource; all is where it says nothing."""
    if f"Not{element}" in statement:
        return not _matches(statement[f"Not{element}"], element, value)
    return element not in statement or _matches(statement[element], element, value)


def _matches(patterns: object, element: str, value: str) -> bool:
    """Actions are compared without regard to case, resources with it."""
    found = [str(pattern) for pattern in _listed(patterns)]
    return any(fnmatchcase(value, pattern.lower() if element == "Action" else pattern) for pattern in found)


def _names(statement: Policy, principals: Collection[str]) -> bool:
    """NotPrincipal counts only in a Deny, where leaving us out is what would spare us."""
    if "NotPrincipal" in statement:
        return statement.get("Effect") == "Deny" and not _among(statement["NotPrincipal"], principals)
    return _among(statement.get("Principal"), principals)


def _among(principal: object, principals: Collection[str]) -> bool:
    named = _listed(principal.get("AWS")) if isinstance(principal, Mapping) else _listed(principal)
    return any(each == "*" or each in principals for each in named)


def _only_without_tls(statement: Policy) -> bool:
    condition = statement.get("Condition") or {}
    secure = {key.lower(): value for key, value in (condition.get("Bool") or {}).items()}
    return (
        set(condition) == {"Bool"}
        and set(secure) == {"aws:securetransport"}
        and ([str(each).lower() for each in _listed(secure["aws:securetransport"])] == ["false"])
    )


def _listed(value: object) -> list[Any]:
    """IAM lets a list of one be written without the list."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]
