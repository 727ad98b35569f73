"""CloudFormation gets one response to each request, whatever fails, and no secret is logged."""

import json
import re
import threading
import time

import pytest
from botocore.exceptions import ClientError, NoRegionError

from alternate_contacts.backfill.deadline import RESERVED_SECONDS, deadline_after
from alternate_contacts.backfill.errors import BackfillError
from alternate_contacts.backfill.response import ResponseDeliveryError
from tests.fakes.cloudformation import (
    CONTACT,
    PHYSICAL_ID,
    RESPONSE_URL,
    SIGNATURE,
    STACK_ID,
    custom_resource_event,
)
from tests.fakes.wire import HttpResponse, error_response
from tests.unit.backfill.conftest import DeployedFunction, set_stack_status

pytestmark = pytest.mark.usefixtures("logs_to_stdout")

REQUEST_TYPES = ["Create", "Update", "Delete"]
SECRETS = [SIGNATURE, RESPONSE_URL, *CONTACT[1:]]
ALL_SECRETS = "; ".join(SECRETS)


@pytest.mark.parametrize(("request_type", "delay"), [("Create", 0), ("Update", 180)])
def test_create_and_update_send_a_message_per_active_account(
    function: DeployedFunction, request_type: str, delay: int
) -> None:
    """Those of an Update are delayed: until then a worker may still have the old contacts."""
    response = function.request(request_type)
    assert response["Status"] == "SUCCESS"
    assert response["Data"] == {
        "Summary": "Accounts: 3 listed, 2 enqueued, skipped: 1 SUSPENDED",
        "Listed": "3",
        "Enqueued": "2",
        "Skipped": "1 SUSPENDED",
    }
    entries = function.sent_to("ACCOUNT_QUEUE_URL")
    assert [entry["DelaySeconds"] for entry in entries] == [delay, delay]
    bodies = [json.loads(entry["MessageBody"]) for entry in entries]
    assert [(body["accountId"], body["trigger"]) for body in bodies] == [("1" * 12, "backfill"), ("2" * 12, "backfill")]


def test_a_delete_succeeds_without_settings_and_without_a_call(function: DeployedFunction) -> None:
    function.environment.clear()
    assert function.request("Delete")["Status"] == "SUCCESS"
    assert function.wire.requests == []


def test_messages_have_the_mode_of_the_stack(function: DeployedFunction) -> None:
    function.environment["MODE"] = "report"
    function.request("Create")
    bodies = [json.loads(entry["MessageBody"]) for entry in function.sent_to("ACCOUNT_QUEUE_URL")]
    assert {body["mode"] for body in bodies} == {"report"}


@pytest.mark.parametrize("request_type", ["Create", "Update"])
def test_a_disabled_package_deploys_without_a_call(function: DeployedFunction, request_type: str) -> None:
    function.environment["ENABLED"] = "false"
    response = function.request(request_type)
    assert response["Status"] == "SUCCESS"
    assert response["Data"]["Summary"].startswith("The package is disabled")
    assert function.wire.requests == []


CONTACTS = ("Billing", "Operations", "Security")
PROTECTED = {"Mode": "enforce", "ProtectedTargetId": "r-ab12"} | {name: ["overwrite", "Jane Doe"] for name in CONTACTS}


@pytest.mark.parametrize(
    ("properties", "old", "checked"),
    [
        (PROTECTED, {}, True),
        (PROTECTED, PROTECTED, False),
        (PROTECTED, PROTECTED | {"Security": ["overwrite", "John Roe"]}, False),
        (PROTECTED, PROTECTED | {"ProtectedTargetId": "ou-ab12-12345678"}, True),
        (PROTECTED, PROTECTED | {"Mode": "report"}, True),
        *((PROTECTED, PROTECTED | {name: ["fill", "Jane Doe"]}, True) for name in CONTACTS),
        (PROTECTED | {"Mode": "report"}, PROTECTED, False),
        (PROTECTED | {"ProtectedTargetId": "none"}, PROTECTED, False),
        ({"Mode": "enforce"}, PROTECTED, False),
    ],
)
def test_a_disabled_package_protects_nothing_that_it_could_not_set(
    function: DeployedFunction, properties: dict[str, object], old: dict[str, object], checked: bool
) -> None:
    """CloudFormation attaches the service control policy after this response."""
    function.environment["ENABLED"] = "false"
    function.wire.respond("DescribeOrganization", error_response("AWSOrganizationsNotInUseException", 400))
    response = function.request("Update", ResourceProperties=properties, OldResourceProperties=old)
    assert response["Status"] == ("FAILED" if checked else "SUCCESS")
    assert bool(function.wire.requests_of("DescribeOrganization")) is checked
    assert function.sent_to("ACCOUNT_QUEUE_URL") == []


