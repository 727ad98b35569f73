"""The command as a whole: verbs, options before the verb, permissions and exit codes."""

import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import boto3
import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from alternate_contacts.cli import main as main_module
from alternate_contacts.cli.aws import stack as stack_module
from alternate_contacts.cli.aws.context import CommandContext
from alternate_contacts.cli.aws.session import Session
from alternate_contacts.cli.aws.stack import Stack
from alternate_contacts.cli.main import app, main
from tests.fakes.cli import STACK
from tools.permissions import PERMISSIONS, statements

ROOT = Path(__file__).parents[3]
command = get_command(app)
VERBS: list[str] = sorted(command.commands)  # type: ignore[attr-defined]


def test_these_are_the_verbs() -> None:
    assert VERBS == ["audit", "backfill", "discard", "failures", "preflight", "replay", "status"]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_and_json(verb: str) -> None:
    result = CliRunner().invoke(app, [verb, "--help"])
    assert result.exit_code == 0
    assert "--json" in result.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_documents_its_exit_codes(verb: str) -> None:
    assert "Exit codes: 0 " in " ".join(CliRunner().invoke(app, [verb, "--help"]).stdout.split())


@pytest.mark.parametrize("verb", ["backfill", "discard", "replay"])
def test_every_verb_that_changes_something_has_a_dry_run(verb: str) -> None:
    help_text = CliRunner().invoke(app, [verb, "--help"]).stdout
    assert "--dry-run" in help_text
    assert "--yes" in help_text


def test_an_unknown_verb_ends_with_2() -> None:
    assert CliRunner().invoke(app, ["repair"]).exit_code == 2


def test_options_before_the_verb_choose_credentials_and_stack(
    monkeypatch: pytest.MonkeyPatch, session: boto3.Session
) -> None:
    contexts: list[CommandContext] = []

    def find(session: Session, stack_name: str | None) -> Stack:
        contexts.append(CommandContext(None, stack_name, session.region))
        return STACK

    def fail(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(stack_module, "find_stack", find)
    monkeypatch.setattr(boto3, "Session", lambda **_: SimpleNamespace(client=fail, events=session.events))
    arguments = ["--stack-name", "mine", "--region", "cn-northwest-1", "failures"]
    assert CliRunner().invoke(app, arguments).exit_code == 130
    assert CliRunner().invoke(app, ["failures"], env={"ALTERNATE_CONTACTS_STACK_NAME": "theirs"}).exit_code == 130
    assert contexts == [CommandContext(None, "mine", "cn-northwest-1"), CommandContext(None, "theirs", "us-east-1")]


def test_session_and_stack_are_created_once(monkeypatch: pytest.MonkeyPatch, session: boto3.Session) -> None:
    searches: list[str | None] = []

    def find(_: Session, stack_name: str | None) -> Stack:
        searches.append(stack_name)
        return STACK

    monkeypatch.setattr(boto3, "Session", lambda **_: session)
    monkeypatch.setattr(stack_module, "find_stack", find)
    options = CommandContext(stack_name="mine")
    assert options.stack() is options.stack()
    assert options.session() is options.session()
    assert searches == ["mine"]


def test_a_closed_terminal_and_a_kill_end_it_as_ctrl_c_does(monkeypatch: pytest.MonkeyPatch) -> None:
    handlers: dict[int, object] = {}
    monkeypatch.setattr(signal, "signal", lambda number, handler: handlers.update({int(number): handler}))
    monkeypatch.setattr(main_module, "app", lambda: None)
    main()
    assert handlers == {
        int(signal.SIGTERM): signal.default_int_handler,
        int(signal.SIGHUP): signal.default_int_handler,
    }


def test_a_traceback_has_no_local_variables() -> None:
    assert isinstance(app, typer.Typer)
    assert app.pretty_exceptions_enable is False


def test_it_starts_without_powertools() -> None:
    # Only the functions have Powertools; `pipx install` does not install it.
    code = (
        "import sys; sys.modules['aws_lambda_powertools'] = None; "
        "sys.path[:0] = ['cli', 'src', 'custom-resources']; import alternate_contacts.cli.main"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)  # noqa: S603


class TestPermissions:
    def test_every_verb_that_needs_the_stack_has_permissions(self) -> None:
        assert {verb.split()[0] for verb in PERMISSIONS} == set(VERBS) - {"audit", "preflight"}

    def test_no_action_is_a_wildcard_and_every_permission_has_a_purpose(self) -> None:
        for permissions in PERMISSIONS.values():
            for permission in permissions:
                assert permission.purpose
                assert not any("*" in action for action in permission.actions)

    def test_status_and_failures_change_nothing_but_visibility(self) -> None:
        actions = {
            action
            for verb in ("status", "failures")
            for permission in PERMISSIONS[verb]
            for action in permission.actions
        }
        assert actions == {
            "cloudformation:DescribeStacks",
            "lambda:GetFunctionConfiguration",
            "logs:FilterLogEvents",
            "sqs:ChangeMessageVisibility",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
        }

    def test_a_policy_merges_the_actions_of_verbs_by_resource(self) -> None:
        arns = {
            permission.resource: f"arn:{permission.resource}"
            for permissions in PERMISSIONS.values()
            for permission in permissions
        }
        assert statements(["backfill", "backfill --account"], arns) == [
            {"Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": "arn:AccountQueue"},
            {"Effect": "Allow", "Action": ["lambda:InvokeFunction"], "Resource": "arn:BackfillFunction"},
            {"Effect": "Allow", "Action": ["cloudformation:DescribeStacks"], "Resource": "arn:stack"},
        ]
