"""The adapters: what they send to the letter, what they make of the answers, and that AWS's messages stay behind."""

import traceback
from collections.abc import Callable
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
from alternate_contacts.worker.contacts import Contact, ContactType
from alternate_contacts.worker.errors import (
    AccessDenied,
    InvalidContact,
    NotInOrganization,
    Throttled,
    Unavailable,
    Unexpected,
    WorkerError,
)
from tests.fakes.wire import FakeWire, HttpAnswer, refusal
from tests.fakes.worker import DESIRED, MEMBER, PRESENT, SECRETS

if TYPE_CHECKING:
    from mypy_boto3_account import AccountClient
    from mypy_boto3_organizations import OrganizationsClient
    from mypy_boto3_sqs import SQSClient

ACCOUNT_QUEUE, FAILED_ACCOUNT_QUEUE = "https://sqs.invalid/AccountQueue", "https://sqs.invalid/FailedAccountQueue"
EVERYTHING = "; ".join(SECRETS)

REFUSALS: list[tuple[str, int, type[WorkerError]]] = [
    ("ValidationException", 400, InvalidContact),
    ("AccessDeniedException", 403, AccessDenied),
    ("TooManyRequestsException", 429, Throttled),
    ("TooManyRequestsException", 400, Throttled),
    ("InternalServerException", 500, Unavailable),
    ("ExpiredTokenException", 403, AccessDenied),
    ("NobodyKnowsThis", 400, Unexpected),
    ("NobodyKnowsThis", 503, Unavailable),
]


def in_api_words(contact: Contact) -> dict[str, str]:
    return {
        "Name": contact.name,
        "Title": contact.title,
        "EmailAddress": contact.email_address,
        "PhoneNumber": contact.phone_number,
    }


def put(api: aws.AwsAccountApi) -> None:
    api.put(MEMBER, ContactType.SECURITY, DESIRED)


def get(api: aws.AwsAccountApi) -> None:
    api.get(MEMBER, ContactType.SECURITY)


@pytest.fixture
def account(session: boto3.Session) -> "AccountClient":
    return session.client("account")


@pytest.fixture
def organizations(session: boto3.Session) -> "OrganizationsClient":
    return session.client("organizations")


@pytest.fixture
def sqs(session: boto3.Session) -> "SQSClient":
    return session.client("sqs")


# ---- The account API ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(ContactType))
@pytest.mark.parametrize(("account_id", "target"), [(None, {}), (MEMBER, {"AccountId": MEMBER})])
def test_get_asks_for_one_contact_of_one_account(
    account: "AccountClient", account_id: str | None, target: dict[str, str], kind: ContactType
) -> None:
    with Stubber(account) as stub:
        stub.add_response(
            "get_alternate_contact",
            {"AlternateContact": in_api_words(PRESENT) | {"AlternateContactType": kind.value}},
            {"AlternateContactType": kind.value} | target,
        )
        assert aws.AwsAccountApi(account).get(account_id, kind) == PRESENT
        stub.assert_no_pending_responses()


@pytest.mark.parametrize("kind", list(ContactType))
@pytest.mark.parametrize(("account_id", "target"), [(None, {}), (MEMBER, {"AccountId": MEMBER})])
def test_put_sends_the_whole_contact(
    account: "AccountClient", account_id: str | None, target: dict[str, str], kind: ContactType
) -> None:
    with Stubber(account) as stub:
        expected = in_api_words(DESIRED) | {"AlternateContactType": kind.value} | target
        stub.add_response("put_alternate_contact", {}, expected)
        aws.AwsAccountApi(account).put(account_id, kind, DESIRED)
        stub.assert_no_pending_responses()


def test_a_contact_that_is_not_there_is_none(account: "AccountClient") -> None:
    with Stubber(account) as stub:
        stub.add_client_error("get_alternate_contact", "ResourceNotFoundException", EVERYTHING, 404)
        assert aws.AwsAccountApi(account).get(MEMBER, ContactType.SECURITY) is None


def test_a_contact_with_parts_missing_has_empty_ones(account: "AccountClient") -> None:
    with Stubber(account) as stub:
        stub.add_response("get_alternate_contact", {"AlternateContact": {"Name": "Ada"}})
        assert aws.AwsAccountApi(account).get(MEMBER, ContactType.SECURITY) == Contact("Ada", "", "", "")


