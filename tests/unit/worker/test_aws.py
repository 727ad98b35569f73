"""The adapters: which requests they send, which errors they raise, and that no error repeats AWS's message."""

import traceback
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import (
    BotoCoreError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)
from botocore.stub import Stubber

from alternate_contacts.worker import aws
from alternate_contacts.worker.batch import ACCOUNTS_AT_A_TIME
from alternate_contacts.worker.contacts import ContactType
from alternate_contacts.worker.errors import (
    AccessDenied,
    InvalidContact,
    NotInOrganization,
    Throttled,
    Unavailable,
    Unexpected,
    WorkerError,
)
from tests.fakes.clock import FakeClock
from tests.fakes.wire import FakeWire, HttpResponse, error_response
from tests.fakes.worker import DESIRED, MEMBER, PRESENT, SECRETS

if TYPE_CHECKING:
    from mypy_boto3_account import AccountClient
    from mypy_boto3_organizations import OrganizationsClient
    from mypy_boto3_sqs import SQSClient

ACCOUNT_QUEUE, FAILED_ACCOUNT_QUEUE = "https://sqs.invalid/AccountQueue", "https://sqs.invalid/FailedAccountQueue"
EVERYTHING = "; ".join(SECRETS)

ERRORS: list[tuple[str, int, type[WorkerError]]] = [
    ("ValidationException", 400, InvalidContact),
    ("AccessDeniedException", 403, AccessDenied),
    ("TooManyRequestsException", 429, Throttled),
    ("TooManyRequestsException", 400, Throttled),
    ("InternalServerException", 500, Unavailable),
    ("ExpiredTokenException", 403, AccessDenied),
    ("UnknownException", 400, Unexpected),
    ("UnknownException", 503, Unavailable),
]


def put(api: aws.AwsAccountApi) -> None:
    api.put(MEMBER, ContactType.SECURITY, DESIRED)


def get(api: aws.AwsAccountApi) -> None:
    api.get(MEMBER, ContactType.SECURITY)


# ---- The account API ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("contact_type", list(ContactType))
@pytest.mark.parametrize(("account_id", "target"), [(None, {}), (MEMBER, {"AccountId": MEMBER})])
def test_get_requests_one_contact_of_one_account(
    account: "AccountClient", account_id: str | None, target: dict[str, str], contact_type: ContactType
) -> None:
    with Stubber(account) as stub:
        stub.add_response(
            "get_alternate_contact",
            {"AlternateContact": PRESENT.to_api() | {"AlternateContactType": contact_type.value}},
            {"AlternateContactType": contact_type.value} | target,
        )
        assert aws.AwsAccountApi(account).get(account_id, contact_type) == PRESENT
        stub.assert_no_pending_responses()


@pytest.mark.parametrize("contact_type", list(ContactType))
@pytest.mark.parametrize(("account_id", "target"), [(None, {}), (MEMBER, {"AccountId": MEMBER})])
def test_put_sends_every_field(
    account: "AccountClient", account_id: str | None, target: dict[str, str], contact_type: ContactType
) -> None:
    with Stubber(account) as stub:
        expected = DESIRED.to_api() | {"AlternateContactType": contact_type.value} | target
        stub.add_response("put_alternate_contact", {}, expected)
        aws.AwsAccountApi(account).put(account_id, contact_type, DESIRED)
        stub.assert_no_pending_responses()


def test_a_missing_contact_is_none(account: "AccountClient") -> None:
    with Stubber(account) as stub:
        stub.add_client_error("get_alternate_contact", "ResourceNotFoundException", EVERYTHING, 404)
        assert aws.AwsAccountApi(account).get(MEMBER, ContactType.SECURITY) is None


