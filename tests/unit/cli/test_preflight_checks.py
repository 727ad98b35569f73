"""The checks of the prerequisites of CfCT: each state of each check, and the commands that fix it."""

import json
import shlex
from typing import Any

import pytest

from alternate_contacts.cli.preflight import bucket, execution_role, pipeline, trail
from alternate_contacts.cli.preflight.execution_role import Role
from alternate_contacts.cli.preflight.pipeline import LandingZone
from alternate_contacts.cli.preflight.result import CheckResult, CheckState, exit_code, missing, ok, unknown
from tests.fakes.aws_command import command_violations

ACCOUNT = "111122223333"
EXECUTION = f"arn:aws:iam::{ACCOUNT}:role/AWSControlTowerExecution"
ADMINISTRATION = f"arn:aws:iam::{ACCOUNT}:role/service-role/AWSControlTowerStackSetRole"
STATE_MACHINE = f"arn:aws:iam::{ACCOUNT}:role/CustomControlTowerStateMachineLambdaRole"


def allow(principal: object, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **more}


def role_trusting(principal: object, **more: Any) -> Role:
    return Role(EXECUTION, {"Version": "2012-10-17", "Statement": [allow(principal, **more)]})


def trust(role: Role | None) -> CheckResult:
    return execution_role.check_trust(role, partition="aws", account_id=ACCOUNT)


def document(command: str) -> dict[str, Any]:
    """Return the policy in a command, as the shell passes it."""
    parsed: dict[str, Any] = json.loads(shlex.split(command)[-1])
    return parsed


# ---- AWSControlTowerExecution -------------------------------------------------------------------------------------


def test_a_role_that_trusts_both_roles_is_ok() -> None:
    for role in (
        role_trusting({"AWS": [ADMINISTRATION, STATE_MACHINE]}),
        Role(EXECUTION, {"Statement": [allow({"AWS": ADMINISTRATION}), allow({"AWS": [STATE_MACHINE]})]}),
    ):
        result = trust(role)
        assert result.state is CheckState.OK
        assert "Warning" not in result.message


@pytest.mark.parametrize(
    ("principal", "scope"),
    [
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "the whole account"),
        ({"AWS": [ACCOUNT, ADMINISTRATION]}, "the whole account"),
        ("*", "every AWS account"),
        ({"AWS": "*"}, "every AWS account"),
    ],
)
def test_a_role_that_trusts_more_is_ok_with_a_warning(principal: object, scope: str) -> None:
    result = trust(role_trusting(principal))
    assert result.state is CheckState.OK
    assert result.message.startswith(f"Warning: the role trusts {scope}. ")
    assert result.commands == ()


def test_two_commands_create_a_missing_role_with_exactly_two_trusted_roles() -> None:
    result = trust(None)
    assert result.state is CheckState.MISSING
    create, attach = result.commands
    assert create.startswith("aws iam create-role --role-name AWSControlTowerExecution ")
    [statement] = document(create)["Statement"]
    assert statement == allow({"AWS": [ADMINISTRATION, STATE_MACHINE]})
    assert trust(Role(EXECUTION, document(create))).state is CheckState.OK
    assert attach.endswith("--policy-arn arn:aws:iam::aws:policy/AdministratorAccess")


OTHER = {"AWS": "arn:aws:iam::999999999999:role/break-glass"}


@pytest.mark.parametrize(
    ("principals", "untrusted", "kept"),
    [
        ([{"AWS": ADMINISTRATION}], [STATE_MACHINE], []),
        ([{"AWS": [STATE_MACHINE]}], [ADMINISTRATION], []),
        ([{"AWS": "AROAEXAMPLEID"}], [ADMINISTRATION, STATE_MACHINE], []),  # shown after the trusted role was deleted
        ([{"AWS": ADMINISTRATION}, OTHER], [STATE_MACHINE], [OTHER]),
        ([{"Service": "cloudformation.amazonaws.com"}], [ADMINISTRATION, STATE_MACHINE], None),
        ([{"AWS": "arn:aws:iam::999999999999:root"}], [ADMINISTRATION, STATE_MACHINE], None),
        ([], [ADMINISTRATION, STATE_MACHINE], []),
    ],
)
def test_a_command_adds_both_roles_to_the_trust_policy(
    principals: list[object], untrusted: list[str], kept: list[object] | None
) -> None:
    result = trust(Role(EXECUTION, {"Statement": [allow(principal) for principal in principals]}))
    assert result.state is CheckState.MISSING
    named = [arn for arn in (ADMINISTRATION, STATE_MACHINE) if arn.partition(":role/")[2] in result.message]
    assert named == untrusted
    [update] = result.commands
    assert update.startswith("aws iam update-assume-role-policy --role-name AWSControlTowerExecution ")
    *others, added = document(update)["Statement"]
    assert added == allow({"AWS": [ADMINISTRATION, STATE_MACHINE]})
    assert others == [allow(principal) for principal in (principals if kept is None else kept)]
    assert trust(Role(EXECUTION, document(update))).state is CheckState.OK


