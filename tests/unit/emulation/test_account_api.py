"""The strict account API, rule by rule. No sockets; the clock stands still unless a test moves it."""

import time
from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import botocore.session
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulation.account_api import (
    CHINA_QUOTAS,
    CONTACT_TYPES,
    ERRORS,
    EVERY_ACCOUNT,
    MEMBERS,
    QUOTAS,
    REQUIRED,
    AccountApi,
    Answer,
    Fault,
    Quota,
)

MANAGEMENT = "000000000000"
MEMBER = "111111111111"
OTHER = "222222222222"
STRANGER = "999999999999"
STATES = ("ACTIVE", "SUSPENDED", "PENDING_CLOSURE", "CLOSED", "PENDING_ACTIVATION")
CONTACT = {
    "AlternateContactType": "SECURITY",
    "Name": "Jane Doe",
    "Title": "Head of Security",
    "EmailAddress": "security@example.com",
    "PhoneNumber": "+1 (555) 010-0199",
}
DENIED = "User: arn:aws:iam::{}:root is not authorized to perform: account:{}"

# What each operation needs besides an account id.
PUT, GET, DELETE = "PutAlternateContact", "GetAlternateContact", "DeleteAlternateContact"
PARAMETERS: Mapping[str, dict[str, str]] = {
    PUT: CONTACT,
    GET: {"AlternateContactType": "SECURITY"},
    DELETE: {"AlternateContactType": "SECURITY"},
}


@dataclass
class FakeOrganization:
    management_account_id: str = MANAGEMENT
    states: dict[str, str] = field(default_factory=lambda: dict.fromkeys((MANAGEMENT, MEMBER, OTHER), "ACTIVE"))
    trusted: bool = True

    def account_state(self, account_id: str) -> str | None:
        return self.states.get(account_id)

    def trusted_access(self) -> bool:
        return self.trusted


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def organization() -> FakeOrganization:
    return FakeOrganization()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def api(organization: FakeOrganization, clock: Clock) -> AccountApi:
    """An API that never throttles: quotas have their own tests."""
    return AccountApi(organization, clock=clock, quotas=None)


def call(api: AccountApi, operation: str, account_id: str | None = MEMBER, caller: str = MANAGEMENT) -> Answer:
    about = {} if account_id is None else {"AccountId": account_id}
    return api.answer(operation, PARAMETERS[operation] | about, caller)


def admitted(api: AccountApi, operation: str, calls: int, caller: str = MANAGEMENT) -> int:
    return sum(call(api, operation, caller=caller).status != 429 for _ in range(calls))


# --- what the three operations do -----------------------------------------------------------------------------------


def test_a_put_is_empty_and_a_get_returns_it_word_for_word(api: AccountApi) -> None:
    # Given a contact with white space around it, which AWS accepts
    contact = CONTACT | {"EmailAddress": " security@example.com\t", "Name": " Jané "}

    # When it is put and read
    put = api.answer(PUT, contact | {"AccountId": MEMBER}, MANAGEMENT)
    got = call(api, GET)

    # Then
    assert put == Answer(200, {})
    assert got == Answer(200, {"AlternateContact": contact})


def test_a_contact_belongs_to_one_account_and_one_type(api: AccountApi) -> None:
    call(api, PUT, MEMBER)

    assert api.contacts() == {MEMBER: {"SECURITY": CONTACT}}
    assert call(api, GET, OTHER).error == "ResourceNotFoundException"
    billing = api.answer(GET, {"AlternateContactType": "BILLING", "AccountId": MEMBER}, MANAGEMENT)
    assert billing.error == "ResourceNotFoundException"


def test_a_put_overwrites(api: AccountApi) -> None:
    call(api, PUT)
    api.answer(PUT, CONTACT | {"AccountId": MEMBER, "Name": "John Doe"}, MANAGEMENT)

    assert api.contacts() == {MEMBER: {"SECURITY": CONTACT | {"Name": "John Doe"}}}


@pytest.mark.parametrize("operation", [GET, DELETE])
def test_a_contact_that_is_not_set_is_not_found(api: AccountApi, operation: str) -> None:
    answer = call(api, operation)

    assert (answer.status, answer.error) == (404, "ResourceNotFoundException")


