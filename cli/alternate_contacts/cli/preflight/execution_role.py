"""The role with which CfCT's StackSets deploy into an account.

Control Tower creates it in the accounts that it manages, never in the management account, where this package belongs:
https://docs.aws.amazon.com/controltower/latest/userguide/cfct-root-ou.html
"""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from alternate_contacts.cli.preflight.finding import CheckResult, missing, ok, unknown
from alternate_contacts.cli.preflight.policy import Policy, grants, verdict

NAME = "AWSControlTowerExecution"
PERMISSIONS = f"{NAME} may deploy"
ADMINISTRATION_ROLE = "AWSControlTowerStackSetRole"
"""Control Tower's own, with which StackSets assume the other."""

DEPLOYING = (
    "cloudformation:CreateChangeSet",
    "cloudformation:CreateStack",
    "cloudwatch:PutDashboard",
    "cloudwatch:PutMetricAlarm",
    "events:PutRule",
    "iam:CreateRole",
    "iam:PassRole",
    "lambda:CreateFunction",
    "logs:CreateLogGroup",
    "scheduler:CreateSchedule",
    "sns:CreateTopic",
    "sqs:CreateQueue",
)
"""One action of each kind that deploying the package takes."""


@dataclass(frozen=True)
class Role:
    arn: str
    trust: Policy

    @property
    def account_id(self) -> str:
        return self.arn.split(":")[4]

    @property
    def partition(self) -> str:
        return self.arn.split(":")[1]


def check_trust(role: Role | None, *, partition: str, account_id: str) -> CheckResult:
    """Whether the role is there, and lets Control Tower's StackSets in."""
    administration = f"arn:{partition}:iam::{account_id}:role/service-role/{ADMINISTRATION_ROLE}"
    statement = {"Effect": "Allow", "Principal": {"AWS": administration}, "Action": "sts:AssumeRole"}
    if role is None:
        return missing(
            NAME,
            f"The management account has no role {NAME}: CfCT deploys with it, and Control Tower does not create it "
            "there.",
            f"aws iam create-role --role-name {NAME} --assume-role-policy-document {_document([statement])}",
            _attach(partition),
        )
    trusted = verdict(list(grants(role.trust, "sts:AssumeRole", (administration, *_account(partition, account_id)))))
    if trusted:
        return ok(NAME, f"It trusts {ADMINISTRATION_ROLE}.")
    if trusted is None:
        return unknown(
            NAME,
            f"Whether its trust policy lets {ADMINISTRATION_ROLE} in depends on a condition, which only AWS can judge: "
            f"aws iam get-role --role-name {NAME} shows it.",
        )
    statements = role.trust.get("Statement", [])
    kept = statements if isinstance(statements, list) else [statements]
    return missing(
        NAME,
        f"Its trust policy does not let {ADMINISTRATION_ROLE} in, so CfCT cannot deploy to this account.",
        f"aws iam update-assume-role-policy --role-name {NAME} --policy-document {_document([*kept, statement])}",
    )


def check_permissions(role: Role, refused: Sequence[str]) -> CheckResult:
    """``refused``: those of ``DEPLOYING`` that IAM says the role may not do."""
    if not refused:
        return ok(PERMISSIONS)
    return missing(
        PERMISSIONS,
        f"It may not {', '.join(refused)}: elsewhere Control Tower gives this role AdministratorAccess.",
        _attach(role.partition),
    )


def _account(partition: str, account_id: str) -> tuple[str, str]:
    """The account itself, in both spellings: it lets in every role of it that may assume roles, as that one may."""
    return account_id, f"arn:{partition}:iam::{account_id}:root"


def _attach(partition: str) -> str:
    policy = f"arn:{partition}:iam::aws:policy/AdministratorAccess"
    return f"aws iam attach-role-policy --role-name {NAME} --policy-arn {policy}"


def _document(statements: Sequence[Policy]) -> str:
    return shlex.quote(json.dumps({"Version": "2012-10-17", "Statement": statements}))
