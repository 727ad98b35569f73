"""Calls AWS: the account API, Organizations, SQS and SSM. Turns AWS's errors into those of `errors`."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, TypedDict, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from alternate_contacts.worker.ancestry import AccountDescription
from alternate_contacts.worker.batch import ACCOUNTS_AT_A_TIME
from alternate_contacts.worker.contact_selection import READ_CONFIGURATION
from alternate_contacts.worker.contacts import Contact, ContactType
from alternate_contacts.worker.errors import InvalidContact, NotInOrganization, Unavailable, classify
from alternate_contacts.worker.pacing import Pacer
from alternate_contacts.worker.protocol import SERVICE_PRINCIPAL, account_state

if TYPE_CHECKING:
    from mypy_boto3_account import AccountClient
    from mypy_boto3_organizations import OrganizationsClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_ssm.type_defs import GetParametersByPathRequestTypeDef

Response = TypeVar("Response")


class _Target(TypedDict, total=False):
    AccountId: str


CALLS_AT_A_TIME = ACCOUNTS_AT_A_TIME * len(ContactType)
"""Calls of the account API. Each needs a thread and a connection."""

# One attempt, because the pacer has to count every call. The timeouts limit what a call without a response costs.
_PACED = Config(
    connect_timeout=5,
    read_timeout=10,
    retries={"total_max_attempts": 1, "mode": "standard"},
    max_pool_connections=CALLS_AT_A_TIME,
)
_RETRIED = Config(connect_timeout=2, read_timeout=4, retries={"total_max_attempts": 2, "mode": "standard"})

RESERVE = 60
"""Seconds at the end of an invocation in which no call of the account API starts, because a call can time out.

A call of the account API can take 15 s. Two calls of Organizations, to explain a 403, and one of SQS can take 13 s
each: two attempts of 6 s and 1 s between them. The calls of Organizations wait for their turn: all accounts of a batch
5 / 4 = 1.25 s and 5 / 2 = 2.5 s at most. 15 + 3 x 13 + 3.75 = 57.75 s. The calls that find the desired contacts come
before all of these, and none of them starts after the deadline either.
"""

# Calls of Organizations a second, and at once, of each of the two workers.
# AWS throttles DescribeAccount at 20 a second, burst 30. No rate of ListAWSServiceAccessForOrganization is known.
# https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html#throttling-limits
DESCRIBE_ACCOUNT = (4, 4)
_LIST_SERVICE_ACCESS = (2, 2)


def account_client() -> "AccountClient":
    return boto3.client("account", config=_PACED)


def organizations_client() -> "OrganizationsClient":
    return boto3.client("organizations", config=_RETRIED)


def sqs_client() -> "SQSClient":
    return boto3.client("sqs", config=_RETRIED)


def ssm_client() -> "SSMClient":
    return boto3.client("ssm", config=_RETRIED)


def _call(operation: str, call: Callable[[], Response]) -> Response:
    """Return what ``call`` returns.

    Raises:
        WorkerError: the call failed. The error does not repeat AWS's message.
    """
    try:
        return call()
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code") or "none"
        raise classify(code, error.response["ResponseMetadata"]["HTTPStatusCode"], operation) from None
    except ParamValidationError:
        # botocore's message repeats the value.
        raise InvalidContact("ParamValidationError", operation) from None
    except BotoCoreError as error:
        raise Unavailable(type(error).__name__, operation) from None


class AwsAccountApi:
    """The account API. https://docs.aws.amazon.com/accounts/latest/reference/API_Operations.html"""

    def __init__(self, client: "AccountClient") -> None:
        self._client = client

    def get(self, account_id: str | None, contact_type: ContactType) -> Contact | None:
        """Return the contact, or None if the account has no contact of this type."""

        def call() -> Contact | None:
            try:
                response = self._client.get_alternate_contact(
                    AlternateContactType=contact_type.value, **_target(account_id)
                )
            except self._client.exceptions.ResourceNotFoundException:
                return None
            return Contact.from_api(response["AlternateContact"])

        return _call("GetAlternateContact", call)

    def put(self, account_id: str | None, contact_type: ContactType, contact: Contact) -> None:
        """Create or overwrite the contact."""
        _call(
            "PutAlternateContact",
            lambda: self._client.put_alternate_contact(
                AlternateContactType=contact_type.value, **contact.to_api(), **_target(account_id)
            ),
        )


