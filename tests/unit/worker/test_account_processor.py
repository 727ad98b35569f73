"""The result for one account: its contacts one by one, and the cause of an AccessDenied."""

import itertools
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Literal

import pytest

from alternate_contacts.worker import account_processor
from alternate_contacts.worker.account_processor import AccountResult, DesiredContactsFinder
from alternate_contacts.worker.ancestry import AccountDescription
from alternate_contacts.worker.contact_selection import AccountSelection, Assignment, ContactSelection, select_defaults
from alternate_contacts.worker.contacts import CONTACT_FIELDS, Contact, ContactType
from alternate_contacts.worker.decision import Outcome, Policy
from alternate_contacts.worker.desired_contacts import DesiredContacts
from alternate_contacts.worker.errors import (
    AccessDenied,
    BelowRoot,
    ConfigurationUnreadable,
    InvalidContact,
    NotInOrganization,
    NotReady,
    OutOfTime,
    Throttled,
    TrustedAccessOff,
    Unavailable,
    Unexpected,
    UnknownContactSet,
    WorkerError,
)
from alternate_contacts.worker.message import AccountMessage
from alternate_contacts.worker.protocol import Mode
from tests.fakes.clock import FakeClock
from tests.fakes.worker import (
    DESIRED,
    MANAGEMENT,
    MEMBER,
    PRESENT,
    FakeAccountApi,
    FakeOrganizationLookup,
    build_account_processor,
)

BILLING, OPERATIONS, SECURITY = ContactType
SPACED = Contact(*(f"\t {field.value_of(DESIRED)} \n" for field in CONTACT_FIELDS))
ACCESS_DENIED = AccessDenied("AccessDeniedException", "PutAlternateContact")

with_and_without_tries_left = pytest.mark.parametrize("last_try", [False, True])


@dataclass
class Bench:
    """An account processor with its fakes."""

    pool: Executor
    api: FakeAccountApi = field(default_factory=FakeAccountApi)
    organization: FakeOrganizationLookup = field(default_factory=lambda: FakeOrganizationLookup({MEMBER: "ACTIVE"}))
    policies: Mapping[ContactType, Policy] = field(default_factory=dict)
    mode: Mode = Mode.ENFORCE
    clock: FakeClock = field(default_factory=FakeClock)
    contacts: DesiredContactsFinder | None = None

    def process(
        self, account_id: str = MEMBER, *, mode: Mode = Mode.ENFORCE, last_try: bool = False, deadline: float = 100
    ) -> AccountResult:
        processor = build_account_processor(
            self.api,
            self.organization,
            self.pool,
            policies=self.policies,
            mode=self.mode,
            clock=self.clock,
            contacts=self.contacts,
        )
        message = AccountMessage(account_id, "backfill", mode)
        return processor.process(message, deadline=deadline, last_try=last_try, may_wait=False)


@pytest.fixture
def bench() -> Iterator[Bench]:
    with ThreadPoolExecutor(3) as pool:
        yield Bench(pool)


def all_types(outcome: Outcome) -> dict[ContactType, Outcome]:
    return dict.fromkeys(ContactType, outcome)


# ---- Contacts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("account_id", "target"), [(MEMBER, MEMBER), (MANAGEMENT, None)], ids=["member", "management"])
def test_sets_missing_contacts_and_names_no_account_for_the_management_account(
    bench: Bench, account_id: str, target: str | None
) -> None:
    result = bench.process(account_id)
    assert result.outcomes == all_types(Outcome.UPDATED)
    assert (result.error, result.skipped, result.errors) == (None, None, {})
    assert bench.api.contacts == {(target, contact_type): DESIRED for contact_type in ContactType}
    assert (result.calls, result.throttled) == (6, 0)


def test_gets_a_contact_before_it_puts_it(bench: Bench) -> None:
    bench.process()
    for contact_type in ContactType:
        assert [operation for operation, _, called in bench.api.calls if called is contact_type] == ["get", "put"]


@pytest.mark.parametrize("present", [DESIRED, SPACED], ids=["same", "white space around"])
def test_puts_no_compliant_contact(bench: Bench, present: Contact) -> None:
    bench.api.contacts = {(MEMBER, contact_type): present for contact_type in ContactType}
    result = bench.process()
    assert result.outcomes == all_types(Outcome.UNCHANGED)
    assert bench.api.puts() == []
    assert result.calls == 3


def test_a_second_run_puts_nothing(bench: Bench) -> None:
    bench.process()
    bench.api.calls.clear()
    assert bench.process().outcomes == all_types(Outcome.UNCHANGED)
    assert bench.api.puts() == []