@pytest.mark.parametrize(("code", "status", "error_class"), ERRORS)
@pytest.mark.parametrize(
    ("call", "method", "operation"),
    [(get, "get_alternate_contact", "GetAlternateContact"), (put, "put_alternate_contact", "PutAlternateContact")],
    ids=["get", "put"],
)
def test_an_error_of_aws_becomes_a_worker_error_without_its_message(
    account: "AccountClient",
    call: Callable[[aws.AwsAccountApi], None],
    method: str,
    operation: str,
    code: str,
    status: int,
    error_class: type[WorkerError],
) -> None:
    with Stubber(account) as stub:
        stub.add_client_error(method, code, EVERYTHING, status)
        with pytest.raises(WorkerError) as caught:
            call(aws.AwsAccountApi(account))
    assert type(caught.value) is error_class
    assert (caught.value.code, caught.value.operation) == (code, operation)
    text = "".join(traceback.format_exception(caught.value))
    assert [secret for secret in SECRETS if secret in text] == []


def test_a_resource_not_found_is_an_error_of_put(account: "AccountClient") -> None:
    """Only for Get does ResourceNotFoundException mean that the contact is missing."""
    with Stubber(account) as stub:
        stub.add_client_error("put_alternate_contact", "ResourceNotFoundException", "no", 404)
        with pytest.raises(Unexpected):
            put(aws.AwsAccountApi(account))


def test_an_error_without_a_code_has_the_code_none(account: "AccountClient") -> None:
    """SQS rejects an empty attribute."""
    with Stubber(account) as stub:
        stub.add_client_error("put_alternate_contact", "", "no", 400)
        with pytest.raises(WorkerError) as caught:
            put(aws.AwsAccountApi(account))
    assert caught.value.code == "none"


