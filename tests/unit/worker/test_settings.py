"""The environment read into settings: all of it or an error that names the variable, never a value."""

import math

import pytest

from alternate_contacts.worker.contacts import Contact, ContactType
from alternate_contacts.worker.decision import Policy
from alternate_contacts.worker.protocol import Mode
from alternate_contacts.worker.settings import SettingsError, WorkerSettings
from tests.fakes.environment import WORKER

NUMBERS = ["MAX_TRIES", "CONCURRENT_WORKERS", "QUOTA_SHARE", "PUT_RATE", "PUT_BURST", "GET_RATE", "GET_BURST"]
CHOICES = ["MODE", "BILLING_POLICY", "OPERATIONS_POLICY", "SECURITY_POLICY"]


def read(**changes: str) -> WorkerSettings:
    return WorkerSettings.read(dict(WORKER) | changes)


def test_reads_what_the_template_gives() -> None:
    settings = read()
    assert settings.management_account_id == "000000000000"
    assert settings.account_queue_url == "https://sqs.us-east-1.amazonaws.com/000000000000/AccountQueue"
    assert settings.failed_account_queue_url == "https://sqs.us-east-1.amazonaws.com/000000000000/FailedAccountQueue"
    assert settings.mode is Mode.ENFORCE
    assert settings.max_tries == 10
    assert list(settings.assignments) == list(ContactType)


@pytest.mark.parametrize("kind", list(ContactType))
def test_reads_each_contact_with_its_policy(kind: ContactType) -> None:
    policies = {ContactType.BILLING: "overwrite", ContactType.OPERATIONS: "fill", ContactType.SECURITY: "ignore"}
    settings = read(**{f"{other}_POLICY": policy for other, policy in policies.items()})
    assert settings.assignments[kind].policy is Policy(policies[kind])
    assert settings.assignments[kind].desired == Contact(
        name=WORKER[f"{kind}_NAME"],
        title=WORKER[f"{kind}_TITLE"],
        email_address=WORKER[f"{kind}_EMAIL_ADDRESS"],
        phone_number=WORKER[f"{kind}_PHONE_NUMBER"],
    )


def test_each_contact_of_the_example_is_another() -> None:
    """Otherwise a mix-up would go unseen."""
    values = [value for name, value in WORKER.items() if name.partition("_")[0] in ContactType.__members__]
    assert len({value for value in values if value not in list(Policy)}) == 12


@pytest.mark.parametrize("name", sorted(WORKER))
def test_a_missing_variable_is_named_and_no_value_is(name: str) -> None:
    environment = {key: value for key, value in WORKER.items() if key != name}
    with pytest.raises(SettingsError) as caught:
        WorkerSettings.read(environment)
    assert str(caught.value) == f"environment variable {name} is missing"


@pytest.mark.parametrize("name", sorted(WORKER))
def test_an_empty_variable_is_a_missing_one(name: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(**{name: ""})
    assert str(caught.value) == f"environment variable {name} is missing"


@pytest.mark.parametrize("value", ["nonsense", "0", "-1", "nan", "1,5", "0x10", "-inf"])
@pytest.mark.parametrize("name", NUMBERS)
def test_a_senseless_number_is_named_and_not_repeated(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(**{name: value})
    assert name in str(caught.value)
    assert value not in str(caught.value).replace(name, "").split()


@pytest.mark.parametrize("name", CHOICES)
@pytest.mark.parametrize("value", ["nonsense", "OVERWRITE", "Enforce", " "])
def test_a_senseless_choice_is_named_and_not_repeated(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(**{name: value})
    assert name in str(caught.value)
    assert "nonsense" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("mode", list(Mode))
def test_reads_every_mode(mode: Mode) -> None:
    assert read(MODE=mode.value).mode is mode


def test_a_worker_takes_its_part_of_the_quota() -> None:
    settings = read()
    assert (settings.put_rate, settings.get_rate) == (2.5, 5)
    assert (settings.put_burst, settings.get_burst) == (3, 6.5)


def test_a_share_leaves_the_rest_to_others() -> None:
    settings = read(QUOTA_SHARE="50")
    assert (settings.put_rate, settings.get_rate) == (1.25, 2.5)
    assert (settings.put_burst, settings.get_burst) == (1, 2.75)


def test_a_burst_is_never_below_one() -> None:
    settings = read(QUOTA_SHARE="50", PUT_BURST="1", GET_BURST="2")
    assert (settings.put_burst, settings.get_burst) == (1, 1)


@pytest.mark.parametrize(
    ("rates", "share"),
    [
        ({"PUT_RATE": "5", "PUT_BURST": "8", "GET_RATE": "10", "GET_BURST": "15"}, 100),
        ({"PUT_RATE": "5", "PUT_BURST": "8", "GET_RATE": "10", "GET_BURST": "15"}, 50),
        ({"PUT_RATE": "1", "PUT_BURST": "6", "GET_RATE": "3", "GET_BURST": "5"}, 100),
        ({"PUT_RATE": "1", "PUT_BURST": "6", "GET_RATE": "3", "GET_BURST": "5"}, 50),
    ],
    ids=["aws", "half of aws", "China", "half of China"],
)
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_all_workers_together_stay_within_the_share(rates: dict[str, str], share: int, workers: int) -> None:
    settings = read(**rates, QUOTA_SHARE=str(share), CONCURRENT_WORKERS=str(workers))
    assert math.isclose(settings.put_rate * workers, float(rates["PUT_RATE"]) * share / 100)
    assert math.isclose(settings.get_rate * workers, float(rates["GET_RATE"]) * share / 100)
    assert settings.put_burst * workers <= max(float(rates["PUT_BURST"]) * share / 100, workers)
    assert settings.get_burst * workers <= max(float(rates["GET_BURST"]) * share / 100, workers)


def test_no_contact_data_shows() -> None:
    secrets = [value for name, value in WORKER.items() if name.endswith(("NAME", "TITLE", "ADDRESS", "NUMBER"))]
    assert [secret for secret in secrets if secret in repr(read())] == []
