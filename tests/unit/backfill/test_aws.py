"""The adapters: what they send to AWS, and how they read the responses."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from botocore.stub import Stubber

from alternate_contacts.backfill import aws
from alternate_contacts.backfill.aws import AwsAccountDirectory, AwsBackfillQueue, AwsClients, AwsWorkerPermissions
from alternate_contacts.backfill.enqueue import ListedAccount
from alternate_contacts.backfill.error_codes import ACCESS_DENIED
from alternate_contacts.backfill.preflight import OrganizationDescription
from tests.fakes.contact_data import api_contact
from tests.fakes.wire import FakeWire, HttpResponse, error_response

if TYPE_CHECKING:
    from mypy_boto3_account import AccountClient
    from mypy_boto3_organizations import OrganizationsClient
    from mypy_boto3_sqs import SQSClient

QUEUE = "https://sqs.invalid/AccountQueue"
MANAGEMENT_ACCOUNT = "0" * 12
ORGANIZATION = "o-exampleorgid"


@pytest.fixture
def directory(organizations: "OrganizationsClient", account: "AccountClient") -> AwsAccountDirectory:
    return AwsAccountDirectory(
        organizations, account, region="us-east-1", account_id=MANAGEMENT_ACCOUNT, contact_type="SECURITY"
    )


def add_pages(stub: Stubber, method: str, key: str, pages: list[list[dict[str, Any]]]) -> None:
    for number, page in enumerate(pages):
        response: dict[str, Any] = {key: page}
        if number < len(pages) - 1:
            response["NextToken"] = f"page {number + 1}"
        stub.add_response(method, response, {"NextToken": f"page {number}"} if number else {})


# ---- AWS Organizations ----------------------------------------------------------------------------------------------


def test_lists_every_page_including_empty_ones(
    organizations: "OrganizationsClient", directory: AwsAccountDirectory
) -> None:
    one, two, three = ({"Id": f"{number:012}", "State": "ACTIVE"} for number in (1, 2, 3))
    with Stubber(organizations) as stub:
        add_pages(stub, "list_accounts", "Accounts", [[], [one, two], [], [three], []])
        assert list(directory.list_accounts()) == [ListedAccount(f"{number:012}", "ACTIVE") for number in (1, 2, 3)]
        stub.assert_no_pending_responses()


def test_requests_a_page_only_when_it_is_needed(
    organizations: "OrganizationsClient", directory: AwsAccountDirectory
) -> None:
    with Stubber(organizations) as stub:
        add_pages(stub, "list_accounts", "Accounts", [[{"Id": "1" * 12}], [{"Id": "2" * 12}]])
        accounts = directory.list_accounts()
        next(accounts)
        with pytest.raises(AssertionError):
            stub.assert_no_pending_responses()
        next(accounts)
        stub.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("fields", "state"),
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
    organizations: "OrganizationsClient", directory: AwsAccountDirectory, fields: dict[str, str], state: str
) -> None:
    with Stubber(organizations) as stub:
        add_pages(stub, "list_accounts", "Accounts", [[{"Id": "1" * 12, **fields}]])
        assert list(directory.list_accounts()) == [ListedAccount("1" * 12, state)]


def test_active_members_exclude_the_own_account_and_accounts_that_are_not_active(
    organizations: "OrganizationsClient", directory: AwsAccountDirectory
) -> None:
    accounts = [{"Id": MANAGEMENT_ACCOUNT}, {"Id": "1" * 12, "State": "CLOSED"}, {"Id": "2" * 12, "State": "ACTIVE"}]
    with Stubber(organizations) as stub:
        add_pages(stub, "list_accounts", "Accounts", [accounts])
        assert list(directory.list_active_members()) == ["2" * 12]


@pytest.mark.parametrize(
    ("pages", "is_on"),
    [
        ([["account.amazonaws.com"]], True),
        ([["sso.amazonaws.com"], [], ["account.amazonaws.com"]], True),
        ([[]], False),
        ([["sso.amazonaws.com", "account.amazonaws.com.evil.invalid"]], False),
    ],
)
def test_trusted_access_is_searched_on_every_page(
    organizations: "OrganizationsClient", directory: AwsAccountDirectory, pages: list[list[str]], is_on: bool
) -> None:
    with Stubber(organizations) as stub:
        add_pages(
            stub,
            "list_aws_service_access_for_organization",
            "EnabledServicePrincipals",
            [[{"ServicePrincipal": name} for name in page] for page in pages],
        )
        assert directory.has_trusted_access() is is_on


def test_enables_trusted_access_of_the_account_api_only(
    organizations: "OrganizationsClient", directory: AwsAccountDirectory
) -> None:
    with Stubber(organizations) as stub:
        stub.add_response("enable_aws_service_access", {}, {"ServicePrincipal": "account.amazonaws.com"})
        directory.enable_trusted_access()
        stub.assert_no_pending_responses()


def test_describes_the_organization(organizations: "OrganizationsClient", directory: AwsAccountDirectory) -> None:
    with Stubber(organizations) as stub:
        organization = {"MasterAccountId": MANAGEMENT_ACCOUNT, "FeatureSet": "ALL", "Id": ORGANIZATION}
        stub.add_response("describe_organization", {"Organization": organization}, {})
        stub.add_client_error("describe_organization", "AWSOrganizationsNotInUseException", "no", 400)
        assert directory.describe_organization() == OrganizationDescription(MANAGEMENT_ACCOUNT, "ALL", ORGANIZATION)
        assert directory.describe_organization() is None


# ---- What the worker may do -----------------------------------------------------------------------------------------


def test_the_actions_that_the_simulation_of_the_worker_denies_are_found_for_each_contact_type(
    session: boto3.Session,
) -> None:
    """Decisions other than `allowed`: https://docs.aws.amazon.com/IAM/latest/APIReference/API_EvaluationResult.html."""
    clients = AwsClients(session)
    actions = ["account:GetAlternateContact", "account:PutAlternateContact"]
    role = f"arn:aws-cn:iam::{MANAGEMENT_ACCOUNT}:role/path/WorkerRole"
    decisions: dict[Any, list[Any]] = {"BILLING": ["allowed", "explicitDeny"], "SECURITY": ["implicitDeny", "allowed"]}
    with Stubber(clients.iam) as stub:
        for contact_type, (read, put) in decisions.items():
            expected = {
                "PolicySourceArn": role,
                "ActionNames": actions,
                "ResourceArns": [f"arn:aws-cn:account::{MANAGEMENT_ACCOUNT}:account/{ORGANIZATION}/111111111111"],
                "ContextEntries": [
                    {
                        "ContextKeyName": "account:AlternateContactTypes",
                        "ContextKeyValues": [contact_type],
                        "ContextKeyType": "stringList",
                    }
                ],
            }
            results: Any = [
                {"EvalActionName": action, "EvalDecision": decision}
                for action, decision in zip(actions, (read, put), strict=True)
            ]
            stub.add_response("simulate_principal_policy", {"EvaluationResults": results}, expected)
        permissions = AwsWorkerPermissions(clients, role, list(decisions))
        denied = permissions.find_denied(actions, ORGANIZATION, "111111111111")
    assert denied == ["account:PutAlternateContact (BILLING)", "account:GetAlternateContact (SECURITY)"]


