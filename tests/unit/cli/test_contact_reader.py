"""Reading many accounts: the rate of calls, failed calls, and the causes that end a run early."""

import threading
from collections.abc import Callable, Mapping

import pytest

from alternate_contacts.cli.aws.compliance import ReadResult
from alternate_contacts.cli.aws.contact_reader import AccountContacts, ContactReader, thread_count
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
from tests.fakes.audit import CONTACTS
from tests.fakes.clock import FakeClock
from tests.fakes.worker import DESIRED, MANAGEMENT, MEMBER, OTHER, SECRETS, FakeAccountApi

FAST = 1e6
Results = Mapping[ContactType, ReadResult]
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
) -> ContactReader:
    clock = clock or FakeClock()
    return ContactReader(
        api,
        own_account_id=MANAGEMENT,
        rate=rate,
        trusted_access=trusted_access,
        stop=ClockStop(clock),
        clock=clock,
    )


def read(reader: ContactReader, *account_ids: str) -> dict[str, Results]:
    """Return the results by account."""
    accounts: dict[str, Results] = {}
    reader.read(account_ids, lambda account: accounts.update({account.account_id: account.results}))
    return accounts


def reason(result: ReadResult) -> str | None:
    return result.reason if isinstance(result, WorkerError) else None


def member_with_contacts() -> FakeAccountApi:
    return FakeAccountApi({(MEMBER, contact_type): contact for contact_type, contact in CONTACTS.items()})


def test_every_account_is_read_and_the_management_account_without_its_id() -> None:
    api = member_with_contacts()
    api.contacts |= {(None, contact_type): DESIRED for contact_type in ContactType}
    accounts = read(reader(api), MANAGEMENT, MEMBER, OTHER)
    assert accounts == {
        MANAGEMENT: dict.fromkeys(ContactType, DESIRED),
        MEMBER: CONTACTS,
        OTHER: dict.fromkeys(ContactType),
    }
    assert {account_id for _, account_id, _ in api.calls} == {None, MEMBER, OTHER}
    assert api.puts() == []


def test_the_repr_shows_no_contact_data() -> None:
    accounts: list[AccountContacts] = []
    reader(member_with_contacts()).read([MEMBER], accounts.append)
    assert accounts[0].contacts == list(CONTACTS.values())
    assert [secret for secret in SECRETS if secret in repr(accounts)] == []


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
    accounts = read(reader(api), MEMBER, OTHER)
    assert list(map(reason, accounts[MEMBER].values())) == [None, None, AccessDenied.reason]
    assert accounts[OTHER] == dict.fromkeys(ContactType)


def test_trusted_access_is_checked_once_and_reported_if_it_is_off() -> None:
    calls: list[str] = []

    def trusted_access() -> bool:
        calls.append("ListAWSServiceAccessForOrganization")
        return False

    api = FakeAccountApi()
    api.fail_with(AccessDenied("AccessDeniedException", "GetAlternateContact"))
    accounts = read(reader(api, trusted_access=trusted_access), MANAGEMENT, MEMBER, OTHER)
    assert {reason(accounts[account][BILLING]) for account in (MEMBER, OTHER)} == {TrustedAccessOff.reason}
    # The management account does not depend on trusted access.
    assert reason(accounts[MANAGEMENT][BILLING]) == AccessDenied.reason
    assert len(calls) == 1


def test_access_denied_stands_if_trusted_access_cannot_be_checked() -> None:
    def trusted_access() -> bool:
        raise AccessDenied("AccessDeniedException", "ListAWSServiceAccessForOrganization")

    api = FakeAccountApi()
    api.fail_with(AccessDenied("AccessDeniedException", "GetAlternateContact"))
    results = read(reader(api, trusted_access=trusted_access), MEMBER)[MEMBER]
    assert reason(results[BILLING]) == AccessDenied.reason


@pytest.mark.parametrize(("times", "expected"), [(29, None), (30, Throttled.reason)])
def test_throttled_calls_are_retried_at_a_lower_rate(times: int, expected: str | None) -> None:
    clock = FakeClock()
    api = FakeAccountApi()
    api.fail_with(Throttled("TooManyRequestsException", "GetAlternateContact"), contact_type=BILLING, times=times)
    results = read(reader(api, rate=2.5, clock=clock), MEMBER)[MEMBER]
    assert reason(results[BILLING]) == expected
    # At the full rate these calls would take 31 / 2.5 = 12.4 s.
    assert clock.now > 60


@pytest.mark.parametrize("error", [Unavailable("InternalServerException"), Unexpected("Odd")])
@pytest.mark.parametrize("times", [3, 4])
def test_other_failed_calls_are_retried_with_growing_pauses(error: WorkerError, times: int) -> None:
    clock = FakeClock()
    api = FakeAccountApi()
    api.fail_with(error, contact_type=OPERATIONS, times=times)
    results = read(reader(api, clock=clock), MEMBER)[MEMBER]
    assert reason(results[OPERATIONS]) == (None if times == 3 else error.reason)
    assert 1 + 2 + 4 <= clock.now < 7.1


def test_an_account_that_left_the_organization_is_unreadable_without_retries() -> None:
    api = FakeAccountApi()
    api.fail_with(NotInOrganization("AccountNotFoundException", "GetAlternateContact"))
    results = read(reader(api), MEMBER)[MEMBER]
    assert set(map(reason, results.values())) == {NotInOrganization.reason}
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
    accounts: list[AccountContacts] = []
    with pytest.raises(CliError, match="does not respond"):
        reader(api).read([f"{number:012}" for number in range(1, 101)], accounts.append)
    assert len(accounts) == 7


def test_an_interrupted_run_reports_whole_accounts_and_leaves_no_thread() -> None:
    api = FakeAccountApi()
    accounts: list[AccountContacts] = []

    def keep(account: AccountContacts) -> None:
        if len(accounts) == 5:
            raise KeyboardInterrupt
        accounts.append(account)

    before = threading.active_count()
    # With a real clock: at 100 calls a second these accounts take half a minute.
    real = ContactReader(api, own_account_id=MANAGEMENT, rate=100, trusted_access=trusted)
    with pytest.raises(KeyboardInterrupt):
        real.read([f"{number:012}" for number in range(1, 1001)], keep)
    assert len(accounts) == 5
    assert all(len(account.results) == 3 for account in accounts)
    assert threading.active_count() == before
    assert len(api.calls) < 100


@pytest.mark.parametrize(("rate", "expected"), [(0.75, 2), (2.5, 4), (10, 11), (1000, 16)])
def test_the_rate_determines_the_number_of_threads(rate: float, expected: int) -> None:
    assert thread_count(rate) == expected
