"""The role with which the StackSets of CfCT deploy to an account.

Control Tower creates it in the accounts that it manages, but not in the management account, where this package is
deployed: https://docs.aws.amazon.com/controltower/latest/userguide/cfct-root-ou.html
"""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from alternate_contacts.cli.preflight.policy import Policy, find_statements, is_allowed
from alternate_contacts.cli.preflight.result import CheckResult, missing, ok, unknown

NAME = "AWSControlTowerExecution"
PERMISSIONS = f"{NAME} may deploy"
ADMINISTRATION_ROLE = "AWSControlTowerStackSetRole"
"""The role of Control Tower with which StackSets assume the execution role."""

DEPLOYMENT_ACTIONS = (
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
"""One action for each type of resource in the package."""


@dataclass(frozen=True)
class Role:
    arn: str
    trust_policy: Policy

    @property
    def name(self) -> str:
        return self.arn.rpartition("/")[2]

    @property
    def account_id(self) -> str:
        return self.arn.split(":")[4]

    @property
    def partition(self) -> str:
        return self.arn.split(":")[1]


def check_trust(role: Role | None, *, partition: str, account_id: str) -> CheckResult:
    """Check that the role exists and trusts the StackSets of Control Tower."""
    administration = f"arn:{partition}:iam::{account_id}:role/service-role/{ADMINISTRATION_ROLE}"
    new_statement = {"Effect": "Allow", "Principal": {"AWS": administration}, "Action": "sts:AssumeRole"}
    if role is None:
        return missing(
            NAME,
            f"The management account has no role {NAME}. CfCT deploys with it, and Control Tower does not create it in "
            "this account.",
            f"aws iam create-role --role-name {NAME} --assume-role-policy-document {_document([new_statement])}",
            _attach_administrator_access(partition),
        )
    # A trust in the account includes every role of the account that may assume roles.
    principals = (administration, account_id, f"arn:{partition}:iam::{account_id}:root")
    trusted = is_allowed(list(find_statements(role.trust_policy, "sts:AssumeRole", principals)))
    if trusted:
        return ok(NAME, f"The role trusts {ADMINISTRATION_ROLE}.")
    if trusted is None:
        return unknown(
            NAME,
            f"The trust policy of the role has a condition. Check that it allows {ADMINISTRATION_ROLE}: CfCT deploys "
            "with both roles.",
            f"aws iam get-role --role-name {NAME}",
        )
    statements = role.trust_policy.get("Statement", [])
    kept = statements if isinstance(statements, list) else [statements]
    return missing(
        NAME,
        f"The trust policy of the role does not allow {ADMINISTRATION_ROLE}, so CfCT cannot deploy to this account.",
        f"aws iam update-assume-role-policy --role-name {NAME} --policy-document {_document([*kept, new_statement])}",
    )


def check_permissions(role: Role, denied: Sequence[str]) -> CheckResult:
    """Check the permissions; ``denied``: the actions of ``DEPLOYMENT_ACTIONS`` that IAM does not allow the role."""
    if not denied:
        return ok(PERMISSIONS)
    return missing(
        PERMISSIONS,
        f"The role has no permission for {', '.join(denied)}, which the deployment needs. In other accounts Control "
        "Tower attaches AdministratorAccess to it.",
        _attach_administrator_access(role.partition),
    )


def _attach_administrator_access(partition: str) -> str:
    policy = f"arn:{partition}:iam::aws:policy/AdministratorAccess"
    return f"aws iam attach-role-policy --role-name {NAME} --policy-arn {policy}"


def _document(statements: Sequence[Policy]) -> str:
    return shlex.quote(json.dumps({"Version": "2012-10-17", "Statement": statements}))
