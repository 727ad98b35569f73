"""The command as a whole: verbs, options before the verb, permissions and exit codes."""

from importlib import metadata
from types import SimpleNamespace

import boto3
import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from alternate_contacts.cli.aws import stack as stack_module
from alternate_contacts.cli.aws.context import CommandContext
from alternate_contacts.cli.aws.session import Session
from alternate_contacts.cli.aws.stack import Stack
from alternate_contacts.cli.main import app
from tests.fakes.cli import STACK
from tools.command_reference import verbs
from tools.permissions import PERMISSIONS, statements

command = get_command(app)
VERBS = sorted(name for name, _ in verbs(command))


def test_these_are_the_verbs() -> None:
    parameters = [f"{group} {verb}" for group in ("sets", "targets") for verb in ("delete", "list", "put", "show")]
    verbs = ["audit", "backfill", "check", "discard", "explain", "failures", "preflight", "replay", "status"]
    assert sorted(verbs + parameters) == VERBS


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_and_json(verb: str) -> None:
    result = CliRunner().invoke(app, [*verb.split(), "--help"])
    assert result.exit_code == 0
    assert "--json" in result.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_documents_its_exit_codes(verb: str) -> None:
    assert "Exit codes: 0 " in " ".join(CliRunner().invoke(app, [*verb.split(), "--help"]).stdout.split())


@pytest.mark.parametrize(
    "verb", ["backfill", "discard", "replay", "sets put", "sets delete", "targets put", "targets delete"]
)
def test_every_verb_that_changes_something_has_a_dry_run(verb: str) -> None:
    help_text = CliRunner().invoke(app, [*verb.split(), "--help"]).stdout
    assert "--dry-run" in help_text
    assert "--yes" in help_text


def test_an_unknown_verb_ends_with_2() -> None:
    assert CliRunner().invoke(app, ["repair"]).exit_code == 2


@pytest.mark.usefixtures("aws")  # unregisters the handlers of the session
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
    monkeypatch.setattr(
        boto3, "Session", lambda **_: SimpleNamespace(client=fail, events=session.events, region_name="us-east-1")
    )
    arguments = ["--stack-name", "mine", "--region", "cn-northwest-1", "failures"]
    assert CliRunner().invoke(app, arguments).exit_code == 130
    assert CliRunner().invoke(app, ["failures"], env={"ALTERNATE_CONTACTS_STACK_NAME": "theirs"}).exit_code == 130
    assert contexts == [CommandContext(None, "mine", "cn-northwest-1"), CommandContext(None, "theirs", "us-east-1")]


@pytest.mark.usefixtures("aws")
def test_session_and_stack_are_created_once(monkeypatch: pytest.MonkeyPatch, session: boto3.Session) -> None:
    searches: list[str | None] = []

    def find(_: Session, stack_name: str | None) -> Stack:
        searches.append(stack_name)
        return STACK

    monkeypatch.setattr(boto3, "Session", lambda **_: session)
    monkeypatch.setattr(stack_module, "find_stack", find)
    options = CommandContext(stack_name="mine")
    assert options.stack is options.stack
    assert options.session is options.session
    assert searches == ["mine"]


def test_without_a_verb_it_prints_the_help_and_ends_with_2() -> None:
    result = CliRunner().invoke(app, [])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "preflight" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["repair"],
        ["sets"],
        ["sets", "put", "payments"],
        ["targets", "repair"],
        ["status", "--nothing"],
        ["status", "--interval", "nan"],
        ["status", "--interval", "inf"],
        ["status", "--interval", "1e300"],
        ["audit", "--rate", "nan"],
        ["audit", "--rate", "-inf"],
        ["backfill", "--account", "\x1b[2J[/red]"],
    ],
)
def test_an_invalid_argument_is_one_line_with_2(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    assert "\x1b" not in result.stderr


def test_the_version_is_that_of_the_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", lambda _: "1.2.3")
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, "alternate-contacts 1.2.3\n")


def test_a_checkout_that_is_not_installed_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> str:
        raise metadata.PackageNotFoundError

    monkeypatch.setattr(metadata, "version", missing)
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, "alternate-contacts unknown (not installed: this is a checkout)\n")


def test_a_traceback_has_no_local_variables() -> None:
    assert isinstance(app, typer.Typer)
    assert app.pretty_exceptions_enable is False


class TestPermissions:
    def test_every_verb_that_needs_the_stack_has_permissions(self) -> None:
        assert {verb.partition(" --")[0] for verb in PERMISSIONS} == set(VERBS) - {
            "audit",
            "check",
            "explain",
            "preflight",
        }

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
            "sns:ListSubscriptionsByTopic",
            "sqs:ChangeMessageVisibility",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
            "ssm:GetParametersByPath",
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
