"""The verb `preflight`: its options, its output, its exit codes."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO
from typing import Any

import boto3
import pytest
import typer
from botocore.stub import Stubber
from rich.console import Console
from typer.testing import CliRunner

from alternate_contacts.cli.preflight import preflight, report
from alternate_contacts.cli.preflight.result import missing, ok, unknown
from alternate_contacts.cli.preflight.run import PreflightReport
from alternate_contacts.cli.terminal import output

ACCOUNT = "111122223333"
MEMBER = "444455556666"
LONG = "aws iam create-role --assume-role-policy-document " + "x" * 300


@dataclass
class FakeContext:
    """The options before the verb, with stubbed clients."""

    create_client: Callable[..., Any]
    region: str = "us-east-1"
    account_id: str = ACCOUNT

    def session(self) -> "FakeContext":
        return self

    def client(self, service: str, region: str | None = None) -> Any:
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
        description = {"Id": "o-exampleorg1", "MasterAccountId": ACCOUNT, "FeatureSet": "ALL"}
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


def run(clients: dict[str, tuple[Any, Stubber]], *arguments: str) -> Any:
    app = typer.Typer()
    app.command()(preflight)
    context = FakeContext(lambda service, _: clients[service][0])
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
        "events, EventBridge may receive no events about new accounts.",
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


def test_the_command_needs_no_library_of_the_functions() -> None:
    """`pipx install` installs the modules of the functions, but not Powertools."""
    code = (
        "import sys; sys.modules['aws_lambda_powertools'] = None; "
        f"sys.path[:0] = {[path for path in sys.path if path]!r}; import alternate_contacts.cli.main"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603
    assert process.returncode == 0, process.stderr
