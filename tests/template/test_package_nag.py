"""No rule of cfn_nag that would end CfCT's build, should a team move a template under templates/."""

from typing import Any

import pytest

from control_tower.package import FORWARDER_TEMPLATE, TEMPLATE
from control_tower.template import Template
from tests.template.cfct.nag import RULES, violations

ALLOW_ALL = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
NOT_ME = {"Effect": "Allow", "NotPrincipal": {"AWS": "1"}, "Action": "x:Y"}
PASS = {"Effect": "Allow", "Action": ["iam:PassRole"], "Resource": "*"}


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"PolicyDocument": {"Statement": list(statements)}}


BAD = [
    ("F2", "AWS::IAM::Role", {"AssumeRolePolicyDocument": {"Statement": [ALLOW_ALL]}}),
    ("F3", "AWS::IAM::Role", {"Policies": [policy({"Effect": "Allow", "Action": "sqs:*"})]}),
    ("F3", "AWS::Serverless::Function", {"Policies": {"Statement": {"Effect": "Allow", "Action": ["a:B", "*"]}}}),
    ("F4", "AWS::IAM::Policy", policy({"Effect": "Allow", "Action": "logs:*"})),
    ("F5", "AWS::IAM::ManagedPolicy", policy({"Action": "*"})),
    ("F6", "AWS::IAM::Role", {"AssumeRolePolicyDocument": {"Statement": NOT_ME}}),
    ("F7", "AWS::SQS::QueuePolicy", policy(NOT_ME)),
    ("F8", "AWS::SNS::TopicPolicy", policy(NOT_ME)),
    ("F10", "AWS::IAM::User", {"Policies": [policy()]}),
    ("F11", "AWS::IAM::Policy", {**policy(), "Users": ["me"]}),
    ("F12", "AWS::IAM::ManagedPolicy", {**policy(), "Users": ["me"]}),
    ("F13", "AWS::Lambda::Permission", {"Principal": "*"}),
    ("F18", "AWS::SNS::TopicPolicy", policy({"Principal": {"AWS": ["1", "*"]}, "Action": "sns:Publish"})),
    ("F19", "AWS::KMS::Key", {"KeyPolicy": {}}),
    ("F20", "AWS::SQS::QueuePolicy", policy({"Effect": "Allow", "Principal": {"AWS": "1"}, "Action": "sqs:*"})),
    ("F21", "AWS::SQS::QueuePolicy", policy({"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage"})),
    ("F38", "AWS::IAM::Role", {"Policies": [policy(PASS)]}),
    ("F39", "AWS::IAM::Policy", policy(PASS)),
    ("F40", "AWS::IAM::ManagedPolicy", policy(PASS)),
    ("F45", "AWS::Lambda::Permission", {"EventSourceToken": "secret"}),
    ("F76", "AWS::KMS::Key", {"KeyPolicy": {"Statement": [ALLOW_ALL]}, "EnableKeyRotation": True}),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "kind", "properties"), BAD, ids=[f"{rule}-{kind}" for rule, kind, _ in BAD])
def test_a_rule_finds_what_it_is_there_to_find(rule: str, kind: str, properties: dict[str, Any]) -> None:
    assert (rule, "Bad") in violations({"Resources": {"Bad": {"Type": kind, "Properties": properties}}})


def test_every_rule_has_been_seen_to_fail() -> None:
    assert {rule for rule, _, _ in BAD} == {rule for rule, _ in RULES}


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        ("AWS::SQS::QueuePolicy", policy({**ALLOW_ALL, "Effect": "Deny", "Action": "sqs:*"})),
        ("AWS::IAM::Role", {"Policies": [policy({"Effect": "Allow", "Action": ["sqs:*Message"], "Resource": "*"})]}),
        ("AWS::IAM::Role", {"Policies": [policy({**PASS, "Resource": "arn"})], "Path": "*"}),
        ("AWS::Lambda::Permission", {"Principal": "events.amazonaws.com", "EventSourceToken": {"Ref": "Token"}}),
    ],
)
def test_a_rule_leaves_alone_what_is_right(kind: str, properties: dict[str, Any]) -> None:
    assert violations({"Resources": {"Good": {"Type": kind, "Properties": properties}}}) == set()


@pytest.mark.parametrize("path", [TEMPLATE, FORWARDER_TEMPLATE], ids=lambda path: path.name)
def test_our_templates_violate_none(path: Any) -> None:
    assert violations(Template.read(path).content) == set()
