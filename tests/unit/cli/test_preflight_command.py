"""The verb `preflight`: its options, its output, its exit codes."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from io import StringIO
from typing import Any

import boto3
import pytest
import typer
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from rich.console import Console
from typer.testing import CliRunner

from alternate_contacts.cli.aws.stack import Stack
from alternate_contacts.cli.preflight import preflight, report
from alternate_contacts.cli.preflight.protection import ATTACHABLE, ENABLED, LOCKED
from alternate_contacts.cli.preflight.result import missing, ok, unknown
from alternate_contacts.cli.preflight.run import PreflightReport
from alternate_contacts.cli.terminal import output
from alternate_contacts.cli.terminal.errors import CliError
from tests.fakes.cli import STACK

ACCOUNT = "111122223333"
MEMBER = "444455556666"
UNIT = "ou-ab12-12345678"
LONG = "aws iam create-role --assume-role-policy-document " + "x" * 300
NOT_DEPLOYED = CliError("No stack was found.")


@dataclass
class FakeContext:
    """The options before the verb, with stubbed clients."""

    create_client: Callable[..., Any]
    region: str = "us-east-1"
    account_id: str = ACCOUNT
    deployed: Stack | Exception = NOT_DEPLOYED

    @property
    def session(self) -> "FakeContext":
        return self

    @property
    def stack(self) -> Stack:
        if isinstance(self.deployed, Exception):
            raise self.deployed
        return self.deployed

    def client(self, service: str, region: str | None = None, *, config: Any = None) -> Any:  # noqa: ARG002
        return self.create_client(service, region)


@pytest.fixture
def clients(session: boto3.Session) -> dict[str, tuple[Any, Stubber]]:
    """Clients of an organization that passes every check, without Control Tower."""
    stubbed: dict[str, tuple[Any, Stubber]] = {}
    for service in ("organizations", "account", "iam", "cloudtrail"):
        client = session.client(service)
        stubbed[service] = client, Stubber(client)
        stubbed[service][1].activate()
    organizations = stubbed["organizations"][1]
    for _ in range(2):
        description = {"Id": "o-exampleorgid", "MasterAccountId": ACCOUNT, "FeatureSet": "ALL"}
        organizations.add_response("describe_organization", {"Organization": description})
    enabled = {"EnabledServicePrincipals": [{"ServicePrincipal": "account.amazonaws.com"}]}
    organizations.add_response("list_aws_service_access_for_organization", enabled)
    organizations.add_response("list_accounts", {"Accounts": [{"Id": MEMBER, "State": "ACTIVE"}]})
    stubbed["account"][1].add_response(
        "get_alternate_contact", {}, {"AlternateContactType": "SECURITY", "AccountId": MEMBER}
    )
    return stubbed


def add_trail(clients: dict[str, tuple[Any, Stubber]], *, logging: bool) -> None:
    stub = clients["cloudtrail"][1]
    trail = {"Name": "main", "HomeRegion": "us-east-1", "TrailARN": "arn:of:main"}
    stub.add_response("describe_trails", {"trailList": [trail]})
    stub.add_response("get_trail_status", {"IsLogging": logging})
    selectors = [{"ReadWriteType": "All", "IncludeManagementEvents": True}]
    stub.add_response("get_event_selectors", {"EventSelectors": selectors})


def run(clients: dict[str, tuple[Any, Stubber]], *arguments: str, deployed: Stack | Exception = NOT_DEPLOYED) -> Any:
    app = typer.Typer()
    app.command()(preflight)
    context = FakeContext(lambda service, _: clients[service][0], deployed=deployed)
    return CliRunner().invoke(app, [*arguments], obj=context)


def test_the_exit_code_is_0_if_every_check_is_ok(clients: dict[str, tuple[Any, Stubber]]) -> None:
    add_trail(clients, logging=True)
    result = run(clients, "--no-control-tower")
    assert result.exit_code == 0
    assert result.stdout.rstrip().endswith("6 ok.")


def test_the_exit_code_is_1_if_something_is_missing_and_the_command_is_printed(
    clients: dict[str, tuple[Any, Stubber]],
) -> None:
    add_trail(clients, logging=False)
    result = run(clients, "--no-control-tower")
    assert result.exit_code == 1
    assert "  aws cloudtrail start-logging --region us-east-1 --name main\n" in result.stdout


def test_the_exit_code_is_2_if_a_check_could_not_be_completed(clients: dict[str, tuple[Any, Stubber]]) -> None:
    clients["cloudtrail"][1].add_client_error("describe_trails", "AccessDeniedException", "no", 400)
    assert run(clients, "--no-control-tower").exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "parameter"),
    [(["--protected-target-id", UNIT], "none"), ([], UNIT), (["--protected-target-id", UNIT], "r-ab12")],
    ids=["option", "stack", "option before stack"],
)
def test_the_target_is_that_of_the_option_or_of_the_stack(
    clients: dict[str, tuple[Any, Stubber]], arguments: list[str], parameter: str
) -> None:
    add_trail(clients, logging=True)
    stub = clients["organizations"][1]
    enabled = [{"Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED"}]
    stub.add_response("list_roots", {"Roots": [{"Id": "r-ab12", "PolicyTypes": enabled}]})
    expected = {"TargetId": UNIT, "Filter": "SERVICE_CONTROL_POLICY"}
    stub.add_response("list_policies_for_target", {"Policies": [{"Name": "FullAWSAccess"}]}, expected)
    member = {"Id": MEMBER, "State": "ACTIVE", "Paths": [f"o-1/r-ab12/{UNIT}/{MEMBER}/"]}
    stub.add_response("list_accounts", {"Accounts": [member]})
    stub.add_response("describe_organizational_unit", {"OrganizationalUnit": {"Name": "unit"}})
    deployed = replace(STACK, parameters={**STACK.parameters, "ProtectedTargetId": parameter})

    result = run(clients, "--no-control-tower", "--json", *arguments, deployed=deployed)

    assert result.exit_code == 0, result.output
    [accounts] = [each for each in json.loads(result.stdout)["checks"] if each["check"] == LOCKED]
    assert accounts["message"].startswith("1 active")


@pytest.mark.parametrize("policy_types", [[], [{"Type": "SERVICE_CONTROL_POLICY", "Status": "PENDING_ENABLE"}]])
def test_disabled_policies_and_an_unknown_target_are_problems(
    clients: dict[str, tuple[Any, Stubber]], policy_types: list[dict[str, str]]
) -> None:
    add_trail(clients, logging=True)
    stub = clients["organizations"][1]
    stub.add_response("list_roots", {"Roots": [{"Id": "r-ab12", "PolicyTypes": policy_types}]})
    stub.add_client_error("list_policies_for_target", "TargetNotFoundException")

    result = run(clients, "--no-control-tower", "--json", "--protected-target-id", UNIT)

    assert result.exit_code == 1
    states = {each["check"]: each["state"] for each in json.loads(result.stdout)["checks"]}
    assert (states[ENABLED], states[ATTACHABLE], states[LOCKED]) == ("missing", "missing", "unknown")


def test_a_stack_that_cannot_be_read_makes_one_check_unknown(clients: dict[str, tuple[Any, Stubber]]) -> None:
    add_trail(clients, logging=True)
    throttled = ClientError({"Error": {"Code": "Throttling", "Message": "Rate exceeded"}}, "DescribeStacks")
    result = run(clients, "--no-control-tower", "--json", deployed=throttled)
    assert result.exit_code == 2
    unknown_checks = [each for each in json.loads(result.stdout)["checks"] if each["state"] == "unknown"]
    assert [each["check"] for each in unknown_checks] == [ATTACHABLE]


def test_an_account_cannot_be_the_protected_target(clients: dict[str, tuple[Any, Stubber]]) -> None:
    assert run(clients, "--protected-target-id", MEMBER).exit_code == 2


def test_json_is_one_document(clients: dict[str, tuple[Any, Stubber]]) -> None:
    add_trail(clients, logging=False)
    result = run(clients, "--no-control-tower", "--json")
    document = json.loads(result.stdout)
    assert result.exit_code == 1
    checks = document.pop("checks")
    assert document == {
        "account": ACCOUNT,
        "region": "us-east-1",
        "homeRegion": None,
        "controlTower": False,
        "remark": "",
    }
    assert checks[-1] == {
        "check": "trail of management events",
        "state": "missing",
        "message": "Trail main selects management events, but its logging is off. Without a trail of write management "
        "events, EventBridge may receive no events about new accounts, and receives none about accounts that move to "
        "another OU.",
        "commands": ["aws cloudtrail start-logging --region us-east-1 --name main"],
    }


def test_a_command_can_be_copied_from_a_narrow_terminal() -> None:
    text = StringIO()
    results = [ok("a", "fine"), missing("b", "not there", LONG), unknown("c", "access denied", LONG)]
    console = Console(file=text, width=60, force_terminal=False, markup=False, highlight=False)
    report.print_report(PreflightReport(results), console)
    assert f"Commands for b:\n  {LONG}\n" in text.getvalue()
    assert f"Commands for c:\n  {LONG}\n" in text.getvalue()
    assert text.getvalue().rstrip().endswith("1 ok, 1 missing, 1 unknown.")


@pytest.mark.parametrize("width", [40, 80, 120])
def test_account_ids_and_commands_stay_whole_in_every_terminal(width: int) -> None:
    command = "`aws organizations enable-aws-service-access --service-principal account.amazonaws.com`"
    results = [
        ok("region"),
        missing("trusted access", f"Enable it with {command if width < 100 else 'a command'}.", LONG),
        unknown("a contact can be read", f"GetAlternateContact failed for {ACCOUNT}: AccessDeniedException."),
    ]
    console, text = output.results(), StringIO()
    console.width, console.file = width, text
    report.print_report(PreflightReport(results), console)
    lines = text.getvalue().splitlines()
    for whole in (ACCOUNT, LONG, *([command] if width < 100 else [])):
        assert any(whole in line for line in lines)
    assert lines[-1] == "1 ok, 1 missing, 1 unknown."
