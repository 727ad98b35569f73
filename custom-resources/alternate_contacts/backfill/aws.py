"""The only module that calls AWS."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from alternate_contacts.backfill.enqueue import ListedAccount
from alternate_contacts.backfill.error_codes import ACCESS_DENIED
from alternate_contacts.backfill.errors import PreflightFailure, error_place
from alternate_contacts.backfill.metrics import BACKFILL_COMPLETED, SERVICE
from alternate_contacts.backfill.pacing import LIST_ACCOUNTS_RATE, CallPace, CallRate
from alternate_contacts.backfill.preflight import OrganizationDescription
from alternate_contacts.backfill.protocol import ACTIVE, METRIC_NAMESPACE, SERVICE_PRINCIPAL, account_state

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from mypy_boto3_account import AccountClient
    from mypy_boto3_account.literals import AlternateContactTypeType
    from mypy_boto3_account.type_defs import GetAlternateContactRequestTypeDef
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_organizations import OrganizationsClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

BULK_GROUP = "backfill"
"""One message group for all messages of a backfill makes AccountQueue a fair queue: new accounts overtake them.

docs/adr/0005-new-accounts-overtake-a-backfill.md states the limits.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html
"""

# Ten attempts, which wait up to 2 min in standard mode: other callers share the account's throttling rates.
_CONFIG = Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 10, "mode": "standard"})


# For calls that are not worth a wait. The last call before the response to CloudFormation takes 2 x (3 + 5) s, part of
# `RESERVED_SECONDS`.
_BRIEF = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 2, "mode": "standard"})

_HOUR = 3600


class AwsClients:
    """The clients of the function. Each is opened when it is first read."""

    def __init__(self, session: boto3.Session) -> None:
        self._session = session

    @cached_property
    def account(self) -> "AccountClient":
        return self._session.client("account", config=_CONFIG)

    @cached_property
    def organizations(self) -> "OrganizationsClient":
        return self._session.client("organizations", config=_CONFIG)

    @cached_property
    def sqs(self) -> "SQSClient":
        return self._session.client("sqs", config=_CONFIG)

    @cached_property
    def ssm(self) -> Any:
        return self._session.client("ssm", config=_CONFIG)

    @cached_property
    def iam(self) -> "IAMClient":
        return self._session.client("iam", config=_BRIEF)

    @cached_property
    def cloudwatch(self) -> "CloudWatchClient":
        return self._session.client("cloudwatch", config=_CONFIG)

    @cached_property
    def cloudformation(self) -> "CloudFormationClient":
        return self._session.client("cloudformation", config=_BRIEF)


def pace_calls(client: "BaseClient", operation: str, rate: CallRate) -> None:
    """Let each attempt of an operation wait for its turn, those of botocore's retries included."""
    pace = CallPace(rate)

    def wait(**_: object) -> None:
        pace.wait()

    service = client.meta.service_model.service_id.hyphenize()
    client.meta.events.register(f"request-created.{service}.{operation}", wait)


class AwsAccountDirectory:
    """AWS Organizations, and GetAlternateContact of the account API.

    https://docs.aws.amazon.com/organizations/latest/APIReference/API_Operations.html
    """

    def __init__(
        self,
        organizations: "OrganizationsClient",
        account: "AccountClient",
        *,
        region: str,
        account_id: str,
        contact_type: "AlternateContactTypeType",
        list_accounts_rate: CallRate = LIST_ACCOUNTS_RATE,
    ) -> None:
        """``region`` and ``account_id`` are those of the caller; ``contact_type`` is what `get_contact_error` reads."""
        pace_calls(organizations, "ListAccounts", list_accounts_rate)
        self._organizations = organizations
        self._account = account
        self._contact_type = contact_type
        self.region = region
        self.account_id = account_id

    def describe_organization(self) -> OrganizationDescription | None:
        """Return None if the account is not in an organization."""
        try:
            organization = self._organizations.describe_organization()["Organization"]
        except self._organizations.exceptions.AWSOrganizationsNotInUseException:
            return None
        return OrganizationDescription(organization["MasterAccountId"], organization["FeatureSet"], organization["Id"])

    def has_trusted_access(self) -> bool:
        """Return whether trusted access is on for the account API."""
        pages = self._organizations.get_paginator("list_aws_service_access_for_organization").paginate()
        return any(
            service.get("ServicePrincipal") == SERVICE_PRINCIPAL
            for page in pages
            for service in page["EnabledServicePrincipals"]
        )

    def enable_trusted_access(self) -> None:
        """Turn trusted access on for the account API."""
        self._organizations.enable_aws_service_access(ServicePrincipal=SERVICE_PRINCIPAL)

    def list_active_members(self) -> Iterator[str]:
        """Yield the IDs of the active accounts without the caller's own."""
        for account in self.list_accounts():
            if account.state == ACTIVE and account.account_id != self.account_id:
                yield account.account_id

    def get_contact_error(self, account_id: str | None) -> str | None:
        """Call GetAlternateContact for an account, None: the caller's own; return the error code, or None.

        A contact that is not set is no error. An error without a code returns ``none`` or the type of the error.
        """
        request: GetAlternateContactRequestTypeDef = {"AlternateContactType": self._contact_type}
        if account_id is not None:
            request["AccountId"] = account_id
        try:
            self._account.get_alternate_contact(**request)
        except self._account.exceptions.ResourceNotFoundException:
            return None
        except ClientError as error:
            return _error_code(error)
        except BotoCoreError as error:
            return type(error).__name__
        return None

    def list_accounts(self) -> Iterator[ListedAccount]:
        """Yield every account, page by page. A page may be empty and still have a next one."""
        for page in self._organizations.get_paginator("list_accounts").paginate():
            for account in page["Accounts"]:
                yield ListedAccount(account["Id"], account_state(account))


