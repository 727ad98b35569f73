"""The verb as it is typed: its options, its report, its exit code."""

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
from alternate_contacts.cli.preflight.examination import PreflightReport
from alternate_contacts.cli.preflight.finding import missing, ok, unknown

ACCOUNT = "111122223333"
MEMBER = "444455556666"
LONG = "aws iam create-role --assume-role-policy-document " + "x" * 300


@dataclass
class FakeOptions:
    """What stands before the verb, with clients of the test's own."""

    connect: Callable[..., Any]
    region: str = "us-east-1"
    account_id: str = ACCOUNT

    def session(self) -> "FakeOptions":
        return self

    def client(self, service: str, region: str | None = None) -> Any:
        return self.connect(service, region)


@pytest.fixture
def clients(session: boto3.Session) -> dict[str, tuple[Any, Stubber]]:
    """Clients of an organization in good order, without Control Tower."""
    made: dict[str, tuple[Any, Stubber]] = {}
    for service in ("organizations", "account", "iam", "cloudtrail"):
        client = session.client(service)
        made[service] = client, Stubber(client)
        made[service][1].activate()
    organizations = made["organizations"][1]
    for _ in range(2):
        described = {"MasterAccountId": ACCOUNT, "FeatureSet": "ALL"}
        organizations.add_response("describe_organization", {"Organization": described})
    enabled = {"EnabledServicePrincipals": [{"ServicePrincipal": "account.amazonaws.com"}]}
    organizations.add_response("list_aws_service_access_for_organization", enabled)
    organizations.add_response("list_accounts", {"Accounts": [{"Id": MEMBER, "State": "ACTIVE"}]})
    made["account"][1].add_response(
        "get_alternate_contact", {}, {"AlternateContactType": "SECURITY", "AccountId": MEMBER}
    )
    return made


def add_trail(clients: dict[str, tuple[Any, Stubber]], *, logging: bool) -> None:
    stub = clients["cloudtrail"][1]
    described = {"Name": "main", "HomeRegion": "us-east-1", "TrailARN": "arn:of:main"}
    stub.add_response("describe_trails", {"trailList": [described]})
    stub.add_response("get_trail_status", {"IsLogging": logging})
    selectors = [{"ReadWriteType": "All", "IncludeManagementEvents": True}]
    stub.add_response("get_event_selectors", {"EventSelectors": selectors})


def run(clients: dict[str, tuple[Any, Stubber]], *arguments: str) -> Any:
    app = typer.Typer()
    app.command()(preflight)
    options = FakeOptions(lambda service, _: clients[service][0])
    return CliRunner().invoke(app, [*arguments], obj=options)


def test_ends_with_0_where_all_is_there(clients: dict[str, tuple[Any, Stubber]]) -> None:
    add_trail(clients, logging=True)
    result = run(clients, "--no-control-tower")
    assert result.exit_code == 0
    assert result.stdout.rstrip().endswith("6 ok.")


def test_ends_with_1_where_something_is_missing_and_prints_what_mends_it(
    clients: dict[str, tuple[Any, Stubber]],
) -> None:
    add_trail(clients, logging=False)
    result = run(clients, "--no-control-tower")
    assert result.exit_code == 1
    assert "  aws cloudtrail start-logging --region us-east-1 --name main\n" in result.stdout


def test_ends_with_2_where_nobody_could_look(clients: dict[str, tuple[Any, Stubber]]) -> None:
    clients["cloudtrail"][1].add_client_error("describe_trails", "AccessDeniedException", "no", 400)
    assert run(clients, "--no-control-tower").exit_code == 2


def test_json_is_one_document(clients: dict[str, tuple[Any, Stubber]]) -> None:
    add_trail(clients, logging=False)
    result = run(clients, "--no-control-tower", "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (told["account"], told["region"], told["homeRegion"], told["controlTower"]) == (
        ACCOUNT,
        "us-east-1",
        None,
        False,
    )
    assert told["checks"][-1] == {
        "check": "trail of management events",
        "state": "missing",
        "sentence": "Trail main would record management events, but its logging is off.",
        "commands": ["aws cloudtrail start-logging --region us-east-1 --name main"],
    }


def test_a_command_can_be_copied_from_a_narrow_terminal() -> None:
    told = StringIO()
    examination = PreflightReport([ok("a", "fine"), missing("b", "not there", LONG), unknown("c", "nobody may look")])
    report.show(examination, Console(file=told, width=60, force_terminal=False, markup=False, highlight=False))
    assert f"  {LONG}\n" in told.getvalue()
    assert told.getvalue().rstrip().endswith("1 ok, 1 missing, 1 unknown.")


def test_the_command_line_runs_without_the_functions_libraries() -> None:
    """`pipx install` brings the functions' modules, not Powertools."""
    code = (
        "import sys; sys.modules['aws_lambda_powertools'] = None; "
        f"sys.path[:0] = {[path for path in sys.path if path]!r}; import alternate_contacts.cli.main"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
