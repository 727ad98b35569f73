"""The pure checks of CfCT's prerequisites: each in each state, and the command that mends it."""

import json
import shlex
from typing import Any

import pytest

from alternate_contacts.cli.preflight import bucket, execution_role, pipeline, trail
from alternate_contacts.cli.preflight.execution_role import Role
from alternate_contacts.cli.preflight.finding import CheckResult, CheckState, exit_code, missing, ok, unknown
from alternate_contacts.cli.preflight.pipeline import LandingZone
from tests.fakes.aws_command import command_violations

ACCOUNT = "111122223333"
EXECUTION = f"arn:aws:iam::{ACCOUNT}:role/AWSControlTowerExecution"
ADMINISTRATION = f"arn:aws:iam::{ACCOUNT}:role/service-role/AWSControlTowerStackSetRole"


def trusting(principal: object, **more: Any) -> Role:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **more}
    return Role(EXECUTION, {"Version": "2012-10-17", "Statement": [statement]})


def trust(role: Role | None) -> CheckResult:
    return execution_role.check_trust(role, partition="aws", account_id=ACCOUNT)


def document(command: str) -> dict[str, Any]:
    """The policy that a command line carries, as the shell would hand it over."""
    parsed: dict[str, Any] = json.loads(shlex.split(command)[-1])
    return parsed


# ---- AWSControlTowerExecution -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "principal", [{"AWS": ADMINISTRATION}, {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, {"AWS": [ACCOUNT]}, "*"]
)
def test_a_role_that_lets_control_towers_stack_sets_in_is_ok(principal: object) -> None:
    assert trust(trusting(principal)).state is CheckState.OK


def test_a_role_that_is_not_there_is_made_by_two_commands() -> None:
    finding = trust(None)
    assert finding.state is CheckState.MISSING
    create, attach = finding.commands
    assert create.startswith("aws iam create-role --role-name AWSControlTowerExecution ")
    assert trust(Role(EXECUTION, document(create))).state is CheckState.OK
    assert attach.endswith("--policy-arn arn:aws:iam::aws:policy/AdministratorAccess")


@pytest.mark.parametrize(
    "role",
    [
        trusting({"AWS": "arn:aws:iam::999999999999:root"}),
        trusting({"AWS": "AROAEXAMPLEID"}),  # what IAM shows where the trusted role was deleted
        trusting({"Service": "cloudformation.amazonaws.com"}),
        Role(EXECUTION, {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"AWS": ["x"]}}}),
    ],
)
def test_a_role_that_trusts_somebody_else_gets_one_more_statement_and_keeps_the_others(role: Role) -> None:
    finding = trust(role)
    assert finding.state is CheckState.MISSING
    [update] = finding.commands
    assert update.startswith("aws iam update-assume-role-policy --role-name AWSControlTowerExecution ")
    kept = role.trust["Statement"]
    assert document(update)["Statement"][:-1] == (kept if isinstance(kept, list) else [kept])


def test_trusting_under_a_condition_is_left_to_aws() -> None:
    conditional = trusting({"AWS": ADMINISTRATION}, Condition={"StringEquals": {"sts:ExternalId": "x"}})
    assert trust(conditional).state is CheckState.UNKNOWN


def test_in_china_the_arns_are_chinas() -> None:
    create, attach = execution_role.check_trust(None, partition="aws-cn", account_id=ACCOUNT).commands
    assert "arn:aws:" not in create + attach
    assert "arn:aws-cn:iam::" in create


def test_a_role_that_may_not_deploy_is_told_with_what() -> None:
    role = trusting("*")
    assert execution_role.check_permissions(role, []).state is CheckState.OK
    finding = execution_role.check_permissions(role, ["iam:CreateRole", "sqs:CreateQueue"])
    assert finding.state is CheckState.MISSING
    assert "iam:CreateRole, sqs:CreateQueue" in finding.sentence
    assert finding.commands == (
        "aws iam attach-role-policy --role-name AWSControlTowerExecution "
        "--policy-arn arn:aws:iam::aws:policy/AdministratorAccess",
    )


# ---- CfCT and the landing zone --------------------------------------------------------------------------------------


