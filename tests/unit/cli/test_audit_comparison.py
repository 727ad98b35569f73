"""What an audit keeps of the contacts of one account: status, reason and error, and contact data only on request."""

from dataclasses import replace

import pytest

from alternate_contacts.cli.audit.comparison import ContactComparison
from alternate_contacts.cli.audit.findings import AccountReading, ContactFinding
from alternate_contacts.cli.aws.compliance import ComplianceStatus, ReadResult
from alternate_contacts.cli.aws.contact_reader import AccountContacts
from alternate_contacts.cli.aws.contact_selector import ContactSelector
from alternate_contacts.cli.aws.deployed_contacts import DeployedContacts
from alternate_contacts.worker.contact_selection import AccountSelection, Assignment, ContactSelection, select_defaults
from alternate_contacts.worker.contacts import ContactType
from alternate_contacts.worker.decision import Policy
from alternate_contacts.worker.errors import AccessDenied, UnknownContactSet, WorkerError
from tests.fakes.audit import ASSIGNMENTS, NOON
from tests.fakes.worker import DESIRED, MEMBER, PRESENT

BILLING, OPERATIONS, SECURITY = ContactType
DENIED = AccessDenied("AccessDeniedException", "GetAlternateContact")
LOST = UnknownContactSet("sets/lost", "GetParametersByPath")


def compare(
    results: dict[ContactType, ReadResult],
    selection: AccountSelection | None = None,
    *,
    exact: bool = True,
    keep_contacts: bool = False,
) -> AccountReading:
    selector = ContactSelector(DeployedContacts(ASSIGNMENTS, exact=exact))
    selections = {MEMBER: selection or select_defaults(ASSIGNMENTS)}
    comparison = ContactComparison(selector, selections, keep_contacts=keep_contacts)
    return comparison.compare(AccountContacts(MEMBER, NOON, results))


def test_each_contact_has_a_status_and_whether_it_is_there() -> None:
    assert compare({BILLING: DESIRED, OPERATIONS: PRESENT, SECURITY: None}) == AccountReading(
        MEMBER,
        NOON,
        {
            BILLING: ContactFinding(ComplianceStatus.COMPLIANT, provided=True),
            OPERATIONS: ContactFinding(ComplianceStatus.DIFFERENT, provided=True),
            SECURITY: ContactFinding(ComplianceStatus.MISSING, provided=False),
        },
    )


@pytest.mark.parametrize(
    ("selected", "result", "provided", "error"),
    [
        (Assignment(Policy.OVERWRITE, DESIRED), DENIED, None, DENIED),
        (LOST, PRESENT, True, LOST),
        (LOST, DENIED, None, LOST),
    ],
    ids=["unreadable", "unknown", "both"],
)
def test_an_error_is_kept_with_its_reason_and_code_that_of_the_selection_first(
    selected: Assignment | WorkerError, result: ReadResult, provided: bool | None, error: WorkerError
) -> None:
    finding = compare({BILLING: result}, AccountSelection({BILLING: ContactSelection(selected)})).findings[BILLING]
    assert (finding.reason, finding.error_code, finding.provided) == (error.reason, error.code, provided)


def test_fields_that_two_contacts_share_are_named() -> None:
    assert compare({BILLING: PRESENT, SECURITY: PRESENT}).shared == ("name", "email address", "phone number")


def test_a_contact_that_cloudformation_may_have_changed_is_unknown() -> None:
    substituted = replace(DESIRED, name="?da")
    present = replace(DESIRED, name="Äda")
    selection = AccountSelection({BILLING: ContactSelection(Assignment(Policy.OVERWRITE, substituted))})
    for exact, status in ((False, ComplianceStatus.UNKNOWN), (True, ComplianceStatus.DIFFERENT)):
        assert compare({BILLING: present}, selection, exact=exact).findings[BILLING].status is status


@pytest.mark.parametrize("keep_contacts", [False, True])
def test_contact_data_is_kept_on_request_only(keep_contacts: bool) -> None:
    findings = compare({BILLING: PRESENT, SECURITY: DENIED}, keep_contacts=keep_contacts).findings
    assert findings[BILLING].contact == (PRESENT if keep_contacts else None)
    assert findings[SECURITY].contact is None