def test_each_type_has_its_own_policy(bench: Bench) -> None:
    bench.api.contacts = {(MEMBER, contact_type): PRESENT for contact_type in ContactType}
    bench.policies = {BILLING: Policy.OVERWRITE, OPERATIONS: Policy.FILL, SECURITY: Policy.IGNORE}
    result = bench.process()
    assert result.outcomes == {BILLING: Outcome.UPDATED, OPERATIONS: Outcome.KEPT, SECURITY: Outcome.IGNORED}
    assert bench.api.puts() == [(MEMBER, BILLING)]


def test_an_ignored_type_costs_no_call(bench: Bench) -> None:
    bench.policies = dict.fromkeys(ContactType, Policy.IGNORE)
    result = bench.process()
    assert result.outcomes == all_types(Outcome.IGNORED)
    assert bench.api.calls == []
    assert result.calls == 0


@pytest.mark.parametrize(("stack", "message"), list(itertools.product(Mode, Mode)))
def test_the_stricter_mode_of_stack_and_message_applies(bench: Bench, stack: Mode, message: Mode) -> None:
    bench.mode = stack
    result = bench.process(mode=message)
    if Mode.REPORT in (stack, message):
        assert result.outcomes == all_types(Outcome.WOULD_UPDATE)
        assert bench.api.puts() == []
        assert result.calls == 3
    else:
        assert result.outcomes == all_types(Outcome.UPDATED)


# ---- Failures of single contacts ------------------------------------------------------------------------------------


@pytest.mark.parametrize("contact_type", list(ContactType))
@pytest.mark.parametrize("operation", ["get", "put"])
@pytest.mark.parametrize(
    "error",
    [Unavailable("InternalServerException", "x"), InvalidContact("ValidationException", "x"), Unexpected("y", "x")],
    ids=lambda error: type(error).__name__,
)
def test_the_failure_of_one_contact_does_not_stop_the_others(
    bench: Bench, error: WorkerError, operation: Literal["get", "put"], contact_type: ContactType
) -> None:
    bench.api.fail_with(error, operation=operation, contact_type=contact_type)
    result = bench.process()
    assert result.outcomes == all_types(Outcome.UPDATED) | {contact_type: Outcome.FAILED}
    assert result.errors == {contact_type: error}
    assert result.error is error
    assert set(bench.api.contacts) == {(MEMBER, other) for other in ContactType if other is not contact_type}
    assert bench.organization.calls == []


@pytest.mark.parametrize("types", list(itertools.permutations(ContactType, 2)))
def test_an_account_is_retryable_while_one_of_its_types_is(
    bench: Bench, types: tuple[ContactType, ContactType]
) -> None:
    retryable = Unavailable("InternalFailure", "x")
    bench.api.fail_with(InvalidContact("ValidationException", "x"), contact_type=types[0])
    bench.api.fail_with(retryable, contact_type=types[1])
    assert bench.process().error is retryable


def test_a_throttled_call_is_retried_within_the_invocation(bench: Bench) -> None:
    bench.api.fail_with(Throttled("TooManyRequestsException", "x"), times=4)
    result = bench.process()
    assert result.outcomes == all_types(Outcome.UPDATED)
    assert (result.calls, result.throttled) == (10, 4)


def test_a_contact_that_is_throttled_until_the_deadline_fails_as_throttled(bench: Bench) -> None:
    bench.api.fail_with(Throttled("TooManyRequestsException", "x"), contact_type=SECURITY)
    result = bench.process(deadline=0.001)
    assert isinstance(result.error, Throttled)
    assert result.outcomes[SECURITY] is Outcome.FAILED


def test_nothing_is_called_after_the_deadline(bench: Bench) -> None:
    bench.clock.now = 100
    result = bench.process(deadline=100)
    assert result.outcomes == all_types(Outcome.FAILED)
    assert isinstance(result.error, OutOfTime)
    assert bench.api.calls == []


def test_a_crash_is_raised(bench: Bench) -> None:
    bench.api.fail_with(ZeroDivisionError(), contact_type=BILLING)
    with pytest.raises(ZeroDivisionError):
        bench.process()


# ---- Desired contacts that differ by account ------------------------------------------------------------------------


@dataclass
class FixedContacts:
    """The desired contacts of every account; an error is raised."""

    found: DesiredContacts | WorkerError

    def find(self, message: AccountMessage, *, deadline: float, may_wait: bool) -> DesiredContacts:  # noqa: ARG002
        if isinstance(self.found, WorkerError):
            raise self.found
        return self.found


