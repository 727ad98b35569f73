"""What only AWS knows: accounts, regions, buckets, and the values of SSM parameters."""

from collections.abc import Callable, Sequence
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from control_tower.errors import NotVerifiedError, PackagingError
from control_tower.manifest import MAIN_REGION


class Aws:
    """Calls to AWS with the caller's credentials."""

    def __init__(self, client: Callable[..., Any] = boto3.client) -> None:
        """Take a function that makes a client of a service, as boto3.client does."""
        self._client = client

    def management_account(self) -> str:
        """Return the ID of the management account, of which the caller has credentials.

        With credentials of another account, the functions' code would go to a bucket of that account.

        Raises:
            PackagingError: the credentials are of another account, or a call failed.
        """
        try:
            organizations = self._client("organizations", region_name=MAIN_REGION)
            account: str = organizations.describe_organization()["Organization"]["MasterAccountId"]
            caller = self._client("sts", region_name=MAIN_REGION).get_caller_identity()["Account"]
        except (BotoCoreError, ClientError) as error:
            raise PackagingError(f"{_describe(error)} Use credentials of the management account.") from None
        if caller != account:
            raise PackagingError(
                f"The credentials are of account {caller}. Use credentials of the management account, {account}."
            )
        return account

    def bucket_violation(self, bucket: str) -> str | None:
        """Return why a bucket cannot hold the functions' code, or None.

        HeadBucket returns the region of every bucket, also when it is denied:
        https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html
        """
        if "." in bucket:
            return f"Choose a bucket without dots in its name instead of {bucket}: CfCT and TLS do not support dots."
        try:
            response = self._client("s3", region_name=MAIN_REGION).head_bucket(Bucket=bucket)
        except ClientError as error:
            response = error.response
        except BotoCoreError as error:
            return f"HeadBucket failed for {bucket}: {error}"
        status = response["ResponseMetadata"]["HTTPStatusCode"]
        region = response["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region", MAIN_REGION)
        if status == 404:
            return f"The bucket {bucket} does not exist. Create it in {MAIN_REGION}, or leave BUCKET out."
        if region != MAIN_REGION:
            return f"The bucket {bucket} is in {region}. Lambda needs the code in its own region, {MAIN_REGION}."
        if status >= 400:
            return f"HeadBucket failed for {bucket}: status {status}. Use credentials that may write to it."
        return None

    def home_region(self, region: str) -> str | None:
        """Return the home region as AWS Control Tower reports it in a region; None without a landing zone.

        Raises:
            NotVerifiedError: the call failed, for example because it is denied.
        """
        try:
            zones = self._client("controltower", region_name=region).list_landing_zones()["landingZones"]
        except (BotoCoreError, ClientError) as error:
            raise NotVerifiedError(_describe(error)) from None
        return str(zones[0]["arn"]).split(":")[3] if zones else None

    def parameter_values(self, names: Sequence[str], region: str) -> dict[str, str]:
        """Return the values of those SSM parameters that exist.

        Raises:
            NotVerifiedError: the call failed, for example because it is denied.
        """
        values: dict[str, str] = {}
        try:
            ssm = self._client("ssm", region_name=region)
            for start in range(0, len(names), 10):  # GetParameters accepts ten names
                response = ssm.get_parameters(Names=names[start : start + 10], WithDecryption=True)
                values |= {parameter["Name"]: parameter["Value"] for parameter in response["Parameters"]}
        except (BotoCoreError, ClientError) as error:
            raise NotVerifiedError(_describe(error)) from None
        return values


def region_violation(region: str) -> str | None:
    """Return why a region cannot be the home region of AWS Control Tower for this package, or None.

    The regions are those that boto3 knows.
    """
    session = boto3.Session()
    if region in session.get_available_regions("controltower", "aws"):
        return None
    if region in session.get_available_regions("cloudformation", "aws-us-gov"):
        return f"{region} is in AWS GovCloud (US), where alternate contacts have no API."
    return f"{region} is not a region of AWS Control Tower. Write its home region, such as eu-west-1, as region."


def _describe(error: BotoCoreError | ClientError) -> str:
    if isinstance(error, ClientError):
        return f"{error.operation_name} failed: {error.response['Error']['Code']}."
    return f"The call to AWS failed: {error}."