# ---- The account API ------------------------------------------------------------------------------------------------

CONTACT = {"AlternateContactType": "SECURITY", **api_contact(1)}


@pytest.mark.parametrize(
    ("response", "code"),
    [
        (HttpResponse(body={"AlternateContact": CONTACT}), None),
        (error_response("ResourceNotFoundException", 404), None),
        (error_response("AccessDeniedException", 403, "Ada Geheim"), "AccessDeniedException"),
    ],
)
@pytest.mark.parametrize("account_id", [None, "1" * 12])
def test_a_contact_error_is_its_code(
    account: "AccountClient",
    directory: AwsAccountDirectory,
    response: HttpResponse,
    code: str | None,
    account_id: str | None,
) -> None:
    """A request without an ID is for the own account."""
    wire = FakeWire()
    wire.attach(account)
    wire.respond("GetAlternateContact", response)
    assert directory.get_contact_error(account_id) == code
    (request,) = wire.requests_of("GetAlternateContact")
    assert (request.get("AccountId"), request["AlternateContactType"]) == (account_id, "SECURITY")


def test_an_error_without_a_response_is_its_type(account: "AccountClient", directory: AwsAccountDirectory) -> None:
    def fail(_: object) -> HttpResponse:
        raise NoCredentialsError

    wire = FakeWire()
    wire.attach(account)
    wire.respond("GetAlternateContact", fail)
    assert directory.get_contact_error(None) == "NoCredentialsError"


# ---- AccountQueue ---------------------------------------------------------------------------------------------------


def test_sends_messages_as_one_group(sqs: "SQSClient") -> None:
    with Stubber(sqs) as stub:
        stub.add_response(
            "send_message_batch",
            {"Successful": [], "Failed": []},
            {
                "QueueUrl": QUEUE,
                "Entries": [
                    {"Id": "0", "MessageBody": "one", "DelaySeconds": 180, "MessageGroupId": "backfill"},
                    {"Id": "1", "MessageBody": "two", "DelaySeconds": 180, "MessageGroupId": "backfill"},
                ],
            },
        )
        assert AwsBackfillQueue(sqs, QUEUE).send(["one", "two"], delay=180) == {}
        stub.assert_no_pending_responses()


@pytest.mark.parametrize("indexes", [[0], [1], [9, 3], list(range(10))])
def test_returns_the_codes_of_rejected_messages(sqs: "SQSClient", indexes: list[int]) -> None:
    """The response has the HTTP status 200 even then."""
    entries = [{"Id": str(index), "SenderFault": False, "Code": "InternalError"} for index in indexes]
    with Stubber(sqs) as stub:
        stub.add_response("send_message_batch", {"Successful": [], "Failed": entries})
        rejected = AwsBackfillQueue(sqs, QUEUE).send([str(index) for index in range(10)], delay=0)
    assert rejected == dict.fromkeys(indexes, "InternalError")


