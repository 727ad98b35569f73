"""AWS clients with the operator's credentials in the region of the stack."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.config import Config

from alternate_contacts.cli.terminal.errors import SERVICE

if TYPE_CHECKING:
    from botocore.model import OperationModel

REGION = "us-east-1"
CHINA_REGION = "cn-northwest-1"
"""Region of the stack: AWS Organizations emits its events only there. Template rule ``RegionOfOrganizations``."""

_STANDARD_RETRIES = Config(connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 5, "mode": "standard"})


class Session:
    """The default credential chain of the AWS SDK, and clients with standard retries in the region of the stack."""

    def __init__(self, profile: str | None = None, region: str | None = None) -> None:
        """Load the credentials of ``profile``.

        Args:
            region: default: us-east-1, or cn-northwest-1 if the region of the profile is in China. The region of the
                profile itself is not used, because the stack is not there.

        Raises:
            botocore.exceptions.ProfileNotFound: the profile does not exist.
        """
        core = botocore.session.Session(profile=profile)
        core.set_default_client_config(_STANDARD_RETRIES)
        in_china = (core.get_config_variable("region") or "").startswith("cn-")
        self.region = region or (CHINA_REGION if in_china else REGION)
        session = boto3.Session(botocore_session=core, region_name=self.region)
        session.events.register("after-call", _remember_service, unique_id=SERVICE)
        self.client = session.client

    @cached_property
    def account_id(self) -> str:
        """The account of the credentials."""
        return self.client("sts").get_caller_identity()["Account"]


def _remember_service(model: "OperationModel", parsed: dict[str, Any], **_: object) -> None:
    """Store the name of the service in the response: botocore's errors name only the operation."""
    parsed.setdefault("ResponseMetadata", {})[SERVICE] = model.service_model.signing_name
