"""The door: one answer to each request, whatever happens, and nothing secret in the log."""

import json
import re
import threading
import time
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, NoRegionError

from alternate_contacts.backfill import aws, handler
from alternate_contacts.backfill.errors import BackfillError
from alternate_contacts.backfill.response import ResponseNotDelivered, send_response
from tests.fakes.clock import FakeStop
from tests.fakes.cloudformation import CONTACT, LOGICAL_ID, RESPONSE_URL, SIGNATURE, STACK_ID, FakeResponseUrl, event
from tests.fakes.environment import BACKFILL
from tests.fakes.lambda_context import FakeContext
from tests.fakes.wire import FakeWire, HttpAnswer, refusal

pytestmark = pytest.mark.usefixtures("logs_to_stdout", "default_session")

TEMPLATE = Path(__file__).parents[3] / "template.yaml"
PHYSICAL_ID = f"{STACK_ID}/{LOGICAL_ID}"
DATA_KEYS = {"Summary", "Listed", "Enqueued", "Skipped"}
REQUEST_TYPES = ["Create", "Update", "Delete"]
SECRETS = [SIGNATURE, RESPONSE_URL, *CONTACT[1:]]
EVERYTHING = "; ".join(SECRETS)

ACCOUNTS = [
    {"Id": "111111111111", "State": "ACTIVE"},
    {"Id": "222222222222", "State": "ACTIVE"},
    {"Id": "333333333333", "State": "SUSPENDED"},
]


def stack_in(status: str) -> HttpAnswer:
    """What DescribeStacks says of the stack."""
    return HttpAnswer(
        body="<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>alternate-contacts</StackName>"
        f"<StackStatus>{status}</StackStatus><CreationTime>2026-11-24T10:00:00Z</CreationTime></member></Stacks>"
        "</DescribeStacksResult></DescribeStacksResponse>"
    )


@pytest.fixture
def response_url(monkeypatch: pytest.MonkeyPatch) -> FakeResponseUrl:
    fake = FakeResponseUrl()
    monkeypatch.setattr(urllib.request, "urlopen", fake.urlopen)
    monkeypatch.setattr(handler, "send_response", partial(send_response, sleep=lambda _: None))
    return fake


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> FakeWire:
    """An organization of three accounts."""
    wire = FakeWire()
    for name in ("account", "organizations", "sqs", "cloudwatch", "cloudformation"):
        client = getattr(aws, f"{name}_client")()
        wire.attach(client)
        monkeypatch.setattr(aws, f"{name}_client", partial(lambda found: found, client))
    monkeypatch.setattr(handler, "Event", FakeStop)
    for name, value in BACKFILL.items():
        monkeypatch.setenv(name, value)
    principal = {"ServicePrincipal": "account.amazonaws.com"}
    wire.answer("ListAWSServiceAccessForOrganization", HttpAnswer(body={"EnabledServicePrincipals": [principal]}))
    described = {"Organization": {"MasterAccountId": "000000000000", "FeatureSet": "ALL"}}
    wire.answer("DescribeOrganization", HttpAnswer(body=described))
    wire.answer("GetAlternateContact", refusal("ResourceNotFoundException", 404))
    wire.answer("DescribeStacks", stack_in("UPDATE_IN_PROGRESS"))
    wire.answer("ListAccounts", HttpAnswer(body={"Accounts": ACCOUNTS}))
    wire.answer("SendMessageBatch", HttpAnswer(body={"Successful": []}))
    return wire


@pytest.fixture
def ask(response_url: FakeResponseUrl) -> Callable[..., dict[str, Any]]:
    """Send a request through the door; the one answer to it."""

    def ask(request_type: str, **changes: object) -> dict[str, Any]:
        handler.lambda_handler(event(request_type, **changes), FakeContext(900_000))  # type: ignore[arg-type]
        (told,) = response_url.answers()
        assert {"StackId": STACK_ID, "RequestId": f"{request_type} 1", "LogicalResourceId": LOGICAL_ID}.items() <= (
            told.items()
        )
        return told

    return ask


Ask = Callable[..., dict[str, Any]]


def crash(error: Exception) -> Callable[[], object]:
    def crashing() -> object:
        raise error

    return crashing


