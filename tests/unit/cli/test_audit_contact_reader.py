"""Reading many accounts: the rate of calls, failed calls, and the causes that end a run early."""

import threading
from collections.abc import Callable
from dataclasses import astuple

import pytest

from alternate_contacts.cli.audit.compliance import ComplianceStatus
from alternate_contacts.cli.audit.contact_reader import ContactReader, thread_count
from alternate_contacts.cli.audit.findings import AccountReading
from alternate_contacts.cli.terminal.errors import CliError
from alternate_contacts.worker.contacts import ContactType
from alternate_contacts.worker.errors import (
    AccessDenied,
    NotInOrganization,
    Throttled,
    TrustedAccessOff,
    Unavailable,
    Unexpected,
    WorkerError,
)
from tests.fakes.audit import ASSIGNMENTS, COMPLIANT, CONTACTS, DIFFERENT, MISSING, UNREADABLE
from tests.fakes.clock import FakeClock
from tests.fakes.worker import DESIRED, MANAGEMENT, MEMBER, OTHER, SECRETS, FakeAccountApi

FAST = 1e6
BILLING, OPERATIONS, SECURITY = ContactType


class ClockStop(threading.Event):
    """An event whose waits return at once and move the clock."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        self._clock.sleep(timeout or 0)
        return self.is_set()


def trusted() -> bool:
    return True


def reader(
    api: FakeAccountApi,
    *,
    rate: float = FAST,
    clock: FakeClock | None = None,
    trusted_access: Callable[[], bool] = trusted,
    keep_contacts: bool = False,
) -> ContactReader:
    clock = clock or FakeClock()
    return ContactReader(
        api,
        ASSIGNMENTS,
        own_account_id=MANAGEMENT,
        rate=rate,
        trusted_access=trusted_access,
        keep_contacts=keep_contacts,
        stop=ClockStop(clock),
        clock=clock,
    )


def read(reader: ContactReader, *account_ids: str) -> dict[str, AccountReading]:
    readings: dict[str, AccountReading] = {}
    reader.read(account_ids, lambda reading: readings.update({reading.account_id: reading}))
    return readings


def statuses(reading: AccountReading) -> list[ComplianceStatus]:
    return [reading.findings[contact_type].status for contact_type in ContactType]


def member_with_contacts() -> FakeAccountApi:
    return FakeAccountApi({(MEMBER, contact_type): contact for contact_type, contact in CONTACTS.items()})


def test_every_account_is_read_and_the_management_account_without_its_id() -> None:
    api = member_with_contacts()
    api.contacts |= {(None, contact_type): DESIRED for contact_type in ContactType}
    readings = read(reader(api), MANAGEMENT, MEMBER, OTHER)
    assert statuses(readings[MANAGEMENT]) == [COMPLIANT] * 3
    assert statuses(readings[MEMBER]) == [COMPLIANT, DIFFERENT, COMPLIANT]
    assert statuses(readings[OTHER]) == [MISSING] * 3
    assert [finding.provided for finding in readings[OTHER].findings.values()] == [False] * 3
    assert readings[MEMBER].shared == ("name", "email address", "phone number")
    assert {account_id for _, account_id, _ in api.calls} == {None, MEMBER, OTHER}
    assert api.puts() == []


def test_contact_data_does_not_leave_the_reader() -> None:
    reading = read(reader(member_with_contacts()), MEMBER)[MEMBER]
    text = str([astuple(finding) for finding in reading.findings.values()])
    assert [secret for secret in SECRETS if secret in text] == []


def test_contact_data_is_kept_on_request() -> None:
    reading = read(reader(member_with_contacts(), keep_contacts=True), MEMBER)[MEMBER]
    assert {contact_type: finding.contact for contact_type, finding in reading.findings.items()} == CONTACTS
    assert [secret for secret in SECRETS if secret in repr(reading)] == []


def test_calls_keep_to_the_rate() -> None:
    clock = FakeClock()
    read(reader(FakeAccountApi(), rate=2.5, clock=clock), *(f"{number:012}" for number in range(1, 11)))
    # 30 calls, the first without delay: 29 / 2.5 = 11.6 s.
    assert 11.6 <= clock.now < 11.7


def test_a_contact_with_access_denied_is_unreadable_and_the_others_are_read() -> None:
    api = FakeAccountApi()
    api.fail_with(
        AccessDenied("AccessDeniedException", "GetAlternateContact"), account_id=MEMBER, contact_type=SECURITY
    )
    readings = read(reader(api), MEMBER, OTHER)
    assert statuses(readings[MEMBER]) == [MISSING, MISSING, UNREADABLE]
    finding = readings[MEMBER].findings[SECURITY]
    assert (finding.provided, finding.reason) == (None, AccessDenied.reason)
    assert finding.error_code == "AccessDeniedException"
    assert statuses(readings[OTHER]) == [MISSING] * 3


def test_trusted_access_is_checked_once_and_reported_if_it_is_off() -> None:
    calls: list[str] = []

    def trusted_access() -> bool:
        calls.append("ListAWSServiceAccessForOrganization")
        return False

    api = FakeAccountApi()
    api.fail_with(AccessDenied("AccessDeniedException", "GetAlternateContact"))
    readings = read(reader(api, trusted_access=trusted_access), MANAGEMENT, MEMBER, OTHER)
    assert {readings[account].findings[BILLING].reason for account in (MEMBER, OTHER)} == {TrustedAccessOff.reason}
    # The management account does not depend on trusted access.
    assert readings[MANAGEMENT].findings[BILLING].reason == AccessDenied.reason
    assert len(calls) == 1


def test_access_denied_stands_if_trusted_access_cannot_be_checked() -> None:
    def trusted_access() -> bool:
        raise AccessDenied("AccessDeniedException", "ListAWSServiceAccessForOrganization")

    api = FakeAccountApi()
    api.fail_with(AccessDenied("AccessDeniedException", "GetAlternateContact"))
    reading = read(reader(api, trusted_access=trusted_access), MEMBER)[MEMBER]
    assert reading.findings[BILLING].reason == AccessDenied.reason


@pytest.mark.parametrize(("times", "status"), [(29, MISSING), (30, UNREADABLE)])
def test_throttled_calls_are_retried_at_a_lower_rate(times: int, status: ComplianceStatus) -> None:
    clock = FakeClock()
    api = FakeAccountApi()
    api.fail_with(Throttled("TooManyRequestsException", "GetAlternateContact"), contact_type=BILLING, times=times)
    reading = read(reader(api, rate=2.5, clock=clock), MEMBER)[MEMBER]
    assert reading.findings[BILLING].status == status
    # At the full rate these calls would take 31 / 2.5 = 12.4 s.
    assert clock.now > 60


@pytest.mark.parametrize("error", [Unavailable("InternalServerException"), Unexpected("Odd")])
@pytest.mark.parametrize(("times", "status"), [(3, MISSING), (4, UNREADABLE)])
def test_other_failed_calls_are_retried_with_growing_pauses(
    error: WorkerError, times: int, status: ComplianceStatus
) -> None:
    clock = FakeClock()
    api = FakeAccountApi()
    api.fail_with(error, contact_type=OPERATIONS, times=times)
    reading = read(reader(api, clock=clock), MEMBER)[MEMBER]
    assert reading.findings[OPERATIONS].status == status
    assert 1 + 2 + 4 <= clock.now < 7.1


def test_an_account_that_left_the_organization_is_unreadable_without_retries() -> None:
    api = FakeAccountApi()
    api.fail_with(NotInOrganization("AccountNotFoundException", "GetAlternateContact"))
    reading = read(reader(api), MEMBER)[MEMBER]
    assert {finding.reason for finding in reading.findings.values()} == {NotInOrganization.reason}
    assert len(api.calls) == 3


@pytest.mark.parametrize(
    "error",
    [AccessDenied("ExpiredTokenException"), Unavailable("UnauthorizedSSOTokenError"), AccessDenied("ExpiredToken")],
)
def test_expired_credentials_end_the_run(error: WorkerError) -> None:
    api = FakeAccountApi()
    api.fail_with(error, account_id=OTHER)
    with pytest.raises(CliError, match="Sign in again"):
        read(reader(api), OTHER)
    assert len(api.calls) == 1


def test_a_lost_network_ends_the_run_instead_of_making_every_account_unreadable() -> None:
    api = FakeAccountApi()
    api.fail_with(Unavailable("EndpointConnectionError"))
    readings: list[AccountReading] = []
    with pytest.raises(CliError, match="does not respond"):
        reader(api).read([f"{number:012}" for number in range(1, 101)], readings.append)
    assert len(readings) == 7


def test_an_interrupted_run_reports_whole_accounts_and_leaves_no_thread() -> None:
    api = FakeAccountApi()
    readings: list[AccountReading] = []

    def keep(reading: AccountReading) -> None:
        if len(readings) == 5:
            raise KeyboardInterrupt
        readings.append(reading)

    before = threading.active_count()
    # With a real clock: at 100 calls a second these accounts take half a minute.
    real = ContactReader(api, ASSIGNMENTS, own_account_id=MANAGEMENT, rate=100, trusted_access=trusted)
    with pytest.raises(KeyboardInterrupt):
        real.read([f"{number:012}" for number in range(1, 1001)], keep)
    assert len(readings) == 5
    assert all(len(reading.findings) == 3 for reading in readings)
    assert threading.active_count() == before
    assert len(api.calls) < 100


@pytest.mark.parametrize(("rate", "expected"), [(0.75, 2), (2.5, 4), (10, 11), (1000, 16)])
def test_the_rate_determines_the_number_of_threads(rate: float, expected: int) -> None:
    assert thread_count(rate) == expected
