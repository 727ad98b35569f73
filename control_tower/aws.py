"""What only AWS knows: the management account of the organization, and the region of a bucket."""

from collections.abc import Callable
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from control_tower.errors import PackagingError
from control_tower.manifest import MAIN_REGION


def management_account(client: Callable[..., Any] = boto3.client) -> str:
    """Return the ID of the management account of the caller's organization.

    Args:
        client: makes a client of a service, as boto3.client does.

    Raises:
        PackagingError: DescribeOrganization failed.
    """
    try:
        organization = client("organizations", region_name=MAIN_REGION).describe_organization()["Organization"]
    except (BotoCoreError, ClientError) as error:
        raise PackagingError(
            f"DescribeOrganization failed: {error}. Use credentials of the management account."
        ) from None
    account: str = organization["MasterAccountId"]
    return account


def bucket_violation(bucket: str, client: Callable[..., Any] = boto3.client) -> str | None:
    """Return why a bucket cannot hold the functions' code, or None.

    HeadBucket returns the region of every bucket, also when it is denied:
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html
    """
    if "." in bucket:
        return f"Choose a bucket without dots in its name instead of {bucket}: CfCT and TLS do not support dots."
    try:
        response = client("s3", region_name=MAIN_REGION).head_bucket(Bucket=bucket)
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
