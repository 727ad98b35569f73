"""The rules of cfn_nag whose violation ends CfCT's build, for what our templates consist of.

CfCT scans every template under templates/ with cfn_nag 0.7.2; only rules with an F count
(https://github.com/stelligent/cfn_nag, lib/cfn-nag/custom_rules; cfn-model, lib/cfn-model/model/statement.rb).
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

Statement = dict[str, Any]
Properties = dict[str, Any]


def violations(template: dict[str, Any]) -> set[tuple[str, str]]:
    """Rule and logical id of every violation in a template with its short forms written out."""
    return {
        (rule, name)
        for name, resource in template["Resources"].items()
        for rule, found in RULES
        if found(resource["Type"], resource.get("Properties", {}))
    }


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _statements(document: Any) -> list[Statement]:
    return _listed(document.get("Statement")) if isinstance(document, dict) else []


def _allowed(document: Any) -> list[Statement]:
    """Only what allows counts: a Deny for everybody is no violation."""
    return [each for each in _statements(document) if each.get("Effect", "Allow") == "Allow"]


def _every_action(statement: Statement) -> bool:
    return any(isinstance(each, str) and re.fullmatch(r"\*|.+:\*", each) for each in _listed(statement.get("Action")))


def _everybody(statement: Statement) -> bool:
    principal = statement.get("Principal")
    named = principal.values() if isinstance(principal, dict) else [principal]
    return any("*" in _listed(each) for each in named)


def _passes_any_role(statement: Statement) -> bool:
    actions = [each for each in _listed(statement.get("Action")) if isinstance(each, str)]
    passes = any(each.lower() in ("*", "iam:*", "iam:passrole") for each in actions)
    return passes and "*" in _listed(statement.get("Resource"))


def _role_documents(kind: str, properties: Properties) -> Iterator[Any]:
    """The policies of a role, written out or, as cfn_nag expands SAM, in the function that gets one."""
    if kind in ("AWS::IAM::Role", "AWS::Serverless::Function"):
        for policy in _listed(properties.get("Policies")):
            if isinstance(policy, dict):
                yield policy.get("PolicyDocument", policy)


def _in_role(check: Callable[[Statement], bool]) -> Callable[[str, Properties], bool]:
    return lambda kind, properties: any(
        check(each) for document in _role_documents(kind, properties) for each in _allowed(document)
    )


def _in_document_of(
    *kinds: str, check: Callable[[Statement], bool], document: str = "PolicyDocument"
) -> Callable[[str, Properties], bool]:
    return lambda kind, properties: kind in kinds and any(check(each) for each in _allowed(properties.get(document)))


def _not_principal(statement: Statement) -> bool:
    return "NotPrincipal" in statement


def _star_action(statement: Statement) -> bool:
    return "*" in _listed(statement.get("Action"))


def _is(*kinds: str, where: Callable[[Properties], bool]) -> Callable[[str, Properties], bool]:
    return lambda kind, properties: kind in kinds and where(properties)


_TRUST = "AssumeRolePolicyDocument"
_QUEUE, _TOPIC, _KEY = "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy", "AWS::KMS::Key"

RULES: tuple[tuple[str, Callable[[str, Properties], bool]], ...] = (
    ("F2", _in_document_of("AWS::IAM::Role", check=_star_action, document=_TRUST)),
    ("F3", _in_role(_every_action)),
    ("F4", _in_document_of("AWS::IAM::Policy", check=_every_action)),
    ("F5", _in_document_of("AWS::IAM::ManagedPolicy", check=_every_action)),
    ("F6", _in_document_of("AWS::IAM::Role", check=_not_principal, document=_TRUST)),
    ("F7", _in_document_of(_QUEUE, check=_not_principal)),
    ("F8", _in_document_of(_TOPIC, check=_not_principal)),
    ("F10", _is("AWS::IAM::User", where=lambda properties: bool(properties.get("Policies")))),
    ("F11", _is("AWS::IAM::Policy", where=lambda properties: bool(properties.get("Users")))),
    ("F12", _is("AWS::IAM::ManagedPolicy", where=lambda properties: bool(properties.get("Users")))),
    ("F13", _is("AWS::Lambda::Permission", where=lambda properties: properties.get("Principal") == "*")),
    ("F18", _in_document_of(_TOPIC, check=_everybody)),
    ("F19", _is(_KEY, where=lambda properties: properties.get("EnableKeyRotation") is not True)),
    ("F20", _in_document_of(_QUEUE, check=_every_action)),
    ("F21", _in_document_of(_QUEUE, check=_everybody)),
    ("F38", _in_role(_passes_any_role)),
    ("F39", _in_document_of("AWS::IAM::Policy", check=_passes_any_role)),
    ("F40", _in_document_of("AWS::IAM::ManagedPolicy", check=_passes_any_role)),
    (
        "F45",
        _is("AWS::Lambda::Permission", where=lambda properties: isinstance(properties.get("EventSourceToken"), str)),
    ),
    ("F76", _in_document_of(_KEY, check=_everybody, document="KeyPolicy")),
)
"""Every rule with an F that concerns a type of resource that our templates have, or are likely to get."""