def test_a_second_delete_fails(api: AccountApi) -> None:
    call(api, PUT)

    assert call(api, DELETE) == Answer(200, {})
    assert api.contact(MEMBER, "SECURITY") is None
    assert call(api, DELETE).error == "ResourceNotFoundException"


@pytest.mark.parametrize("operation", ["ListAlternateContacts", "putAlternateContact", ""])
def test_an_unknown_operation_cannot_be_mistaken_for_success(api: AccountApi, operation: str) -> None:
    answer = api.answer(operation, CONTACT, MANAGEMENT)

    assert (answer.status, answer.error) == (404, "UnknownOperationException")


def test_contacts_handed_out_are_copies(api: AccountApi) -> None:
    # Given
    api.set_contact(MEMBER, CONTACT)
    one = api.contact(MEMBER, "SECURITY")
    assert one == CONTACT

    # When a reader writes on what it got
    one["Name"] = "nobody"
    api.contacts()[MEMBER]["SECURITY"]["Name"] = "nobody"
    answer: Any = call(api, GET).body["AlternateContact"]
    answer["Name"] = "nobody"

    # Then
    assert api.contact(MEMBER, "SECURITY") == CONTACT


# --- validation -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("Name", "x"),
        ("Name", "x" * 64),
        ("Name", "Jané, 日本"),
        ("Title", "x" * 50),
        ("EmailAddress", "a@b.c"),
        ("EmailAddress", "A_b+c=d.e#f|g!h&i-j@k-l_m.n.Example1"),
        ("EmailAddress", "\n a@b.c\t"),
        ("EmailAddress", "a@b." + "c" * 250),
        ("PhoneNumber", "1"),
        ("PhoneNumber", "+1 (555) 010-0199\t\t\t\t\t\t\t\t"),
    ],
)
def test_what_the_model_allows_is_accepted(api: AccountApi, member: str, value: str) -> None:
    answer = api.answer(PUT, CONTACT | {member: value}, MANAGEMENT)

    assert answer == Answer(200, {})


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("AccountId", ""),
        ("AccountId", "12345678901"),
        ("AccountId", "1234567890123"),
        ("AccountId", "123456789012\n"),
        ("AccountId", "１２３４５６７８９０１２"),  # noqa: RUF001 - digits, but not ASCII ones
        ("AccountId", 123456789012),
        ("AlternateContactType", None),
        ("AlternateContactType", "security"),
        ("AlternateContactType", "LEGAL"),
        ("Name", None),
        ("Name", ""),
        ("Name", "x" * 65),
        ("Name", ["Jane"]),
        ("Title", None),
        ("Title", "x" * 51),
        ("EmailAddress", None),
        ("EmailAddress", "nobody"),
        ("EmailAddress", "nobody@example"),
        ("EmailAddress", "no body@example.com"),
        ("EmailAddress", "nobody@example.com, a@b.c"),
        ("EmailAddress", "jané@example.com"),
        ("EmailAddress", "a@b." + "c" * 251),
        ("PhoneNumber", None),
        ("PhoneNumber", ""),
        ("PhoneNumber", "5" * 26),
        ("PhoneNumber", "555-0100 ext. 3"),
    ],
)
def test_what_the_model_does_not_allow_is_refused_by_name(api: AccountApi, member: str, value: object) -> None:
    # Given a request with one wrong member; None leaves it out, as JSON's null does
    parameters = {**CONTACT, member: value}

    # When
    answer = api.answer(PUT, parameters, MANAGEMENT)

    # Then
    assert (answer.status, answer.error) == (400, "ValidationException")
    assert answer.body["reason"] == "fieldValidationFailed"
    fields: Any = answer.body["fieldList"]
    assert [one["name"] for one in fields] == [member]
    assert member in str(answer.body["message"])
    assert api.contacts() == {}


