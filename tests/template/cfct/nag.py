"""The rules of cfn_nag that fail CfCT's Build stage, for the types of resources in our templates.

CfCT scans every template under templates/ with cfn_nag 0.7.2; only rules with an F fail it
(https://github.com/stelligent/cfn_nag, lib/cfn-nag/custom_rules; cfn-model, lib/cfn-model/model/statement.rb).
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

Statement = dict[str, Any]
Properties = dict[str, Any]


def violations(template: dict[str, Any]) -> set[tuple[str, str]]:
    """Return rule and logical ID of every violation in a template, read with `Template`."""
    return {
        (rule, name)
        for name, resource in template["Resources"].items()
        for rule, is_violated in RULES
        if is_violated(resource["Type"], resource.get("Properties", {}))
    }


def _as_list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _statements(document: Any) -> list[Statement]:
    return _as_list(document.get("Statement")) if isinstance(document, dict) else []


def _allowed(document: Any) -> list[Statement]:
    """Return the statements that allow: a Deny for every principal is no violation."""
    return [statement for statement in _statements(document) if statement.get("Effect", "Allow") == "Allow"]


def _has_every_action(statement: Statement) -> bool:
    actions = _as_list(statement.get("Action"))
    return any(isinstance(action, str) and re.fullmatch(r"\*|.+:\*", action) for action in actions)


def _has_every_principal(statement: Statement) -> bool:
    principal = statement.get("Principal")
    principals = principal.values() if isinstance(principal, dict) else [principal]
    return any("*" in _as_list(entry) for entry in principals)


def _passes_any_role(statement: Statement) -> bool:
    actions = [action.lower() for action in _as_list(statement.get("Action")) if isinstance(action, str)]
    return not {"*", "iam:*", "iam:passrole"}.isdisjoint(actions) and "*" in _as_list(statement.get("Resource"))


def _role_documents(resource_type: str, properties: Properties) -> Iterator[Any]:
    """Yield the policies of a role, or of a SAM function, for which cfn_nag creates a role."""
    if resource_type in ("AWS::IAM::Role", "AWS::Serverless::Function"):
        for policy in _as_list(properties.get("Policies")):
            if isinstance(policy, dict):
                yield policy.get("PolicyDocument", policy)


def _in_role(check: Callable[[Statement], bool]) -> Callable[[str, Properties], bool]:
    return lambda resource_type, properties: any(
        check(statement) for document in _role_documents(resource_type, properties) for statement in _allowed(document)
    )


def _in_document_of(
    *types: str, check: Callable[[Statement], bool], document: str = "PolicyDocument"
) -> Callable[[str, Properties], bool]:
    return lambda resource_type, properties: (
        resource_type in types and any(check(statement) for statement in _allowed(properties.get(document)))
    )


def _has_not_principal(statement: Statement) -> bool:
    return "NotPrincipal" in statement


def _has_star_action(statement: Statement) -> bool:
    return "*" in _as_list(statement.get("Action"))


def _is(*types: str, where: Callable[[Properties], bool]) -> Callable[[str, Properties], bool]:
    return lambda resource_type, properties: resource_type in types and where(properties)


_TRUST = "AssumeRolePolicyDocument"
_QUEUE, _TOPIC, _KEY = "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy", "AWS::KMS::Key"

RULES: tuple[tuple[str, Callable[[str, Properties], bool]], ...] = (
    ("F2", _in_document_of("AWS::IAM::Role", check=_has_star_action, document=_TRUST)),
    ("F3", _in_role(_has_every_action)),
    ("F4", _in_document_of("AWS::IAM::Policy", check=_has_every_action)),
    ("F5", _in_document_of("AWS::IAM::ManagedPolicy", check=_has_every_action)),
    ("F6", _in_document_of("AWS::IAM::Role", check=_has_not_principal, document=_TRUST)),
    ("F7", _in_document_of(_QUEUE, check=_has_not_principal)),
    ("F8", _in_document_of(_TOPIC, check=_has_not_principal)),
    ("F10", _is("AWS::IAM::User", where=lambda properties: bool(properties.get("Policies")))),
    ("F11", _is("AWS::IAM::Policy", where=lambda properties: bool(properties.get("Users")))),
    ("F12", _is("AWS::IAM::ManagedPolicy", where=lambda properties: bool(properties.get("Users")))),
    ("F13", _is("AWS::Lambda::Permission", where=lambda properties: properties.get("Principal") == "*")),
    ("F18", _in_document_of(_TOPIC, check=_has_every_principal)),
    ("F19", _is(_KEY, where=lambda properties: properties.get("EnableKeyRotation") is not True)),
    ("F20", _in_document_of(_QUEUE, check=_has_every_action)),
    ("F21", _in_document_of(_QUEUE, check=_has_every_principal)),
    ("F38", _in_role(_passes_any_role)),
    ("F39", _in_document_of("AWS::IAM::Policy", check=_passes_any_role)),
    ("F40", _in_document_of("AWS::IAM::ManagedPolicy", check=_passes_any_role)),
    (
        "F45",
        _is("AWS::Lambda::Permission", where=lambda properties: isinstance(properties.get("EventSourceToken"), str)),
    ),
    ("F76", _in_document_of(_KEY, check=_has_every_principal, document="KeyPolicy")),
)
"""Every rule with an F that concerns a type of resource that our templates have or may get."""
