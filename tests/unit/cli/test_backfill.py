"""`backfill`: by the function for all, by letters for some; planned and agreed to."""

import json
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from alternate_contacts.cli.aws import backfill_function
from alternate_contacts.worker.message import AccountMessage, parse_message
from alternate_contacts.worker.protocol import Mode
from tests.fakes.cli import PARAMETERS, SECRETS, STACK, FakeSqs
from tests.fakes.wire import FakeWire, HttpAnswer, refusal
from tests.unit.cli.conftest import Run

ACCOUNT, OTHER = "111111111111", "222222222222"
FIGURES = {"summary": "12 accounts listed, 11 put on AccountQueue", "listed": 12, "enqueued": 11}


@pytest.fixture
def function(aws: FakeWire) -> FakeWire:
    """BackfillFunction, which puts eleven of twelve accounts on AccountQueue."""
    aws.answer("Invoke", HttpAnswer(body={**FIGURES, "skipped": {"SUSPENDED": 1}, "stoodBack": False}))
    return aws


def test_all_by_the_function(run: Run, function: FakeWire) -> None:
    result = run("backfill", "--yes")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "A letter for every active account of the organization is put on AccountQueue; the worker sets what differs.",
        "12 accounts listed, 11 put on AccountQueue.",
        "On AccountQueue, not done yet: `alternate-contacts status --watch` shows how it goes on.",
    ]
    assert function.asked("Invoke") == [{"reason": "manual", "mode": "enforce"}]


def test_the_call_is_patient_and_made_once(run: Run, function: FakeWire) -> None:
    called = 0

    def times_out(_: dict[str, Any]) -> HttpAnswer:
        nonlocal called
        called += 1
        raise ReadTimeoutError(endpoint_url="https://lambda")

    function.answer("Invoke", times_out)
    result = run("backfill", "--yes")
    assert (result.exit_code, called) == (2, 1)
    assert "did not answer within its time" in result.stderr
    assert backfill_function._PATIENT.read_timeout > 900  # type: ignore[attr-defined]


def test_report_changes_nothing(run: Run, function: FakeWire) -> None:
    result = run("backfill", "--report", "--yes", "--json")
    assert json.loads(result.stdout) == {
        "plan": {"accounts": "all", "mode": "report"},
        "done": {"listed": 12, "enqueued": 11, "skipped": {"SUSPENDED": 1}},
    }
    assert function.asked("Invoke") == [{"reason": "manual", "mode": "report"}]
    assert "changes nothing" in result.stderr


def test_a_stack_that_reports_is_told_as_such(run: Run) -> None:
    result = run("backfill", "--dry-run", stack=replace(STACK, parameters={**PARAMETERS, "Mode": "report"}))
    assert "the worker changes nothing" in result.stdout


def test_dry_run_calls_nobody(run: Run, function: FakeWire, sqs: FakeSqs) -> None:
    assert run("backfill", "--dry-run").exit_code == 0
    assert run("backfill", "--account", ACCOUNT, "--dry-run").exit_code == 0
    assert (function.asked("Invoke"), sqs.bodies("AccountQueue")) == ([], [])


def test_nobody_to_ask_is_a_refusal(run: Run, function: FakeWire) -> None:
    assert run("backfill").exit_code == 2
    assert function.asked("Invoke") == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            {"errorMessage": "The package is disabled.", "errorType": "BackfillError"},
            "refused: The package is disabled.",
        ),
        ({}, "refused: it did not say why"),
    ],
)
def test_what_the_function_refuses_is_told_in_its_words(
    run: Run, aws: FakeWire, error: dict[str, str], said: str
) -> None:
    aws.answer("Invoke", HttpAnswer(200, error, {"X-Amz-Function-Error": "Unhandled"}))
    result = run("backfill", "--yes")
    assert (result.exit_code, result.stderr) == (2, f"BackfillFunction {said}\n")


def test_no_permission_is_named(run: Run, aws: FakeWire) -> None:
    aws.answer("Invoke", refusal("AccessDeniedException", 403, SECRETS[0]))
    result = run("backfill", "--yes")
    assert result.exit_code == 2
    assert "may not lambda:InvokeFunction" in result.stderr
    assert SECRETS[0] not in result.stderr


def test_some_by_letters_that_the_worker_reads(run: Run, sqs: FakeSqs) -> None:
    result = run("backfill", "--account", ACCOUNT, "--account", OTHER, "--account", ACCOUNT, "--report", "--yes")
    assert result.exit_code == 0
    assert [parse_message(body) for body in sqs.bodies("AccountQueue")] == [
        AccountMessage(ACCOUNT, "manual", Mode.REPORT),
        AccountMessage(OTHER, "manual", Mode.REPORT),
    ]
    assert [message.group for message in sqs.queues["AccountQueue"]] == [None, None]


def test_letters_that_are_not_taken_are_told(run: Run, sqs: FakeSqs) -> None:
    accounts = [f"{number:012}" for number in range(12)]
    sqs.refused["SendMessageBatch"] = lambda entry: "InternalError" if accounts[11] in entry["MessageBody"] else None
    arguments = [part for account in accounts for part in ("--account", account)]
    result = run("backfill", *arguments, "--yes", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["done"] == {"enqueued": 11, "notTaken": [accounts[11]]}


def test_a_disabled_package_is_told_before_letters_are_sent(run: Run) -> None:
    disabled = replace(STACK, parameters={**PARAMETERS, "Enabled": "false"})
    assert "The package is disabled" in run("backfill", "--account", ACCOUNT, "--dry-run", stack=disabled).stdout


def test_an_account_id_has_twelve_digits(run: Run, sqs: FakeSqs) -> None:
    assert run("backfill", "--account", "1234", "--yes").exit_code == 2
    assert sqs.bodies("AccountQueue") == []
