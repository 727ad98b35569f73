"""What stops a verb, in one plain sentence for the operator; and AWS's own errors told that way.

AWS's messages are never repeated: those of some services hold what was sent to them, contact data included.
"""

from collections.abc import Mapping
from types import MappingProxyType

from botocore import exceptions as aws
from botocore.exceptions import BotoCoreError, ClientError

SERVICE = "AlternateContactsService"
"""Where an answer of AWS remembers which service gave it, below ``ResponseMetadata``; see ``session``."""


class CliError(Exception):
    """The verb cannot go on. Its text is one sentence that says what to do; the command ends with ``exit_code``."""

    def __init__(self, sentence: str, *, exit_code: int = 2) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code


_NO_CREDENTIALS = (
    "No AWS credentials were found: name a profile of the management account with --profile, "
    "or log in to it first (`aws sso login`, `aws login`, or environment variables)."
)
_EXPIRED = "The AWS credentials have expired: log in to the management account again."
_UNKNOWN = (
    "AWS does not know these credentials: check the profile, the keys behind it, and that their partition "
    "(China has its own) is that of --region."
)

_BY_CODE: Mapping[str, str] = MappingProxyType(
    {
        "ExpiredToken": _EXPIRED,
        "ExpiredTokenException": _EXPIRED,
        "RequestExpired": "AWS finds the request too old: set this machine's clock right, or log in again.",
        "InvalidClientTokenId": _UNKNOWN,
        "UnrecognizedClientException": _UNKNOWN,
        "SignatureDoesNotMatch": _UNKNOWN,
        "InvalidSignatureException": _UNKNOWN,
        "AuthFailure": _UNKNOWN,
        "OptInRequired": "This region is not enabled in the account: leave out --region.",
        "AWSOrganizationsNotInUseException": "The account of these credentials is in no organization.",
    }
)
"""Sentences by AWS's error code.

https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
"""

_REFUSED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"})

_BY_CLASS: tuple[tuple[tuple[type[BotoCoreError], ...], str], ...] = (
    ((aws.NoCredentialsError, aws.PartialCredentialsError), _NO_CREDENTIALS),
    (
        (
            aws.TokenRetrievalError,
            aws.SSOTokenLoadError,
            aws.UnauthorizedSSOTokenError,
            aws.CredentialRetrievalError,
        ),
        "The credentials of this profile could not be fetched: log in again (`aws sso login`, `aws login`), "
        "and check the profile.",
    ),
    ((aws.InvalidRegionError,), "There is no such region: leave out --region, or write it like us-east-1."),
    (
        (aws.ConnectionError, aws.HTTPClientError),
        "AWS could not be reached: check this machine's network and proxy, and the region if you gave one.",
    ),
    ((aws.ParamValidationError,), "AWS cannot take a request of this shape: check what was given as an argument."),
)


def describe_aws_error(error: BotoCoreError | ClientError) -> CliError:
    """The sentence for an error of botocore."""
    if isinstance(error, ClientError):
        return _refused_by_aws(error)
    if isinstance(error, aws.ProfileNotFound):
        profile = error.kwargs.get("profile")
        return CliError(
            f"There is no AWS profile named {profile}: `aws configure list-profiles` shows those there are."
        )
    for classes, sentence in _BY_CLASS:
        if isinstance(error, classes):
            return CliError(sentence)
    return CliError(f"AWS's library gave up with {type(error).__name__}: check profile, region and configuration.")


def error_code(error: ClientError) -> str:
    """AWS's error code."""
    return str(error.response.get("Error", {}).get("Code", "none"))


def is_access_denied(error: ClientError) -> bool:
    """Whether AWS refused because of missing permissions."""
    return error_code(error) in _REFUSED


def iam_action(error: ClientError) -> str:
    """The IAM action that the refused call needs, such as ``sqs:SendMessage``.

    Calls and actions mostly bear the same name; where they do not:
    https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
    """
    operation = error.operation_name
    metadata: Mapping[str, object] = {**error.response.get("ResponseMetadata", {})}
    service = str(metadata.get(SERVICE, ""))
    if not service:
        return operation
    if service == "sqs":
        operation = operation.removesuffix("Batch")
    service = _PREFIX.get(service, service)
    return f"{service}:{_ACTION.get((service, operation), operation)}"


_PREFIX: Mapping[str, str] = MappingProxyType({"monitoring": "cloudwatch"})
"""IAM's prefix for services that sign their requests with another name."""

_ACTION: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("lambda", "Invoke"): "InvokeFunction",
        ("s3", "HeadBucket"): "ListBucket",
        ("s3", "ListObjectsV2"): "ListBucket",
        ("s3", "HeadObject"): "GetObject",
        ("s3", "ListBuckets"): "ListAllMyBuckets",
    }
)


def _refused_by_aws(error: ClientError) -> CliError:
    code = error_code(error)
    if code in _BY_CODE:
        return CliError(_BY_CODE[code])
    if code in _REFUSED:
        return CliError(
            f"These credentials may not {iam_action(error)}: ask for that permission "
            "(docs/command.md lists what each verb needs)."
        )
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if status == 429 or "Throttl" in code or code == "TooManyRequestsException":
        return CliError(f"AWS is asked too much at the moment ({code} at {iam_action(error)}): try again in a minute.")
    if status >= 500:
        return CliError(f"AWS had trouble of its own ({code} at {iam_action(error)}): try again later.")
    return CliError(f"AWS answered {code} to {iam_action(error)}.")
