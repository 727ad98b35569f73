"""AWS clients with the operator's credentials in the region of the stack."""

import getpass
import json
import os
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.config import Config

from alternate_contacts.cli.aws.hanging_calls import watch_for_hanging_calls
from alternate_contacts.cli.terminal.aws_errors import NOT_FROM_AWS
from alternate_contacts.cli.terminal.errors import SERVICE, CliError

if TYPE_CHECKING:
    from botocore.model import OperationModel

REGION = "us-east-1"
CHINA_REGION = "cn-northwest-1"
"""Region of the stack: AWS Organizations emits its events only there. Template rule ``RegionOfOrganizations``."""

_STANDARD_RETRIES = Config(connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 5, "mode": "standard"})


class Session:
    """The default credential chain of the AWS SDK, and clients for the region of the stack."""

    def __init__(self, profile: str | None = None, region: str | None = None) -> None:
        """Load the credentials of ``profile``.

        Args:
            region: default: us-east-1, or cn-northwest-1 if the region of the environment or profile is in China. That
                region itself is not used, because the stack is not there.

        Raises:
            botocore.exceptions.ProfileNotFound: the profile does not exist.
            botocore.exceptions.ConfigParseError: the configuration file cannot be read.
            CliError: the region of option, environment or profile is in AWS GovCloud (US).
        """
        core = botocore.session.Session(profile=profile)
        core.set_default_client_config(_STANDARD_RETRIES)
        # Every AWS tool but boto3 reads AWS_REGION: https://docs.aws.amazon.com/sdkref/latest/guide/feature-region.html
        configured = region or os.environ.get("AWS_REGION") or core.get_config_variable("region") or ""
        if configured.startswith("us-gov-"):
            raise CliError(f"{configured} is in AWS GovCloud (US), where alternate contacts have no API.")
        self.region = region or (CHINA_REGION if configured.startswith("cn-") else REGION)
        session = boto3.Session(botocore_session=core, region_name=self.region)
        # The clients that botocore creates to sign in have these handlers too.
        session.events.register("before-parse", _check_response, unique_id=_check_response.__name__)
        session.events.register("after-call", _remember_service, unique_id=_remember_service.__name__)
        watch_for_hanging_calls(session.events)
        # botocore has no other way to replace the prompt for an MFA code.
        core.get_component("credential_provider").get_provider("assume-role")._prompter = _prompt
        self.client = session.client

    @cached_property
    def account_id(self) -> str:
        """The account of the credentials."""
        return self.client("sts").get_caller_identity()["Account"]


def _remember_service(model: "OperationModel", parsed: dict[str, Any], **_: object) -> None:
    """Store the name of the service in the response: botocore's errors name only the operation."""
    parsed.setdefault("ResponseMetadata", {})[SERVICE] = model.service_model.signing_name


def _check_response(operation_model: "OperationModel", response_dict: Mapping[str, Any], **_: object) -> None:
    """Raise CliError if another program than AWS sent the response: botocore would read nothing from a page in HTML.

    A gateway of AWS itself may send such a page with a 5xx status; botocore then tries again.
    """
    status, body = response_dict["status_code"], response_dict["body"]
    content_type = str(response_dict["headers"].get("Content-Type", ""))
    start = body[:100].lstrip().lower() if isinstance(body, bytes) else b""
    is_page = "text/html" in content_type.lower() or start.startswith((b"<!doctype html", b"<html"))
    if (is_page and status < 500) or (status < 300 and not _has_valid_body(operation_model, body)):
        raise CliError(f"{operation_model.name} failed with HTTP status {status}. {NOT_FROM_AWS}")


def _has_valid_body(operation: "OperationModel", body: object) -> bool:
    """Return False if the body must be a JSON object and is not."""
    protocol = operation.service_model.resolved_protocol
    if protocol not in ("json", "rest-json") or not isinstance(body, bytes) or not body.strip():
        return True
    try:
        return isinstance(json.loads(body), dict)
    except ValueError:
        return False


def _prompt(prompt: str) -> str:
    """Ask for an MFA code on the terminal, which may be another one than standard input.

    Raises:
        CliError: there is no terminal.
    """
    if os.name == "posix":
        try:
            os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
        except OSError:
            raise CliError(
                "The profile asks for an MFA code, and there is no terminal to ask on. Run the command in a "
                "terminal, or use temporary credentials, for example those of `aws configure export-credentials`."
            ) from None
    return getpass.getpass(prompt)
