"""The schedule and the operator get a result or an error."""

import json
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import NoReturn

import pytest

from alternate_contacts.backfill.deadline import deadline_after
from alternate_contacts.backfill.direct_invocation import DirectInvocation
from alternate_contacts.backfill.errors import BackfillError
from alternate_contacts.backfill.telemetry import BackfillTelemetry
from tests.fakes.clock import FakeStop
from tests.fakes.wire import HttpResponse, error_response
from tests.unit.backfill.conftest import ACCOUNTS, DeployedFunction

pytestmark = pytest.mark.usefixtures("logs_to_stdout")


def test_a_backfill_returns_its_counts(function: DeployedFunction) -> None:
    assert function.invoke(trigger="manual") == {
        "summary": "Accounts: 3 listed, 2 enqueued, skipped: 1 SUSPENDED",
        "listed": 3,
        "enqueued": 2,
        "skipped": {"SUSPENDED": 1},
        "reconcileSkipped": False,
    }
    entries = function.sent_to("ACCOUNT_QUEUE_URL")
    assert [(entry["DelaySeconds"], json.loads(entry["MessageBody"])["trigger"]) for entry in entries] == [
        (0, "manual"),
        (0, "manual"),
    ]


@pytest.mark.parametrize(("waiting", "skipped"), [("0", False), ("3", True)])
def test_a_reconcile_is_skipped_while_messages_are_waiting(
    function: DeployedFunction, waiting: str, skipped: bool
) -> None:
    attributes = {"ApproximateNumberOfMessages": waiting, "ApproximateNumberOfMessagesNotVisible": "0"}
    function.wire.respond("GetQueueAttributes", HttpResponse(body={"Attributes": attributes}))
    result = function.invoke(trigger="reconcile")
    assert (result["reconcileSkipped"], result["enqueued"]) == (skipped, 0 if skipped else 2)
    assert ("waiting" in result["summary"]) is skipped
    assert len(function.sent_to("ACCOUNT_QUEUE_URL")) == result["enqueued"]


@pytest.mark.parametrize(("age", "days"), [(None, 62.0), (timedelta(hours=36), 1.5)])
def test_the_backfill_age_is_returned_in_days_without_settings(age: timedelta | None, days: float) -> None:
    def fail() -> NoReturn:
        raise AssertionError

    invocation = DirectInvocation(
        fail,
        BackfillTelemetry(),
        error_message=str,
        find_last_backfill=lambda *_: datetime.now(UTC) - age if age else None,
        get_undelivered_queue=fail,
        new_stop=FakeStop,
    )
    assert invocation.run({"trigger": "report_backfill_age"}, deadline=0) == {"daysSinceBackfill": days}


def test_a_backfill_that_is_late_fails_with_its_counts(function: DeployedFunction) -> None:
    is_over = Event()

    def hang(_: object) -> HttpResponse:
        is_over.wait(30)
        return error_response("AccessDeniedException", 400)

    function.wire.respond("DescribeOrganization", hang)
    with pytest.raises(BackfillError, match=r"out of time\. Accounts: 0 listed"):
        function.build().direct_invocation.run({"trigger": "manual"}, deadline=0)
    is_over.set()


@pytest.mark.parametrize(
    ("code", "message"),
    [("AccessDeniedException", "Check that policies"), ("InvalidInputException", "Retry")],
)
def test_a_failure_is_logged_and_raised_without_the_text_of_the_error(
    function: DeployedFunction, capsys: pytest.CaptureFixture[str], code: str, message: str
) -> None:
    """Lambda then retries it, and sends it to UndeliveredQueue."""
    function.wire.respond("ListAccounts", error_response(code, 400, "secret"))
    with pytest.raises(BackfillError, match=f"^ListAccounts failed: {code}. {message}") as raised:
        function.invoke(trigger="manual")
    assert raised.value.__suppress_context__
    *_, line = map(json.loads, capsys.readouterr().out.splitlines())
    assert (line["level"], line["message"], line["failure"]) == ("ERROR", "backfill failed", str(raised.value))
    assert "secret" not in str(line)


