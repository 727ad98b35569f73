"""Settings from the environment: all of them, or an error that names the variable and not its value."""

import pytest

from alternate_contacts.backfill.errors import BackfillError
from alternate_contacts.backfill.settings import BackfillSettings
from tests.fakes.environment import BACKFILL

ENVIRONMENT = {**BACKFILL, "AWS_REGION": "us-east-1"}
TEXTS = ["ACCOUNT_QUEUE_URL", "AWS_REGION", "MANAGEMENT_ACCOUNT_ID", "UNDELIVERED_QUEUE_URL"]


@pytest.mark.parametrize("name", sorted(ENVIRONMENT))
def test_a_missing_variable_is_named(name: str) -> None:
    with pytest.raises(BackfillError, match=rf"\b{name}\b.* is missing"):
        BackfillSettings.from_environment({key: value for key, value in ENVIRONMENT.items() if key != name})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, "") for name in ENVIRONMENT),
        ("MODE", "Report"),
        ("ENABLED", "True"),
        ("ENABLED", "1"),
        ("UPDATE_DELAY", "soon"),
        ("UPDATE_DELAY", "-1"),
        ("UPDATE_DELAY", "901"),
        ("UPDATE_DELAY", "180.0"),
        ("CONTACTS_PATH", "contacts"),
        ("CONTACTS_PATH", "None"),
        ("MANAGED_CONTACT_TYPES", "Billing"),
        ("MANAGED_CONTACT_TYPES", "BILLING,"),
        ("MANAGED_CONTACT_TYPES", "BILLING,BILLING"),
        ("MANAGED_CONTACT_TYPES", "BILLING,PRIMARY"),
    ],
)
def test_an_invalid_variable_is_named_and_its_value_is_not_repeated(name: str, value: str) -> None:
    with pytest.raises(BackfillError, match=rf"\b{name}\b.* is invalid") as raised:
        BackfillSettings.from_environment(ENVIRONMENT | {name: value})
    assert not value or value not in str(raised.value).replace(name, "").split()
    assert raised.value.__context__ is None


@pytest.mark.parametrize(("value", "enabled"), [("true", True), ("false", False)])
def test_enabled_is_true_or_false(value: str, enabled: bool) -> None:
    assert BackfillSettings.from_environment(ENVIRONMENT | {"ENABLED": value}).enabled is enabled


@pytest.mark.parametrize(("value", "seconds"), [("0", 0), ("900", 900)])
def test_a_delay_may_be_as_long_as_sqs_allows(value: str, seconds: int) -> None:
    assert BackfillSettings.from_environment(ENVIRONMENT | {"UPDATE_DELAY": value}).update_delay == seconds


@pytest.mark.parametrize(("value", "path"), [("none", None), ("/contacts", "/contacts")])
def test_a_path_of_none_is_no_path(value: str, path: str | None) -> None:
    assert BackfillSettings.from_environment(ENVIRONMENT | {"CONTACTS_PATH": value}).contacts_path == path


@pytest.mark.parametrize(
    ("value", "contact_types"),
    [("SECURITY", ("SECURITY",)), ("OPERATIONS,SECURITY", ("OPERATIONS", "SECURITY"))],
)
def test_managed_contact_types_are_a_list(value: str, contact_types: tuple[str, ...]) -> None:
    settings = BackfillSettings.from_environment(ENVIRONMENT | {"MANAGED_CONTACT_TYPES": value})
    assert settings.managed_contact_types == contact_types
