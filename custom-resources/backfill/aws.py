"""The only module that calls AWS: Organizations and SQS."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from backfill.run import ACTIVE, Account

if TYPE_CHECKING:
    from mypy_boto3_organizations import OrganizationsClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

SERVICE_PRINCIPAL = "account.amazonaws.com"
"""https://docs.aws.amazon.com/accounts/latest/reference/using-orgs-trusted-access.html"""

BULK_GROUP = "backfill"
"""One message group for all bulk letters makes AccountQueue a fair queue: letters of new accounts overtake them.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html
"""

# Organizations throttles without published numbers: be patient there. Ten attempts of standard mode wait up to 2 min.
_CONFIG = Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 10, "mode": "standard"})


def organizations_client() -> "OrganizationsClient":
    return boto3.client("organizations", config=_CONFIG)


def sqs_client() -> "SQSClient":
    return boto3.client("sqs", config=_CONFIG)


class AwsOrganization:
    """AWS Organizations. https://docs.aws.amazon.com/organizations/latest/APIReference/API_Operations.html"""

    def __init__(self, client: "OrganizationsClient") -> None:
        self._client = client

    def trusted_access(self) -> bool:
        """Whether account.amazonaws.com may act in the organization."""
        pages = self._client.get_paginator("list_aws_service_access_for_organization").paginate()
        return any(
            service.get("ServicePrincipal") == SERVICE_PRINCIPAL
            for page in pages
            for service in page["EnabledServicePrincipals"]
        )

    def enable_trusted_access(self) -> None:
        """Let account.amazonaws.com act in the organization."""
        self._client.enable_aws_service_access(ServicePrincipal=SERVICE_PRINCIPAL)

    def accounts(self) -> Iterator[Account]:
        """Every account, page by page; pages may be empty and still have a next one.

        ``State`` is the newer field; a runtime whose botocore does not know it still has ``Status``.
        """
        for page in self._client.get_paginator("list_accounts").paginate():
            for account in page["Accounts"]:
                yield Account(account["Id"], account.get("State") or account.get("Status") or ACTIVE)


class AwsAccountQueue:
    """AccountQueue."""

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
