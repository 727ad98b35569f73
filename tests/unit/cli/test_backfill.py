"""`backfill`: invoke the function for the organization, or send messages for some accounts."""

import json
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from alternate_contacts.cli.aws import backfill_function
from alternate_contacts.worker.message import AccountMessage, parse_message
from alternate_contacts.worker.protocol import Mode
from tests.fakes.cli import PARAMETERS, SECRETS, STACK, FakeSqs
from tests.fakes.wire import FakeWire, HttpResponse, error_response
from tests.unit.cli.conftest import Run

ACCOUNT, OTHER = "111111111111", "222222222222"
RESULT = {"summary": "12 accounts listed, 11 enqueued", "listed": 12, "enqueued": 11}


@pytest.fixture
def function(aws: FakeWire) -> FakeWire:
    """BackfillFunction, which enqueues eleven of twelve accounts."""
    aws.respond("Invoke", HttpResponse(body={**RESULT, "skipped": {"SUSPENDED": 1}, "reconcileSkipped": False}))
    return aws


def test_the_function_is_invoked_for_the_organization(run: Run, function: FakeWire) -> None:
    result = run("backfill", "--yes")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "Send one message per account to AccountQueue, for every active account. The worker sets every contact that "
        "differs.",
        "12 accounts listed, 11 enqueued.",
        "The messages are not processed yet. Run `alternate-contacts status --watch` to follow the worker.",
    ]
    assert function.requests_of("Invoke") == [{"trigger": "manual", "reason": "manual", "mode": "enforce"}]


def test_an_invocation_is_not_retried_and_waits_longer_than_the_function_may_run(run: Run, function: FakeWire) -> None:
    calls = 0

    def times_out(_: dict[str, Any]) -> HttpResponse:
        nonlocal calls
        calls += 1
        raise ReadTimeoutError(endpoint_url="https://lambda")

    function.respond("Invoke", times_out)
    result = run("backfill", "--yes")
    assert (result.exit_code, calls) == (2, 1)
    assert "did not respond before its timeout" in result.stderr
    assert backfill_function._ONE_LONG_ATTEMPT.read_timeout > 900  # type: ignore[attr-defined]


def test_report_sends_messages_that_set_no_contacts(run: Run, function: FakeWire) -> None:
    result = run("backfill", "--report", "--yes", "--json")
    assert json.loads(result.stdout) == {
        "plan": {"accounts": "all", "mode": "report"},
        "result": {"listed": 12, "enqueued": 11, "skipped": {"SUSPENDED": 1}},
    }
    assert function.requests_of("Invoke") == [{"trigger": "manual", "reason": "manual", "mode": "report"}]
    assert "logs what it would set" in result.stderr


def test_the_mode_of_the_stack_is_the_mode_of_the_plan(run: Run) -> None:
    result = run("backfill", "--dry-run", stack=replace(STACK, parameters={**PARAMETERS, "Mode": "report"}))
    assert "logs what it would set" in result.stdout


def test_dry_run_changes_nothing(run: Run, function: FakeWire, sqs: FakeSqs) -> None:
    assert run("backfill", "--dry-run").exit_code == 0
    assert run("backfill", "--account", ACCOUNT, "--dry-run").exit_code == 0
    assert (function.requests_of("Invoke"), sqs.bodies("AccountQueue")) == ([], [])


def test_without_a_terminal_and_yes_nothing_changes(run: Run, function: FakeWire) -> None:
    assert run("backfill").exit_code == 2
    assert function.requests_of("Invoke") == []


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ({"errorMessage": "The package is disabled.", "errorType": "BackfillError"}, "The package is disabled."),
        ({}, "no error message. Check the log of the function."),
    ],
)
def test_an_error_of_the_function_is_printed(run: Run, aws: FakeWire, error: dict[str, str], message: str) -> None:
    aws.respond("Invoke", HttpResponse(200, error, {"X-Amz-Function-Error": "Unhandled"}))
    result = run("backfill", "--yes")
    assert (result.exit_code, result.stderr) == (2, f"BackfillFunction failed: {message}\n")


@pytest.mark.parametrize("payload", ["null", "[]", "{}", "not JSON", '{"summary": "x", "listed": "many"}'])
@pytest.mark.parametrize("headers", [{}, {"X-Amz-Function-Error": "Unhandled"}])
def test_a_response_of_another_release_is_an_error(
    run: Run, aws: FakeWire, payload: str, headers: dict[str, str]
) -> None:
    aws.respond("Invoke", HttpResponse(200, payload, headers))
    result = run("backfill", "--yes")
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1


def test_a_missing_permission_is_named(run: Run, aws: FakeWire) -> None:
    aws.respond("Invoke", error_response("AccessDeniedException", 403, SECRETS[0]))
    result = run("backfill", "--yes")
    assert result.exit_code == 2
    assert "permission lambda:InvokeFunction" in result.stderr
    assert SECRETS[0] not in result.stderr


def test_accounts_get_messages_that_the_worker_reads(run: Run, sqs: FakeSqs) -> None:
    result = run("backfill", "--account", ACCOUNT, "--account", OTHER, "--account", ACCOUNT, "--report", "--yes")
    assert result.exit_code == 0
    assert [parse_message(body) for body in sqs.bodies("AccountQueue")] == [
        AccountMessage(ACCOUNT, "manual", Mode.REPORT),
        AccountMessage(OTHER, "manual", Mode.REPORT),
    ]
    assert [message.group for message in sqs.queues["AccountQueue"]] == [None, None]


def test_rejected_messages_are_reported(run: Run, sqs: FakeSqs) -> None:
    accounts = [f"{number:012}" for number in range(12)]
    sqs.rejections["SendMessageBatch"] = lambda entry: "InternalError" if accounts[11] in entry["MessageBody"] else None
    arguments = [part for account in accounts for part in ("--account", account)]
    result = run("backfill", *arguments, "--yes", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["result"] == {"enqueued": 11, "notSent": [accounts[11]]}


def test_the_plan_shows_that_the_package_is_disabled(run: Run) -> None:
    disabled = replace(STACK, parameters={**PARAMETERS, "Enabled": "false"})
    assert "The package is disabled" in run("backfill", "--account", ACCOUNT, "--dry-run", stack=disabled).stdout


def test_an_account_id_has_twelve_digits(run: Run, sqs: FakeSqs) -> None:
    assert run("backfill", "--account", "1234", "--yes").exit_code == 2
    assert sqs.bodies("AccountQueue") == []


def test_a_disabled_package_has_no_plan_that_the_function_would_reject(run: Run) -> None:
    disabled = replace(STACK, parameters={**PARAMETERS, "Enabled": "false"})
    for options in (["--yes"], ["--dry-run"]):
        result = run("backfill", *options, stack=disabled)
        assert (result.exit_code, result.stdout) == (2, "")
        assert "disabled" in result.stderr


def test_only_after_ctrl_c_the_function_continues(run: Run, aws: FakeWire) -> None:
    def interrupt(_: object) -> HttpResponse:
        raise KeyboardInterrupt

    aws.respond("Invoke", interrupt)
    result = run("backfill", "--yes")
    assert (result.exit_code, "BackfillFunction continues" in result.stdout) == (130, True)
    aws.respond("Invoke", error_response("AccessDeniedException", 403))
    assert "BackfillFunction continues" not in run("backfill", "--yes").stdout
