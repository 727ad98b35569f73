"""`preflight` on the emulation before a deployment, with the permissions that it needs and no others.

The emulation has neither Control Tower nor StackSets. Unit tests cover their checks; these tests cover that the
preflight works without them.
"""

import json
import shlex
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner, Result

from alternate_contacts.cli.main import app
from emulation.organization import Emulation
from tests.emulated.caller import use_role, use_root_user
from tools.preflight_permissions import STATEMENTS

Run = Callable[..., Result]

ORGANIZATION = ["region", "management account", "all features", "trusted access", "a contact can be read"]
ADMINISTRATION = "service-role/AWSControlTowerStackSetRole"


@pytest.fixture
def environment(emulation: Emulation, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of the root user of the management account."""
    use_root_user(emulation, monkeypatch)


@pytest.fixture
def run(emulation: Emulation, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command with a role that has these statements; None: those in tools/preflight_permissions.py."""
    request.getfixturevalue("environment")

    def run(*arguments: str, statements: list[dict[str, Any]] | None = None, region: str | None = None) -> Result:
        use_role(emulation, monkeypatch, STATEMENTS if statements is None else statements)
        return CliRunner().invoke(app, [*(["--region", region] if region else []), "preflight", *arguments])

    return run


@pytest.fixture
def prepared(emulation: Emulation) -> Emulation:
    """An organization of two accounts with a trail, trusted access, and Control Tower's role."""
    emulation.create_accounts(1)
    emulation.enable_trusted_access()
    trail(emulation)
    emulation.client("iam").create_role(
        RoleName=ADMINISTRATION.partition("/")[2], Path="/service-role/", AssumeRolePolicyDocument="{}"
    )
    return emulation


def trail(emulation: Emulation, region: str = "us-east-1", **options: Any) -> None:
    cloudtrail = emulation.client("cloudtrail", region=region)
    cloudtrail.create_trail(Name="management-events", S3BucketName="logs", **options)
    cloudtrail.start_logging(Name="management-events")


def states(result: Result) -> dict[str, str]:
    """Return the state of each check from `--json`."""
    return {check["check"]: check["state"] for check in json.loads(result.stdout)["checks"]}


def commands(result: Result) -> list[str]:
    return [command for check in json.loads(result.stdout)["checks"] for command in check["commands"]]


@pytest.mark.usefixtures("prepared")
def test_every_check_is_ok(run: Run) -> None:
    result = run("--no-control-tower")
    assert result.exit_code == 0, result.output
    assert result.stdout.rstrip().endswith("6 ok.")
    assert states(run("--no-control-tower", "--json")) == dict.fromkeys(
        [*ORGANIZATION, "trail of management events"], "ok"
    )


def test_trusted_access_and_a_trail_are_missing_in_a_new_organization(emulation: Emulation, run: Run) -> None:
    emulation.create_accounts(1)
    result = run("--no-control-tower", "--json")
    assert result.exit_code == 1
    by_check = states(result)
    assert (by_check["trusted access"], by_check["trail of management events"]) == ("missing", "missing")
    # It prints the command and does not run it.
    assert "aws organizations enable-aws-service-access --service-principal account.amazonaws.com" in commands(result)
    services = emulation.client("organizations").list_aws_service_access_for_organization()
    assert services["EnabledServicePrincipals"] == []


def test_consolidated_billing_is_not_enough(prepared: Emulation, run: Run) -> None:
    prepared.set_feature_set("CONSOLIDATED_BILLING")
    assert states(run("--no-control-tower", "--json"))["all features"] == "missing"


@pytest.mark.usefixtures("prepared")
def test_another_region_is_missing(run: Run) -> None:
    assert states(run("--no-control-tower", "--json", region="eu-west-1"))["region"] == "missing"


@pytest.mark.usefixtures("environment")
def test_the_message_in_a_member_account_names_the_management_account(
    emulation: Emulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    [member] = emulation.create_accounts(1)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", member)
    result = CliRunner().invoke(app, ["preflight", "--json"])
    assert result.exit_code == 1
    assert states(result)["management account"] == "missing"
    assert emulation.management_account in result.stdout


def test_a_trail_of_another_region_is_enough_if_it_covers_all_regions(emulation: Emulation, run: Run) -> None:
    trail(emulation, "eu-west-1", IsMultiRegionTrail=False)
    assert states(run("--no-control-tower", "--json"))["trail of management events"] == "missing"
    emulation.client("cloudtrail", region="eu-west-1").update_trail(Name="management-events", IsMultiRegionTrail=True)
    assert states(run("--no-control-tower", "--json"))["trail of management events"] == "ok"


def test_a_trail_of_data_events_or_without_logging_is_missing(prepared: Emulation, run: Run) -> None:
    cloudtrail = prepared.client("cloudtrail")
    data = [{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Data"]}]}]
    cloudtrail.put_event_selectors(TrailName="management-events", AdvancedEventSelectors=data)
    assert states(run("--no-control-tower", "--json"))["trail of management events"] == "missing"
    cloudtrail.put_event_selectors(TrailName="management-events", EventSelectors=[{"ReadWriteType": "WriteOnly"}])
    cloudtrail.stop_logging(Name="management-events")
    result = run("--no-control-tower", "--json")
    assert commands(result) == ["aws cloudtrail start-logging --region us-east-1 --name management-events"]


def test_the_commands_create_the_execution_role_which_the_state_machine_of_cfct_can_assume(
    prepared: Emulation, run: Run
) -> None:
    """CfCT reads the outputs of the stack with the execution role after every create and update."""
    result = run("--control-tower", "--json")
    assert states(result)["AWSControlTowerExecution"] == "missing"
    create, attach = (shlex.split(command) for command in commands(result) if command.startswith("aws iam "))
    iam = prepared.client("iam")
    execution = iam.create_role(RoleName=create[4], AssumeRolePolicyDocument=create[6])["Role"]["Arn"]
    iam.attach_role_policy(RoleName=attach[4], PolicyArn=attach[6])

    by_check = states(run("--control-tower", "--json"))
    assert by_check["AWSControlTowerExecution"] == by_check["AWSControlTowerExecution may deploy"] == "ok"

    anyone = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    roles = {}
    for name in ("CustomControlTowerStateMachineLambdaRole", "AnotherRole"):
        document = json.dumps({"Version": "2012-10-17", "Statement": [anyone]})
        roles[name] = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
        allowed = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": execution}
        document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        iam.put_role_policy(RoleName=name, PolicyName="sts", PolicyDocument=document)

    def assume_execution_role(caller: str) -> dict[str, str]:
        credentials = keys(prepared.assume_role(roles[caller]))
        sts = prepared.client("sts", **credentials)  # type: ignore[arg-type]
        return keys(sts.assume_role(RoleArn=execution, RoleSessionName="test")["Credentials"])

    credentials = assume_execution_role("CustomControlTowerStateMachineLambdaRole")
    cloudformation = prepared.client("cloudformation", **credentials)  # type: ignore[arg-type]
    assert cloudformation.describe_stacks()["Stacks"] == []
    with pytest.raises(ClientError, match="AccessDenied"):
        assume_execution_role("AnotherRole")


@pytest.mark.usefixtures("prepared")
def test_without_control_tower_its_checks_are_not_ok(run: Run) -> None:
    result = run("--control-tower", "--json")
    assert result.exit_code == 1
    by_check = states(result)
    assert by_check["CfCT in the home region"] == "unknown"  # the home region is not known either
    assert by_check["CfCT and the landing zone"] == "unknown"


@pytest.mark.usefixtures("prepared")
def test_without_cfct_its_prerequisites_are_not_checked_and_the_remark_says_so(run: Run) -> None:
    result = run()
    assert result.exit_code == 0, result.output
    assert "CfCT is not in us-east-1" in result.stdout


def test_the_code_bucket_must_exist_in_the_region_of_the_stack(prepared: Emulation, run: Run) -> None:
    s3 = prepared.client("s3")
    assert states(run("--no-control-tower", "--bucket", "acme-code", "--json"))["code bucket"] == "missing"
    s3.create_bucket(Bucket="acme-code")
    assert states(run("--no-control-tower", "--bucket", "acme-code", "--json"))["code bucket"] == "ok"
    elsewhere = {"LocationConstraint": "eu-west-1"}
    prepared.client("s3", region="eu-west-1").create_bucket(Bucket="acme-eu", CreateBucketConfiguration=elsewhere)
    assert states(run("--no-control-tower", "--bucket", "acme-eu", "--json"))["code bucket"] == "missing"


def test_the_execution_role_must_be_allowed_to_read_the_code(prepared: Emulation, run: Run) -> None:
    prepared.client("s3").create_bucket(Bucket="acme-code")
    account = prepared.management_account
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:role/{ADMINISTRATION}"}}
    document = {"Version": "2012-10-17", "Statement": [trust | {"Action": "sts:AssumeRole"}]}
    iam = prepared.client("iam")
    iam.create_role(RoleName="AWSControlTowerExecution", AssumeRolePolicyDocument=json.dumps(document))

    def permissions() -> tuple[str, str]:
        by_check = states(run("--control-tower", "--bucket", "acme-code", "--json"))
        return by_check["AWSControlTowerExecution may deploy"], by_check["code bucket can be read"]

    assert permissions() == ("missing", "missing")
    read = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::acme-code/*"}
    policy = {"Version": "2012-10-17", "Statement": [read]}
    iam.put_role_policy(RoleName="AWSControlTowerExecution", PolicyName="code", PolicyDocument=json.dumps(policy))
    assert permissions() == ("missing", "ok")
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::acme-code/*"}
    denying = {"Version": "2012-10-17", "Statement": [deny]}
    prepared.client("s3").put_bucket_policy(Bucket="acme-code", Policy=json.dumps(denying))
    assert permissions() == ("missing", "missing")


@pytest.mark.usefixtures("prepared")
def test_without_permissions_the_checks_are_unknown_and_name_them(run: Run) -> None:
    deny_all = {"Effect": "Deny", "Action": "*", "Resource": "*"}
    result = run("--no-control-tower", "--json", statements=[deny_all])
    assert result.exit_code == 2
    by_check = states(result)
    assert by_check.pop("region") == "ok"
    assert set(by_check.values()) == {"unknown"}
    assert "organizations:DescribeOrganization" in result.stdout


@pytest.mark.usefixtures("environment")
def test_without_credentials_the_command_fails_with_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    result = CliRunner().invoke(app, ["preflight"])
    assert result.exit_code == 2
    assert "credentials" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""


def keys(credentials: dict[str, str]) -> dict[str, str]:
    """Return the arguments of a boto3 client for the `Credentials` of a role."""
    return {
        "aws_access_key_id": credentials["AccessKeyId"],
        "aws_secret_access_key": credentials["SecretAccessKey"],
        "aws_session_token": credentials["SessionToken"],
    }
