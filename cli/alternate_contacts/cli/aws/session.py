"""AWS clients with the operator's credentials in the region of the stack."""

from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, overload

import boto3
from botocore.config import Config

from alternate_contacts.cli.terminal.errors import SERVICE

if TYPE_CHECKING:
    from botocore.model import OperationModel
    from mypy_boto3_account import AccountClient
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudtrail import CloudTrailClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_organizations import OrganizationsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sts import STSClient

REGION = "us-east-1"
CHINA_REGION = "cn-northwest-1"
"""Region of the stack: AWS Organizations emits its events only there. Template rule ``RegionOfOrganizations``."""

_STANDARD_RETRIES = Config(connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 5, "mode": "standard"})


class Session:
    """The default credential chain of the AWS SDK, and clients for the region of the stack."""

    def __init__(self, profile: str | None = None, region: str | None = None) -> None:
        """Load the credentials of ``profile``.

        Args:
            region: default: us-east-1, or cn-northwest-1 if the region of the profile is in China. The region of the
                profile itself is not used, because the stack is not there.

        Raises:
            botocore.exceptions.ProfileNotFound: the profile does not exist.
        """
        self._boto3 = boto3.Session(profile_name=profile)
        self.region = region or (CHINA_REGION if (self._boto3.region_name or "").startswith("cn-") else REGION)

    @overload
    def client(
        self, service: Literal["account"], region: str | None = None, config: Config | None = None
    ) -> "AccountClient": ...
    @overload
    def client(
        self, service: Literal["cloudformation"], region: str | None = None, config: Config | None = None
    ) -> "CloudFormationClient": ...
    @overload
    def client(
        self, service: Literal["cloudtrail"], region: str | None = None, config: Config | None = None
    ) -> "CloudTrailClient": ...
    @overload
    def client(
        self, service: Literal["cloudwatch"], region: str | None = None, config: Config | None = None
    ) -> "CloudWatchClient": ...
    @overload
    def client(
        self, service: Literal["events"], region: str | None = None, config: Config | None = None
    ) -> "EventBridgeClient": ...
    @overload
    def client(
        self, service: Literal["iam"], region: str | None = None, config: Config | None = None
    ) -> "IAMClient": ...
    @overload
    def client(
        self, service: Literal["lambda"], region: str | None = None, config: Config | None = None
    ) -> "LambdaClient": ...
    @overload
    def client(
        self, service: Literal["logs"], region: str | None = None, config: Config | None = None
    ) -> "CloudWatchLogsClient": ...
    @overload
    def client(
        self, service: Literal["organizations"], region: str | None = None, config: Config | None = None
    ) -> "OrganizationsClient": ...
    @overload
    def client(self, service: Literal["s3"], region: str | None = None, config: Config | None = None) -> "S3Client": ...
    @overload
    def client(
        self, service: Literal["sqs"], region: str | None = None, config: Config | None = None
    ) -> "SQSClient": ...
    @overload
    def client(
        self, service: Literal["sts"], region: str | None = None, config: Config | None = None
    ) -> "STSClient": ...
    def client(self, service: Any, region: str | None = None, config: Config | None = None) -> Any:
        """Return a client with standard retries; ``config`` overrides them."""
        client = self._boto3.client(
            service,
            region_name=region or self.region,
            config=_STANDARD_RETRIES.merge(config) if config else _STANDARD_RETRIES,
        )
        client.meta.events.register("after-call", _remember_service)
        return client

    @cached_property
    def account_id(self) -> str:
        """The account of the credentials."""
        return self.client("sts").get_caller_identity()["Account"]


def _remember_service(model: "OperationModel", parsed: dict[str, Any], **_: object) -> None:
    """Store the name of the service in the response: botocore's errors name only the operation."""
    parsed.setdefault("ResponseMetadata", {})[SERVICE] = model.service_model.signing_name