def test_a_contact_that_botocore_rejects_is_invalid(account: "AccountClient") -> None:
    with pytest.raises(InvalidContact) as caught:
        aws.AwsAccountApi(account).put(MEMBER, ContactType.BILLING, replace(DESIRED, name=""))
    assert (caught.value.code, caught.value.operation) == ("ParamValidationError", "PutAlternateContact")
    assert DESIRED.email_address not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "error",
    [
        ConnectTimeoutError(endpoint_url="https://account.invalid"),
        ReadTimeoutError(endpoint_url="https://account.invalid"),
        EndpointConnectionError(endpoint_url="https://account.invalid"),
        NoCredentialsError(),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.usefixtures("default_session")
def test_no_response_is_unavailable(error: BotoCoreError) -> None:
    def fail(**_: object) -> None:
        raise error

    client = aws.account_client()
    client.meta.events.register("before-send", fail)
    with pytest.raises(Unavailable) as caught:
        get(aws.AwsAccountApi(client))
    assert (caught.value.code, caught.value.operation) == (type(error).__name__, "GetAlternateContact")


@pytest.mark.parametrize(
    ("response", "error_class"),
    [
        (error_response("TooManyRequestsException", 429), Throttled),
        (error_response("AccessDeniedException", 403), AccessDenied),
        (HttpResponse(503, "<html>sorry</html>", {"Content-Type": "text/html"}), Unavailable),
        (HttpResponse(500, ""), Unavailable),
        (HttpResponse(403, "<html>no</html>"), AccessDenied),
        (HttpResponse(429, ""), Throttled),
        (HttpResponse(300, ""), Unexpected),  # botocore parses it as a success, and then raises an error without a code
    ],
    ids=lambda value: str(value.status) if isinstance(value, HttpResponse) else value.__name__,
)
@pytest.mark.usefixtures("default_session")
def test_botocore_does_not_retry_calls_of_the_account_api(
    response: HttpResponse, error_class: type[WorkerError]
) -> None:
    """Every call has to wait for its pacer."""
    wire, client = FakeWire(), aws.account_client()
    wire.attach(client)
    wire.respond("GetAlternateContact", response)
    with pytest.raises(WorkerError) as caught:
        get(aws.AwsAccountApi(client))
    assert type(caught.value) is error_class
    assert len(wire.requests) == 1


@pytest.mark.usefixtures("default_session")
def test_the_account_client_has_a_connection_for_every_thread() -> None:
    assert aws.account_client().meta.config.max_pool_connections == 15  # type: ignore[attr-defined]


@pytest.mark.usefixtures("default_session")
def test_the_reserve_covers_the_calls_that_can_time_out_at_the_end() -> None:
    """One of the account API, two of Organizations that explain its error, and one of SQS."""

    def longest(client: Any) -> float:
        config = client.meta.config
        attempts = config.retries["total_max_attempts"]
        pauses = sum(2**attempt for attempt in range(attempts - 1))  # botocore's standard mode: at most 2^i s
        return float(attempts * (config.connect_timeout + config.read_timeout) + pauses)

    end = longest(aws.account_client()) + 2 * longest(aws.organizations_client()) + longest(aws.sqs_client())
    assert end + LONGEST_WAITS <= aws.RESERVE


@pytest.mark.usefixtures("default_session")
def test_calls_that_no_pacer_counts_are_tried_twice_and_do_not_wait_long() -> None:
    for client in (aws.organizations_client(), aws.sqs_client(), aws.ssm_client()):
        config: Any = client.meta.config
        assert config.retries["total_max_attempts"] == 2
        assert (config.connect_timeout, config.read_timeout) == (2, 4)


# ---- Organizations --------------------------------------------------------------------------------------------------


LONGEST_WAITS = 3.75
"""Seconds that the accounts of one batch wait for their two calls at most."""


def test_calls_of_organizations_stay_below_half_of_the_published_rate(session: boto3.Session) -> None:
    """Two workers run. AWS throttles DescribeAccount at 20 a second, burst 30."""
    clock, wire, client = FakeClock(), FakeWire(), session.client("organizations")
    wire.attach(client)
    wire.respond("DescribeAccount", HttpResponse(body={"Account": {}}))
    wire.respond("ListAWSServiceAccessForOrganization", HttpResponse(body={"EnabledServicePrincipals": []}))
    lookup = aws.AwsOrganizationLookup(client, clock=clock, sleep=clock.sleep)
    for call, rate, burst in ((lambda: lookup.account_state(MEMBER), 4, 4), (lookup.trusted_access, 2, 2)):
        started = clock()
        for _ in range(burst):
            call()
        assert clock() == started
        for _ in range(ACCOUNTS_AT_A_TIME):
            call()
        assert clock() - started == pytest.approx(ACCOUNTS_AT_A_TIME / rate)
    assert clock() == pytest.approx(LONGEST_WAITS)


@pytest.mark.parametrize(
    ("described", "state"),
    [
        ({"State": "ACTIVE", "Status": "ACTIVE"}, "ACTIVE"),
        ({"State": "PENDING_ACTIVATION", "Status": "ACTIVE"}, "PENDING_ACTIVATION"),
        ({"State": "CLOSED", "Status": "SUSPENDED"}, "CLOSED"),
        ({"Status": "SUSPENDED"}, "SUSPENDED"),
        ({"State": "", "Status": "PENDING_CLOSURE"}, "PENDING_CLOSURE"),
        ({}, "ACTIVE"),
    ],
)
def test_the_state_is_that_of_the_newer_field_or_the_older_or_active(
    organizations: "OrganizationsClient", described: dict[str, str], state: str
) -> None:
    with Stubber(organizations) as stub:
        stub.add_response("describe_account", {"Account": {"Id": MEMBER, **described}}, {"AccountId": MEMBER})
        assert aws.AwsOrganizationLookup(organizations).account_state(MEMBER) == state


def test_an_account_outside_the_organization_has_no_state(organizations: "OrganizationsClient") -> None:
    with Stubber(organizations) as stub:
        stub.add_client_error("describe_account", "AccountNotFoundException", "no", 400)
        assert aws.AwsOrganizationLookup(organizations).account_state(MEMBER) is None


@pytest.mark.parametrize(
    ("code", "error_class"),
    [
        ("AccessDeniedException", AccessDenied),
        ("TooManyRequestsException", Throttled),
        ("ServiceException", Unavailable),
        ("AWSOrganizationsNotInUseException", Unexpected),
        ("InvalidInputException", Unexpected),
    ],
)
def test_any_other_error_of_describe_account_is_raised(
    organizations: "OrganizationsClient", code: str, error_class: type[WorkerError]
) -> None:
    with Stubber(organizations) as stub:
        stub.add_client_error("describe_account", code, "no", 400)
        with pytest.raises(error_class) as caught:
            aws.AwsOrganizationLookup(organizations).account_state(MEMBER)
    assert caught.value.operation == "DescribeAccount"


ROOT, OU, CHILD = "r-ab12", "ou-ab12-11111111", "ou-ab12-22222222"


@pytest.mark.parametrize(
    ("paths", "ancestry"),
    [
        ([f"o-abc/{ROOT}/{MEMBER}/"], (MEMBER, ROOT)),
        ([f"o-abc/{ROOT}/{OU}/{CHILD}/{MEMBER}/"], (MEMBER, CHILD, OU, ROOT)),
        ([], ()),
    ],
)
def test_the_ancestry_is_the_path_of_the_account(
    organizations: "OrganizationsClient", paths: list[str], ancestry: tuple[str, ...]
) -> None:
    with Stubber(organizations) as stub:
        stub.add_response("describe_account", {"Account": {"Id": MEMBER, "Paths": paths}}, {"AccountId": MEMBER})
        description = aws.AwsOrganizationLookup(organizations).describe_account(MEMBER)
    assert description is not None
    assert description.ancestry == ancestry


def test_this_botocore_knows_paths(organizations: "OrganizationsClient") -> None:
    assert aws.AwsOrganizationLookup(organizations).describes_ancestry


def test_a_botocore_without_paths_is_detected(
    organizations: "OrganizationsClient", monkeypatch: pytest.MonkeyPatch
) -> None:
    shape = organizations.meta.service_model.shape_for("Account")
    del shape.members["Paths"]  # type: ignore[attr-defined]
    monkeypatch.setattr(organizations.meta.service_model, "shape_for", lambda _: shape)
    assert not aws.AwsOrganizationLookup(organizations).describes_ancestry


def test_an_account_or_ou_has_one_parent(organizations: "OrganizationsClient") -> None:
    with Stubber(organizations) as stub:
        stub.add_response("list_parents", {"Parents": [{"Id": ROOT, "Type": "ROOT"}]}, {"ChildId": OU})
        assert aws.AwsOrganizationLookup(organizations).get_parent(OU) == ROOT


def test_the_parent_of_an_account_outside_the_organization_is_an_error(organizations: "OrganizationsClient") -> None:
    with Stubber(organizations) as stub:
        stub.add_client_error("list_parents", "ChildNotFoundException", "no", 400)
        with pytest.raises(NotInOrganization) as caught:
            aws.AwsOrganizationLookup(organizations).get_parent(MEMBER)
    assert (caught.value.code, caught.value.operation) == ("ChildNotFoundException", "ListParents")


@pytest.mark.parametrize(
    ("pages", "on"),
    [
        ([["account.amazonaws.com"]], True),
        ([["sso.amazonaws.com"], [], ["cloudtrail.amazonaws.com", "account.amazonaws.com"]], True),
        ([[]], False),
        ([["sso.amazonaws.com"], ["account.amazonaws.com.evil.invalid"]], False),
    ],
)
def test_trusted_access_may_be_on_any_page(
    organizations: "OrganizationsClient", pages: list[list[str]], on: bool
) -> None:
    with Stubber(organizations) as stub:
        for number, page in enumerate(pages):
            response: dict[str, Any] = {"EnabledServicePrincipals": [{"ServicePrincipal": name} for name in page]}
            if number < len(pages) - 1:
                response["NextToken"] = f"page {number + 1}"
            expected = {"NextToken": f"page {number}"} if number else {}
            stub.add_response("list_aws_service_access_for_organization", response, expected)
        assert aws.AwsOrganizationLookup(organizations).trusted_access() is on


def test_an_error_of_the_trusted_access_call_is_raised(organizations: "OrganizationsClient") -> None:
    with Stubber(organizations) as stub:
        stub.add_client_error("list_aws_service_access_for_organization", "TooManyRequestsException", "no", 400)
        with pytest.raises(Throttled) as caught:
            aws.AwsOrganizationLookup(organizations).trusted_access()
    assert caught.value.operation == "ListAWSServiceAccessForOrganization"


# ---- Parameters -----------------------------------------------------------------------------------------------------


def test_a_page_has_the_values_of_string_parameters_by_their_names_below_the_path(session: boto3.Session) -> None:
    client = session.client("ssm")
    parameters = [
        {"Name": "/contacts/sets/payments", "Type": "String", "Value": "{}"},
        {"Name": "/contacts/sets/contacts/x", "Type": "SecureString", "Value": "encrypted"},
        {"Name": "/contacts/version", "Type": "StringList", "Value": "1"},
    ]
    request = {"Path": "/contacts", "Recursive": True, "WithDecryption": False}
    with Stubber(client) as stub:
        stub.add_response("get_parameters_by_path", {"Parameters": parameters, "NextToken": "2"}, request)
        stub.add_response("get_parameters_by_path", {"Parameters": []}, request | {"NextToken": "2"})
        store = aws.AwsParameterStore(client, "/contacts")
        assert store.get_page(None) == ({"sets/payments": "{}", "sets/contacts/x": None, "version": None}, "2")
        assert store.get_page("2") == ({}, None)


@pytest.mark.parametrize(
    ("code", "error_class"), [("ThrottlingException", Throttled), ("AccessDeniedException", AccessDenied)]
)
def test_an_error_of_parameter_store_becomes_a_worker_error_without_its_message(
    session: boto3.Session, code: str, error_class: type[WorkerError]
) -> None:
    client = session.client("ssm")
    with Stubber(client) as stub:
        stub.add_client_error("get_parameters_by_path", code, EVERYTHING, 400)
        with pytest.raises(error_class) as caught:
            aws.AwsParameterStore(client, "/contacts").get_page(None)
    assert caught.value.operation == "GetParametersByPath"
    assert [secret for secret in SECRETS if secret in str(caught.value)] == []


# ---- Queues ---------------------------------------------------------------------------------------------------------


def queues(client: "SQSClient") -> aws.AwsMessageQueues:
    return aws.AwsMessageQueues(client, account_queue_url=ACCOUNT_QUEUE, failed_account_queue_url=FAILED_ACCOUNT_QUEUE)


def test_a_retry_changes_the_visibility_of_the_message(sqs: "SQSClient") -> None:
    with Stubber(sqs) as stub:
        stub.add_response(
            "change_message_visibility",
            {},
            {"QueueUrl": ACCOUNT_QUEUE, "ReceiptHandle": "handle", "VisibilityTimeout": 60},
        )
        queues(sqs).schedule_retry("handle", 60)
        stub.assert_no_pending_responses()


def test_a_failed_message_is_sent_with_its_attributes(sqs: "SQSClient") -> None:
    with Stubber(sqs) as stub:
        stub.add_response(
            "send_message",
            {"MessageId": "1"},
            {
                "QueueUrl": FAILED_ACCOUNT_QUEUE,
                "MessageBody": '{"as": "it came"}',
                "MessageAttributes": {
                    "AccountId": {"DataType": "String", "StringValue": MEMBER},
                    "Reason": {"DataType": "String", "StringValue": "access_denied"},
                },
            },
        )
        queues(sqs).fail('{"as": "it came"}', {"AccountId": MEMBER, "Reason": "access_denied"})
        stub.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("method", "operation", "call"),
    [
        ("change_message_visibility", "ChangeMessageVisibility", lambda queues: queues.schedule_retry("handle", 1)),
        ("send_message", "SendMessage", lambda queues: queues.fail("body", {})),
    ],
    ids=["retry", "fail"],
)
def test_an_error_of_sqs_becomes_a_worker_error_without_its_message(
    sqs: "SQSClient", method: str, operation: str, call: Callable[[aws.AwsMessageQueues], None]
) -> None:
    with Stubber(sqs) as stub:
        stub.add_client_error(method, "AWS.SimpleQueueService.NonExistentQueue", EVERYTHING, 400)
        with pytest.raises(WorkerError) as caught:
            call(queues(sqs))
    assert caught.value.operation == operation
    assert [secret for secret in SECRETS if secret in str(caught.value)] == []