class AwsBackfillQueue:
    """AccountQueue, or UndeliveredQueue."""

    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url

    def send(self, bodies: Sequence[str], *, delay: int) -> Mapping[int, str]:
        """Send up to ten messages; return the error codes of rejected ones, which a 200 response may contain."""
        entries: list[SendMessageBatchRequestEntryTypeDef] = [
            {"Id": str(index), "MessageBody": body, "DelaySeconds": delay, "MessageGroupId": BULK_GROUP}
            for index, body in enumerate(bodies)
        ]
        response = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)
        return {int(failed["Id"]): failed["Code"] for failed in response.get("Failed", [])}

    def count_messages(self) -> int:
        """Return the approximate number of messages, those in flight and delayed included."""
        attributes = self._client.get_queue_attributes(
            QueueUrl=self._url,
            AttributeNames=[
                "ApproximateNumberOfMessages",
                "ApproximateNumberOfMessagesNotVisible",
                "ApproximateNumberOfMessagesDelayed",
            ],
        )["Attributes"]
        return sum(int(count) for count in attributes.values())


class AwsWorkerPermissions:
    """What the policies and the permissions boundary of WorkerRole allow, as the IAM policy simulator evaluates them.

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
    """

    def __init__(self, clients: AwsClients, role_arn: str, contact_types: Sequence["AlternateContactTypeType"]) -> None:
        """Open no client: only the first deployment needs it."""
        self._clients = clients
        self._role_arn = role_arn
        self._contact_types = contact_types

    def find_denied(self, actions: Sequence[str], organization_id: str, account_id: str) -> list[str]:
        """Return the denied actions on a member account, such as ``account:PutAlternateContact (BILLING)``.

        Raises:
            botocore.exceptions.BotoCoreError, ClientError: a call failed.
        """
        _, partition, _, _, management_account_id, _ = self._role_arn.split(":")
        member = f"arn:{partition}:account::{management_account_id}:account/{organization_id}/{account_id}"
        return [
            f"{result['EvalActionName']} ({contact_type})"
            for contact_type in self._contact_types
            for result in self._clients.iam.simulate_principal_policy(
                PolicySourceArn=self._role_arn,
                ActionNames=actions,
                ResourceArns=[member],
                ContextEntries=[
                    {
                        "ContextKeyName": "account:AlternateContactTypes",
                        "ContextKeyValues": [contact_type],
                        "ContextKeyType": "stringList",
                    }
                ],
            )["EvaluationResults"]
            if result["EvalDecision"] != "allowed"
        ]


def read_parameters(client: Any, path: str) -> dict[str, str | None]:
    """Return the parameters below a path of Parameter Store: values by name, None unless the type is String.

    https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParametersByPath.html
    """
    pages = client.get_paginator("get_parameters_by_path").paginate(Path=path, Recursive=True, WithDecryption=False)
    return {
        parameter["Name"].removeprefix(f"{path}/"): parameter["Value"] if parameter["Type"] == "String" else None
        for page in pages
        for parameter in page["Parameters"]
    }


def describe_aws_error(error: Exception) -> PreflightFailure | None:
    """Return the failure that an error of boto3 stands for, None for any other error.

    The message has the code only: AWS's own text may repeat what was sent.
    """
    if isinstance(error, ClientError):
        code, operation = _error_code(error), error.operation_name
        if code in ACCESS_DENIED:
            next_step = "Check that policies and permissions boundary of BackfillRole allow the operation, then retry."
            return PreflightFailure(f"{operation} failed: {code}. {next_step}", eventually_consistent=True)
        return PreflightFailure(
            f"{operation} failed: {code}. Retry; if it fails again, see {operation} in the API reference."
        )
    if isinstance(error, BotoCoreError):
        where = error_place(error)
        return PreflightFailure(f"A call to AWS failed: {type(error).__name__} in {where}. Retry in a few minutes.")
    return None


def get_stack_status(client: "CloudFormationClient", stack_id: str) -> str:
    """Return the status of the stack, such as ``UPDATE_ROLLBACK_IN_PROGRESS``."""
    [stack] = client.describe_stacks(StackName=stack_id)["Stacks"]
    return stack["StackStatus"]


def find_last_backfill(client: "CloudWatchClient", since: datetime, until: datetime) -> datetime | None:
    """Return the time of the last completed backfill between two times, to two hours, or None."""
    response = client.get_metric_statistics(
        Namespace=METRIC_NAMESPACE,
        MetricName=BACKFILL_COMPLETED,
        Dimensions=[{"Name": "service", "Value": SERVICE}],
        StartTime=since,
        EndTime=until,
        Period=2 * _HOUR,  # a response has 1,440 points at most, and 62 days have 1,488 hours
        Statistics=["Sum"],
    )
    return max((point["Timestamp"] for point in response["Datapoints"] if point["Sum"] > 0), default=None)


def _error_code(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code") or "none"