def test_the_first_deployment_of_a_disabled_package_runs_the_checks_if_it_protects(function: DeployedFunction) -> None:
    function.environment["ENABLED"] = "false"
    response = function.request("Create", ResourceProperties=PROTECTED)
    assert response["Status"] == "SUCCESS"
    assert response["Data"]["Summary"].startswith("The package is disabled")
    assert function.wire.requests_of("GetAlternateContact")
    assert function.sent_to("ACCOUNT_QUEUE_URL") == []


# ---- Exactly one response -------------------------------------------------------------------------------------------


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
def test_a_failed_call_is_reported_with_operation_and_code(
    function: DeployedFunction, operation: str, code: str, request_type: str
) -> None:
    function.wire.respond(operation, error_response(code, 400, ALL_SECRETS))
    response = function.request(request_type)
    assert response["Status"] == "FAILED"
    assert response["Reason"].startswith(f"{operation} failed: {code}. Retry")


def test_a_failed_check_is_reported_and_no_message_is_sent(function: DeployedFunction) -> None:
    organization = {"Id": "o-1", "MasterAccountId": "999999999999", "FeatureSet": "ALL"}
    function.wire.respond("DescribeOrganization", HttpResponse(body={"Organization": organization}))
    response = function.request("Create")
    assert response["Status"] == "FAILED"
    assert "999999999999" in response["Reason"]
    assert function.wire.requests_of("SendMessageBatch") == []


@pytest.mark.parametrize("request_type", ["Create", "Update"])
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (NoRegionError(), r"A call to AWS failed: NoRegionError in aws\.py:\d+ sqs\."),
        (RuntimeError(ALL_SECRETS), r"The backfill failed: unexpected RuntimeError in aws\.py:\d+ sqs\."),
        (MemoryError(), r"The backfill failed: unexpected MemoryError in aws\.py:\d+ sqs\."),
    ],
)
def test_any_error_is_reported_with_its_type_and_place_only(
    function: DeployedFunction, error: Exception, reason: str, request_type: str
) -> None:
    function.client_errors["sqs"] = [error]
    response = function.request(request_type)
    assert response["Status"] == "FAILED"
    assert re.match(reason, response["Reason"])
    assert [secret for secret in SECRETS if secret in response["Reason"]] == []


def test_rejected_messages_are_reported_with_code_and_counts(function: DeployedFunction) -> None:
    failed = [{"Id": "0", "SenderFault": False, "Code": "InternalError"}]
    function.wire.respond("SendMessageBatch", HttpResponse(body={"Failed": failed}))
    response = function.request("Create")
    assert response["Status"] == "FAILED"
    assert "InternalError. Accounts: 3 listed" in response["Reason"]


def test_a_request_without_tls_fails_before_anything_is_done(function: DeployedFunction) -> None:
    url = RESPONSE_URL.replace("https:", "http:")
    with pytest.raises(BackfillError):
        function.build().custom_resource.respond(
            custom_resource_event("Create", ResponseURL=url), deadline_after(900_000)
        )
    assert function.wire.requests == []
    assert function.response_url.requests == []


def test_an_invocation_without_time_reports_that(function: DeployedFunction) -> None:
    response = function.request("Create", milliseconds=(RESERVED_SECONDS - 1) * 1000)
    assert (response["Status"], response["Reason"][:28]) == ("FAILED", "The backfill ran out of time")


def test_a_call_that_hangs_is_reported_in_time(function: DeployedFunction) -> None:
    is_over = threading.Event()

    def hang(_: object) -> HttpResponse:
        is_over.wait(30)
        return error_response("InvalidInputException", 400)

    function.wire.respond("ListAccounts", hang)
    started = time.monotonic()
    response = function.request("Create", milliseconds=RESERVED_SECONDS * 1000 + 300)
    is_over.set()
    assert time.monotonic() - started < 20
    assert (response["Status"], response["Reason"][:28]) == ("FAILED", "The backfill ran out of time")