def test_a_failed_backfill_after_a_change_leaves_its_messages_on_change_queue(function: DeployedFunction) -> None:
    """Lambda deletes the messages of a batch only if the function returns."""
    fail_while_listing(function)
    records = [{"body": json.dumps({"version": 1, "parameter": "/contacts/version"})}]
    with pytest.raises(BackfillError, match="ListAccounts"):
        function.build().direct_invocation.run({"Records": records}, deadline_after(900_000))
    assert function.sent_to("UNDELIVERED_QUEUE_URL") == []


@pytest.mark.parametrize(("trigger", "is_recorded"), [("reconcile", True), ("manual", False)])
def test_a_reconcile_that_fails_after_its_first_messages_is_recorded_on_undelivered_queue(
    function: DeployedFunction, trigger: str, is_recorded: bool
) -> None:
    """Lambda's retry would skip it, because messages are waiting, and so hide the failure."""
    fail_while_listing(function)
    with pytest.raises(BackfillError):
        function.invoke(trigger=trigger)
    entries = function.sent_to("UNDELIVERED_QUEUE_URL")
    assert [entry["DelaySeconds"] for entry in entries] == [0] * is_recorded
    records = [json.loads(entry["MessageBody"]) for entry in entries]
    assert records == ([{"requestPayload": {"trigger": trigger, "reason": trigger}}] if is_recorded else [])


def test_a_reconcile_that_cannot_be_recorded_fails_with_its_own_message(
    function: DeployedFunction, capsys: pytest.CaptureFixture[str]
) -> None:
    fail_while_listing(function)
    is_account_queue = {"QueueUrl": function.environment["ACCOUNT_QUEUE_URL"]}.items()
    accepted, denied = HttpResponse(body={"Successful": []}), error_response("AccessDenied", 403)
    function.wire.respond(
        "SendMessageBatch", lambda request: accepted if is_account_queue <= request.items() else denied
    )
    with pytest.raises(BackfillError, match="ListAccounts"):
        function.invoke(trigger="reconcile")
    assert error_not_recorded(capsys) == "ClientError"


def test_a_reconcile_whose_record_sqs_rejects_is_logged(
    function: DeployedFunction, capsys: pytest.CaptureFixture[str]
) -> None:
    """SendMessageBatch has the HTTP status 200 even then."""
    fail_while_listing(function)
    is_account_queue = {"QueueUrl": function.environment["ACCOUNT_QUEUE_URL"]}.items()
    accepted = HttpResponse(body={"Successful": []})
    rejected = HttpResponse(body={"Failed": [{"Id": "0", "SenderFault": False, "Code": "InternalError"}]})
    function.wire.respond(
        "SendMessageBatch", lambda request: accepted if is_account_queue <= request.items() else rejected
    )
    with pytest.raises(BackfillError, match="ListAccounts"):
        function.invoke(trigger="reconcile")
    assert error_not_recorded(capsys) == "BackfillError"


def test_an_invalid_input_is_described_without_its_content(function: DeployedFunction) -> None:
    with pytest.raises(BackfillError, match=r'^Invalid input. Send {"trigger": "manual"}') as raised:
        function.invoke(command="secret")
    assert "secret" not in str(raised.value)


def error_not_recorded(capsys: pytest.CaptureFixture[str]) -> object:
    """Return the type of the error for which the failed reconcile is not on UndeliveredQueue."""
    lines = map(json.loads, capsys.readouterr().out.splitlines())
    (error,) = [line["error_type"] for line in lines if line["message"] == "failed reconcile not recorded"]
    return error


def fail_while_listing(function: DeployedFunction) -> None:
    """The first list, of the checks, succeeds. The second fails on its second page."""
    more = [{"Id": f"{number:012}"} for number in range(20)]
    pages = iter(
        [HttpResponse(body={"Accounts": ACCOUNTS}), HttpResponse(body={"Accounts": more, "NextToken": "more"})]
    )
    failure = error_response("InvalidInputException", 400)
    function.wire.respond("ListAccounts", lambda request: failure if "NextToken" in request else next(pages))