def test_a_command_never_contains_a_trust_in_the_whole_account() -> None:
    deny = {"Effect": "Deny", "Principal": {"AWS": STATE_MACHINE}, "Action": "sts:AssumeRole"}
    for principal in ({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, {"AWS": ACCOUNT}, "*"):
        [update] = trust(Role(EXECUTION, {"Statement": [allow(principal), deny]})).commands
        assert document(update)["Statement"] == [deny, allow({"AWS": [ADMINISTRATION, STATE_MACHINE]})]


def test_a_single_statement_without_a_list_is_kept() -> None:
    [update] = trust(Role(EXECUTION, {"Statement": allow(OTHER)})).commands
    assert document(update)["Statement"][0] == allow(OTHER)


def test_a_condition_in_the_trust_policy_makes_the_result_unknown() -> None:
    condition = {"StringEquals": {"sts:ExternalId": "x"}}
    conditional = role_trusting({"AWS": [ADMINISTRATION, STATE_MACHINE]}, Condition=condition)
    assert trust(conditional).state is CheckState.UNKNOWN


def test_the_commands_use_the_partition_of_the_account() -> None:
    create, attach = execution_role.check_trust(None, partition="aws-cn", account_id=ACCOUNT).commands
    assert "arn:aws:" not in create + attach
    assert "arn:aws-cn:iam::" in create


def test_denied_actions_are_named() -> None:
    role = role_trusting("*")
    assert execution_role.check_permissions(role, []).state is CheckState.OK
    result = execution_role.check_permissions(role, ["iam:CreateRole", "sqs:CreateQueue"])
    assert result.state is CheckState.MISSING
    assert "iam:CreateRole, sqs:CreateQueue" in result.message
    assert result.commands == (
        "aws iam attach-role-policy --role-name AWSControlTowerExecution "
        "--policy-arn arn:aws:iam::aws:policy/AdministratorAccess",
    )


# ---- CfCT and the landing zone --------------------------------------------------------------------------------------


def test_cfct_must_be_in_the_home_region() -> None:
    assert pipeline.check_cfct("v2.8.4", LandingZone("eu-west-1")).state is CheckState.OK
    result = pipeline.check_cfct(None, LandingZone("eu-west-1"))
    assert result.state is CheckState.MISSING
    assert "not deployed in eu-west-1, the home region of Control Tower" in result.message


def test_a_guessed_home_region_is_not_named_as_the_home_region() -> None:
    result = pipeline.check_cfct(None, LandingZone("us-east-1", guessed=True))
    assert result.state is CheckState.UNKNOWN
    assert "--home-region" in result.message
    assert "us-east-1, the home region" not in result.message


@pytest.mark.parametrize(
    ("version", "baseline", "state"),
    [
        ("3.3", True, CheckState.OK),
        ("4.0", True, CheckState.OK),
        (None, True, CheckState.OK),
        ("3.3", False, CheckState.MISSING),
        ("4.0", False, CheckState.MISSING),
        (None, False, CheckState.MISSING),
        ("3.3", None, CheckState.OK),
        ("4.0", None, CheckState.MISSING),
        ("12.1", None, CheckState.MISSING),
        (None, None, CheckState.UNKNOWN),
    ],
)
def test_the_stack_set_decides_and_if_it_is_unknown_the_version(
    version: str | None, baseline: bool | None, state: CheckState
) -> None:
    zone = LandingZone("eu-west-1", version)
    result = pipeline.check_landing_zone(zone, baseline=baseline, main_region="us-east-1")
    assert result.state is state
    assert bool(result.commands) == (state is CheckState.MISSING)
    if state is CheckState.MISSING and version:
        assert f"landing zone {version}" in result.message


# ---- the code bucket ------------------------------------------------------------------------------------------------


def test_a_bucket_in_the_required_region_is_ok() -> None:
    assert bucket.check_region("code", "us-east-1", "us-east-1").state is CheckState.OK


@pytest.mark.parametrize(
    ("actual", "required", "command"),
    [
        (None, "us-east-1", "aws s3api create-bucket --region us-east-1 --bucket code"),
        ("eu-west-1", "us-east-1", "aws s3api create-bucket --region us-east-1 --bucket ANOTHER-NAME"),
        (
            None,
            "cn-northwest-1",
            "aws s3api create-bucket --region cn-northwest-1 --bucket code "
            "--create-bucket-configuration LocationConstraint=cn-northwest-1",
        ),
    ],
)
def test_a_command_creates_a_bucket_in_the_required_region(actual: str | None, required: str, command: str) -> None:
    result = bucket.check_region("code", actual, required)
    assert (result.state, result.commands) == (CheckState.MISSING, (command,))
    assert actual is None or actual in result.message


def readable(denied: list[str], *statements: dict[str, Any]) -> CheckResult:
    policy = {"Version": "2012-10-17", "Statement": list(statements)} if statements else None
    return bucket.check_readable("code", role_trusting("*"), denied=denied, policy=policy)


FOR_THE_ROLE = {
    "Effect": "Allow",
    "Principal": {"AWS": EXECUTION},
    "Action": "s3:GetObject",
    "Resource": "arn:aws:s3:::code/*",
}
FOR_THE_ACCOUNT = FOR_THE_ROLE | {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}
ONLY_TLS = {
    "Sid": "Tls",
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": ["arn:aws:s3:::code", "arn:aws:s3:::code/*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
CONDITIONAL_DENY = ONLY_TLS | {
    "Sid": "Conditional",
    "Condition": {"StringNotEquals": {"aws:PrincipalArn": "arn:aws:iam::999999999999:root"}},
}
DENY = {key: value for key, value in ONLY_TLS.items() if key not in ("Condition", "Sid")}


@pytest.mark.parametrize(
    ("denied", "statements", "state"),
    [
        ([], [], CheckState.OK),
        ([], [ONLY_TLS], CheckState.OK),
        (["s3:GetObject"], [], CheckState.MISSING),
        (["s3:GetObject"], [FOR_THE_ROLE, ONLY_TLS], CheckState.OK),
        (["s3:GetObject"], [FOR_THE_ACCOUNT], CheckState.MISSING),
        ([], [CONDITIONAL_DENY], CheckState.UNKNOWN),
        (["s3:GetObject"], [FOR_THE_ROLE, CONDITIONAL_DENY], CheckState.UNKNOWN),
        ([], [FOR_THE_ROLE, DENY], CheckState.MISSING),
    ],
)
def test_iam_or_the_bucket_policy_may_allow_the_role(
    denied: list[str], statements: list[dict[str, Any]], state: CheckState
) -> None:
    assert readable(denied, *statements).state is state


def test_a_denying_statement_is_named_and_the_command_shows_it() -> None:
    assert "statement Conditional of the policy of code" in readable([], CONDITIONAL_DENY).message
    assert "statement without a Sid of the policy of code" in readable([], DENY).message


def test_the_command_allows_the_role_to_read() -> None:
    assert readable(["s3:GetObject"]).commands == (
        "aws iam attach-role-policy --role-name AWSControlTowerExecution "
        "--policy-arn arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess",
    )


# ---- the commands ---------------------------------------------------------------------------------------------------


RESULTS = [
    trust(None),
    trust(role_trusting({"AWS": "999999999999"})),
    execution_role.check_permissions(role_trusting("*"), ["iam:CreateRole"]),
    bucket.check_region("code", None, "us-east-1"),
    bucket.check_region("code", None, "cn-northwest-1"),
    readable(["s3:GetObject"]),
    readable([], CONDITIONAL_DENY),
    readable([], DENY),
    trust(role_trusting({"AWS": ADMINISTRATION}, Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}})),
    trail.check_trails([], "us-east-1"),
    trail.check_trails([trail.Trail("main", "us-east-1", basic=[{}])], "us-east-1"),
]


@pytest.mark.parametrize("command", [command for result in RESULTS for command in result.commands])
def test_a_command_exists_and_takes_its_options(command: str) -> None:
    assert command_violations(command) == []


# ---- the exit code --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([], 0),
        ([ok("a"), ok("b")], 0),
        ([ok("a"), unknown("b", "why")], 2),
        ([unknown("a", "why"), missing("b", "why"), ok("c")], 1),
    ],
)
def test_missing_has_precedence_over_unknown(results: list[CheckResult], code: int) -> None:
    assert exit_code(results) == code