def test_every_wrong_member_is_named(api: AccountApi) -> None:
    answer = api.answer(PUT, {"AlternateContactType": "SECURITY", "Name": "x" * 65}, MANAGEMENT)

    fields: Any = answer.body["fieldList"]
    assert {one["name"]: one["message"] for one in fields} == {
        "Name": "must have 1 to 64 characters",
        "Title": "is required",
        "EmailAddress": "is required",
        "PhoneNumber": "is required",
    }


@given(value=st.text("ghjkqxz", min_size=65, max_size=90), member=st.sampled_from(sorted(MEMBERS)))
@settings(derandomize=True, max_examples=30)
def test_a_refusal_never_repeats_a_value(value: str, member: str) -> None:
    answer = AccountApi(FakeOrganization()).answer(PUT, CONTACT | {member: value}, MANAGEMENT)

    # An e-mail address of letters without an @ and a title of that length are wrong too, so every draw is refused.
    assert answer.status == 400
    assert value not in str(answer.body)


def test_get_and_delete_need_only_the_type(api: AccountApi) -> None:
    for operation in (GET, DELETE):
        assert api.answer(operation, {}, MANAGEMENT).status == 400
        assert api.answer(operation, {"AlternateContactType": "BILLING", "Name": 1}, MANAGEMENT).status == 404


# --- the rules against the service model ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model() -> Any:
    return botocore.session.get_session().get_service_model("account")


@pytest.mark.parametrize("operation", REQUIRED)
def test_the_requests_are_the_service_models(model: Any, operation: str) -> None:
    shape = model.operation_model(operation).input_shape

    assert set(REQUIRED[operation]) == set(shape.required_members)
    assert {*REQUIRED[operation], "AccountId"} == set(shape.members)
    for name, member in shape.members.items():
        ours = MEMBERS[name]
        assert member.type_name == "string"
        assert list(ours.enum) == member.enum
        assert ours.longest == member.metadata.get("max")
        assert (1 if ours.longest else None) == member.metadata.get("min")
    # botocore keeps patterns out of its shapes, so they come from the file itself.
    raw = botocore.session.get_session().get_component("data_loader").load_service_model("account", "service-2")
    for name, member in shape.members.items():
        assert MEMBERS[name].pattern == raw["shapes"][member.name].get("pattern")


@pytest.mark.parametrize("operation", REQUIRED)
def test_the_errors_are_the_service_models(model: Any, operation: str) -> None:
    shapes = model.operation_model(operation).error_shapes

    absent = {"ResourceNotFoundException"} if operation == PUT else set()
    assert {shape.name: shape.metadata["error"]["httpStatusCode"] for shape in shapes} == {
        code: status for code, status in ERRORS.items() if code not in absent
    }


def test_the_bodies_have_the_service_models_members(api: AccountApi, model: Any) -> None:
    # When
    refused = api.answer(PUT, {}, MANAGEMENT).body
    call(api, PUT)
    found: Any = call(api, GET).body

    # Then
    validation = model.shape_for("ValidationException")
    assert set(refused) == set(validation.members)
    assert refused["reason"] in validation.members["reason"].enum
    fields: Any = refused["fieldList"]
    assert all(set(one) == set(validation.members["fieldList"].member.members) for one in fields)
    response = model.operation_model(GET).output_shape
    assert set(found) == set(response.members)
    assert set(found["AlternateContact"]) == set(response.members["AlternateContact"].members)


# --- who may name whom ----------------------------------------------------------------------------------------------

STANDALONE = " (The management account can only be managed using the standalone context from the management account.)"
NO_TRUST = " (Your organization must first enable trusted access with AWS Account Management.)"


