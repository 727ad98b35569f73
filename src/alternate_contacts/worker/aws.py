"""The only module that calls AWS: the account API, Organizations and SQS, with our errors for theirs."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypedDict, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from alternate_contacts.worker.contacts import Contact, ContactType
from alternate_contacts.worker.errors import InvalidContact, NotInOrganization, Unavailable, classify
from alternate_contacts.worker.protocol import SERVICE_PRINCIPAL

if TYPE_CHECKING:
    from mypy_boto3_account import AccountClient
    from mypy_boto3_organizations import OrganizationsClient
    from mypy_boto3_sqs import SQSClient

Answer = TypeVar("Answer")


class _Target(TypedDict, total=False):
    AccountId: str


# One attempt: the pacer has to see each call. The time-outs bound what a hanging call takes from the invocation.
_PACED = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 1, "mode": "standard"})
_RETRIED = Config(connect_timeout=2, read_timeout=4, retries={"total_max_attempts": 2, "mode": "standard"})


def account_client(connections: int) -> "AccountClient":
    """A client of the account API for ``connections`` calls at a time."""
    return boto3.client("account", config=_PACED.merge(Config(max_pool_connections=connections)))


def organizations_client() -> "OrganizationsClient":
    return boto3.client("organizations", config=_RETRIED)


def sqs_client() -> "SQSClient":
    return boto3.client("sqs", config=_RETRIED)


def _call(operation: str, call: Callable[[], Answer]) -> Answer:
    """What ``call`` answers; raises a WorkerError for what AWS refuses, without AWS's message."""
    try:
        return call()
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "none") or "none"
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        raise classify(code, status, operation) from None
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
        """The contact, or None where the account has none of this type."""

        def call() -> Contact | None:
            try:
                answer = self._client.get_alternate_contact(
                    AlternateContactType=contact_type.value, **_target(account_id)
                )
            except self._client.exceptions.ResourceNotFoundException:
                return None
            contact = answer["AlternateContact"]
            return Contact(
                name=contact.get("Name", ""),
                title=contact.get("Title", ""),
                email_address=contact.get("EmailAddress", ""),
                phone_number=contact.get("PhoneNumber", ""),
            )

        return _call("GetAlternateContact", call)

    def put(self, account_id: str | None, contact_type: ContactType, contact: Contact) -> None:
        """Create the contact or write over it."""
        _call(
            "PutAlternateContact",
            lambda: self._client.put_alternate_contact(
                AlternateContactType=contact_type.value,
                Name=contact.name,
                Title=contact.title,
                EmailAddress=contact.email_address,
                PhoneNumber=contact.phone_number,
                **_target(account_id),
            ),
        )


class AwsOrganizationLookup:
    """AWS Organizations. https://docs.aws.amazon.com/organizations/latest/APIReference/API_Operations.html"""

    def __init__(self, client: "OrganizationsClient") -> None:
        self._client = client

    def account_state(self, account_id: str) -> str | None:
        """The account's ``State``, or ``Status`` where the runtime's botocore is too old to know the newer field."""
        try:
            account = _call("DescribeAccount", lambda: self._client.describe_account(AccountId=account_id))["Account"]
        except NotInOrganization:
            return None
        return account.get("State") or account.get("Status") or "ACTIVE"

    def trusted_access(self) -> bool:
        """Whether account.amazonaws.com is among the services that may act in the organization."""

        def call() -> bool:
            pages = self._client.get_paginator("list_aws_service_access_for_organization").paginate()
            return any(
                service.get("ServicePrincipal") == SERVICE_PRINCIPAL
                for page in pages
                for service in page["EnabledServicePrincipals"]
            )

        return _call("ListAWSServiceAccessForOrganization", call)


class AwsMessageQueues:
    """AccountQueue, that letters go back to, and FailedAccountQueue, that keeps what can't be done."""

    def __init__(self, client: "SQSClient", *, account_queue_url: str, failed_account_queue_url: str) -> None:
        self._client = client
        self._account_queue_url = account_queue_url
        self._failed_account_queue_url = failed_account_queue_url

    def schedule_retry(self, receipt_handle: str, seconds: int) -> None:
        """Show the message on AccountQueue again after ``seconds``, at most 12 hours."""
        _call(
            "ChangeMessageVisibility",
            lambda: self._client.change_message_visibility(
                QueueUrl=self._account_queue_url, ReceiptHandle=receipt_handle, VisibilityTimeout=seconds
            ),
        )

    def fail(self, body: str, attributes: Mapping[str, str]) -> None:
        """Keep ``body`` on FailedAccountQueue as it came, with ``attributes`` (none empty) that say why."""
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


def _target(account_id: str | None) -> "_Target":
    """The management account is addressed by leaving AccountId out; the API refuses its id.

    https://docs.aws.amazon.com/accounts/latest/reference/API_PutAlternateContact.html
    """
    return {} if account_id is None else {"AccountId": account_id}
