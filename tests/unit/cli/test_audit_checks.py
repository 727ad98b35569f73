"""The checks of auditors."""

from dataclasses import replace

import pytest

from alternate_contacts.cli.audit.checks import ACCOUNT_1, CONTACTS_DIFFER, AuditCheckResult, shared_fields
from alternate_contacts.cli.audit.findings import AccountReading, ContactFinding
from alternate_contacts.worker.contacts import Contact, ContactType
from tests.fakes.audit import NOON, UNMANAGED
from tests.fakes.worker import DESIRED, PRESENT

FAILED, UNKNOWN, PASSED, _ = AuditCheckResult


def reading(*provided: bool | None, shared: tuple[str, ...] = ()) -> AccountReading:
    findings = [ContactFinding(UNMANAGED, value) for value in provided]
    return AccountReading("111111111111", NOON, dict(zip(ContactType, findings, strict=True)), shared)


@pytest.mark.parametrize(
    ("provided", "account_1", "differ"),
    [
        ((True, True, True), PASSED, PASSED),
        ((True, True, False), FAILED, FAILED),
        ((False, False, True), PASSED, FAILED),
        ((True, True, None), UNKNOWN, UNKNOWN),
        ((None, True, True), PASSED, UNKNOWN),
        ((None, False, True), PASSED, FAILED),
        ((None, None, None), UNKNOWN, UNKNOWN),
    ],
)
def test_checks_depend_on_the_contacts_that_an_account_has(
    provided: tuple[bool | None, ...], account_1: AuditCheckResult, differ: AuditCheckResult
) -> None:
    assert (ACCOUNT_1.run(reading(*provided)), CONTACTS_DIFFER.run(reading(*provided))) == (account_1, differ)


@pytest.mark.parametrize("provided", [(True, True, True), (True, None, True)])
def test_a_shared_field_fails_even_if_the_third_contact_is_unknown(provided: tuple[bool | None, ...]) -> None:
    assert CONTACTS_DIFFER.run(reading(*provided, shared=("name",))) == FAILED


@pytest.mark.parametrize(
    ("contacts", "shared"),
    [
        ([], ()),
        ([DESIRED], ()),
        ([DESIRED, PRESENT], ()),
        ([DESIRED, PRESENT, DESIRED], ("name", "email address", "phone number")),
        ([DESIRED, replace(PRESENT, email_address=f" {DESIRED.email_address.upper()}")], ("email address",)),
        ([DESIRED, replace(PRESENT, title=DESIRED.title)], ()),
    ],
)
def test_shared_fields_are_named_without_their_values(contacts: list[Contact], shared: tuple[str, ...]) -> None:
    assert shared_fields(contacts) == shared