@pytest.mark.parametrize("operation", REQUIRED)
@pytest.mark.parametrize(
    ("caller", "account_id", "trusted", "why"),
    [
        pytest.param(MANAGEMENT, MANAGEMENT, True, STANDALONE, id="the management account names itself"),
        pytest.param(MANAGEMENT, MANAGEMENT, False, STANDALONE, id="the management account names itself, untrusted"),
        pytest.param(MANAGEMENT, MEMBER, False, NO_TRUST, id="trusted access is off"),
        pytest.param(MANAGEMENT, STRANGER, True, "", id="not in the organization"),
        pytest.param(MEMBER, OTHER, True, "", id="a member names another"),
        pytest.param(MEMBER, MANAGEMENT, True, "", id="a member names the management account"),
        pytest.param(MEMBER, MEMBER, True, "", id="a member names itself"),
        pytest.param(STRANGER, MEMBER, True, "", id="a stranger names a member"),
    ],
)
def test_a_forbidden_account_id_is_denied(
    api: AccountApi,
    organization: FakeOrganization,
    operation: str,
    caller: str,
    account_id: str,
    trusted: bool,
    why: str,
) -> None:
    # Given contacts everywhere
    for owner in (MANAGEMENT, MEMBER, OTHER, STRANGER):
        api.set_contact(owner, CONTACT | {"Name": "as before"})
    organization.trusted = trusted
    before = api.contacts()

    # When
    answer = call(api, operation, account_id, caller)

    # Then
    message = DENIED.format(caller, operation) + why
    assert answer == Answer(403, {"message": message}, "AccessDeniedException")
    assert api.contacts() == before


@pytest.mark.parametrize("caller", [MANAGEMENT, MEMBER, STRANGER])
def test_without_an_account_id_the_call_is_about_the_caller_even_untrusted(
    api: AccountApi, organization: FakeOrganization, caller: str
) -> None:
    organization.trusted = False

    assert call(api, PUT, None, caller).status == 200
    assert api.contacts() == {caller: {"SECURITY": CONTACT}}
    assert call(api, GET, None, caller).status == 200
    assert call(api, DELETE, None, caller).status == 200


@pytest.mark.parametrize("caller", [MANAGEMENT, MEMBER])
@pytest.mark.parametrize("operation", REQUIRED)
@pytest.mark.parametrize("state", STATES)
def test_what_a_state_allows(
    api: AccountApi, organization: FakeOrganization, state: str, operation: str, caller: str
) -> None:
    # Given a member in that state, with a contact
    api.set_contact(MEMBER, CONTACT)
    organization.states[MEMBER] = state

    # When it is called about by the management account, and by itself
    answer = call(api, operation, MEMBER if caller == MANAGEMENT else None, caller)

    # Then
    allowed = state == "ACTIVE" or (operation == GET and state != "PENDING_ACTIVATION")
    assert (answer.status, answer.error) == ((200, None) if allowed else (403, "AccessDeniedException"))
    if not allowed:
        assert api.contact(MEMBER, "SECURITY") == CONTACT


# --- quotas ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quotas", "operation", "rate", "burst"),
    [
        (QUOTAS, PUT, 5, 8),
        (QUOTAS, GET, 10, 15),
        (QUOTAS, DELETE, 1, 6),
        (CHINA_QUOTAS, PUT, 1, 6),
        (CHINA_QUOTAS, GET, 3, 5),
        (CHINA_QUOTAS, DELETE, 1, 6),
    ],
)
def test_the_published_quotas(
    organization: FakeOrganization, clock: Clock, quotas: Mapping[str, Quota], operation: str, rate: int, burst: int
) -> None:
    api = AccountApi(organization, clock=clock, quotas=quotas)

    assert admitted(api, operation, 50) == burst  # a full bucket
    clock.now += 1
    assert admitted(api, operation, 50) == min(rate, burst)  # one second's refill
    clock.now += 3600
    assert admitted(api, operation, 50) == burst  # a rest fills it, and no more


def test_the_published_quotas_are_the_default(organization: FakeOrganization, clock: Clock) -> None:
    assert admitted(AccountApi(organization, clock=clock), PUT, 50) == 8


def test_one_call_is_admitted_as_soon_as_it_is_due(organization: FakeOrganization, clock: Clock) -> None:
    # Given an empty bucket at a time whose floats are coarse
    api = AccountApi(organization, clock=clock)
    admitted(api, PUT, 8)

    # Then each 0.2 s let exactly one more in, without a call lost to rounding
    for _ in range(100):
        clock.now += 0.2
        assert admitted(api, PUT, 2) == 1


def test_over_quota_is_429(organization: FakeOrganization, clock: Clock) -> None:
    api = AccountApi(organization, clock=clock)
    admitted(api, PUT, 8)

    assert call(api, PUT) == Answer(429, {"message": "Rate exceeded"}, "TooManyRequestsException")
    assert api.counts["unchanged puts"] == 7


