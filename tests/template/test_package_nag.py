"""Our templates violate no rule of cfn_nag that would fail CfCT's Build stage if they were under templates/."""

from typing import Any

import pytest

from control_tower.configuration import FORWARDER_TEMPLATE, TEMPLATE
from control_tower.template import Template
from tests.template.cfct.nag import RULES, violations

ALLOW_ALL = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
NOT_PRINCIPAL = {"Effect": "Allow", "NotPrincipal": {"AWS": "1"}, "Action": "x:Y"}
PASS_ROLE = {"Effect": "Allow", "Action": ["iam:PassRole"], "Resource": "*"}


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"PolicyDocument": {"Statement": list(statements)}}


BAD = [
    ("F2", "AWS::IAM::Role", {"AssumeRolePolicyDocument": {"Statement": [ALLOW_ALL]}}),
    ("F3", "AWS::IAM::Role", {"Policies": [policy({"Effect": "Allow", "Action": "sqs:*"})]}),
    ("F3", "AWS::Serverless::Function", {"Policies": {"Statement": {"Effect": "Allow", "Action": ["a:B", "*"]}}}),
    ("F4", "AWS::IAM::Policy", policy({"Effect": "Allow", "Action": "logs:*"})),
    ("F5", "AWS::IAM::ManagedPolicy", policy({"Action": "*"})),
    ("F6", "AWS::IAM::Role", {"AssumeRolePolicyDocument": {"Statement": NOT_PRINCIPAL}}),
    ("F7", "AWS::SQS::QueuePolicy", policy(NOT_PRINCIPAL)),
    ("F8", "AWS::SNS::TopicPolicy", policy(NOT_PRINCIPAL)),
    ("F10", "AWS::IAM::User", {"Policies": [policy()]}),
    ("F11", "AWS::IAM::Policy", {**policy(), "Users": ["me"]}),
    ("F12", "AWS::IAM::ManagedPolicy", {**policy(), "Users": ["me"]}),
    ("F13", "AWS::Lambda::Permission", {"Principal": "*"}),
    ("F18", "AWS::SNS::TopicPolicy", policy({"Principal": {"AWS": ["1", "*"]}, "Action": "sns:Publish"})),
    ("F19", "AWS::KMS::Key", {"KeyPolicy": {}}),
    ("F20", "AWS::SQS::QueuePolicy", policy({"Effect": "Allow", "Principal": {"AWS": "1"}, "Action": "sqs:*"})),
    ("F21", "AWS::SQS::QueuePolicy", policy({"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage"})),
    ("F38", "AWS::IAM::Role", {"Policies": [policy(PASS_ROLE)]}),
    ("F39", "AWS::IAM::Policy", policy(PASS_ROLE)),
    ("F40", "AWS::IAM::ManagedPolicy", policy(PASS_ROLE)),
    ("F45", "AWS::Lambda::Permission", {"EventSourceToken": "secret"}),
    ("F76", "AWS::KMS::Key", {"KeyPolicy": {"Statement": [ALLOW_ALL]}, "EnableKeyRotation": True}),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "resource_type", "properties"), BAD, ids=[f"{rule}-{name}" for rule, name, _ in BAD])
def test_a_rule_finds_a_violation(rule: str, resource_type: str, properties: dict[str, Any]) -> None:
    assert (rule, "Bad") in violations({"Resources": {"Bad": {"Type": resource_type, "Properties": properties}}})


def test_every_rule_is_tested() -> None:
    assert {rule for rule, _, _ in BAD} == {rule for rule, _ in RULES}


@pytest.mark.parametrize(
    ("resource_type", "properties"),
    [
        ("AWS::SQS::QueuePolicy", policy({**ALLOW_ALL, "Effect": "Deny", "Action": "sqs:*"})),
        ("AWS::IAM::Role", {"Policies": [policy({"Effect": "Allow", "Action": ["sqs:*Message"], "Resource": "*"})]}),
        ("AWS::IAM::Role", {"Policies": [policy({**PASS_ROLE, "Resource": "arn"})], "Path": "*"}),
        ("AWS::Lambda::Permission", {"Principal": "events.amazonaws.com", "EventSourceToken": {"Ref": "Token"}}),
    ],
)
def test_a_rule_accepts_a_valid_resource(resource_type: str, properties: dict[str, Any]) -> None:
    assert violations({"Resources": {"Good": {"Type": resource_type, "Properties": properties}}}) == set()


@pytest.mark.parametrize("path", [TEMPLATE, FORWARDER_TEMPLATE], ids=lambda path: path.name)
def test_our_templates_violate_no_rule(path: Any) -> None:
    assert violations(Template.read(path).content) == set()