def selected(results: Mapping[ContactType, Assignment | WorkerError], state: str | None = None) -> FixedContacts:
    selection = AccountSelection({each: ContactSelection(result) for each, result in results.items()})
    return FixedContacts(DesiredContacts(selection, AccountDescription(state)))


def test_an_excluded_account_is_skipped_without_a_call(bench: Bench) -> None:
    bench.contacts = FixedContacts(DesiredContacts(AccountSelection(excluded_by="r-ab12")))
    result = bench.process()
    assert (result.skipped, result.error, result.outcomes) == ("excluded", None, {})
    assert bench.api.calls == []


def test_the_selected_contact_is_set(bench: Bench) -> None:
    bench.policies = dict.fromkeys(ContactType, Policy.IGNORE)
    ignored = Assignment(Policy.IGNORE, DESIRED)
    bench.contacts = selected(dict.fromkeys(ContactType, ignored) | {SECURITY: Assignment(Policy.OVERWRITE, PRESENT)})
    result = bench.process()
    assert result.outcomes == all_types(Outcome.IGNORED) | {SECURITY: Outcome.UPDATED}
    assert bench.api.contacts == {(MEMBER, SECURITY): PRESENT}


def test_a_type_without_a_known_contact_fails_and_the_other_types_go_on(bench: Bench) -> None:
    error = UnknownContactSet("sets/missing", "GetParametersByPath")
    good = Assignment(Policy.OVERWRITE, DESIRED)
    bench.contacts = selected({BILLING: error, OPERATIONS: good, SECURITY: good})
    bench.api.contacts[MEMBER, BILLING] = PRESENT
    result = bench.process()
    assert result.outcomes == all_types(Outcome.UPDATED) | {BILLING: Outcome.FAILED}
    assert (result.errors, result.error) == ({BILLING: error}, error)
    assert bench.api.contacts[MEMBER, BILLING] is PRESENT
    assert ("get", MEMBER, BILLING) not in bench.api.calls