def test_buckets_are_per_caller_and_operation_not_per_account(organization: FakeOrganization, clock: Clock) -> None:
    # Given the management account has used up its Puts, about different accounts
    api = AccountApi(organization, clock=clock)
    statuses = [call(api, PUT, account_id).status for account_id in (MEMBER, OTHER) * 5]
    assert statuses.count(429) == 2

    # Then another caller's Puts, and its own Gets, are untouched
    assert admitted(api, PUT, 50, caller=MEMBER) == 8
    assert admitted(api, GET, 50) == 15


def test_calls_that_fail_use_the_quota_up_too(organization: FakeOrganization, clock: Clock) -> None:
    # Given calls refused by validation, by authorization and by a fault
    api = AccountApi(organization, clock=clock)
    api.set_fault(OTHER, Fault("InternalServerException"))
    before = [api.answer(PUT, {}, MANAGEMENT), call(api, PUT, STRANGER), call(api, PUT, OTHER)]
    assert [answer.status for answer in before] == [400, 403, 500]

    # Then
    assert admitted(api, PUT, 50) == 5


def test_over_quota_comes_before_any_other_refusal(organization: FakeOrganization, clock: Clock) -> None:
    api = AccountApi(organization, clock=clock, quotas={PUT: Quota(1, 1)})
    api.set_fault(EVERY_ACCOUNT, Fault("InternalServerException", remaining=2))
    assert call(api, PUT).status == 500

    assert api.answer(PUT, {}, MANAGEMENT).status == 429
    assert call(api, PUT).status == 429
    assert call(api, GET).status == 500  # the throttled calls left the fault alone


def test_speed_multiplies_the_rate_and_leaves_the_burst(organization: FakeOrganization, clock: Clock) -> None:
    api = AccountApi(organization, clock=clock, speed=0.5, quotas={PUT: Quota(4, 8)})

    assert admitted(api, PUT, 50) == 8
    clock.now += 1
    assert admitted(api, PUT, 50) == 2


def test_without_quotas_nothing_is_throttled(api: AccountApi, organization: FakeOrganization, clock: Clock) -> None:
    assert admitted(api, PUT, 100) == 100
    only_puts = AccountApi(organization, clock=clock, quotas={PUT: Quota(1, 1)})
    assert admitted(only_puts, GET, 100) == 100


@given(
    rate=st.integers(1, 20),
    burst=st.integers(1, 20),
    gaps=st.lists(st.integers(0, 1024), min_size=1, max_size=120),
)
@settings(derandomize=True)
def test_a_call_is_admitted_exactly_if_no_window_gets_more_than_burst_plus_rate_times_its_length(
    rate: int, burst: int, gaps: list[int]
) -> None:
    # Given calls at times that floats hold exactly
    clock = Clock()
    api = AccountApi(FakeOrganization(), clock=clock, quotas={GET: Quota(rate, burst)})
    times: deque[float] = deque()
    for gap in gaps:
        clock.now += gap / 1024

        # When
        through = admitted(api, GET, 1) == 1

        # Then every window that ends now, with this call in it, had room for it: or else it was refused
        windows = enumerate(reversed([*times, clock.now]), start=1)
        assert through == all(count <= burst + rate * (clock.now - start) for count, start in windows)
        if through:
            times.append(clock.now)


# --- faults ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ERRORS)
def test_a_fault_answers_with_its_code(api: AccountApi, code: str) -> None:
    api.set_fault(MEMBER, Fault(code))

    answer = call(api, PUT)

    assert (answer.status, answer.error) == (ERRORS[code], code)
    assert answer.body["message"]
    assert ("reason" in answer.body) == (code == "ValidationException")
    assert api.contacts() == {}
    assert call(api, PUT, OTHER).status == 200


def test_a_dropped_call_does_nothing_and_looks_like_no_success(api: AccountApi) -> None:
    api.set_fault(MEMBER, Fault("dropped"))

    answer = call(api, PUT)

    assert answer.dropped
    assert answer.status >= 500
    assert api.contacts() == {}