def test_a_response_that_is_not_delivered_is_raised_so_that_lambda_retries(function: DeployedFunction) -> None:
    function.response_url.errors = [TimeoutError(RESPONSE_URL)] * 5
    with pytest.raises(ResponseDeliveryError):
        function.request("Create")


def test_a_retry_of_lambda_sends_the_same_response(function: DeployedFunction) -> None:
    """It sends the messages again too, which costs Gets only."""
    built = function.build()
    for _ in range(2):
        built.custom_resource.respond(custom_resource_event("Create"), deadline_after(900_000))
    first, second = function.response_url.responses()
    assert first == second
    assert len(function.wire.requests_of("SendMessageBatch")) == 2


# ---- Rollback -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_FAILED"])
def test_a_failed_update_of_a_stack_that_rolls_back_succeeds(function: DeployedFunction, status: str) -> None:
    set_stack_status(function.wire, status)
    function.wire.respond("ListAccounts", error_response("AccessDeniedException", 400))
    response = function.request("Update")
    assert response["Status"] == "SUCCESS"
    assert response["Reason"] == (
        "The rollback continues although its backfill failed. ListAccounts failed: AccessDeniedException. Check that "
        "policies and permissions boundary of BackfillRole allow the operation, then retry."
    )


def test_a_rollback_sends_the_messages_again_for_the_old_contacts(function: DeployedFunction) -> None:
    set_stack_status(function.wire, "UPDATE_ROLLBACK_IN_PROGRESS")
    assert function.request("Update")["Data"]["Enqueued"] == "2"
    assert function.wire.requests_of("DescribeStacks") == []


@pytest.mark.parametrize(
    ("stack_response", "error_type"),
    [
        (HttpResponse(403, "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"), "ClientError"),
        (HttpResponse(body="<DescribeStacksResponse/>"), "KeyError"),
        (HttpResponse(body="nonsense"), "ResponseParserError"),
    ],
)
def test_a_failed_update_of_a_stack_with_unknown_status_fails(
    function: DeployedFunction, stack_response: HttpResponse, error_type: str, capsys: pytest.CaptureFixture[str]
) -> None:
    function.wire.respond("DescribeStacks", stack_response)
    function.wire.respond("ListAccounts", error_response("AccessDeniedException", 400))
    assert function.request("Update")["Status"] == "FAILED"
    lines = map(json.loads, capsys.readouterr().out.splitlines())
    assert [line["error_type"] for line in lines if line["message"] == "stack status unknown"] == [error_type]


def test_a_failed_create_fails_without_a_look_at_the_stack(function: DeployedFunction) -> None:
    function.wire.respond("ListAccounts", error_response("AccessDeniedException", 400))
    assert function.request("Create")["Status"] == "FAILED"
    assert function.wire.requests_of("DescribeStacks") == []


@pytest.mark.parametrize(("request_type", "is_named"), [("Create", True), ("Update", False)])
def test_a_failed_create_reports_that_the_stack_has_to_be_deleted_first(
    function: DeployedFunction, request_type: str, is_named: bool
) -> None:
    """CloudFormation does not update a stack in ROLLBACK_COMPLETE; an update ends in UPDATE_ROLLBACK_COMPLETE."""
    function.wire.respond("ListAccounts", error_response("AccessDeniedException", 400))
    assert ("ROLLBACK_COMPLETE" in function.request(request_type)["Reason"]) is is_named


# ---- The resource stays the same ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "list_accounts", [HttpResponse(body={"Accounts": []}), error_response("AccessDeniedException", 400)]
)
def test_the_physical_id_of_a_create_is_derived_from_stack_and_resource(
    function: DeployedFunction, list_accounts: HttpResponse
) -> None:
    function.wire.respond("ListAccounts", list_accounts)
    assert function.request("Create")["PhysicalResourceId"] == PHYSICAL_ID