@pytest.mark.usefixtures("wire")
@pytest.mark.parametrize("request_type", ["Create", "Update"])
def test_a_backfill_answers_with_its_figures(ask: Ask, request_type: str) -> None:
    told = ask(request_type)
    assert told["Status"] == "SUCCESS"
    assert told["Data"] == {
        "Summary": "3 accounts listed, 2 put on AccountQueue for the worker to bring right, skipped: 1 SUSPENDED",
        "Listed": "3",
        "Enqueued": "2",
        "Skipped": "1 SUSPENDED",
    }


@pytest.mark.parametrize(("request_type", "delay"), [("Create", 0), ("Update", 180)])
def test_only_letters_of_an_update_wait_for_the_old_workers(
    ask: Ask, wire: FakeWire, request_type: str, delay: int
) -> None:
    ask(request_type)
    (sent,) = wire.asked("SendMessageBatch")
    assert sent["QueueUrl"] == BACKFILL["ACCOUNT_QUEUE_URL"]
    assert [entry["DelaySeconds"] for entry in sent["Entries"]] == [delay, delay]
    assert [json.loads(entry["MessageBody"])["accountId"] for entry in sent["Entries"]] == ["1" * 12, "2" * 12]


def test_a_delete_succeeds_and_calls_nobody(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    called = []
    monkeypatch.setattr(aws, "organizations_client", lambda: called.append("organizations"))
    monkeypatch.setattr(aws, "sqs_client", lambda: called.append("sqs"))
    for name in BACKFILL:
        monkeypatch.delenv(name, raising=False)
    assert ask("Delete")["Status"] == "SUCCESS"
    assert called == []


# ---- Exactly one answer ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("request_type", ["Create", "Update"])
@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("DescribeOrganization", "ServiceException"),
        ("ListAWSServiceAccessForOrganization", "InvalidInputException"),
        ("ListAccounts", "InvalidInputException"),
        ("SendMessageBatch", "AWS.SimpleQueueService.NonExistentQueue"),
    ],
)
def test_what_aws_refuses_fails_with_operation_and_code(
    ask: Ask, wire: FakeWire, operation: str, code: str, request_type: str
) -> None:
    wire.answer(operation, refusal(code, 400, EVERYTHING))
    told = ask(request_type)
    assert told["Status"] == "FAILED"
    assert told["Reason"].startswith(f"{operation} was refused: {code}. Try again")


def test_aws_out_of_reach_fails_with_the_kind_of_it(ask: Ask, wire: FakeWire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws, "organizations_client", crash(NoRegionError()))
    told = ask("Create")
    assert (told["Status"], told["Reason"]) == ("FAILED", "AWS could not be reached: NoRegionError.")
    assert wire.requests == []


@pytest.mark.parametrize("request_type", ["Create", "Update"])
@pytest.mark.parametrize("error", [RuntimeError(EVERYTHING), KeyError(EVERYTHING), RecursionError(), MemoryError()])
@pytest.mark.usefixtures("wire")
def test_what_nobody_foresaw_fails_with_its_kind_only(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, error: Exception, request_type: str
) -> None:
    monkeypatch.setattr(aws, "sqs_client", crash(error))
    told = ask(request_type)
    assert told["Status"] == "FAILED"
    assert told["Reason"] == f"Unforeseen {type(error).__name__}. See the log of BackfillFunction."


@pytest.mark.parametrize(("name", "request_type"), [("ACCOUNT_QUEUE_URL", "Create"), ("UPDATE_DELAY", "Update")])
@pytest.mark.usefixtures("wire")
def test_a_missing_variable_fails(ask: Ask, monkeypatch: pytest.MonkeyPatch, name: str, request_type: str) -> None:
    monkeypatch.delenv(name)
    assert ask(request_type)["Status"] == "FAILED"


def test_letters_that_sqs_does_not_take_fail_with_the_figures(ask: Ask, wire: FakeWire) -> None:
    failed = [{"Id": "0", "SenderFault": False, "Code": "InternalError"}]
    wire.answer("SendMessageBatch", HttpAnswer(body={"Failed": failed}))
    told = ask("Create")
    assert told["Status"] == "FAILED"
    assert "SQS did not take 1 letters, tried again and again: 3 accounts listed" in told["Reason"]


