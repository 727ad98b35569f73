"""What only AWS can say: which account manages the organization, and where a bucket is."""

from collections.abc import Callable
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from control_tower.manifest import MAIN_REGION
from control_tower.refusal import RefusalError


def management_account(client: Callable[..., Any] = boto3.client) -> str:
    """The id of the account that manages the caller's organization.

    Args:
        client: makes a client of a service, as boto3.client does.

    Raises:
        RefusalError: AWS does not say.
    """
    try:
        organization = client("organizations", region_name=MAIN_REGION).describe_organization()["Organization"]
    except (BotoCoreError, ClientError) as error:
        raise RefusalError(
            "The management account's id is not known, because DescribeOrganization failed. Use credentials of the "
            f"management account. AWS said: {error}"
        ) from None
    account: str = organization["MasterAccountId"]
    return account


def bucket_complaint(bucket: str, client: Callable[..., Any] = boto3.client) -> str | None:
    """Why the functions' code cannot go into a bucket, if it cannot.

    HeadBucket tells the region of every bucket, allowed or not:
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html
    """
    if "." in bucket:
        return f"Choose a bucket without dots in its name: CfCT and TLS take {bucket} for several."
    try:
        answer = client("s3", region_name=MAIN_REGION).head_bucket(Bucket=bucket)
    except ClientError as error:
        answer = error.response
        status = answer["ResponseMetadata"]["HTTPStatusCode"]
    except BotoCoreError as error:
        return f"The bucket {bucket} could not be looked at: {error}"
    else:
        status = 200
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    region = headers.get("x-amz-bucket-region", MAIN_REGION)
    if status == 404:
        return f"There is no bucket {bucket}. Make one in {MAIN_REGION}, or leave the bucket out for SAM's own."
    if region != MAIN_REGION:
        return f"The bucket {bucket} is in {region}, but Lambda takes code only from its own region, {MAIN_REGION}."
    if status >= 400:
        return f"AWS does not let you use the bucket {bucket} (status {status})."
    return None