def test_a_response_without_failures_is_a_success(sqs: "SQSClient") -> None:
    """SQS omits an empty list."""
    wire = FakeWire()
    wire.attach(sqs)
    wire.respond("SendMessageBatch", HttpResponse(body={"Successful": []}))
    assert AwsBackfillQueue(sqs, QUEUE).send(["one"], delay=0) == {}


def test_counts_messages_that_are_visible_in_flight_or_delayed(sqs: "SQSClient") -> None:
    counts = {"": "1", "NotVisible": "20", "Delayed": "300"}
    with Stubber(sqs) as stub:
        attributes = {f"ApproximateNumberOfMessages{suffix}": count for suffix, count in counts.items()}
        request = {"QueueUrl": QUEUE, "AttributeNames": list(attributes)}
        stub.add_response("get_queue_attributes", {"Attributes": attributes}, request)
        assert AwsBackfillQueue(sqs, QUEUE).count_messages() == 321


# ---- CloudFormation, CloudWatch -------------------------------------------------------------------------------------


def test_the_status_is_that_of_the_stack(session: boto3.Session) -> None:
    client = session.client("cloudformation")
    status = "UPDATE_ROLLBACK_IN_PROGRESS"
    stack = {"StackName": "s", "StackStatus": status, "CreationTime": datetime(2026, 1, 1, tzinfo=UTC)}
    with Stubber(client) as stub:
        stub.add_response("describe_stacks", {"Stacks": [stack]}, {"StackName": "the ID"})
        assert aws.get_stack_status(client, "the ID") == status


@pytest.mark.parametrize(
    ("points", "day"), [([(3, 1.0), (9, 1.0), (12, 0.0), (5, 2.0)], 9), ([(12, 0.0)], None), ([], None)]
)
def test_the_last_backfill_is_the_newest_point_above_zero(
    session: boto3.Session, points: list[tuple[int, float]], day: int | None
) -> None:
    client = session.client("cloudwatch")
    datapoints = [{"Timestamp": datetime(2026, 11, day, tzinfo=UTC), "Sum": total} for day, total in points]
    since, until = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 13, tzinfo=UTC)
    expected = {
        "Namespace": "AlternateContacts",
        "MetricName": "BackfillCompleted",
        "Dimensions": [{"Name": "service", "Value": "backfill"}],
        "StartTime": since,
        "EndTime": until,
        "Period": 7200,
        "Statistics": ["Sum"],
    }
    with Stubber(client) as stub:
        stub.add_response("get_metric_statistics", {"Datapoints": datapoints}, expected)
        last = aws.find_last_backfill(client, since, until)
    assert last == (datetime(2026, 11, day, tzinfo=UTC) if day else None)


# ---- Parameter Store -----------------------------------------------------------------------------------------------


def test_parameters_below_the_path_are_read_from_every_page(session: boto3.Session) -> None:
    """The value of a SecureString stays with AWS: without decryption it is not the value."""
    client = session.client("ssm")
    pages: list[list[dict[str, Any]]] = [
        [{"Name": "/contacts/version", "Type": "String", "Value": "1"}],
        [],
        [
            {"Name": "/contacts/sets/a", "Type": "SecureString", "Value": "encrypted"},
            {"Name": "/contacts/sets/list", "Type": "StringList", "Value": "a,b"},
        ],
    ]
    request = {"Path": "/contacts", "Recursive": True, "WithDecryption": False}
    with Stubber(client) as stub:
        for number, page in enumerate(pages):
            more = {"NextToken": f"page {number + 1}"} if number < len(pages) - 1 else {}
            token = {"NextToken": f"page {number}"} if number else {}
            stub.add_response("get_parameters_by_path", {"Parameters": page, **more}, request | token)
        assert aws.read_parameters(client, "/contacts") == {"version": "1", "sets/a": None, "sets/list": None}
        stub.assert_no_pending_responses()


# ---- Errors, clients ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "message", "eventually_consistent"),
    [
        *(
            (ClientError({"Error": {"Code": code}}, "Any"), f"Any failed: {code}. Check", True)
            for code in sorted(ACCESS_DENIED)
        ),
        (ClientError({"Error": {"Code": "Throttling", "Message": "secret"}}, "Any"), "Any failed: Throttling.", False),
        (ClientError({}, "Any"), "Any failed: none.", False),
        (EndpointConnectionError(endpoint_url="secret"), "A call to AWS failed: EndpointConnectionError in", False),
    ],
)
def test_an_error_is_described_by_operation_and_code(
    error: Exception, message: str, eventually_consistent: bool
) -> None:
    failure = aws.describe_aws_error(error)
    assert failure
    assert failure.message.startswith(message)
    assert failure.eventually_consistent is eventually_consistent
    assert "secret" not in failure.message


def test_an_error_that_aws_did_not_cause_has_no_description() -> None:
    assert aws.describe_aws_error(RuntimeError()) is None


def test_every_client_has_timeouts(session: boto3.Session) -> None:
    clients = aws.AwsClients(session)
    for client in (clients.account, clients.organizations, clients.sqs, clients.cloudwatch, clients.cloudformation):
        config: Any = client.meta.config
        assert config.connect_timeout <= 5
        assert config.read_timeout <= 20