@pytest.mark.parametrize(("code", "status", "kind"), REFUSALS)
@pytest.mark.parametrize(
    ("call", "method", "operation"),
    [(get, "get_alternate_contact", "GetAlternateContact"), (put, "put_alternate_contact", "PutAlternateContact")],
    ids=["get", "put"],
)
def test_a_refusal_becomes_ours_without_the_message_of_aws(
    account: "AccountClient",
    call: Callable[[aws.AwsAccountApi], None],
    method: str,
    operation: str,
    code: str,
    status: int,
    kind: type[WorkerError],
) -> None:
    with Stubber(account) as stub:
        stub.add_client_error(method, code, EVERYTHING, status)
        with pytest.raises(WorkerError) as caught:
            call(aws.AwsAccountApi(account))
    assert type(caught.value) is kind
    assert (caught.value.code, caught.value.operation) == (code, operation)
    shown = "".join(traceback.format_exception(caught.value))
    assert [secret for secret in SECRETS if secret in shown] == []


def test_a_put_of_what_is_not_there_is_no_success(account: "AccountClient") -> None:
    """Only Get may answer with ResourceNotFoundException."""
    with Stubber(account) as stub:
        stub.add_client_error("put_alternate_contact", "ResourceNotFoundException", "no", 404)
        with pytest.raises(Unexpected):
            put(aws.AwsAccountApi(account))


def test_a_refusal_without_a_code_has_a_word_for_it(account: "AccountClient") -> None:
    """SQS takes no empty attribute."""
    with Stubber(account) as stub:
        stub.add_client_error("put_alternate_contact", "", "no", 400)
        with pytest.raises(WorkerError) as caught:
            put(aws.AwsAccountApi(account))
    assert caught.value.code == "none"


def test_what_botocore_itself_refuses_is_a_refused_contact(account: "AccountClient") -> None:
    with pytest.raises(InvalidContact) as caught:
        aws.AwsAccountApi(account).put(MEMBER, ContactType.BILLING, Contact("", "x", DESIRED.email_address, "1"))
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
def test_no_answer_is_unavailable(error: BotoCoreError) -> None:
    def lost(**_: object) -> None:
        raise error

    client = aws.account_client(1)
    client.meta.events.register("before-send", lost)
    with pytest.raises(Unavailable) as caught:
        get(aws.AwsAccountApi(client))
    assert (caught.value.code, caught.value.operation) == (type(error).__name__, "GetAlternateContact")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refusal("TooManyRequestsException", 429), Throttled),
        (refusal("AccessDeniedException", 403), AccessDenied),
        (HttpAnswer(503, "<html>sorry</html>", {"Content-Type": "text/html"}), Unavailable),
        (HttpAnswer(500, ""), Unavailable),
        (HttpAnswer(403, "<html>no</html>"), AccessDenied),
        (HttpAnswer(429, ""), Throttled),
    ],
    ids=lambda value: str(value.status) if isinstance(value, HttpAnswer) else value.__name__,
)
@pytest.mark.usefixtures("default_session")
def test_the_account_api_is_asked_once_and_not_behind_the_pacers_back(
    answer: HttpAnswer, kind: type[WorkerError]
) -> None:
    wire, client = FakeWire(), aws.account_client(1)
    wire.attach(client)
    wire.answer("GetAlternateContact", answer)
    with pytest.raises(WorkerError) as caught:
        get(aws.AwsAccountApi(client))
    assert type(caught.value) is kind
    assert len(wire.requests) == 1


@pytest.mark.usefixtures("default_session")
def test_the_clients_have_time_outs_and_room_for_every_thread() -> None:
    client = aws.account_client(15)
    assert client.meta.config.max_pool_connections == 15  # type: ignore[attr-defined]
    for each in (client, aws.organizations_client(), aws.sqs_client()):
        config: Any = each.meta.config
        assert config.connect_timeout <= 5
        assert config.read_timeout <= 10


# ---- Organizations --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ({"State": "ACTIVE", "Status": "ACTIVE"}, "ACTIVE"),
        ({"State": "PENDING_ACTIVATION", "Status": "ACTIVE"}, "PENDING_ACTIVATION"),
        ({"State": "CLOSED", "Status": "SUSPENDED"}, "CLOSED"),
        ({"Status": "SUSPENDED"}, "SUSPENDED"),
        ({"State": "", "Status": "PENDING_CLOSURE"}, "PENDING_CLOSURE"),
        ({}, "ACTIVE"),
    ],
)
def test_the_state_is_the_newer_field_then_the_older_then_active(
    organizations: "OrganizationsClient", told: dict[str, str], state: str
) -> None:
    with Stubber(organizations) as stub:
        stub.add_response("describe_account", {"Account": {"Id": MEMBER, **told}}, {"AccountId": MEMBER})
        assert aws.AwsOrganizationLookup(organizations).account_state(MEMBER) == state


