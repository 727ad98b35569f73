"""What the worker does for one account, contact by contact, and what it makes of a refusal."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from alternate_contacts.worker.account_processor import AccountProcessor, AccountResult, Assignment, is_final
from alternate_contacts.worker.contacts import Contact, ContactType
from alternate_contacts.worker.decision import Outcome, Policy
from alternate_contacts.worker.errors import (
    AccessDenied,
    InvalidContact,
    NotInOrganization,
    NotReady,
    OutOfTime,
    Throttled,
    TrustedAccessOff,
    Unavailable,
    Unexpected,
    WorkerError,
)
from alternate_contacts.worker.message import AccountMessage
from alternate_contacts.worker.paced_api import PacedAccountApi
from alternate_contacts.worker.pacing import Pacer
from alternate_contacts.worker.protocol import Mode
from tests.fakes.clock import FakeClock
from tests.fakes.worker import DESIRED, MANAGEMENT, MEMBER, PRESENT, FakeAccountApi, FakeOrganization

BILLING, OPERATIONS, SECURITY = ContactType
EVERY_TYPE = list(ContactType)
SPACED = Contact(f" {DESIRED.name}", f"{DESIRED.title}\n", f"\t{DESIRED.email_address} ", f" {DESIRED.phone_number} ")


def refused(operation: str = "PutAlternateContact") -> AccessDenied:
    return AccessDenied("AccessDeniedException", operation)


@dataclass
class Bench:
    """One account worker with all that it talks to."""

    pool: Executor
    api: FakeAccountApi = field(default_factory=FakeAccountApi)
    organization: FakeOrganization = field(default_factory=lambda: FakeOrganization({MEMBER: "ACTIVE"}))
    policies: Mapping[ContactType, Policy] = field(default_factory=dict)
    mode: Mode = Mode.ENFORCE
    clock: FakeClock = field(default_factory=FakeClock)

    def process(
        self, account_id: str = MEMBER, *, mode: Mode = Mode.ENFORCE, last_try: bool = False, deadline: float = 100
    ) -> AccountResult:
        fast = Pacer(1e6, 1e6, clock=self.clock, sleep=self.clock.sleep)
        worker = AccountProcessor(
            PacedAccountApi(self.api, gets=fast, puts=fast),
            self.organization,
            {kind: Assignment(self.policies.get(kind, Policy.OVERWRITE), DESIRED) for kind in ContactType},
            own_account_id=MANAGEMENT,
            mode=self.mode,
            pool=self.pool,
        )
        return worker.process(AccountMessage(account_id, "backfill", mode), deadline=deadline, last_try=last_try)


@pytest.fixture
def bench() -> Iterator[Bench]:
    with ThreadPoolExecutor(3) as pool:
        yield Bench(pool)


def every(outcome: Outcome) -> dict[ContactType, Outcome]:
    return dict.fromkeys(EVERY_TYPE, outcome)


# ---- Contacts -------------------------------------------------------------------------------------------------------


def test_sets_what_is_missing(bench: Bench) -> None:
    result = bench.process()
    assert result.outcomes == every(Outcome.UPDATED)
    assert (result.error, result.skipped, result.errors) == (None, None, {})
    assert bench.api.contacts == {(MEMBER, kind): DESIRED for kind in EVERY_TYPE}
    assert (result.calls, result.throttled) == (6, 0)


def test_the_management_account_is_called_without_its_id(bench: Bench) -> None:
    result = bench.process(MANAGEMENT)
    assert result.outcomes == every(Outcome.UPDATED)
    assert {account_id for _, account_id, _ in bench.api.calls} == {None}


def test_any_other_account_is_called_with_its_id(bench: Bench) -> None:
    bench.process(MEMBER)
    assert {account_id for _, account_id, _ in bench.api.calls} == {MEMBER}


def test_looks_before_it_sets(bench: Bench) -> None:
    bench.process()
    for kind in EVERY_TYPE:
        assert [operation for operation, _, called in bench.api.calls if called is kind] == ["get", "put"]


@pytest.mark.parametrize("present", [DESIRED, SPACED], ids=["same", "white space around"])
def test_sets_nothing_that_is_right(bench: Bench, present: Contact) -> None:
    bench.api.contacts = {(MEMBER, kind): present for kind in EVERY_TYPE}
    result = bench.process()
    assert result.outcomes == every(Outcome.UNCHANGED)
    assert bench.api.puts() == []
    assert result.calls == 3


def test_a_second_run_sets_nothing(bench: Bench) -> None:
    bench.process()
    bench.api.calls.clear()
    assert bench.process().outcomes == every(Outcome.UNCHANGED)
    assert bench.api.puts() == []


def test_each_type_has_its_policy(bench: Bench) -> None:
    bench.api.contacts = {(MEMBER, kind): PRESENT for kind in EVERY_TYPE}
    bench.policies = {BILLING: Policy.OVERWRITE, OPERATIONS: Policy.FILL, SECURITY: Policy.IGNORE}
    result = bench.process()
    assert result.outcomes == {
        BILLING: Outcome.UPDATED,
        OPERATIONS: Outcome.KEPT,
        SECURITY: Outcome.IGNORED,
    }
    assert bench.api.puts() == [(MEMBER, BILLING)]


def test_an_ignored_type_makes_no_call(bench: Bench) -> None:
    bench.policies = dict.fromkeys(EVERY_TYPE, Policy.IGNORE)
    result = bench.process()
    assert result.outcomes == every(Outcome.IGNORED)
    assert bench.api.calls == []
    assert result.calls == 0


@pytest.mark.parametrize(("stack", "letter"), list(itertools.product(Mode, Mode)))
def test_the_stricter_mode_wins(bench: Bench, stack: Mode, letter: Mode) -> None:
    bench.mode = stack
    result = bench.process(mode=letter)
    if Mode.REPORT in (stack, letter):
        assert result.outcomes == every(Outcome.WOULD_UPDATE)
        assert bench.api.puts() == []
        assert result.calls == 3
    else:
        assert result.outcomes == every(Outcome.UPDATED)


# ---- Failures of single contacts ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", EVERY_TYPE)
@pytest.mark.parametrize("operation", ["get", "put"])
@pytest.mark.parametrize(
    "error",
    [Unavailable("InternalServerException", "x"), InvalidContact("ValidationException", "x"), Unexpected("y", "x")],
    ids=lambda error: type(error).__name__,
)
def test_one_contacts_failure_does_not_stop_the_others(
    bench: Bench, error: WorkerError, operation: str, kind: ContactType
) -> None:
    bench.api.refuse(error, operation="get" if operation == "get" else "put", contact_type=kind)
    result = bench.process()
    assert result.outcomes == every(Outcome.UPDATED) | {kind: Outcome.FAILED}
    assert result.errors == {kind: error}
    assert result.error is error
    assert set(bench.api.contacts) == {(MEMBER, other) for other in EVERY_TYPE if other is not kind}
    assert bench.organization.asked == []


@pytest.mark.parametrize("kinds", list(itertools.permutations(EVERY_TYPE, 2)))
def test_a_letter_is_retryable_while_any_of_its_types_is(bench: Bench, kinds: tuple[ContactType, ContactType]) -> None:
    for_good, for_now = InvalidContact("ValidationException", "x"), Unavailable("InternalFailure", "x")
    bench.api.refuse(for_good, contact_type=kinds[0])
    bench.api.refuse(for_now, contact_type=kinds[1])
    result = bench.process()
    assert result.error is for_now
    assert not is_final(for_now, last_try=False)


def test_a_throttled_contact_is_tried_again_within_the_invocation(bench: Bench) -> None:
    bench.api.refuse(Throttled("TooManyRequestsException", "x"), times=4)
    result = bench.process()
    assert result.outcomes == every(Outcome.UPDATED)
    assert (result.calls, result.throttled) == (10, 4)


def test_a_contact_throttled_until_the_deadline_comes_back(bench: Bench) -> None:
    bench.api.refuse(Throttled("TooManyRequestsException", "x"), contact_type=SECURITY)
    result = bench.process(deadline=0.001)
    assert isinstance(result.error, Throttled)
    assert result.outcomes[SECURITY] is Outcome.FAILED


def test_without_time_left_nothing_is_called(bench: Bench) -> None:
    bench.clock.now = 100
    result = bench.process(deadline=100)
    assert result.outcomes == every(Outcome.FAILED)
    assert isinstance(result.error, OutOfTime)
    assert bench.api.calls == []


def test_what_nobody_foresaw_is_raised(bench: Bench) -> None:
    bench.api.refuse(ZeroDivisionError(), contact_type=BILLING)
    with pytest.raises(ZeroDivisionError):
        bench.process()


# ---- What a refusal means -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("last_try", [False, True])
@pytest.mark.parametrize("state", ["SUSPENDED", "PENDING_CLOSURE", "CLOSED", "A_STATE_OF_TOMORROW"])
def test_a_refused_account_that_is_not_active_is_skipped_with_its_state(
    bench: Bench, state: str, last_try: bool
) -> None:
    bench.api.refuse(refused())
    bench.organization.states[MEMBER] = state
    result = bench.process(last_try=last_try)
    assert result.skipped == state
    assert result.error is None
    assert result.outcomes == {}


def test_an_account_that_refuses_nothing_is_not_asked_for_its_state(bench: Bench) -> None:
    bench.organization.states[MEMBER] = "SUSPENDED"
    assert bench.process().skipped is None
    assert bench.organization.asked == []


def test_an_account_that_aws_still_activates_comes_back(bench: Bench) -> None:
    bench.api.refuse(refused())
    bench.organization.states[MEMBER] = "PENDING_ACTIVATION"
    result = bench.process()
    assert result.skipped is None
    assert {type(error) for error in result.errors.values()} == {NotReady}
    assert isinstance(result.error, NotReady)
    assert (result.error.code, result.error.operation) == ("AccessDeniedException", "PutAlternateContact")


def test_an_account_that_never_gets_active_is_skipped_at_the_last_try(bench: Bench) -> None:
    bench.api.refuse(refused())
    bench.organization.states[MEMBER] = "PENDING_ACTIVATION"
    result = bench.process(last_try=True)
    assert (result.skipped, result.error) == ("PENDING_ACTIVATION", None)


@pytest.mark.parametrize("last_try", [False, True])
def test_an_account_of_nobody_fails_for_good(bench: Bench, last_try: bool) -> None:
    bench.api.refuse(refused())
    bench.organization.states.clear()
    result = bench.process(last_try=last_try)
    assert isinstance(result.error, NotInOrganization)
    assert result.error.operation == "PutAlternateContact"
    assert is_final(result.error, last_try=False)
    assert result.outcomes == every(Outcome.FAILED)


def test_a_refusal_of_an_active_account_is_not_named_while_tries_are_left(bench: Bench) -> None:
    """A minute after deployment good calls are refused, too."""
    bench.api.refuse(refused())
    bench.organization.trusted = False
    result = bench.process()
    assert type(result.error) is AccessDenied
    assert bench.organization.asked == [MEMBER]


def test_trusted_access_off_is_named_at_the_last_try(bench: Bench) -> None:
    bench.api.refuse(refused())
    bench.organization.trusted = False
    result = bench.process(last_try=True)
    assert type(result.error) is TrustedAccessOff
    assert (result.error.code, result.error.operation) == ("AccessDeniedException", "PutAlternateContact")


def test_not_authorized_is_what_remains_at_the_last_try(bench: Bench) -> None:
    bench.api.refuse(refused())
    result = bench.process(last_try=True)
    assert type(result.error) is AccessDenied
    assert result.error.reason == "not_authorized"
    assert bench.organization.asked == [MEMBER, "trusted access"]


def test_the_state_is_asked_once_for_all_types(bench: Bench) -> None:
    bench.api.refuse(refused("GetAlternateContact"))
    bench.process()
    assert bench.organization.asked == [MEMBER]


@pytest.mark.parametrize("last_try", [False, True])
@pytest.mark.parametrize(
    "error",
    [
        Throttled("TooManyRequestsException", "DescribeAccount"),
        Unavailable("ServiceException", "DescribeAccount"),
        AccessDenied("AccessDeniedException", "DescribeAccount"),
        Unexpected("AWSOrganizationsNotInUseException", "DescribeAccount"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_refusal_stands_where_organizations_does_not_explain_it(
    bench: Bench, error: WorkerError, last_try: bool
) -> None:
    bench.api.refuse(refused())
    bench.organization.error = error
    result = bench.process(last_try=last_try)
    assert type(result.error) is AccessDenied
    assert result.error.operation == "PutAlternateContact"


def test_a_refusal_stands_even_where_organizations_refuses_the_question_for_good(bench: Bench) -> None:
    bench.api.refuse(refused())
    bench.organization.error = InvalidContact("ValidationException", "DescribeAccount")
    result = bench.process(last_try=True)
    assert type(result.error) is AccessDenied


def test_a_refusal_of_the_management_account_is_explained_by_nobody(bench: Bench) -> None:
    bench.api.refuse(refused())
    result = bench.process(MANAGEMENT, last_try=True)
    assert type(result.error) is AccessDenied
    assert bench.organization.asked == []


def test_only_refusals_are_named(bench: Bench) -> None:
    for_good = InvalidContact("ValidationException", "PutAlternateContact")
    bench.api.refuse(refused(), contact_type=BILLING)
    bench.api.refuse(for_good, contact_type=SECURITY)
    bench.organization.trusted = False
    result = bench.process(last_try=True)
    assert {kind: type(error) for kind, error in result.errors.items()} == {
        BILLING: TrustedAccessOff,
        SECURITY: InvalidContact,
    }
    assert result.outcomes[OPERATIONS] is Outcome.UPDATED


@pytest.mark.parametrize(
    ("error", "last_try", "final"),
    [
        (Unavailable, False, False),
        (AccessDenied, False, False),
        (NotReady, False, False),
        (Unavailable, True, True),
        (AccessDenied, True, True),
        (InvalidContact, False, True),
        (NotInOrganization, False, True),
        (InvalidContact, True, True),
    ],
)
def test_final_is_what_is_permanent_or_out_of_tries(
    error: Callable[[], WorkerError], last_try: bool, final: bool
) -> None:
    assert is_final(error(), last_try=last_try) is final
