"""`preflight` on the emulation, before any stack exists, by somebody who may do no more than it needs.

The emulation knows neither Control Tower nor StackSets: what the preflight makes of their answers stands in the unit
tests, and here that it does not stumble over what nobody answers.
"""

import json
import shlex
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from typer.testing import CliRunner, Result

from alternate_contacts.cli.main import app
from emulation.organization import Emulation
from tools.preflight_permissions import STATEMENTS

Run = Callable[..., Result]

ORGANIZATION = ["region", "management account", "all features", "trusted access", "a contact can be read"]
ADMINISTRATION = "service-role/AWSControlTowerStackSetRole"


@pytest.fixture
def environment(emulation: Emulation, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of the root user of the management account."""
    for name, value in emulation.environment.items():
        if name.startswith("AWS_") or name == "NO_PROXY":
            monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)


@pytest.fixture
def run(emulation: Emulation, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command as the caller with these statements; without any, as one who has those that it needs."""
    request.getfixturevalue("environment")

    def run(*arguments: str, statements: list[dict[str, Any]] | None = None) -> Result:
        iam = emulation.client("iam")
        trust = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}
        if not [role for role in iam.list_roles()["Roles"] if role["RoleName"] == "operator"]:
            iam.create_role(RoleName="operator", AssumeRolePolicyDocument=json.dumps(trust))
        policy = {"Version": "2012-10-17", "Statement": STATEMENTS if statements is None else statements}
        iam.put_role_policy(RoleName="operator", PolicyName="policy", PolicyDocument=json.dumps(policy))
        arn = iam.get_role(RoleName="operator")["Role"]["Arn"]
        keys = emulation.assume_role(arn)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys["AccessKeyId"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys["SecretAccessKey"])
        monkeypatch.setenv("AWS_SESSION_TOKEN", keys["SessionToken"])
        return CliRunner().invoke(app, ["preflight", *arguments])

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
    """What was found, from `--json`."""
    return {check["check"]: check["state"] for check in json.loads(result.stdout)["checks"]}


def commands(result: Result) -> list[str]:
    return [command for check in json.loads(result.stdout)["checks"] for command in check["commands"]]


@pytest.mark.usefixtures("prepared")
def test_an_organization_in_good_order(run: Run) -> None:
    result = run("--no-control-tower")
    assert result.exit_code == 0, result.output
    assert result.stdout.rstrip().endswith("6 ok.")
    assert states(run("--no-control-tower", "--json")) == dict.fromkeys(
        [*ORGANIZATION, "trail of management events"], "ok"
    )


def test_an_organization_of_yesterday(emulation: Emulation, run: Run) -> None:
    emulation.create_accounts(1)
    result = run("--no-control-tower", "--json")
    assert result.exit_code == 1
    found = states(result)
    assert (found["trusted access"], found["trail of management events"]) == ("missing", "missing")
    # It says how, and leaves it to the operator
    assert "aws organizations enable-aws-service-access --service-principal account.amazonaws.com" in commands(result)
    services = emulation.client("organizations").list_aws_service_access_for_organization()
    assert services["EnabledServicePrincipals"] == []


def test_consolidated_billing_only(prepared: Emulation, run: Run) -> None:
    prepared.set_feature_set("CONSOLIDATED_BILLING")
    assert states(run("--no-control-tower", "--json"))["all features"] == "missing"


@pytest.mark.usefixtures("prepared")
def test_another_region_is_refused_with_a_sentence(run: Run) -> None:
    assert states(run("--no-control-tower", "--json"))["region"] == "ok"
    told = CliRunner().invoke(app, ["--region", "eu-west-1", "preflight", "--no-control-tower", "--json"])
    assert states(told)["region"] == "missing"


@pytest.mark.usefixtures("environment")
def test_a_member_account_is_told_where_to_go(emulation: Emulation, monkeypatch: pytest.MonkeyPatch) -> None:
    [member] = emulation.create_accounts(1)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", member)
    result = CliRunner().invoke(app, ["preflight", "--json"])
    assert result.exit_code == 1
    assert states(result)["management account"] == "missing"
    assert emulation.management_account in result.stdout


def test_a_trail_of_another_region_counts_where_it_covers_all_regions(emulation: Emulation, run: Run) -> None:
    trail(emulation, "eu-west-1", IsMultiRegionTrail=False)
    assert states(run("--no-control-tower", "--json"))["trail of management events"] == "missing"
    emulation.client("cloudtrail", region="eu-west-1").update_trail(Name="management-events", IsMultiRegionTrail=True)
    assert states(run("--no-control-tower", "--json"))["trail of management events"] == "ok"


