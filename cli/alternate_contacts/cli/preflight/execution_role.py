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
STATE_MACHINE_ROLE = "CustomControlTowerStateMachineLambdaRole"
"""The role of CfCT with which its state machine assumes the execution role after every create and update, to read the
outputs of the stack (source of CfCT 2.8.4, `export_cfn_output` in state_machine_handler.py, and its template)."""
TRUSTED_PATHS = (f"service-role/{ADMINISTRATION_ROLE}", STATE_MACHINE_ROLE)

DEPLOYMENT_ACTIONS = (
    "cloudformation:CreateChangeSet",
    "cloudformation:CreateStack",
    "cloudformation:DescribeStacks",
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
"""One action for each type of resource in the package, and what CloudFormation and CfCT need."""


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
    """Check that the role exists and trusts the two roles of Control Tower and CfCT."""
    trusted = [f"arn:{partition}:iam::{account_id}:role/{path}" for path in TRUSTED_PATHS]
    new_statement = {"Effect": "Allow", "Principal": {"AWS": trusted}, "Action": "sts:AssumeRole"}
    order = "IAM accepts the command only when both roles exist, so deploy CfCT first."
    if role is None:
        return missing(
            NAME,
            f"The management account has no role {NAME}. CfCT deploys with it, and Control Tower does not create it in "
            f"this account. It must trust {' and '.join(TRUSTED_PATHS)}. {order}",
            f"aws iam create-role --role-name {NAME} --assume-role-policy-document {_document([new_statement])}",
            _attach_administrator_access(partition),
        )
    # A trust in the account includes every role of the account that may assume roles.
    account = (account_id, f"arn:{partition}:iam::{account_id}:root")
    results = [
        is_allowed(list(find_statements(role.trust_policy, "sts:AssumeRole", (arn, *account)))) for arn in trusted
    ]
    untrusted = [path for path, result in zip(TRUSTED_PATHS, results, strict=True) if result is False]
    if untrusted:
        kept = [statement for statement in _statements(role) if not _is_replaced(statement, trusted, account)]
        return missing(
            NAME,
            f"The trust policy of the role does not allow {' and '.join(untrusted)}, so the pipeline of CfCT fails. "
            f"{order}",
            f"aws iam update-assume-role-policy --role-name {NAME} --policy-document "
            f"{_document([*kept, new_statement])}",
        )
    if None in results:
        return unknown(
            NAME,
            f"The trust policy of the role has a condition. Check that it allows {' and '.join(TRUSTED_PATHS)}: CfCT "
            "deploys with these roles.",
            f"aws iam get-role --role-name {NAME}",
        )
    for scope, principals in (("every AWS account", ()), ("the whole account", account)):
        wide = find_statements(role.trust_policy, "sts:AssumeRole", principals)
        if any(statement.allows and not statement.conditional for statement in wide):
            return ok(
                NAME,
                f"Warning: the role trusts {scope}. Every principal there that may assume roles can become "
                f"administrator. CfCT only needs a trust in {' and '.join(TRUSTED_PATHS)}.",
            )
    return ok(NAME, f"The role trusts {' and '.join(TRUSTED_PATHS)}.")


def _statements(role: Role) -> list[Policy]:
    statements = role.trust_policy.get("Statement", [])
    return list(statements) if isinstance(statements, list) else [statements]


def _is_replaced(statement: Policy, trusted: Sequence[str], account: Sequence[str]) -> bool:
    """Whether a statement only allows the trusted roles, the whole account or deleted roles, and so is left out.

    IAM shows the ID of a deleted role, AROA..., and rejects it in an update.
    """
    principal = statement.get("Principal")
    names = principal.get("AWS") if isinstance(principal, dict) and len(principal) == 1 else principal
    names = names if isinstance(names, list) else [names]
    known = all(name in (*trusted, *account, "*") or str(name).startswith("AROA") for name in names)
    return known and statement.get("Effect") == "Allow" and not statement.get("Condition")


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