def test_an_account_of_nobody_has_no_state(organizations: "OrganizationsClient") -> None:
    with Stubber(organizations) as stub:
        stub.add_client_error("describe_account", "AccountNotFoundException", "no", 400)
        assert aws.AwsOrganizationLookup(organizations).account_state(MEMBER) is None


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("AccessDeniedException", AccessDenied),
        ("TooManyRequestsException", Throttled),
        ("ServiceException", Unavailable),
        ("AWSOrganizationsNotInUseException", Unexpected),
        ("InvalidInputException", Unexpected),
    ],
)
def test_any_other_refusal_is_no_state(
    organizations: "OrganizationsClient", code: str, kind: type[WorkerError]
) -> None:
    with Stubber(organizations) as stub:
        stub.add_client_error("describe_account", code, "no", 400)
        with pytest.raises(kind) as caught:
            aws.AwsOrganizationLookup(organizations).account_state(MEMBER)
    assert not isinstance(caught.value, NotInOrganization)
    assert caught.value.operation == "DescribeAccount"


@pytest.mark.parametrize(
    ("pages", "on"),
    [
        ([["account.amazonaws.com"]], True),
        ([["sso.amazonaws.com"], [], ["cloudtrail.amazonaws.com", "account.amazonaws.com"]], True),
        ([[]], False),
        ([["sso.amazonaws.com"], ["account.amazonaws.com.evil.invalid"]], False),
    ],
)
def test_trusted_access_is_looked_for_on_every_page(
    organizations: "OrganizationsClient", pages: list[list[str]], on: bool
) -> None:
    with Stubber(organizations) as stub:
        for number, page in enumerate(pages):
            answer: dict[str, Any] = {"EnabledServicePrincipals": [{"ServicePrincipal": name} for name in page]}
            if number < len(pages) - 1:
                answer["NextToken"] = f"page {number + 1}"
            expected = {"NextToken": f"page {number}"} if number else {}
            stub.add_response("list_aws_service_access_for_organization", answer, expected)
        assert aws.AwsOrganizationLookup(organizations).trusted_access() is on


def test_a_refused_question_for_trusted_access_is_ours(organizations: "OrganizationsClient") -> None:
    with Stubber(organizations) as stub:
        stub.add_client_error("list_aws_service_access_for_organization", "TooManyRequestsException", "no", 400)
        with pytest.raises(Throttled) as caught:
            aws.AwsOrganizationLookup(organizations).trusted_access()
    assert caught.value.operation == "ListAWSServiceAccessForOrganization"


# ---- Queues ---------------------------------------------------------------------------------------------------------


def queues(client: "SQSClient") -> aws.AwsMessageQueues:
    return aws.AwsMessageQueues(client, account_queue_url=ACCOUNT_QUEUE, failed_account_queue_url=FAILED_ACCOUNT_QUEUE)


def test_a_letter_is_put_back_on_account_queue(sqs: "SQSClient") -> None:
    with Stubber(sqs) as stub:
        stub.add_response(
            "change_message_visibility",
            {},
            {"QueueUrl": ACCOUNT_QUEUE, "ReceiptHandle": "handle", "VisibilityTimeout": 60},
        )
        queues(sqs).schedule_retry("handle", 60)
        stub.assert_no_pending_responses()


def test_a_failed_letter_is_kept_with_its_attributes(sqs: "SQSClient") -> None:
    with Stubber(sqs) as stub:
        stub.add_response(
            "send_message",
            {"MessageId": "1"},
            {
                "QueueUrl": FAILED_ACCOUNT_QUEUE,
                "MessageBody": '{"as": "it came"}',
                "MessageAttributes": {
                    "AccountId": {"DataType": "String", "StringValue": MEMBER},
                    "Reason": {"DataType": "String", "StringValue": "not_authorized"},
                },
            },
        )
        queues(sqs).fail('{"as": "it came"}', {"AccountId": MEMBER, "Reason": "not_authorized"})
        stub.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("method", "operation", "call"),
    [
        ("change_message_visibility", "ChangeMessageVisibility", lambda queues: queues.schedule_retry("handle", 1)),
        ("send_message", "SendMessage", lambda queues: queues.fail("body", {})),
    ],
    ids=["put back", "fail"],
)
def test_a_refusal_of_sqs_is_ours(
    sqs: "SQSClient", method: str, operation: str, call: Callable[[aws.AwsMessageQueues], None]
) -> None:
    with Stubber(sqs) as stub:
        stub.add_client_error(method, "AWS.SimpleQueueService.NonExistentQueue", EVERYTHING, 400)
        with pytest.raises(WorkerError) as caught:
            call(queues(sqs))
    assert caught.value.operation == operation
    assert [secret for secret in SECRETS if secret in str(caught.value)] == []
