"""The adapters: what they ask of Organizations and SQS, and what they make of the answers."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from alternate_contacts.backfill import aws
from alternate_contacts.backfill.enqueue import ListedAccount
from alternate_contacts.backfill.preflight import OrganizationDescription
from tests.fakes.wire import FakeWire, HttpAnswer, refusal

if TYPE_CHECKING:
    from mypy_boto3_account import AccountClient
    from mypy_boto3_organizations import OrganizationsClient
    from mypy_boto3_sqs import SQSClient

QUEUE = "https://sqs.invalid/AccountQueue"


@pytest.fixture
def organizations(session: boto3.Session) -> "OrganizationsClient":
    return session.client("organizations")


@pytest.fixture
def sqs(session: boto3.Session) -> "SQSClient":
    return session.client("sqs")


@pytest.fixture
def account(session: boto3.Session) -> "AccountClient":
    return session.client("account")


def organization_of(
    organizations: "OrganizationsClient", account: "AccountClient | None" = None
) -> aws.AwsAccountDirectory:
    return aws.AwsAccountDirectory(
        organizations,
        account or boto3.client("account", region_name="us-east-1"),
        region="us-east-1",
        account_id="000000000000",
    )


def add_pages(stub: Stubber, method: str, key: str, pages: list[list[dict[str, Any]]]) -> None:
    for number, page in enumerate(pages):
        answer: dict[str, Any] = {key: page}
        if number < len(pages) - 1:
            answer["NextToken"] = f"page {number + 1}"
        stub.add_response(method, answer, {"NextToken": f"page {number}"} if number else {})


def test_lists_every_page_and_stops_at_none_that_is_empty(organizations: "OrganizationsClient") -> None:
    def account(number: int) -> dict[str, Any]:
        return {"Id": f"{number:012}", "State": "ACTIVE"}

    with Stubber(organizations) as stub:
        add_pages(stub, "list_accounts", "Accounts", [[], [account(1), account(2)], [], [account(3)], []])
        listed = list(organization_of(organizations).accounts())
        stub.assert_no_pending_responses()
    assert listed == [ListedAccount(f"{number:012}", "ACTIVE") for number in (1, 2, 3)]


def test_asks_for_a_page_only_when_the_one_before_is_used_up(organizations: "OrganizationsClient") -> None:
    with Stubber(organizations) as stub:
        add_pages(stub, "list_accounts", "Accounts", [[{"Id": "1" * 12}], [{"Id": "2" * 12}]])
        accounts = organization_of(organizations).accounts()
        next(accounts)
        with pytest.raises(AssertionError):
            stub.assert_no_pending_responses()
        next(accounts)
        stub.assert_no_pending_responses()


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
        add_pages(stub, "list_accounts", "Accounts", [[{"Id": "1" * 12, **told}]])
        assert list(organization_of(organizations).accounts()) == [ListedAccount("1" * 12, state)]


@pytest.mark.parametrize(
    ("pages", "on"),
    [
        ([["account.amazonaws.com"]], True),
        ([["sso.amazonaws.com"], [], ["account.amazonaws.com"]], True),
        ([[]], False),
        ([["sso.amazonaws.com", "account.amazonaws.com.evil.invalid"]], False),
    ],
)
def test_trusted_access_is_looked_for_on_every_page(
    organizations: "OrganizationsClient", pages: list[list[str]], on: bool
) -> None:
    with Stubber(organizations) as stub:
        add_pages(
            stub,
            "list_aws_service_access_for_organization",
            "EnabledServicePrincipals",
            [[{"ServicePrincipal": name} for name in page] for page in pages],
        )
        assert organization_of(organizations).trusted_access() is on


def test_enables_trusted_access_of_the_account_api_only(organizations: "OrganizationsClient") -> None:
    with Stubber(organizations) as stub:
        stub.add_response("enable_aws_service_access", {}, {"ServicePrincipal": "account.amazonaws.com"})
        organization_of(organizations).enable_trusted_access()
        stub.assert_no_pending_responses()


def test_a_refusal_is_left_to_the_door(organizations: "OrganizationsClient") -> None:
    with Stubber(organizations) as stub:
        stub.add_client_error("list_accounts", "AccessDeniedException", "no", 400)
        with pytest.raises(ClientError):
            next(organization_of(organizations).accounts())


def test_sends_letters_as_one_group(sqs: "SQSClient") -> None:
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
        assert aws.AwsBackfillQueue(sqs, QUEUE).send(["one", "two"], delay=180) == []
        stub.assert_no_pending_responses()


@pytest.mark.parametrize("failed", [[0], [1], [9, 3], list(range(10))])
def test_tells_which_letters_sqs_did_not_take(sqs: "SQSClient", failed: list[int]) -> None:
    """SQS answers 200 even then."""
    entries = [{"Id": str(index), "SenderFault": False, "Code": "InternalError"} for index in failed]
    with Stubber(sqs) as stub:
        stub.add_response("send_message_batch", {"Successful": [], "Failed": entries})
        assert aws.AwsBackfillQueue(sqs, QUEUE).send([str(index) for index in range(10)], delay=0) == failed


def test_an_answer_without_failures_is_a_success(sqs: "SQSClient") -> None:
    """SQS leaves the list out where it is empty."""
    wire = FakeWire()
    wire.attach(sqs)
    wire.answer("SendMessageBatch", HttpAnswer(body={"Successful": []}))
    assert aws.AwsBackfillQueue(sqs, QUEUE).send(["one"], delay=0) == []


def test_the_organization_is_what_it_says(organizations: "OrganizationsClient") -> None:
    with Stubber(organizations) as stub:
        stub.add_response(
            "describe_organization", {"Organization": {"MasterAccountId": "0" * 12, "FeatureSet": "ALL"}}, {}
        )
        assert organization_of(organizations).organization() == OrganizationDescription("0" * 12, "ALL")


def test_no_organization_is_none(organizations: "OrganizationsClient") -> None:
    with Stubber(organizations) as stub:
        stub.add_client_error("describe_organization", "AWSOrganizationsNotInUseException", "no", 400)
        assert organization_of(organizations).organization() is None


def test_active_members_leave_out_ourselves_and_whoever_is_not_active(organizations: "OrganizationsClient") -> None:
    listed = [{"Id": "0" * 12}, {"Id": "1" * 12, "State": "CLOSED"}, {"Id": "2" * 12, "State": "ACTIVE"}]
    with Stubber(organizations) as stub:
        add_pages(stub, "list_accounts", "Accounts", [listed])
        assert list(organization_of(organizations).active_members()) == ["2" * 12]


CONTACT = {
    "AlternateContactType": "SECURITY",
    "Name": "Ada Geheim",
    "Title": "x",
    "EmailAddress": "a@b.c",
    "PhoneNumber": "1",
}


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (HttpAnswer(body={"AlternateContact": CONTACT}), None),
        (refusal("ResourceNotFoundException", 404), None),
        (refusal("AccessDeniedException", 403, "Ada Geheim"), "AccessDeniedException"),
    ],
)
@pytest.mark.parametrize("account_id", [None, "1" * 12])
def test_a_read_tells_the_code_of_what_did_not_go_through(
    organizations: "OrganizationsClient",
    account: "AccountClient",
    answer: HttpAnswer,
    code: str | None,
    account_id: str | None,
) -> None:
    """Our own account is addressed by leaving its id out."""
    wire = FakeWire()
    wire.attach(account)
    wire.answer("GetAlternateContact", answer)
    assert organization_of(organizations, account).read(account_id) == code
    (asked,) = wire.asked("GetAlternateContact")
    assert asked.get("AccountId") == account_id


def test_letters_wait_whether_visible_in_flight_or_delayed(sqs: "SQSClient") -> None:
    counts = {"": "1", "NotVisible": "20", "Delayed": "300"}
    with Stubber(sqs) as stub:
        stub.add_response(
            "get_queue_attributes",
            {"Attributes": {f"ApproximateNumberOfMessages{kind}": count for kind, count in counts.items()}},
        )
        assert aws.AwsBackfillQueue(sqs, QUEUE).waiting() == 321


@pytest.mark.parametrize(
    ("status", "back"),
    [
        ("UPDATE_IN_PROGRESS", False),
        ("UPDATE_ROLLBACK_IN_PROGRESS", True),
        ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", True),
        ("ROLLBACK_IN_PROGRESS", False),  # of a Create, where Delete is what comes
    ],
)
def test_a_stack_that_rolls_back_says_so(session: boto3.Session, status: str, back: bool) -> None:
    client = session.client("cloudformation")
    stack = {"StackName": "s", "StackStatus": status, "CreationTime": datetime(2026, 1, 1, tzinfo=UTC)}
    with Stubber(client) as stub:
        stub.add_response("describe_stacks", {"Stacks": [stack]}, {"StackName": "the id"})
        assert aws.rolls_back(client, "the id") is back


def test_the_last_backfill_is_the_newest_point_that_counts(session: boto3.Session) -> None:
    client = session.client("cloudwatch")
    points = [(3, 1.0), (9, 1.0), (12, 0.0), (5, 2.0)]
    datapoints = [{"Timestamp": datetime(2026, 11, day, tzinfo=UTC), "Sum": total} for day, total in points]
    with Stubber(client) as stub:
        stub.add_response("get_metric_statistics", {"Datapoints": datapoints})
        assert aws.last_backfill(client)(datetime(2026, 10, 1, tzinfo=UTC)) == datetime(2026, 11, 9, tzinfo=UTC)


def test_no_point_is_no_backfill(session: boto3.Session) -> None:
    client = session.client("cloudwatch")
    with Stubber(client) as stub:
        stub.add_response("get_metric_statistics", {"Datapoints": []})
        assert aws.last_backfill(client)(datetime(2026, 10, 1, tzinfo=UTC)) is None


@pytest.mark.usefixtures("default_session")
def test_the_clients_have_time_outs() -> None:
    for client in (
        aws.account_client(),
        aws.organizations_client(),
        aws.sqs_client(),
        aws.cloudwatch_client(),
        aws.cloudformation_client(),
    ):
        config: Any = client.meta.config
        assert config.connect_timeout <= 5
        assert config.read_timeout <= 20
