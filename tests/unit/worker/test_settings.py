"""Settings from the environment: all of them, or an error that names the variable and not its value."""

import math

import pytest

from alternate_contacts.worker.contacts import Contact, ContactType
from alternate_contacts.worker.decision import Policy
from alternate_contacts.worker.protocol import Mode
from alternate_contacts.worker.settings import SettingsError, WorkerSettings
from tests.fakes.environment import WORKER, WORKER_SECRETS

NUMBERS = ["MAX_TRIES", "CONCURRENT_WORKERS", "QUOTA_SHARE", "PUT_RATE", "PUT_BURST", "GET_RATE", "GET_BURST"]
CHOICES = ["MODE", "BILLING_POLICY", "OPERATIONS_POLICY", "SECURITY_POLICY"]


def settings_of(**changes: str) -> WorkerSettings:
    return WorkerSettings.from_environment(dict(WORKER) | changes)


def test_reads_every_variable_of_the_template() -> None:
    settings = settings_of()
    assert settings.management_account_id == "000000000000"
    assert settings.account_queue_url == "https://sqs.us-east-1.amazonaws.com/000000000000/AccountQueue"
    assert settings.failed_account_queue_url == "https://sqs.us-east-1.amazonaws.com/000000000000/FailedAccountQueue"
    assert settings.mode is Mode.ENFORCE
    assert settings.max_tries == 10
    assert settings.concurrent_workers == 2
    assert list(settings.assignments) == list(ContactType)


@pytest.mark.parametrize(("value", "path"), [("none", None), ("/alternate-contacts", "/alternate-contacts")])
def test_contacts_path_is_a_path_or_none(value: str, path: str | None) -> None:
    assert settings_of(CONTACTS_PATH=value).contacts_path == path


@pytest.mark.parametrize("contact_type", list(ContactType))
def test_reads_each_contact_with_its_policy(contact_type: ContactType) -> None:
    policies = {ContactType.BILLING: "overwrite", ContactType.OPERATIONS: "fill", ContactType.SECURITY: "ignore"}
    settings = settings_of(**{f"{other}_POLICY": policy for other, policy in policies.items()})
    assert settings.assignments[contact_type].policy is Policy(policies[contact_type])
    assert settings.assignments[contact_type].desired == Contact.from_environment(WORKER, contact_type)


@pytest.mark.parametrize("name", sorted(WORKER))
def test_a_missing_or_empty_variable_is_named(name: str) -> None:
    for environment in ({key: value for key, value in WORKER.items() if key != name}, dict(WORKER) | {name: ""}):
        with pytest.raises(SettingsError) as caught:
            WorkerSettings.from_environment(environment)
        assert str(caught.value) == f"environment variable {name} is missing"


@pytest.mark.parametrize("value", ["nonsense", "0", "-1", "nan", "1,5", "0x10", "-inf"])
@pytest.mark.parametrize("name", NUMBERS)
def test_an_invalid_number_is_named_and_not_repeated(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings_of(**{name: value})
    assert name in str(caught.value)
    assert value not in str(caught.value).replace(name, "").split()


@pytest.mark.parametrize("name", CHOICES)
@pytest.mark.parametrize("value", ["nonsense", "OVERWRITE", "Enforce", " "])
def test_an_invalid_choice_is_named_and_not_repeated(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings_of(**{name: value})
    assert name in str(caught.value)
    assert "nonsense" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("mode", list(Mode))
def test_reads_every_mode(mode: Mode) -> None:
    assert settings_of(MODE=mode.value).mode is mode


def test_each_worker_gets_its_part_of_the_quota() -> None:
    settings = settings_of()
    assert (settings.put_rate, settings.get_rate) == (2.5, 5)
    assert (settings.put_burst, settings.get_burst) == (3, 6.5)


def test_a_share_leaves_the_rest_of_the_quota_to_others() -> None:
    settings = settings_of(QUOTA_SHARE="50")
    assert (settings.put_rate, settings.get_rate) == (1.25, 2.5)
    assert (settings.put_burst, settings.get_burst) == (1, 2.75)


def test_a_burst_is_never_below_one() -> None:
    settings = settings_of(QUOTA_SHARE="50", PUT_BURST="1", GET_BURST="2")
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
    settings = settings_of(**rates, QUOTA_SHARE=str(share), CONCURRENT_WORKERS=str(workers))
    assert math.isclose(settings.put_rate * workers, float(rates["PUT_RATE"]) * share / 100)
    assert math.isclose(settings.get_rate * workers, float(rates["GET_RATE"]) * share / 100)
    assert settings.put_burst * workers <= max(float(rates["PUT_BURST"]) * share / 100, workers)
    assert settings.get_burst * workers <= max(float(rates["GET_BURST"]) * share / 100, workers)


def test_no_contact_data_shows() -> None:
    assert [secret for secret in WORKER_SECRETS if secret in repr(settings_of())] == []