@pytest.mark.parametrize(
    "error",
    [
        ConfigurationUnreadable("no_version", "GetParametersByPath"),
        AccessDenied("AccessDeniedException", "DescribeAccount"),
        NotInOrganization("AccountNotFoundException", "DescribeAccount"),
        BelowRoot("below_root", "DescribeAccount"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_nothing_is_called_while_the_desired_contacts_are_unknown(bench: Bench, error: WorkerError) -> None:
    bench.contacts = FixedContacts(error)
    result = bench.process(last_try=True)
    assert (result.error, result.outcomes) == (error, all_types(Outcome.FAILED))
    assert (bench.api.calls, bench.organization.calls) == ([], [])


@pytest.mark.parametrize(("state", "skipped"), [("SUSPENDED", "SUSPENDED"), ("ACTIVE", None)])
def test_a_known_state_explains_an_access_denied_without_another_call(
    bench: Bench, state: str, skipped: str | None
) -> None:
    bench.api.fail_with(ACCESS_DENIED)
    bench.contacts = selected(dict.fromkeys(ContactType, Assignment(Policy.OVERWRITE, DESIRED)), state)
    assert bench.process().skipped == skipped
    assert bench.organization.calls == []


# ---- The cause of an AccessDenied -----------------------------------------------------------------------------------


@with_and_without_tries_left
@pytest.mark.parametrize("state", ["SUSPENDED", "PENDING_CLOSURE", "CLOSED", "A_FUTURE_STATE"])
def test_an_account_that_is_not_active_is_skipped_with_its_state(bench: Bench, state: str, last_try: bool) -> None:
    bench.api.fail_with(ACCESS_DENIED)
    bench.organization.states[MEMBER] = state
    result = bench.process(last_try=last_try)
    assert (result.skipped, result.error, result.outcomes) == (state, None, {})


def test_the_state_is_not_read_without_an_access_denied(bench: Bench) -> None:
    bench.organization.states[MEMBER] = "SUSPENDED"
    assert bench.process().skipped is None
    assert bench.organization.calls == []


def test_an_account_that_aws_is_still_activating_is_not_ready(bench: Bench) -> None:
    bench.api.fail_with(ACCESS_DENIED)
    bench.organization.states[MEMBER] = "PENDING_ACTIVATION"
    result = bench.process()
    assert result.skipped is None
    assert {type(error) for error in result.errors.values()} == {NotReady}
    assert isinstance(result.error, NotReady)
    assert (result.error.code, result.error.operation) == ("AccessDeniedException", "PutAlternateContact")


def test_an_account_that_is_still_not_active_at_the_last_try_is_skipped(bench: Bench) -> None:
    bench.api.fail_with(ACCESS_DENIED)
    bench.organization.states[MEMBER] = "PENDING_ACTIVATION"
    result = bench.process(last_try=True)
    assert (result.skipped, result.error) == ("PENDING_ACTIVATION", None)


@with_and_without_tries_left
def test_an_account_outside_the_organization_fails_permanently(bench: Bench, last_try: bool) -> None:
    bench.api.fail_with(ACCESS_DENIED)
    bench.organization.states.clear()
    result = bench.process(last_try=last_try)
    assert isinstance(result.error, NotInOrganization)
    assert result.error.operation == "PutAlternateContact"
    assert result.outcomes == all_types(Outcome.FAILED)


def test_trusted_access_is_not_read_while_tries_are_left(bench: Bench) -> None:
    """A minute after a deployment AWS denies access to valid calls, too."""
    bench.api.fail_with(ACCESS_DENIED)
    bench.organization.trusted = False
    assert type(bench.process().error) is AccessDenied
    assert bench.organization.calls == [MEMBER]


@pytest.mark.parametrize(("trusted", "error_class"), [(False, TrustedAccessOff), (True, AccessDenied)])
def test_the_last_try_determines_whether_trusted_access_is_off(
    bench: Bench, trusted: bool, error_class: type[WorkerError]
) -> None:
    bench.api.fail_with(ACCESS_DENIED)
    bench.organization.trusted = trusted
    result = bench.process(last_try=True)
    assert type(result.error) is error_class
    assert (result.error.code, result.error.operation) == ("AccessDeniedException", "PutAlternateContact")
    assert bench.organization.calls == [MEMBER, "trusted access"]


@with_and_without_tries_left
@pytest.mark.parametrize(
    "error",
    [
        Throttled("TooManyRequestsException", "DescribeAccount"),
        Unavailable("ServiceException", "DescribeAccount"),
        AccessDenied("AccessDeniedException", "DescribeAccount"),
        Unexpected("AWSOrganizationsNotInUseException", "DescribeAccount"),
        InvalidContact("ValidationException", "DescribeAccount"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_the_error_remains_access_denied_if_organizations_fails(
    bench: Bench, error: WorkerError, last_try: bool
) -> None:
    bench.api.fail_with(ACCESS_DENIED)
    bench.organization.error = error
    result = bench.process(last_try=last_try)
    assert type(result.error) is AccessDenied
    assert result.error.operation == "PutAlternateContact"


def test_an_access_denied_to_the_management_account_has_no_cause_in_organizations(bench: Bench) -> None:
    bench.api.fail_with(ACCESS_DENIED)
    result = bench.process(MANAGEMENT, last_try=True)
    assert type(result.error) is AccessDenied
    assert bench.organization.calls == []


def test_only_access_denied_gets_a_cause(bench: Bench) -> None:
    bench.api.fail_with(ACCESS_DENIED, contact_type=BILLING)
    bench.api.fail_with(InvalidContact("ValidationException", "PutAlternateContact"), contact_type=SECURITY)
    bench.organization.trusted = False
    result = bench.process(last_try=True)
    assert {contact_type: type(error) for contact_type, error in result.errors.items()} == {
        BILLING: TrustedAccessOff,
        SECURITY: InvalidContact,
    }
    assert result.outcomes[OPERATIONS] is Outcome.UPDATED


# ---- Time -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "found",
    [
        DesiredContacts(select_defaults(dict.fromkeys(ContactType, Assignment(Policy.IGNORE, DESIRED)))),
        DesiredContacts(AccountSelection(excluded_by="r-ab12")),
        Throttled("ThrottlingException", "GetParametersByPath"),
    ],
    ids=["processed", "excluded", "failed"],
)
def test_every_result_has_the_time_that_the_account_took(
    bench: Bench, found: DesiredContacts | WorkerError, monkeypatch: pytest.MonkeyPatch
) -> None:
    class SlowContacts(FixedContacts):
        def find(self, message: AccountMessage, *, deadline: float, may_wait: bool) -> DesiredContacts:
            bench.clock.now += 2.5
            return super().find(message, deadline=deadline, may_wait=may_wait)

    monkeypatch.setattr(account_processor, "time", SimpleNamespace(monotonic=bench.clock))
    bench.clock.now, bench.contacts = 7, SlowContacts(found)
    assert bench.process().milliseconds == 2500
