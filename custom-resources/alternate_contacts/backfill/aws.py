"""The only module that calls AWS."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from alternate_contacts.backfill.enqueue import ListedAccount
from alternate_contacts.backfill.metrics import BACKFILL_COMPLETED, NAMESPACE, SERVICE
from alternate_contacts.backfill.preflight import OrganizationDescription
from alternate_contacts.backfill.protocol import ACTIVE, SERVICE_PRINCIPAL

if TYPE_CHECKING:
    from mypy_boto3_account import AccountClient
    from mypy_boto3_account.type_defs import GetAlternateContactRequestTypeDef
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_organizations import OrganizationsClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

BULK_GROUP = "backfill"
"""One message group for all messages of a backfill makes AccountQueue a fair queue: new accounts overtake them.

docs/adr/0005-new-accounts-overtake-a-backfill.md states the limits.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html
"""

# Organizations throttles without published numbers: be patient there. Ten attempts of standard mode wait up to 2 min.
_CONFIG = Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 10, "mode": "standard"})


# The last thing before CloudFormation is told: it must leave the time for that.
_BRIEF = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 2, "mode": "standard"})

_ROLLBACK = "UPDATE_ROLLBACK_"
_HOUR = 3600


def account_client() -> "AccountClient":
    return boto3.client("account", config=_CONFIG)


def organizations_client() -> "OrganizationsClient":
    return boto3.client("organizations", config=_CONFIG)


def sqs_client() -> "SQSClient":
    return boto3.client("sqs", config=_CONFIG)


def cloudwatch_client() -> "CloudWatchClient":
    return boto3.client("cloudwatch", config=_CONFIG)


def cloudformation_client() -> "CloudFormationClient":
    return boto3.client("cloudformation", config=_BRIEF)


class AwsAccountDirectory:
    """AWS Organizations, and a look at members' contacts.

    https://docs.aws.amazon.com/organizations/latest/APIReference/API_Operations.html
    """

    def __init__(
        self, organizations: "OrganizationsClient", account: "AccountClient", *, region: str, account_id: str
    ) -> None:
        """``region`` and ``account_id`` are those of the caller."""
        self._organizations = organizations
        self._account = account
        self.region = region
        self.account_id = account_id

    def organization(self) -> OrganizationDescription | None:
        """What DescribeOrganization tells; None where the account is in no organization."""
        try:
            found = self._organizations.describe_organization()["Organization"]
        except self._organizations.exceptions.AWSOrganizationsNotInUseException:
            return None
        return OrganizationDescription(found["MasterAccountId"], found["FeatureSet"])

    def trusted_access(self) -> bool:
        """Whether account.amazonaws.com may act in the organization."""
        pages = self._organizations.get_paginator("list_aws_service_access_for_organization").paginate()
        return any(
            service.get("ServicePrincipal") == SERVICE_PRINCIPAL
            for page in pages
            for service in page["EnabledServicePrincipals"]
        )

    def enable_trusted_access(self) -> None:
        """Let account.amazonaws.com act in the organization."""
        self._organizations.enable_aws_service_access(ServicePrincipal=SERVICE_PRINCIPAL)

    def active_members(self) -> Iterator[str]:
        """The ids of active accounts but our own."""
        active = (account.account_id for account in self.accounts() if account.state == ACTIVE)
        return (account_id for account_id in active if account_id != self.account_id)

    def read(self, account_id: str | None) -> str | None:
        """The error code of a GetAlternateContact that did not go through; a contact that is not set does."""
        call: GetAlternateContactRequestTypeDef = {"AlternateContactType": "SECURITY"}
        if account_id is not None:
            call["AccountId"] = account_id
        try:
            self._account.get_alternate_contact(**call)
        except self._account.exceptions.ResourceNotFoundException:
            return None
        except ClientError as error:
            return error.response.get("Error", {}).get("Code") or "none"
        except BotoCoreError as error:
            return type(error).__name__
        return None

    def accounts(self) -> Iterator[ListedAccount]:
        """Every account, page by page; pages may be empty and still have a next one.

        ``State`` is the newer field; a runtime whose botocore does not know it still has ``Status``.
        """
        for page in self._organizations.get_paginator("list_accounts").paginate():
            for account in page["Accounts"]:
                yield ListedAccount(account["Id"], account.get("State") or account.get("Status") or ACTIVE)


class AwsBackfillQueue:
    """AccountQueue, or UndeliveredQueue."""

    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url

    def send(self, bodies: Sequence[str], *, delay: int) -> list[int]:
        """Send up to ten letters; the indexes of those that SQS did not take (a 200 answer does not mean all)."""
        entries: list[SendMessageBatchRequestEntryTypeDef] = [
            {"Id": str(index), "MessageBody": body, "DelaySeconds": delay, "MessageGroupId": BULK_GROUP}
            for index, body in enumerate(bodies)
        ]
        answer = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)
        return [int(failed["Id"]) for failed in answer.get("Failed", [])]

    def waiting(self) -> int:
        """Letters on the queue, those in flight and delayed ones too; SQS counts approximately."""
        attributes = self._client.get_queue_attributes(
            QueueUrl=self._url,
            AttributeNames=[
                "ApproximateNumberOfMessages",
                "ApproximateNumberOfMessagesNotVisible",
                "ApproximateNumberOfMessagesDelayed",
            ],
        )["Attributes"]
        return sum(int(count) for count in attributes.values())


def refusal(error: Exception) -> str | None:
    """What to say of a call that our role may not make, or not yet; None for any other error."""
    if not isinstance(error, ClientError):
        return None
    code = error.response.get("Error", {}).get("Code", "none")
    if code not in ("AccessDenied", "AccessDeniedException"):
        return None
    return (
        f"{error.operation_name} was refused: {code}. Look for a permissions boundary or a policy that keeps "
        "BackfillRole from it, then try again."
    )


def rolls_back(client: "CloudFormationClient", stack_id: str) -> bool:
    """Whether the stack is on its way back from a failed update: the request itself does not say so."""
    [stack] = client.describe_stacks(StackName=stack_id)["Stacks"]
    return stack["StackStatus"].startswith(_ROLLBACK)


def last_backfill(client: "CloudWatchClient") -> Callable[[datetime], datetime | None]:
    """What finds the hour of the last completed backfill since a time, or None."""

    def find(since: datetime) -> datetime | None:
        answer = client.get_metric_statistics(
            Namespace=NAMESPACE,
            MetricName=BACKFILL_COMPLETED,
            Dimensions=[{"Name": "service", "Value": SERVICE}],
            StartTime=since,
            EndTime=datetime.now(UTC),
            Period=2 * _HOUR,  # 62 days of hours would be more points than the 1,440 of one answer
            Statistics=["Sum"],
        )
        return max((point["Timestamp"] for point in answer["Datapoints"] if point["Sum"] > 0), default=None)

    return find
