"""The worker's configuration, read once from the environment that the template gives it."""

from collections.abc import Mapping
from dataclasses import dataclass

from alternate_contacts.worker.account_processor import Assignment
from alternate_contacts.worker.contacts import Contact, ContactType
from alternate_contacts.worker.decision import Policy
from alternate_contacts.worker.protocol import Mode


class SettingsError(Exception):
    """A variable is missing or senseless. Names the variable, never its value."""


@dataclass(frozen=True)
class WorkerSettings:
    """What the stack's parameters say. Rates are calls a second that this one worker process may make."""

    management_account_id: str
    account_queue_url: str
    failed_account_queue_url: str
    assignments: Mapping[ContactType, Assignment]
    mode: Mode
    max_tries: int
    get_rate: float
    get_burst: float
    put_rate: float
    put_burst: float

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "WorkerSettings":
        """The settings in ``environment``.

        Raises:
            SettingsError: a variable is missing or has a value that makes no sense.
        """
        share = _number(environment, "QUOTA_SHARE") / 100 / _number(environment, "CONCURRENT_WORKERS")
        return cls(
            management_account_id=_text(environment, "MANAGEMENT_ACCOUNT_ID"),
            account_queue_url=_text(environment, "ACCOUNT_QUEUE_URL"),
            failed_account_queue_url=_text(environment, "FAILED_ACCOUNT_QUEUE_URL"),
            assignments={kind: _assignment(environment, kind) for kind in ContactType},
            mode=_mode(environment),
            max_tries=int(_number(environment, "MAX_TRIES")),
            get_rate=_number(environment, "GET_RATE") * share,
            get_burst=_burst(environment, "GET_BURST", share),
            put_rate=_number(environment, "PUT_RATE") * share,
            put_burst=_burst(environment, "PUT_BURST", share),
        )


def _text(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise SettingsError(f"environment variable {name} is missing")
    return value


def _number(environment: Mapping[str, str], name: str) -> float:
    try:
        value = float(_text(environment, name))
    except ValueError:
        raise SettingsError(f"environment variable {name} is not a number") from None
    if not value > 0:
        raise SettingsError(f"environment variable {name} is not above zero")
    return value


def _burst(environment: Mapping[str, str], name: str, share: float) -> float:
    # One call less than the share: calls overtake each other on their way, and AWS counts them as they arrive.
    return max(_number(environment, name) * share - 1, 1.0)


def _mode(environment: Mapping[str, str]) -> Mode:
    try:
        return Mode(_text(environment, "MODE"))
    except ValueError:
        raise SettingsError("environment variable MODE is not a mode") from None


def _assignment(environment: Mapping[str, str], kind: ContactType) -> Assignment:
    try:
        policy = Policy(_text(environment, f"{kind}_POLICY"))
    except ValueError:
        raise SettingsError(f"environment variable {kind}_POLICY is not a policy") from None
    return Assignment(
        policy,
        Contact(
            name=_text(environment, f"{kind}_NAME"),
            title=_text(environment, f"{kind}_TITLE"),
            email_address=_text(environment, f"{kind}_EMAIL_ADDRESS"),
            phone_number=_text(environment, f"{kind}_PHONE_NUMBER"),
        ),
    )
