"""The worker's configuration, read once from the environment variables of template.yaml."""

from collections.abc import Mapping
from dataclasses import dataclass

from alternate_contacts.worker.contact_selection import Assignment
from alternate_contacts.worker.contacts import Contact, ContactType
from alternate_contacts.worker.decision import Policy
from alternate_contacts.worker.protocol import Mode


class SettingsError(Exception):
    """An environment variable is missing or invalid. Names the variable, never its value."""


@dataclass(frozen=True)
class WorkerSettings:
    """The stack's parameters. Rates are the calls per second that one execution environment may make.

    ``contacts_path`` is None if the stack's contacts are those of every account.
    """

    management_account_id: str
    account_queue_url: str
    failed_account_queue_url: str
    assignments: Mapping[ContactType, Assignment]
    mode: Mode
    max_tries: int
    concurrent_workers: float
    contacts_path: str | None
    get_rate: float
    get_burst: float
    put_rate: float
    put_burst: float

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "WorkerSettings":
        """Return the settings in ``environment``.

        Raises:
            SettingsError: a variable is missing or invalid.
        """
        workers = _number(environment, "CONCURRENT_WORKERS")
        share = _number(environment, "QUOTA_SHARE") / 100 / workers
        return cls(
            management_account_id=_text(environment, "MANAGEMENT_ACCOUNT_ID"),
            account_queue_url=_text(environment, "ACCOUNT_QUEUE_URL"),
            failed_account_queue_url=_text(environment, "FAILED_ACCOUNT_QUEUE_URL"),
            assignments={contact_type: _assignment(environment, contact_type) for contact_type in ContactType},
            mode=_mode(environment),
            max_tries=int(_number(environment, "MAX_TRIES")),
            concurrent_workers=workers,
            contacts_path=None if (path := _text(environment, "CONTACTS_PATH")) == "none" else path,
            get_rate=_number(environment, "GET_RATE") * share,
            get_burst=_burst(environment, "GET_BURST", share),
            put_rate=_number(environment, "PUT_RATE") * share,
            put_burst=_burst(environment, "PUT_BURST", share),
        )


def _text(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name)
    if not value:
        raise SettingsError(f"environment variable {name} is missing")
    return value


def _number(environment: Mapping[str, str], name: str) -> float:
    try:
        value = float(_text(environment, name))
    except ValueError:
        raise SettingsError(f"environment variable {name} is not a number") from None
    if not value > 0:
        raise SettingsError(f"environment variable {name} is not greater than zero")
    return value


def _burst(environment: Mapping[str, str], name: str, share: float) -> float:
    # One call less than the share: calls overtake each other on their way, and AWS counts them when they arrive.
    return max(_number(environment, name) * share - 1, 1.0)


def _mode(environment: Mapping[str, str]) -> Mode:
    try:
        return Mode(_text(environment, "MODE"))
    except ValueError:
        raise SettingsError("environment variable MODE is not a mode") from None


def _assignment(environment: Mapping[str, str], contact_type: ContactType) -> Assignment:
    try:
        policy = Policy(_text(environment, f"{contact_type}_POLICY"))
    except ValueError:
        raise SettingsError(f"environment variable {contact_type}_POLICY is not a policy") from None
    try:
        return Assignment(policy, Contact.from_environment(environment, contact_type))
    except KeyError as error:
        raise SettingsError(f"environment variable {error.args[0]} is missing") from None
