"""Who calls AWS, and where."""

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

HOME = "us-east-1"
HOME_IN_CHINA = "cn-northwest-1"
"""Where the stack lives, because AWS tells of new accounts only there. Template rule ``RegionOfOrganizations``."""

_RETRIED = Config(connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 5, "mode": "standard"})


class Session:
    """The ordinary AWS credential chain, and clients for the region of the stack."""

    def __init__(self, profile: str | None = None, region: str | None = None) -> None:
        """``region`` is by default the stack's home, whatever the profile says; a profile for China has China's.

        Raises:
            botocore.exceptions.ProfileNotFound: there is no such profile.
        """
        self._boto3 = boto3.Session(profile_name=profile)
        self.region = region or (HOME_IN_CHINA if (self._boto3.region_name or "").startswith("cn-") else HOME)

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
        """A client with standard retries; what ``config`` says goes before that."""
        client = self._boto3.client(
            service, region_name=region or self.region, config=_RETRIED.merge(config) if config else _RETRIED
        )
        client.meta.events.register("after-call", _remember_service)
        return client

    @cached_property
    def account_id(self) -> str:
        """The account of the credentials, as STS tells it."""
        return self.client("sts").get_caller_identity()["Account"]


def _remember_service(model: "OperationModel", parsed: dict[str, Any], **_: object) -> None:
    """Write into the answer which service gave it: an error of botocore names the operation only."""
    parsed.setdefault("ResponseMetadata", {})[SERVICE] = model.service_model.signing_name
