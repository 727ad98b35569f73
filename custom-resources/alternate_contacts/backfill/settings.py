"""The backfill's configuration, read from the environment variables that the template sets."""

from collections.abc import Mapping
from dataclasses import dataclass

from alternate_contacts.backfill.protocol import Mode


@dataclass(frozen=True)
class BackfillSettings:
    """The stack parameters and resources that the backfill needs.

    ``update_delay`` is in seconds. ``contacts_path`` is None if the stack's contacts are those of every account.
    """

    region: str
    management_account_id: str
    account_queue_url: str
    undelivered_queue_url: str
    mode: Mode
    enabled: bool
    update_delay: int
    contacts_path: str | None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "BackfillSettings":
        """Parse the environment variables.

        Raises:
            KeyError: a variable is missing.
            ValueError: a variable has an invalid value.
        """
        return cls(
            region=environment["AWS_REGION"],
            management_account_id=environment["MANAGEMENT_ACCOUNT_ID"],
            account_queue_url=environment["ACCOUNT_QUEUE_URL"],
            undelivered_queue_url=environment["UNDELIVERED_QUEUE_URL"],
            mode=Mode(environment["MODE"]),
            enabled=environment["ENABLED"] == "true",
            update_delay=int(environment["UPDATE_DELAY"]),
            contacts_path=None if environment["CONTACTS_PATH"] == "none" else environment["CONTACTS_PATH"],
        )