def test_a_slow_call_does_its_work(api: AccountApi) -> None:
    api.set_fault(MEMBER, Fault("slow", seconds=2.5))

    assert call(api, PUT) == Answer(200, {}, latency=2.5)
    assert api.contact(MEMBER, "SECURITY") == CONTACT


@pytest.mark.parametrize("operation", REQUIRED)
def test_an_account_that_is_not_ready_refuses_everything_until_it_is(api: AccountApi, operation: str) -> None:
    api.set_contact(MEMBER, CONTACT)
    api.set_fault(MEMBER, Fault("not-ready", remaining=2))

    answers = [call(api, operation) for _ in range(3)]

    assert [answer.status for answer in answers] == [403, 403, 200]
    assert answers[0].body == {"message": DENIED.format(MANAGEMENT, operation)}
    assert answers[0].error == "AccessDeniedException"


def test_a_fault_strikes_only_what_it_is_for(api: AccountApi) -> None:
    # Given
    api.set_fault(MEMBER, Fault("InternalServerException", operation=GET, contact_type="SECURITY", remaining=1))

    # When calls of another operation and another type pass by
    assert call(api, PUT).status == 200
    assert api.answer(GET, {"AlternateContactType": "BILLING", "AccountId": MEMBER}, MANAGEMENT).status == 404

    # Then it is still there for its own, once
    assert [call(api, GET).status for _ in range(2)] == [500, 200]


def test_a_fault_on_every_account_comes_after_the_accounts_own(api: AccountApi) -> None:
    api.set_fault(EVERY_ACCOUNT, Fault("InternalServerException"))
    api.set_fault(MEMBER, Fault("TooManyRequestsException", remaining=1))

    assert [call(api, PUT).status for _ in range(2)] == [429, 500]
    assert call(api, PUT, OTHER).status == 500
    assert call(api, PUT, None).status == 500  # the caller's own account too

    api.clear_fault(EVERY_ACCOUNT)
    assert call(api, PUT).status == 200


def test_several_faults_of_one_account_take_their_turns_and_are_set_anew_together(api: AccountApi) -> None:
    # Given a contact type refused for good, and two bad answers for whatever comes
    api.set_fault(
        MEMBER, Fault("ValidationException", contact_type="BILLING"), Fault("InternalServerException", remaining=2)
    )

    # Then
    billing = CONTACT | {"AlternateContactType": "BILLING", "AccountId": MEMBER}
    assert [api.answer(PUT, billing, MANAGEMENT).status for _ in range(3)] == [400, 400, 400]
    assert [call(api, PUT).status for _ in range(3)] == [500, 500, 200]

    # When others are set
    api.set_fault(MEMBER, Fault("dropped"))

    # Then only those count
    assert api.answer(PUT, billing, MANAGEMENT).dropped


def test_a_fault_needs_a_valid_call(api: AccountApi) -> None:
    api.set_fault(MEMBER, Fault("InternalServerException", remaining=1))

    assert api.answer(GET, {"AlternateContactType": "LEGAL", "AccountId": MEMBER}, MANAGEMENT).status == 400
    assert call(api, GET).status == 500


def test_a_fault_comes_before_authorization(api: AccountApi, organization: FakeOrganization) -> None:
    organization.trusted = False
    api.set_fault(MEMBER, Fault("InternalServerException"))

    assert call(api, GET).status == 500


def test_clearing_what_is_not_there_is_fine(api: AccountApi) -> None:
    api.clear_fault(MEMBER)

    assert call(api, PUT).status == 200


@pytest.mark.parametrize(
    "arguments",
    [
        {"kind": "TooManyRequests"},
        {"kind": "slow", "operation": "put_alternate_contact"},
        {"kind": "slow", "contact_type": "security"},
        {"kind": "slow", "remaining": 0},
    ],
)
def test_a_fault_that_no_call_could_meet_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no such fault"):
        Fault(**arguments)


# --- latency, seeding, counts, threads ------------------------------------------------------------------------------