def test_cfct_is_looked_for_in_the_home_region() -> None:
    assert pipeline.check("v2.8.4", "eu-west-1") == ok("CfCT in the home region", "Its version is v2.8.4.")
    finding = pipeline.check(None, "eu-west-1")
    assert finding.state is CheckState.MISSING
    assert "eu-west-1" in finding.sentence


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
def test_the_stack_set_decides_and_without_it_the_version(
    version: str | None, baseline: bool | None, state: CheckState
) -> None:
    zone = LandingZone("eu-west-1", version)
    finding = pipeline.check_landing_zone(zone, baseline=baseline, main_region="us-east-1")
    assert finding.state is state
    assert bool(finding.commands) == (state is CheckState.MISSING)
    if state is CheckState.MISSING and version:
        assert f"landing zone {version}" in finding.sentence


# ---- the code bucket ------------------------------------------------------------------------------------------------


def test_a_bucket_in_the_right_region() -> None:
    assert bucket.check_region("code", "us-east-1", "us-east-1").state is CheckState.OK


@pytest.mark.parametrize(
    ("found", "wanted", "command"),
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
def test_a_bucket_that_is_not_there(found: str | None, wanted: str, command: str) -> None:
    finding = bucket.check_region("code", found, wanted)
    assert (finding.state, finding.commands) == (CheckState.MISSING, (command,))
    assert found is None or found in finding.sentence


def reading(refused: list[str], *statements: dict[str, Any]) -> CheckResult:
    policy = {"Version": "2012-10-17", "Statement": list(statements)} if statements else None
    return bucket.check_reading("code", trusting("*"), refused=refused, policy=policy)


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
ONLY_US = ONLY_TLS | {"Sid": "OnlyUs", "Condition": {"StringNotEquals": {"aws:PrincipalArn": "arn:of:somebody"}}}
NOBODY = {key: value for key, value in ONLY_TLS.items() if key not in ("Condition", "Sid")}


@pytest.mark.parametrize(
    ("refused", "statements", "state"),
    [
        ([], [], CheckState.OK),
        ([], [ONLY_TLS], CheckState.OK),
        (["s3:GetObject"], [], CheckState.MISSING),
        (["s3:GetObject"], [FOR_THE_ROLE, ONLY_TLS], CheckState.OK),
        (["s3:GetObject"], [FOR_THE_ACCOUNT], CheckState.MISSING),
        ([], [ONLY_US], CheckState.UNKNOWN),
        (["s3:GetObject"], [FOR_THE_ROLE, ONLY_US], CheckState.UNKNOWN),
        ([], [FOR_THE_ROLE, NOBODY], CheckState.MISSING),
    ],
)
def test_the_role_reads_by_iam_or_by_the_buckets_policy(
    refused: list[str], statements: list[dict[str, Any]], state: CheckState
) -> None:
    assert reading(refused, *statements).state is state


def test_a_statement_in_the_way_is_named() -> None:
    assert "statement OnlyUs of the policy of code" in reading([], ONLY_US).sentence
    assert "statement without a Sid of the policy of code" in reading([], NOBODY).sentence


def test_a_role_without_permission_gets_one() -> None:
    assert reading(["s3:GetObject"]).commands == (
        "aws iam attach-role-policy --role-name AWSControlTowerExecution "
        "--policy-arn arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess",
    )


# ---- what is printed ------------------------------------------------------------------------------------------------


PRINTED = [
    trust(None),
    trust(trusting({"AWS": "999999999999"})),
    execution_role.check_permissions(trusting("*"), ["iam:CreateRole"]),
    bucket.check_region("code", None, "us-east-1"),
    bucket.check_region("code", None, "cn-northwest-1"),
    reading(["s3:GetObject"]),
    trail.check([], "us-east-1"),
    trail.check([trail.Trail("main", "us-east-1", basic=[{}])], "us-east-1"),
]


@pytest.mark.parametrize("command", [command for finding in PRINTED for command in finding.commands])
def test_a_command_that_is_printed_exists_and_takes_its_options(command: str) -> None:
    assert command_violations(command) == []


def test_a_command_in_a_sentence_too() -> None:
    for finding in (reading([], ONLY_US), reading([], NOBODY)):
        [command] = [
            part.removesuffix(" shows it.") for part in finding.sentence.split(": ") if part.startswith("aws ")
        ]
        assert command_violations(command) == []


# ---- the exit code --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("findings", "code"),
    [
        ([], 0),
        ([ok("a"), ok("b")], 0),
        ([ok("a"), unknown("b", "why")], 2),
        ([unknown("a", "why"), missing("b", "why"), ok("c")], 1),
    ],
)
def test_missing_counts_more_than_unknown(findings: list[CheckResult], code: int) -> None:
    assert exit_code(findings) == code