@pytest.mark.parametrize("request_type", ["Update", "Delete"])
@pytest.mark.parametrize("physical_id", [PHYSICAL_ID, "made up by CloudFormation"])
def test_the_physical_id_never_changes(function: DeployedFunction, request_type: str, physical_id: str) -> None:
    """CloudFormation would delete the resource with the old one."""
    assert function.request(request_type, PhysicalResourceId=physical_id)["PhysicalResourceId"] == physical_id


@pytest.mark.parametrize("request_type", [*REQUEST_TYPES, "rollback"])
def test_every_success_has_the_same_attributes(function: DeployedFunction, request_type: str) -> None:
    if request_type == "rollback":
        set_stack_status(function.wire, "UPDATE_ROLLBACK_IN_PROGRESS")
        function.wire.respond("ListAccounts", error_response("AccessDeniedException", 400))
    data = function.request("Update" if request_type == "rollback" else request_type)["Data"]
    assert set(data) == {"Summary", "Listed", "Enqueued", "Skipped"}
    assert all(isinstance(value, str) and value for value in data.values())


def test_a_forged_request_with_a_foreign_url_gets_figures_only(function: DeployedFunction) -> None:
    """Who may invoke the function may read the same figures in the result of a direct invocation."""
    function.environment |= {"AWS_SESSION_TOKEN": "session token", "AWS_SECRET_ACCESS_KEY": "secret key"}
    response = function.request("Create", ResponseURL="https://attacker.invalid/collect", StackId=STACK_ID)
    (request,) = function.response_url.requests
    assert request.full_url == "https://attacker.invalid/collect"
    assert request.headers == {"Content-type": ""}
    figures = {"Status", "Reason", "PhysicalResourceId", "StackId", "RequestId", "LogicalResourceId", "Data"}
    assert response.keys() == figures
    secrets = [*CONTACT[1:], "session token", "secret key", function.environment["ACCOUNT_QUEUE_URL"]]
    assert [secret for secret in secrets if secret in json.dumps(response)] == []


# ---- The log --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("request_type", REQUEST_TYPES)
@pytest.mark.parametrize("failure", ["none", "access denied", "not reached", "unexpected", "not delivered"])
def test_no_secret_is_logged(
    function: DeployedFunction, capsys: pytest.CaptureFixture[str], failure: str, request_type: str
) -> None:
    if failure == "access denied":
        function.wire.respond("ListAccounts", error_response("AccessDeniedException", 400, ALL_SECRETS))
    elif failure == "not reached":
        function.client_errors["sqs"] = [NoRegionError(msg=ALL_SECRETS)]
    elif failure == "unexpected":
        error = RuntimeError(ALL_SECRETS)
        error.__cause__ = ClientError({"Error": {"Message": ALL_SECRETS}}, ALL_SECRETS)
        function.client_errors["sqs"] = [error]
    elif failure == "not delivered":
        function.response_url.errors = [TimeoutError(ALL_SECRETS)] * 5
    try:
        function.request(request_type)
    except ResponseDeliveryError as not_delivered:
        print(not_delivered)  # noqa: T201 - as Lambda does
    output = capsys.readouterr()
    assert output.err == ""
    assert "custom resource response" in output.out
    written = output.out + str(function.response_url.responses())
    assert [secret for secret in SECRETS if secret in written] == []


@pytest.mark.parametrize(("status", "level"), [("SUCCESS", "INFO"), ("FAILED", "ERROR")])
def test_the_response_is_logged(
    function: DeployedFunction, capsys: pytest.CaptureFixture[str], status: str, level: str
) -> None:
    if status == "FAILED":
        function.wire.respond("ListAccounts", error_response("ServiceException", 400))
    response = function.request("Create")
    *_, line = map(json.loads, capsys.readouterr().out.splitlines())
    assert (line["level"], line["service"], line["message"]) == (level, "backfill", "custom resource response")
    assert (line["request_type"], line["status"], line["response_reason"]) == ("Create", status, response["Reason"])


def test_an_unexpected_error_is_logged_with_its_frames(
    function: DeployedFunction, capsys: pytest.CaptureFixture[str]
) -> None:
    function.client_errors["sqs"] = [RuntimeError()]
    function.request("Create")
    line, _ = map(json.loads, capsys.readouterr().out.splitlines())
    assert (line["level"], line["message"], line["error_type"]) == ("ERROR", "unexpected error", "RuntimeError")
    assert line["frames"][-1].endswith(" client")
