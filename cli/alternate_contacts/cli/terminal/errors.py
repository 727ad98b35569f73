"""Errors that end a verb, with a message for the operator.

Every message states what failed (the operation), the AWS error code, and the next step. It never repeats the message
that AWS sent: the messages of some services contain the request, and with it contact data.
"""

from collections.abc import Mapping
from types import MappingProxyType

from botocore import exceptions as aws
from botocore.exceptions import BotoCoreError, ClientError

from alternate_contacts.worker.error_codes import ACCESS_DENIED, EXPIRED_CREDENTIALS, THROTTLED, UNAVAILABLE

SERVICE = "AlternateContactsService"
"""Key below ``ResponseMetadata`` under which `session` keeps the name of the service that sent the response."""


class CliError(Exception):
    """A verb cannot continue. The command prints ``message`` and ends with ``exit_code``."""

    def __init__(self, message: str, *, exit_code: int = 2) -> None:
        super().__init__(message)
        self.exit_code = exit_code


_UNKNOWN_CREDENTIALS = (
    "AWS does not know these credentials: check the profile and its access keys, and that --region is in the "
    "partition of the credentials (China is a partition of its own)."
)

_NEXT_STEP: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(
            EXPIRED_CREDENTIALS, "The AWS credentials have expired: sign in to the management account again."
        ),
        "RequestExpired": "The request is too old for AWS: correct the clock of this machine, or sign in again.",
        "InvalidClientTokenId": _UNKNOWN_CREDENTIALS,
        "UnrecognizedClientException": _UNKNOWN_CREDENTIALS,
        "SignatureDoesNotMatch": _UNKNOWN_CREDENTIALS,
        "InvalidSignatureException": _UNKNOWN_CREDENTIALS,
        "AuthFailure": _UNKNOWN_CREDENTIALS,
        "OptInRequired": "This region is not enabled in the account: omit --region.",
        "AWSOrganizationsNotInUseException": "The account of these credentials is not in an organization: use "
        "credentials of the management account.",
    }
)
"""By AWS error code.

https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
"""

_BOTOCORE_ERRORS: tuple[tuple[tuple[type[BotoCoreError], ...], str], ...] = (
    (
        (aws.NoCredentialsError, aws.PartialCredentialsError),
        "No AWS credentials found. Choose a profile of the management account with --profile, or sign in first "
        "(`aws sso login`, `aws login`, or environment variables).",
    ),
    (
        (
            aws.TokenRetrievalError,
            aws.SSOTokenLoadError,
            aws.UnauthorizedSSOTokenError,
            aws.CredentialRetrievalError,
        ),
        "The credentials of this profile cannot be loaded. Sign in again (`aws sso login`, `aws login`), or check the "
        "profile.",
    ),
    ((aws.InvalidRegionError,), "The name of the region is invalid. Omit --region, or use a name such as us-east-1."),
    (
        (aws.ConnectionError, aws.HTTPClientError),
        "No connection to AWS. Check the network and proxy of this machine, and --region if you set it.",
    ),
    ((aws.ParamValidationError,), "The request to AWS is invalid. Check the arguments of the command."),
)


def describe_aws_error(error: BotoCoreError | ClientError) -> CliError:
    """Return the error to show for an error that botocore raised."""
    if isinstance(error, ClientError):
        return CliError(f"{error.operation_name} failed: {error_code(error)}. {_next_step(error)}")
    if isinstance(error, aws.ProfileNotFound):
        profile = error.kwargs.get("profile")
        return CliError(f"AWS profile {profile} does not exist. `aws configure list-profiles` lists your profiles.")
    for classes, message in _BOTOCORE_ERRORS:
        if isinstance(error, classes):
            return CliError(message)
    return CliError(
        f"botocore failed: {type(error).__name__}. Check the profile, the region and the AWS configuration."
    )


def error_code(error: ClientError) -> str:
    """Return AWS's error code."""
    return str(error.response.get("Error", {}).get("Code", "none"))


def is_access_denied(error: ClientError) -> bool:
    """Whether a permission is missing."""
    return error_code(error) in ACCESS_DENIED


def iam_action(error: ClientError) -> str:
    """Return the IAM action that the failed call needs, such as ``sqs:SendMessage``.

    Most operations and actions have the same name. The exceptions:
    https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
    """
    operation = error.operation_name
    metadata: Mapping[str, object] = {**error.response.get("ResponseMetadata", {})}
    service = str(metadata.get(SERVICE, ""))
    if not service:
        return operation
    if service == "sqs":
        operation = operation.removesuffix("Batch")
    service = _IAM_PREFIXES.get(service, service)
    return f"{service}:{_IAM_ACTIONS.get((service, operation), operation)}"


_IAM_PREFIXES: Mapping[str, str] = MappingProxyType({"monitoring": "cloudwatch"})
"""IAM's prefix for a service that signs its requests with another name."""

_IAM_ACTIONS: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("lambda", "Invoke"): "InvokeFunction",
        ("s3", "HeadBucket"): "ListBucket",
        ("s3", "ListObjectsV2"): "ListBucket",
        ("s3", "HeadObject"): "GetObject",
        ("s3", "ListBuckets"): "ListAllMyBuckets",
    }
)


def _next_step(error: ClientError) -> str:
    code = error_code(error)
    if code in _NEXT_STEP:
        return _NEXT_STEP[code]
    if code in ACCESS_DENIED:
        return (
            f"These credentials need the permission {iam_action(error)}: docs/command.md lists the permissions of "
            "each verb."
        )
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if status == 429 or code in THROTTLED:
        return "AWS throttled the call: try again in a minute."
    if status >= 500 or code in UNAVAILABLE:
        return "The AWS service is unavailable: try again later."
    return "Look up this error code in the AWS API reference of the operation."