class AwsOrganizationLookup:
    """AWS Organizations. https://docs.aws.amazon.com/organizations/latest/APIReference/API_Operations.html"""

    def __init__(
        self,
        client: "OrganizationsClient",
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self.descriptions = Pacer(*DESCRIBE_ACCOUNT, clock=clock, sleep=sleep)
        self._lists = Pacer(*_LIST_SERVICE_ACCESS, clock=clock, sleep=sleep)

    @cached_property
    def describes_ancestry(self) -> bool:
        """Whether botocore knows the field ``Paths``, which it drops otherwise. The one of Lambda may be older."""
        return "Paths" in getattr(self._client.meta.service_model.shape_for("Account"), "members", {})

    def account_state(self, account_id: str) -> str | None:
        """Return the account's state, or None if the account is not in the organization."""
        self.descriptions.wait(math.inf)
        account = self.describe_account(account_id)
        return account.state if account else None

    def describe_account(self, account_id: str) -> AccountDescription | None:
        """Return the account, or None if it is not in the organization. The caller waits for `descriptions`."""
        try:
            response = _call("DescribeAccount", lambda: self._client.describe_account(AccountId=account_id))
        except NotInOrganization:
            return None
        account = response["Account"]
        return AccountDescription(account_state(account), _ancestry(account.get("Paths")))

    def get_parent(self, child_id: str) -> str:
        """Return the parent of an account or OU; each has one."""
        response = _call("ListParents", lambda: self._client.list_parents(ChildId=child_id))
        return response["Parents"][0]["Id"]

    def trusted_access(self) -> bool:
        """Return whether trusted access for AWS Account Management is on."""

        def call() -> bool:
            pages = self._client.get_paginator("list_aws_service_access_for_organization").paginate()
            return any(
                service.get("ServicePrincipal") == SERVICE_PRINCIPAL
                for page in pages
                for service in page["EnabledServicePrincipals"]
            )

        self._lists.wait(math.inf)
        return _call("ListAWSServiceAccessForOrganization", call)


class AwsParameterStore:
    """The parameters below a path of SSM Parameter Store.

    https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParametersByPath.html
    """

    def __init__(self, client: "SSMClient", path: str) -> None:
        self._client = client
        self._path = path

    def get_page(self, token: str | None) -> tuple[dict[str, str | None], str | None]:
        """Return values by name below the path, None unless the type is String; and the token of the next page."""
        request: GetParametersByPathRequestTypeDef = {"Path": self._path, "Recursive": True, "WithDecryption": False}
        if token is not None:
            request["NextToken"] = token
        response = _call(READ_CONFIGURATION, lambda: self._client.get_parameters_by_path(**request))
        return {
            parameter["Name"].removeprefix(f"{self._path}/"): parameter["Value"]
            if parameter["Type"] == "String"
            else None
            for parameter in response["Parameters"]
        }, response.get("NextToken")


class AwsMessageQueues:
    """AccountQueue and FailedAccountQueue."""

    def __init__(self, client: "SQSClient", *, account_queue_url: str, failed_account_queue_url: str) -> None:
        self._client = client
        self._account_queue_url = account_queue_url
        self._failed_account_queue_url = failed_account_queue_url

    def schedule_retry(self, receipt_handle: str, seconds: int) -> None:
        """Make the message visible on AccountQueue again after ``seconds``, at most 12 hours."""
        _call(
            "ChangeMessageVisibility",
            lambda: self._client.change_message_visibility(
                QueueUrl=self._account_queue_url, ReceiptHandle=receipt_handle, VisibilityTimeout=seconds
            ),
        )

    def fail(self, body: str, attributes: Mapping[str, str]) -> None:
        """Send ``body``, unchanged, to FailedAccountQueue with ``attributes``, none of which may be empty."""
        _call(
            "SendMessage",
            lambda: self._client.send_message(
                QueueUrl=self._failed_account_queue_url,
                MessageBody=body,
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
                },
            ),
        )


def _ancestry(paths: Sequence[str] | None) -> tuple[str, ...]:
    """Return the IDs in ``o-…/r-…/ou-…/123456789012/`` from the account to the root; () without a path."""
    return tuple(reversed(paths[0].removesuffix("/").split("/")[1:])) if paths else ()


def _target(account_id: str | None) -> "_Target":
    """Return the parameter AccountId; no parameter for the management account, whose ID the API does not accept.

    https://docs.aws.amazon.com/accounts/latest/reference/API_PutAlternateContact.html
    """
    return {} if account_id is None else {"AccountId": account_id}
