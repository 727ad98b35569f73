"""The backfill's configuration, read from the environment variables that the template sets."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from alternate_contacts.backfill.errors import BackfillError
from alternate_contacts.backfill.protocol import Mode

if TYPE_CHECKING:
    from mypy_boto3_account.literals import AlternateContactTypeType

Value = TypeVar("Value")

_CONTACT_TYPES: tuple["AlternateContactTypeType", ...] = ("BILLING", "OPERATIONS", "SECURITY")
_MAX_DELAY = 900
"""Seconds. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html"""


@dataclass(frozen=True)
class BackfillSettings:
    """The stack parameters and resources that the backfill needs.

    ``update_delay`` is in seconds. ``contacts_path`` is None if the stack's contacts are those of every account.
    ``managed_contact_types`` are those that the worker may read, at least one, in the order BILLING, OPERATIONS,
    SECURITY.
    """

    region: str
    management_account_id: str
    account_queue_url: str
    undelivered_queue_url: str
    worker_role_arn: str
    mode: Mode
    enabled: bool
    update_delay: int
    managed_contact_types: tuple["AlternateContactTypeType", ...]
    contacts_path: str | None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "BackfillSettings":
        """Parse the environment variables.

        Raises:
            BackfillError: a variable is missing or invalid. The text has its name, never its value.
        """
        return cls(
            region=_parse(environment, "AWS_REGION", _text),
            management_account_id=_parse(environment, "MANAGEMENT_ACCOUNT_ID", _text),
            account_queue_url=_parse(environment, "ACCOUNT_QUEUE_URL", _text),
            undelivered_queue_url=_parse(environment, "UNDELIVERED_QUEUE_URL", _text),
            worker_role_arn=_parse(environment, "WORKER_ROLE_ARN", _text),
            mode=_parse(environment, "MODE", Mode),
            enabled=_parse(environment, "ENABLED", _boolean),
            update_delay=_parse(environment, "UPDATE_DELAY", _delay),
            managed_contact_types=_parse(environment, "MANAGED_CONTACT_TYPES", _contact_types),
            contacts_path=_parse(environment, "CONTACTS_PATH", _path_or_none),
        )


def _parse(environment: Mapping[str, str], name: str, parse: Callable[[str], Value]) -> Value:
    try:
        return parse(environment[name])
    except KeyError:
        problem = "missing"
    except ValueError:
        problem = "invalid"
    raise BackfillError(f"The environment variable {name} of BackfillFunction is {problem}. Deploy the stack again.")


def _text(value: str) -> str:
    if not value:
        raise ValueError
    return value


def _boolean(value: str) -> bool:
    if value not in ("true", "false"):
        raise ValueError
    return value == "true"


def _delay(value: str) -> int:
    delay = int(value)
    if not 0 <= delay <= _MAX_DELAY:
        raise ValueError
    return delay


def _path_or_none(value: str) -> str | None:
    if value == "none":
        return None
    if not value.startswith("/"):
        raise ValueError
    return value


def _contact_types(value: str) -> tuple["AlternateContactTypeType", ...]:
    names = value.split(",")
    contact_types = tuple(contact_type for contact_type in _CONTACT_TYPES if contact_type in names)
    if len(contact_types) != len(names):
        raise ValueError
    return contact_types