@pytest.mark.usefixtures("wire")
def test_time_that_runs_out_fails_while_there_is_time_to_say_so(response_url: FakeResponseUrl) -> None:
    handler.lambda_handler(event("Create"), FakeContext(60_000))  # type: ignore[arg-type]
    (told,) = response_url.answers()
    assert told["Status"] == "FAILED"
    assert told["Reason"].startswith("Time ran out")


@pytest.mark.usefixtures("wire")
def test_an_answer_that_does_not_get_through_is_raised_for_lambda_to_try_again(response_url: FakeResponseUrl) -> None:
    response_url.troubles = [TimeoutError(RESPONSE_URL)] * 5
    with pytest.raises(ResponseNotDelivered) as caught:
        handler.lambda_handler(event("Create"), FakeContext(900_000))  # type: ignore[arg-type]
    assert SIGNATURE not in str(caught.value)


def test_a_call_that_hangs_does_not_keep_cloudformation_waiting(response_url: FakeResponseUrl, wire: FakeWire) -> None:
    hanging = threading.Event()

    def hang(_: object) -> HttpAnswer:
        hanging.wait(30)
        return HttpAnswer(body={"Accounts": []})

    wire.answer("ListAccounts", hang)
    started = time.monotonic()
    handler.lambda_handler(event("Create"), FakeContext(75_300))  # type: ignore[arg-type]
    hanging.set()
    assert time.monotonic() - started < 20
    (told,) = response_url.answers()
    assert (told["Status"], told["Reason"][:13]) == ("FAILED", "Time ran out ")


def test_a_duplicate_request_gets_the_same_answer(response_url: FakeResponseUrl, wire: FakeWire) -> None:
    """Lambda may send_response an asynchronous invocation twice; letters that are there twice cost Gets only."""
    for _ in range(2):
        handler.lambda_handler(event("Create"), FakeContext(900_000))  # type: ignore[arg-type]
    first, second = response_url.answers()
    assert first == second
    assert len(wire.asked("SendMessageBatch")) == 2


# ---- Rollback -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_FAILED"])
def test_an_update_that_fails_while_the_stack_rolls_back_succeeds_all_the_same(
    ask: Ask, wire: FakeWire, status: str
) -> None:
    wire.answer("DescribeStacks", stack_in(status))
    wire.answer("ListAccounts", refusal("AccessDeniedException", 400))
    told = ask("Update")
    assert told["Status"] == "SUCCESS"
    assert told["Reason"] == (
        "Rolled back all the same: ListAccounts was refused: AccessDeniedException. Look for a permissions boundary or "
        "a policy that keeps BackfillRole from it, then try again."
    )
    assert set(told["Data"]) == DATA_KEYS
    assert all(told["Data"].values())


def test_a_rollback_sends_the_letters_of_the_old_contacts(ask: Ask, wire: FakeWire) -> None:
    wire.answer("DescribeStacks", stack_in("UPDATE_ROLLBACK_IN_PROGRESS"))
    assert ask("Update")["Data"]["Enqueued"] == "2"
    assert wire.asked("DescribeStacks") == []


@pytest.mark.parametrize(
    "answer", [refusal("AccessDenied", 403), HttpAnswer(body="<DescribeStacksResponse/>"), HttpAnswer(body="nonsense")]
)
def test_a_stack_that_does_not_say_does_not_roll_back(ask: Ask, wire: FakeWire, answer: HttpAnswer) -> None:
    wire.answer("DescribeStacks", answer)
    wire.answer("ListAccounts", refusal("AccessDeniedException", 400))
    assert ask("Update")["Status"] == "FAILED"


def test_a_failed_create_does_not_ask(ask: Ask, wire: FakeWire) -> None:
    wire.answer("ListAccounts", refusal("AccessDeniedException", 400))
    assert ask("Create")["Status"] == "FAILED"
    assert wire.asked("DescribeStacks") == []


# ---- Preflight, mode, enabled ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("request_type", ["Create", "Update"])
def test_an_obstacle_fails_with_its_sentence_and_nothing_is_half_done(
    ask: Ask, wire: FakeWire, request_type: str
) -> None:
    described = {"Organization": {"MasterAccountId": "999999999999", "FeatureSet": "ALL"}}
    wire.answer("DescribeOrganization", HttpAnswer(body=described))
    told = ask(request_type)
    assert told["Status"] == "FAILED"
    assert told["Reason"].startswith("This is account 000000000000, and the management account")
    assert wire.asked("SendMessageBatch") == []


