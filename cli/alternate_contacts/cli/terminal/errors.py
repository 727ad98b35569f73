"""Errors that end a verb, with a message for the operator.

Every message states what failed (the operation), the AWS error code, and the next step. It never repeats the message
that AWS sent: the messages of some services contain the request, and with it contact data.
"""

import traceback
from collections import defaultdict
from collections.abc import Mapping
from types import MappingProxyType

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from alternate_contacts.cli.terminal.aws_errors import (
    BOTOCORE_ERRORS,
    ERROR_CODES,
    INTERNAL_ERRORS,
    INVALID_CONFIGURATION,
    INVALID_CREDENTIALS,
    NOT_FROM_AWS,
    SIGN_IN_CODES,
)
from alternate_contacts.worker.error_codes import ACCESS_DENIED, THROTTLED, UNAVAILABLE

SERVICE = "AlternateContactsService"
"""Key below ``ResponseMetadata`` under which `session` keeps the name of the service that sent the response."""


class CliError(Exception):
    """A verb cannot continue. The command prints ``message`` and ends with ``exit_code``."""

    def __init__(self, message: str, *, exit_code: int = 2) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def describe_error(error: Exception) -> CliError:
    """Return the error to show for any exception that ends a verb."""
    if isinstance(error, CliError):
        return error
    if isinstance(error, (BotoCoreError, ClientError)):
        return describe_aws_error(error)
    if isinstance(error, ResponseParserError):
        return CliError(NOT_FROM_AWS)
    # botocore lets errors of json, subprocess and urllib pass. Where they arose shows what they mean.
    modules = {str(frame.f_globals.get("__name__")) for frame, _ in traceback.walk_tb(error.__traceback__)}
    if modules & {"botocore.credentials", "botocore.tokens"}:
        return CliError(f"{INVALID_CREDENTIALS} The cause: {_name_with_file(error)}.")
    if modules & {"botocore.args", "botocore.configprovider", "botocore.session"}:
        return CliError(f"{INVALID_CONFIGURATION} The cause: {_name_with_file(error)}.")
    if isinstance(error, OSError) and error.filename is not None:
        return CliError(f"{error.filename} cannot be used: {error.strerror}. Check its path and its permissions.")
    return _unexpected(error)


def describe_aws_error(error: BotoCoreError | ClientError) -> CliError:
    """Return the error to show for an error that botocore raised."""
    for known in type(error).__mro__:
        if known in INTERNAL_ERRORS:
            break
        if known in BOTOCORE_ERRORS:
            arguments: Mapping[str, object] = getattr(error, "kwargs", {})
            return CliError(BOTOCORE_ERRORS[known].format_map(defaultdict(lambda: "unknown", arguments)))
        if known is ClientError and isinstance(error, ClientError):
            return CliError(f"{error.operation_name} failed: {error_code(error)}. {_next_step(error)}")
    return _unexpected(error)


def _unexpected(error: Exception) -> CliError:
    """Return what a maintainer needs to find the fault. The text of the exception may hold contact data."""
    own = [
        f"{frame.f_globals['__name__'].removeprefix('alternate_contacts.')}:{line}"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if str(frame.f_globals.get("__name__", "")).startswith("alternate_contacts.")
    ]
    place = f" at {own[-1]}" if own else ""
    return CliError(
        f"Unexpected error: {type(error).__name__}{place}. This is a fault of the command: report this line and the "
        "output of `alternate-contacts --version` to this project."
    )


def _name_with_file(error: Exception) -> str:
    file = f" ({error.filename})" if isinstance(error, OSError) and error.filename else ""
    return f"{type(error).__name__}{file}"


def error_code(error: ClientError) -> str:
    """Return AWS's error code."""
    return str(error.response.get("Error", {}).get("Code", "none"))


def is_access_denied(error: ClientError) -> bool:
    """Whether a permission for the call itself is missing, and not one to sign in."""
    return error_code(error) in ACCESS_DENIED and _service(error) not in SIGN_IN_CODES


def iam_action(error: ClientError) -> str:
    """Return the IAM action that the failed call needs, such as ``sqs:SendMessage``.

    Most operations and actions have the same name. The exceptions:
    https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
    """
    operation = error.operation_name
    service = _service(error)
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
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if step := SIGN_IN_CODES.get(_service(error), {}).get(code) or ERROR_CODES.get(code):
        return step
    if code in ACCESS_DENIED:
        return (
            f"These credentials need the permission {iam_action(error)}: docs/command.md lists the permissions of "
            "each verb."
        )
    if status == 429 or code in THROTTLED:
        return "AWS throttled the call: try again in a minute."
    if status >= 500 or code in UNAVAILABLE:
        return "The AWS service is unavailable: try again later."
    if code.isdecimal():
        # Without an error code of AWS in the response, botocore takes the HTTP status.
        return NOT_FROM_AWS
    return "Look up this error code in the AWS API reference of the operation."


def _service(error: ClientError) -> str:
    """Return the name that the service has in signatures; empty if it is unknown."""
    metadata: Mapping[str, object] = {**error.response.get("ResponseMetadata", {})}
    return str(metadata.get(SERVICE, ""))
