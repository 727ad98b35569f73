"""What auditors ask of an account's contacts."""

from dataclasses import replace

import pytest

from alternate_contacts.cli.audit.checks import ACCOUNT_1, CONTACTS_DIFFER, Verdict, shared_parts, verdicts
from alternate_contacts.cli.audit.compliance import ComplianceStatus
from alternate_contacts.cli.audit.findings import ContactFinding
from alternate_contacts.worker.contacts import Contact, ContactType
from tests.fakes.worker import DESIRED, PRESENT

FAILED, UNKNOWN, PASSED = Verdict.FAILED, Verdict.UNKNOWN, Verdict.PASSED


def findings(*provided: bool | None) -> dict[ContactType, ContactFinding]:
    return {
        kind: ContactFinding(ComplianceStatus.NOT_MANAGED, each)
        for kind, each in zip(ContactType, provided, strict=True)
    }


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
def test_what_is_provided_decides(provided: tuple[bool | None, ...], account_1: Verdict, differ: Verdict) -> None:
    said = verdicts(findings(*provided), shared=())
    assert (said[ACCOUNT_1], said[CONTACTS_DIFFER]) == (account_1, differ)


@pytest.mark.parametrize("provided", [(True, True, True), (True, None, True)])
def test_what_two_contacts_share_fails_even_if_the_third_is_unknown(provided: tuple[bool | None, ...]) -> None:
    assert verdicts(findings(*provided), shared=["name"])[CONTACTS_DIFFER] == FAILED


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
def test_shared_parts_are_named_without_their_values(contacts: list[Contact], shared: tuple[str, ...]) -> None:
    assert shared_parts(contacts) == shared