def test_letters_have_the_mode_of_the_stack(ask: Ask, wire: FakeWire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODE", "report")
    ask("Create")
    (sent,) = wire.asked("SendMessageBatch")
    assert {json.loads(entry["MessageBody"])["mode"] for entry in sent["Entries"]} == {"report"}


@pytest.mark.parametrize("request_type", ["Create", "Update"])
def test_a_disabled_package_deploys_and_asks_nobody(
    ask: Ask, wire: FakeWire, monkeypatch: pytest.MonkeyPatch, request_type: str
) -> None:
    monkeypatch.setenv("ENABLED", "false")
    told = ask(request_type)
    assert told["Status"] == "SUCCESS"
    assert told["Data"]["Summary"].startswith("The package is disabled")
    assert wire.requests == []


# ---- The schedule and the operator ----------------------------------------------------------------------------------


def call(event: dict[str, Any]) -> dict[str, Any]:
    found = handler.lambda_handler(event, FakeContext(900_000))  # type: ignore[arg-type]
    assert found is not None
    return found


def test_a_call_answers_with_figures(wire: FakeWire, response_url: FakeResponseUrl) -> None:
    assert call({"reason": "manual"}) == {
        "summary": "3 accounts listed, 2 put on AccountQueue for the worker to bring right, skipped: 1 SUSPENDED",
        "listed": 3,
        "enqueued": 2,
        "skipped": {"SUSPENDED": 1},
        "stoodBack": False,
    }
    (sent,) = wire.asked("SendMessageBatch")
    assert [entry["DelaySeconds"] for entry in sent["Entries"]] == [0, 0]
    assert response_url.requests == []


@pytest.mark.parametrize(("waiting", "reconcile_skipped"), [("0", False), ("3", True)])
def test_the_schedule_stands_back_while_letters_wait(wire: FakeWire, waiting: str, reconcile_skipped: bool) -> None:
    attributes = {"ApproximateNumberOfMessages": waiting, "ApproximateNumberOfMessagesNotVisible": "0"}
    wire.answer("GetQueueAttributes", HttpAnswer(body={"Attributes": attributes}))
    assert call({"reason": "reconcile"})["stoodBack"] is reconcile_skipped
    assert bool(wire.asked("SendMessageBatch")) is not reconcile_skipped


@pytest.mark.usefixtures("wire")
def test_the_watch_answers_with_days(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws, "last_backfill", lambda _: lambda _: None)
    assert call({"reason": "watch"}) == {"daysSinceBackfill": 62.0}


def test_a_call_that_fails_is_raised_with_one_sentence(wire: FakeWire) -> None:
    """Lambda then tries once more, and keeps it on UndeliveredQueue."""
    wire.answer("ListAccounts", refusal("AccessDeniedException", 400, EVERYTHING))
    with pytest.raises(BackfillError) as caught:
        call({"reason": "manual"})
    assert str(caught.value).startswith("ListAccounts was refused: AccessDeniedException. Look for")
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(("reason", "kept"), [("reconcile", True), ("manual", False)])
def test_a_reconcile_that_fails_half_way_is_kept_because_lambdas_retry_stands_back(
    wire: FakeWire, reason: str, kept: bool
) -> None:
    first = HttpAnswer(body={"Accounts": ACCOUNTS})
    more = HttpAnswer(body={"Accounts": [{"Id": f"{each:012}"} for each in range(20)], "NextToken": "more"})
    answers = iter([first, more])
    last = refusal("InvalidInputException", 400)
    wire.answer("ListAccounts", lambda asked: last if "NextToken" in asked else next(answers))
    wire.answer("GetQueueAttributes", HttpAnswer(body={"Attributes": {"ApproximateNumberOfMessages": "0"}}))
    with pytest.raises(BackfillError):
        call({"reason": reason})
    undelivered = [
        json.loads(entry["MessageBody"])
        for sent in wire.asked("SendMessageBatch")
        if sent["QueueUrl"] == BACKFILL["UNDELIVERED_QUEUE_URL"]
        for entry in sent["Entries"]
    ]
    assert undelivered == ([{"requestPayload": {"reason": reason}}] if kept else [])


@pytest.mark.usefixtures("wire")
def test_a_call_that_is_not_understood_says_what_would_be() -> None:
    with pytest.raises(BackfillError, match="The call was not understood"):
        call({"answer": EVERYTHING})


# ---- The same resource for ever -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("wire")
def test_the_physical_id_of_a_create_is_made_of_stack_and_resource(ask: Ask) -> None:
    assert ask("Create")["PhysicalResourceId"] == PHYSICAL_ID


@pytest.mark.usefixtures("wire")
@pytest.mark.parametrize("request_type", ["Update", "Delete"])
@pytest.mark.parametrize("physical_id", [PHYSICAL_ID, "made up by CloudFormation"])
def test_the_physical_id_stays_what_it_is(ask: Ask, request_type: str, physical_id: str) -> None:
    """Another one would make CloudFormation delete the resource under the one before."""
    assert ask(request_type, PhysicalResourceId=physical_id)["PhysicalResourceId"] == physical_id


def test_a_failed_create_has_the_same_physical_id(ask: Ask, wire: FakeWire) -> None:
    wire.answer("ListAccounts", refusal("AccessDeniedException", 400))
    assert ask("Create")["PhysicalResourceId"] == PHYSICAL_ID


@pytest.mark.usefixtures("wire")
@pytest.mark.parametrize("request_type", REQUEST_TYPES)
def test_every_success_has_the_same_attributes(ask: Ask, request_type: str) -> None:
    told = ask(request_type)["Data"]
    assert set(told) == DATA_KEYS
    assert all(isinstance(value, str) and value for value in told.values())


def test_the_template_reads_no_attribute_that_is_not_there() -> None:
    read = set(re.findall(r"GetAtt Backfill\.(\w+)", TEMPLATE.read_text()))
    assert read
    assert read <= DATA_KEYS


# ---- The log --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("request_type", REQUEST_TYPES)
@pytest.mark.parametrize("trouble", ["none", "refused", "out of reach", "unforeseen", "not delivered"])
def test_nothing_secret_is_logged(
    response_url: FakeResponseUrl,
    wire: FakeWire,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    trouble: str,
    request_type: str,
) -> None:
    if trouble == "refused":
        wire.answer("ListAccounts", refusal("AccessDeniedException", 400, EVERYTHING))
    elif trouble == "out of reach":
        monkeypatch.setattr(aws, "sqs_client", crash(NoRegionError(msg=EVERYTHING)))
    elif trouble == "unforeseen":
        error = RuntimeError(EVERYTHING)
        error.__cause__ = ClientError({"Error": {"Message": EVERYTHING}}, EVERYTHING)
        monkeypatch.setattr(aws, "sqs_client", crash(error))
    elif trouble == "not delivered":
        response_url.troubles = [TimeoutError(EVERYTHING)] * 5
    try:
        handler.lambda_handler(event(request_type), FakeContext(900_000))  # type: ignore[arg-type]
    except ResponseNotDelivered as not_delivered:
        print(not_delivered)  # noqa: T201 - as Lambda does
    output = capsys.readouterr()
    assert output.err == ""
    assert "answering CloudFormation" in output.out
    assert [secret for secret in SECRETS if secret in output.out] == []
    assert [secret for secret in SECRETS if secret in str(response_url.answers())] == []


@pytest.mark.usefixtures("wire")
def test_the_log_tells_request_and_success(ask: Ask, capsys: pytest.CaptureFixture[str]) -> None:
    ask("Create")
    *_, line = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (line["level"], line["service"], line["request"], line["success"]) == ("INFO", "backfill", "Create", True)
    assert line["why"].startswith("3 accounts listed")


@pytest.mark.usefixtures("wire")
def test_the_log_tells_where_the_unforeseen_happened(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(aws, "sqs_client", crash(RuntimeError()))
    ask("Create")
    unforeseen, _ = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (unforeseen["level"], unforeseen["error"]) == ("ERROR", "RuntimeError")
    assert unforeseen["at"][-1].endswith(" crashing")
