"""The backfill's configuration, read from the environment that the template gives it."""

from collections.abc import Mapping
from dataclasses import dataclass

from alternate_contacts.backfill.protocol import Mode


@dataclass(frozen=True)
class BackfillSettings:
    """What the stack's parameters say. ``update_delay`` in seconds."""

    region: str
    management_account_id: str
    account_queue_url: str
    undelivered_queue_url: str
    mode: Mode
    enabled: bool
    update_delay: int

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "BackfillSettings":
        """The settings in ``environment``. Raises KeyError or ValueError where the template is not ours."""
        return cls(
            region=environment["AWS_REGION"],
            management_account_id=environment["MANAGEMENT_ACCOUNT_ID"],
            account_queue_url=environment["ACCOUNT_QUEUE_URL"],
            undelivered_queue_url=environment["UNDELIVERED_QUEUE_URL"],
            mode=Mode(environment["MODE"]),
            enabled=environment["ENABLED"] == "true",
            update_delay=int(environment["UPDATE_DELAY"]),
        )