def test_every_answer_carries_the_latency(organization: FakeOrganization, clock: Clock) -> None:
    # Given latencies drawn for each answer
    draws = iter([0.1, 0.2, 0.4])
    api = AccountApi(organization, clock=clock, quotas={PUT: Quota(1, 2)}, latency=lambda: next(draws))
    api.set_fault(OTHER, Fault("slow", seconds=1))

    # Then a success, one made slower, and a refusal take theirs
    answers = [call(api, PUT, MEMBER), call(api, PUT, OTHER), call(api, PUT, MEMBER)]
    assert [answer.latency for answer in answers] == pytest.approx([0.1, 1.2, 0.4])
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert call(AccountApi(organization, latency=0.3), GET).latency == pytest.approx(0.3)


def test_seeding_costs_nothing_and_asks_nobody(organization: FakeOrganization, clock: Clock) -> None:
    # Given an API where a Put would be refused
    organization.trusted = False
    api = AccountApi(organization, clock=clock, quotas={PUT: Quota(1, 1)})

    # When
    for contact_type in CONTACT_TYPES:
        api.set_contact(STRANGER, CONTACT | {"AlternateContactType": contact_type})

    # Then
    assert set(api.contacts()[STRANGER]) == set(CONTACT_TYPES)
    assert not any(api.counts.values())


@pytest.mark.parametrize(
    ("account_id", "contact"), [("*", CONTACT), (MEMBER, CONTACT | {"EmailAddress": "not-an-address"}), (MEMBER, {})]
)
def test_a_contact_that_aws_could_not_have_is_no_seed(
    api: AccountApi, account_id: str, contact: dict[str, str]
) -> None:
    with pytest.raises(ValueError, match="no account can have this contact") as refusal:
        api.set_contact(account_id, contact)

    assert "not-an-address" not in str(refusal.value)
    assert api.contacts() == {}


def test_counts(organization: FakeOrganization, clock: Clock) -> None:
    # Given
    api = AccountApi(organization, clock=clock, quotas={PUT: Quota(1, 5), GET: Quota(1, 1)})
    api.set_fault(OTHER, Fault("TooManyRequestsException", operation=DELETE))

    # When
    call(api, PUT)  # new
    call(api, PUT)  # the same again
    api.answer(PUT, CONTACT | {"AccountId": MEMBER, "Name": "John Doe"}, MANAGEMENT)  # a change
    call(api, PUT)  # and back
    call(api, PUT, STRANGER)  # refused
    call(api, PUT)  # the same again, but throttled
    call(api, GET)
    call(api, GET)  # throttled
    call(api, DELETE, OTHER)  # throttled by the fault
    api.answer("NoSuchOperation", {}, MANAGEMENT)

    # Then
    assert api.counts == {
        PUT: 6,
        GET: 2,
        DELETE: 1,
        "throttled": 3,
        f"throttled {PUT}": 1,
        f"throttled {GET}": 1,
        f"throttled {DELETE}": 1,
        "unchanged puts": 1,
    }


def test_a_reset_forgets_everything(organization: FakeOrganization, clock: Clock) -> None:
    # Given an API with contacts, counts, a fault, and an empty bucket
    api = AccountApi(organization, clock=clock, quotas={PUT: Quota(1, 2)})
    assert admitted(api, PUT, 3) == 2
    api.set_fault(MEMBER, Fault("dropped"))

    # When
    api.reset()

    # Then
    assert api.contacts() == {}
    assert not any(api.counts.values())
    assert admitted(api, PUT, 3) == 2
    assert api.contact(MEMBER, "SECURITY") == CONTACT


def test_threads_are_answered_one_after_the_other() -> None:
    # Given an organization that takes its time and notes who else is asking
    class Slow(FakeOrganization):
        asking = 0
        most = 0

        def account_state(self, account_id: str) -> str | None:
            self.asking += 1
            self.most = max(self.most, self.asking)
            time.sleep(0.002)
            self.asking -= 1
            return super().account_state(account_id)

    organization = Slow()
    api = AccountApi(organization, quotas=None)

    # When
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: call(api, PUT).status, range(16)))

    # Then no call was answered in the middle of another
    assert organization.most == 1
    assert statuses == [200] * 16
    assert api.counts["unchanged puts"] == 15