def test_a_trail_of_data_events_only_and_one_that_stopped(prepared: Emulation, run: Run) -> None:
    cloudtrail = prepared.client("cloudtrail")
    data = [{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Data"]}]}]
    cloudtrail.put_event_selectors(TrailName="management-events", AdvancedEventSelectors=data)
    assert states(run("--no-control-tower", "--json"))["trail of management events"] == "missing"
    cloudtrail.put_event_selectors(TrailName="management-events", EventSelectors=[{"ReadWriteType": "WriteOnly"}])
    cloudtrail.stop_logging(Name="management-events")
    result = run("--no-control-tower", "--json")
    assert commands(result) == ["aws cloudtrail start-logging --region us-east-1 --name management-events"]


def test_the_execution_role_is_made_by_the_commands_that_are_printed(prepared: Emulation, run: Run) -> None:
    result = run("--control-tower", "--json")
    assert states(result)["AWSControlTowerExecution"] == "missing"
    create, attach = (shlex.split(each) for each in commands(result) if each.startswith("aws iam "))
    iam = prepared.client("iam")
    iam.create_role(RoleName=create[4], AssumeRolePolicyDocument=create[6])
    iam.attach_role_policy(RoleName=attach[4], PolicyArn=attach[6])

    found = states(run("--control-tower", "--json"))
    assert found["AWSControlTowerExecution"] == found["AWSControlTowerExecution may deploy"] == "ok"


@pytest.mark.usefixtures("prepared")
def test_what_the_emulation_does_not_know_is_unknown_or_missing_and_never_ok(run: Run) -> None:
    result = run("--control-tower", "--json")
    assert result.exit_code == 1
    found = states(result)
    assert found["CfCT in the home region"] == "missing"
    assert found["CfCT and the landing zone"] == "unknown"


@pytest.mark.usefixtures("prepared")
def test_control_towers_role_alone_leaves_cfct_out_and_says_so(run: Run) -> None:
    result = run()
    assert result.exit_code == 0, result.output
    assert "CfCT is not in us-east-1" in result.stdout


def test_the_code_bucket(prepared: Emulation, run: Run) -> None:
    s3 = prepared.client("s3")
    assert states(run("--no-control-tower", "--bucket", "acme-code", "--json"))["code bucket"] == "missing"
    s3.create_bucket(Bucket="acme-code")
    assert states(run("--no-control-tower", "--bucket", "acme-code", "--json"))["code bucket"] == "ok"
    elsewhere = {"LocationConstraint": "eu-west-1"}
    prepared.client("s3", region="eu-west-1").create_bucket(Bucket="acme-eu", CreateBucketConfiguration=elsewhere)
    assert states(run("--no-control-tower", "--bucket", "acme-eu", "--json"))["code bucket"] == "missing"


def test_whether_the_execution_role_may_read_the_code(prepared: Emulation, run: Run) -> None:
    prepared.client("s3").create_bucket(Bucket="acme-code")
    account = prepared.management_account
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:role/{ADMINISTRATION}"}}
    document = {"Version": "2012-10-17", "Statement": [trust | {"Action": "sts:AssumeRole"}]}
    iam = prepared.client("iam")
    iam.create_role(RoleName="AWSControlTowerExecution", AssumeRolePolicyDocument=json.dumps(document))

    def found() -> tuple[str, str]:
        told = states(run("--control-tower", "--bucket", "acme-code", "--json"))
        return told["AWSControlTowerExecution may deploy"], told["code bucket can be read"]

    assert found() == ("missing", "missing")
    read = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::acme-code/*"}
    policy = {"Version": "2012-10-17", "Statement": [read]}
    iam.put_role_policy(RoleName="AWSControlTowerExecution", PolicyName="code", PolicyDocument=json.dumps(policy))
    assert found() == ("missing", "ok")
    nobody = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::acme-code/*"}
    closed = {"Version": "2012-10-17", "Statement": [nobody]}
    prepared.client("s3").put_bucket_policy(Bucket="acme-code", Policy=json.dumps(closed))
    assert found() == ("missing", "missing")


@pytest.mark.usefixtures("prepared")
def test_who_may_look_at_nothing_is_told_so(run: Run) -> None:
    nothing = {"Effect": "Deny", "Action": "*", "Resource": "*"}
    result = run("--no-control-tower", "--json", statements=[nothing])
    assert result.exit_code == 2
    found = states(result)
    assert found.pop("region") == "ok"
    assert set(found.values()) == {"unknown"}
    assert "organizations:DescribeOrganization" in result.stdout


@pytest.mark.usefixtures("environment")
def test_without_credentials_it_ends_with_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    result = CliRunner().invoke(app, ["preflight"])
    assert result.exit_code == 2
    assert "No AWS credentials were found" in result.stderr
    assert result.stdout == ""
