"""Reading many accounts: pace, refusals, and the ways in which it ends early."""

import threading
from collections.abc import Callable
from dataclasses import astuple

import pytest

from alternate_contacts.cli.audit.compliance import ComplianceStatus
from alternate_contacts.cli.audit.contact_reader import ContactReader, ReadingStopped, threads
from alternate_contacts.cli.audit.findings import AccountReading
from alternate_contacts.worker.contacts import ContactType
from alternate_contacts.worker.errors import (
    AccessDenied,
    NotInOrganization,
    Throttled,
    Unavailable,
    Unexpected,
    WorkerError,
)
from tests.fakes.audit import ASSIGNMENTS, CONTACTS
from tests.fakes.clock import FakeClock
from tests.fakes.worker import DESIRED, MANAGEMENT, MEMBER, OTHER, SECRETS, FakeAccountApi

FAST = 1e6
BILLING, OPERATIONS, SECURITY = ContactType


class FakeStop:
    """An event that is set when told so, and otherwise lets the clock pass."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.is_set = False

    def set(self) -> None:
        self.is_set = True

    def wait(self, timeout: float) -> bool:
        self._clock.sleep(timeout)
        return self.is_set


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
    time = clock or FakeClock()
    return ContactReader(
        api,
        ASSIGNMENTS,
        own_account_id=MANAGEMENT,
        rate=rate,
        trusted_access=trusted_access,
        keep_contacts=keep_contacts,
        stop=FakeStop(time),
        clock=time,
    )


def read(reader: ContactReader, *account_ids: str) -> dict[str, AccountReading]:
    found: dict[str, AccountReading] = {}
    reader.read(account_ids, lambda reading: found.update({reading.account_id: reading}))
    return found


def words(reading: AccountReading) -> list[str]:
    return [reading.findings[kind].word for kind in ContactType]


def test_every_account_is_read_and_the_own_one_without_its_id() -> None:
    api = FakeAccountApi({(None, kind): DESIRED for kind in ContactType})
    api.contacts |= {(MEMBER, kind): contact for kind, contact in CONTACTS.items()}
    found = read(reader(api), MANAGEMENT, MEMBER, OTHER)
    assert words(found[MANAGEMENT]) == ["right"] * 3
    assert words(found[MEMBER]) == ["right", "different", "right"]
    assert words(found[OTHER]) == ["missing"] * 3
    assert [finding.provided for finding in found[OTHER].findings.values()] == [False] * 3
    assert found[MEMBER].shared == ("name", "email address", "phone number")
    assert {account_id for _, account_id, _ in api.calls} == {None, MEMBER, OTHER}
    assert api.puts() == []


def test_contact_data_does_not_leave_the_reader() -> None:
    api = FakeAccountApi({(MEMBER, kind): contact for kind, contact in CONTACTS.items()})
    reading = read(reader(api), MEMBER)[MEMBER]
    assert [secret for secret in SECRETS if secret in str([astuple(each) for each in reading.findings.values()])] == []


def test_contact_data_is_kept_when_it_is_asked_for() -> None:
    api = FakeAccountApi({(MEMBER, kind): contact for kind, contact in CONTACTS.items()})
    reading = read(reader(api, keep_contacts=True), MEMBER)[MEMBER]
    assert {kind: finding.contact for kind, finding in reading.findings.items()} == CONTACTS
    assert [secret for secret in SECRETS if secret in repr(reading)] == []


def test_calls_keep_to_the_rate() -> None:
    clock = FakeClock()
    read(reader(FakeAccountApi(), rate=2.5, clock=clock), *(f"{number:012}" for number in range(1, 11)))
    # 30 calls, one of which may go at once: 29 / 2.5 = 11.6 s.
    assert 11.6 <= clock.now < 11.7


def test_a_refused_account_is_unreadable_and_the_others_are_read() -> None:
    api = FakeAccountApi()
    api.refuse(AccessDenied("AccessDeniedException", "GetAlternateContact"), account_id=MEMBER, contact_type=SECURITY)
    found = read(reader(api), MEMBER, OTHER)
    assert words(found[MEMBER]) == ["missing", "missing", "unreadable"]
    refused = found[MEMBER].findings[SECURITY]
    assert (refused.provided, refused.reason, refused.code) == (None, "not_authorized", "AccessDeniedException")
    assert words(found[OTHER]) == ["missing"] * 3


def test_trusted_access_is_asked_for_once_and_named_where_it_is_off() -> None:
    asked: list[str] = []

    def trusted_access() -> bool:
        asked.append("once")
        return False

    api = FakeAccountApi()
    api.refuse(AccessDenied("AccessDeniedException", "GetAlternateContact"))
    found = read(reader(api, trusted_access=trusted_access), MANAGEMENT, MEMBER, OTHER)
    assert {found[each].findings[BILLING].reason for each in (MEMBER, OTHER)} == {"trusted_access_off"}
    # The own account needs no trusted access.
    assert found[MANAGEMENT].findings[BILLING].reason == "not_authorized"
    assert asked == ["once"]


def test_a_refusal_stands_where_trusted_access_may_not_be_asked_for() -> None:
    def trusted_access() -> bool:
        raise AccessDenied("AccessDeniedException", "ListAWSServiceAccessForOrganization")

    api = FakeAccountApi()
    api.refuse(AccessDenied("AccessDeniedException", "GetAlternateContact"))
    reading = read(reader(api, trusted_access=trusted_access), MEMBER)[MEMBER]
    assert reading.findings[BILLING].reason == "not_authorized"


@pytest.mark.parametrize(("times", "word"), [(29, ComplianceStatus.MISSING), (30, ComplianceStatus.UNREADABLE)])
def test_throttled_calls_are_repeated_more_slowly(times: int, word: ComplianceStatus) -> None:
    clock = FakeClock()
    api = FakeAccountApi()
    api.refuse(Throttled("TooManyRequestsException", "GetAlternateContact"), contact_type=BILLING, times=times)
    reading = read(reader(api, rate=2.5, clock=clock), MEMBER)[MEMBER]
    assert reading.findings[BILLING].word == word
    # At full speed these calls would be through in 31 / 2.5 = 12.4 s.
    assert clock.now > 60


@pytest.mark.parametrize("error", [Unavailable("InternalServerException"), Unexpected("Odd")])
@pytest.mark.parametrize(("times", "word"), [(3, ComplianceStatus.MISSING), (4, ComplianceStatus.UNREADABLE)])
def test_passing_trouble_is_waited_out(error: WorkerError, times: int, word: ComplianceStatus) -> None:
    clock = FakeClock()
    api = FakeAccountApi()
    api.refuse(error, contact_type=OPERATIONS, times=times)
    reading = read(reader(api, clock=clock), MEMBER)[MEMBER]
    assert reading.findings[OPERATIONS].word == word
    assert 1 + 2 + 4 <= clock.now < 7.1


def test_an_account_that_left_meanwhile_is_unreadable_at_once() -> None:
    api = FakeAccountApi()
    api.refuse(NotInOrganization("AccountNotFoundException", "GetAlternateContact"))
    reading = read(reader(api), MEMBER)[MEMBER]
    assert {finding.reason for finding in reading.findings.values()} == {"not_in_organization"}
    assert len(api.calls) == 3


@pytest.mark.parametrize(
    "error",
    [AccessDenied("ExpiredTokenException"), Unavailable("UnauthorizedSSOTokenError"), AccessDenied("ExpiredToken")],
)
def test_credentials_that_run_out_end_the_run_with_a_sentence(error: WorkerError) -> None:
    api = FakeAccountApi()
    api.refuse(error, account_id=OTHER)
    with pytest.raises(ReadingStopped, match="log in again"):
        read(reader(api), OTHER)
    assert len(api.calls) == 1


def test_a_dead_network_ends_the_run_instead_of_calling_every_account_unreadable() -> None:
    api = FakeAccountApi()
    api.refuse(Unavailable("EndpointConnectionError"))
    found: list[AccountReading] = []
    with pytest.raises(ReadingStopped, match="does not answer"):
        reader(api).read([f"{number:012}" for number in range(1, 101)], found.append)
    assert len(found) == 7


def test_an_interrupted_run_keeps_whole_accounts_and_leaves_no_thread() -> None:
    api = FakeAccountApi()
    found: list[AccountReading] = []

    def keep(reading: AccountReading) -> None:
        if len(found) == 5:
            raise KeyboardInterrupt
        found.append(reading)

    before = threading.active_count()
    # By a real clock: at 100 calls a second these accounts take half a minute.
    real = ContactReader(api, ASSIGNMENTS, own_account_id=MANAGEMENT, rate=100, trusted_access=trusted)
    with pytest.raises(KeyboardInterrupt):
        real.read([f"{number:012}" for number in range(1, 1001)], keep)
    assert len(found) == 5
    assert all(len(reading.findings) == 3 for reading in found)
    assert threading.active_count() == before
    assert len(api.calls) < 100


@pytest.mark.parametrize(("rate", "expected"), [(0.75, 2), (2.5, 4), (10, 11), (1000, 16)])
def test_few_threads(rate: float, expected: int) -> None:
    assert threads(rate) == expected
