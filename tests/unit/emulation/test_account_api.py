"""The rules of the account API, one by one. No sockets; the clock moves only when a test moves it."""

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
    CONTACT_FIELDS,
    CONTACT_TYPES,
    ERRORS,
    EVERY_ACCOUNT,
    MEMBERS,
    REQUIRED,
    AccountApi,
    Fault,
    Response,
)
from emulation.quotas import Quota
from tests.fakes.contact_data import api_contact

MANAGEMENT = "000000000000"
MEMBER = "111111111111"
OTHER = "222222222222"
NOT_A_MEMBER = "999999999999"
STATES = ("ACTIVE", "SUSPENDED", "PENDING_CLOSURE", "CLOSED", "PENDING_ACTIVATION")
CONTACT = {
    "AlternateContactType": "SECURITY",
    **api_contact(1),
}
DENIED = "User: arn:aws:iam::{}:root is not authorized to perform: account:{}"

PUT, GET, DELETE = "PutAlternateContact", "GetAlternateContact", "DeleteAlternateContact"
PARAMETERS: Mapping[str, dict[str, str]] = {
    PUT: CONTACT,
    GET: {"AlternateContactType": "SECURITY"},
    DELETE: {"AlternateContactType": "SECURITY"},
}


@dataclass
class FakeMembership:
    management_account_id: str = MANAGEMENT
    states: dict[str, str] = field(default_factory=lambda: dict.fromkeys((MANAGEMENT, MEMBER, OTHER), "ACTIVE"))
    trusted_access: bool = True
    delegated_administrator: str | None = None

    def account_state(self, account_id: str) -> str | None:
        return self.states.get(account_id)

    def has_trusted_access(self) -> bool:
        return self.trusted_access

    def is_delegated_administrator(self, account_id: str) -> bool:
        return self.delegated_administrator == account_id


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def membership() -> FakeMembership:
    return FakeMembership()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def api(membership: FakeMembership, clock: Clock) -> AccountApi:
    """An API without quotas, which have their own tests."""
    return AccountApi(membership, clock=clock, quotas=None)


def call(api: AccountApi, operation: str, account_id: str | None = MEMBER, caller: str = MANAGEMENT) -> Response:
    account = {} if account_id is None else {"AccountId": account_id}
    return api.call(operation, PARAMETERS[operation] | account, caller)


def admitted(api: AccountApi, operation: str, calls: int, caller: str = MANAGEMENT) -> int:
    """Make calls and return how many were not throttled."""
    return sum(call(api, operation, caller=caller).status != 429 for _ in range(calls))


# --- the three operations -------------------------------------------------------------------------------------------


def test_get_returns_exactly_what_was_put(api: AccountApi) -> None:
    # Given a contact with white space around its values, which AWS accepts
    contact = CONTACT | {"EmailAddress": " security@example.com\t", "Name": " Jané "}

    put = api.call(PUT, contact | {"AccountId": MEMBER}, MANAGEMENT)

    assert put == Response(200, {})
    assert call(api, GET) == Response(200, {"AlternateContact": contact})


def test_a_contact_belongs_to_one_account_and_one_type(api: AccountApi) -> None:
    call(api, PUT, MEMBER)

    assert api.contacts() == {MEMBER: {"SECURITY": CONTACT}}
    assert call(api, GET, OTHER).error == "ResourceNotFoundException"
    billing = api.call(GET, {"AlternateContactType": "BILLING", "AccountId": MEMBER}, MANAGEMENT)
    assert billing.error == "ResourceNotFoundException"


def test_a_put_overwrites(api: AccountApi) -> None:
    call(api, PUT)
    api.call(PUT, CONTACT | {"AccountId": MEMBER, "Name": "John Doe"}, MANAGEMENT)

    assert api.contacts() == {MEMBER: {"SECURITY": CONTACT | {"Name": "John Doe"}}}


@pytest.mark.parametrize("operation", [GET, DELETE])
def test_a_contact_that_is_not_set_is_not_found(api: AccountApi, operation: str) -> None:
    response = call(api, operation)

    assert (response.status, response.error) == (404, "ResourceNotFoundException")


def test_a_second_delete_fails(api: AccountApi) -> None:
    call(api, PUT)

    assert call(api, DELETE) == Response(200, {})
    assert api.contact(MEMBER, "SECURITY") is None
    assert call(api, DELETE).error == "ResourceNotFoundException"


@pytest.mark.parametrize("operation", ["ListAlternateContacts", "putAlternateContact", ""])
def test_an_unknown_operation_is_an_error(api: AccountApi, operation: str) -> None:
    response = api.call(operation, CONTACT, MANAGEMENT)

    assert (response.status, response.error) == (404, "UnknownOperationException")


def test_returned_contacts_are_copies(api: AccountApi) -> None:
    api.set_contact(MEMBER, CONTACT)
    contact: Any = call(api, GET).body["AlternateContact"]

    for copy in (api.contact(MEMBER, "SECURITY"), api.contacts()[MEMBER]["SECURITY"], contact):
        assert copy == CONTACT
        copy["Name"] = "changed"

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
def test_valid_values_are_accepted(api: AccountApi, member: str, value: str) -> None:
    assert api.call(PUT, CONTACT | {member: value}, MANAGEMENT) == Response(200, {})


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("AccountId", ""),
        ("AccountId", "12345678901"),
        ("AccountId", "1234567890123"),
        ("AccountId", "123456789012\n"),
        ("AccountId", "１２３４５６７８９０１２"),  # noqa: RUF001 - digits that are not ASCII
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
        ("EmailAddress", "jane"),
        ("EmailAddress", "jane@example"),
        ("EmailAddress", "ja ne@example.com"),
        ("EmailAddress", "jane@example.com, a@b.c"),
        ("EmailAddress", "jané@example.com"),
        ("EmailAddress", "a@b." + "c" * 251),
        ("PhoneNumber", None),
        ("PhoneNumber", ""),
        ("PhoneNumber", "5" * 26),
        ("PhoneNumber", "555-0100 ext. 3"),
    ],
)
def test_an_invalid_value_is_rejected_with_its_member(api: AccountApi, member: str, value: object) -> None:
    # Given a request with one invalid member; None leaves it out, like JSON's null
    response = api.call(PUT, {**CONTACT, member: value}, MANAGEMENT)

    assert (response.status, response.error) == (400, "ValidationException")
    assert response.body["reason"] == "fieldValidationFailed"
    fields: Any = response.body["fieldList"]
    assert [entry["name"] for entry in fields] == [member]
    assert member in str(response.body["message"])
    assert api.contacts() == {}


def test_every_invalid_member_is_named(api: AccountApi) -> None:
    response = api.call(PUT, {"AlternateContactType": "SECURITY", "Name": "x" * 65}, MANAGEMENT)

    fields: Any = response.body["fieldList"]
    assert {entry["name"]: entry["message"] for entry in fields} == {
        **dict.fromkeys(CONTACT_FIELDS, "is required"),
        "Name": "must have 1 to 64 characters",
    }


@given(value=st.text("ghjkqxz", min_size=65, max_size=90), member=st.sampled_from(sorted(MEMBERS)))
@settings(derandomize=True, max_examples=30)
def test_an_error_never_contains_a_value(value: str, member: str) -> None:
    # Such a value is invalid for every member: too long, or without an @.
    response = AccountApi(FakeMembership()).call(PUT, CONTACT | {member: value}, MANAGEMENT)

    assert response.status == 400
    assert value not in str(response.body)


def test_get_and_delete_need_only_the_type(api: AccountApi) -> None:
    for operation in (GET, DELETE):
        assert api.call(operation, {}, MANAGEMENT).status == 400
        assert api.call(operation, {"AlternateContactType": "BILLING", "Name": 1}, MANAGEMENT).status == 404


# --- the rules against the service model ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model() -> Any:
    return botocore.session.get_session().get_service_model("account")


@pytest.mark.parametrize("operation", REQUIRED)
def test_requests_are_those_of_the_service_model(model: Any, operation: str) -> None:
    shape = model.operation_model(operation).input_shape

    assert set(REQUIRED[operation]) == set(shape.required_members)
    assert {*REQUIRED[operation], "AccountId"} == set(shape.members)
    # botocore's shapes have no patterns; the model's file has.
    raw = botocore.session.get_session().get_component("data_loader").load_service_model("account", "service-2")
    for name, member in shape.members.items():
        rule = MEMBERS[name]
        assert member.type_name == "string"
        assert list(rule.enum) == member.enum
        assert rule.max_length == member.metadata.get("max")
        assert (1 if rule.max_length else None) == member.metadata.get("min")
        assert rule.pattern == raw["shapes"][member.name].get("pattern")


@pytest.mark.parametrize("operation", REQUIRED)
def test_errors_are_those_of_the_service_model(model: Any, operation: str) -> None:
    shapes = model.operation_model(operation).error_shapes

    not_modelled = {"ResourceNotFoundException"} if operation == PUT else set()
    assert {shape.name: shape.metadata["error"]["httpStatusCode"] for shape in shapes} == {
        code: status for code, status in ERRORS.items() if code not in not_modelled
    }


def test_bodies_have_the_members_of_the_service_model(api: AccountApi, model: Any) -> None:
    invalid = api.call(PUT, {}, MANAGEMENT).body
    call(api, PUT)
    body: Any = call(api, GET).body

    validation = model.shape_for("ValidationException")
    assert set(invalid) == set(validation.members)
    assert invalid["reason"] in validation.members["reason"].enum
    fields: Any = invalid["fieldList"]
    assert all(set(entry) == set(validation.members["fieldList"].member.members) for entry in fields)
    response = model.operation_model(GET).output_shape
    assert set(body) == set(response.members)
    assert set(body["AlternateContact"]) == set(response.members["AlternateContact"].members)


# --- authorization --------------------------------------------------------------------------------------------------

STANDALONE = " (The management account can only be managed using the standalone context from the management account.)"
NO_TRUSTED_ACCESS = " (Your organization must first enable trusted access with AWS Account Management.)"


@pytest.mark.parametrize("operation", REQUIRED)
@pytest.mark.parametrize(
    ("caller", "account_id", "trusted_access", "why"),
    [
        pytest.param(MANAGEMENT, MANAGEMENT, True, STANDALONE, id="management account with its own ID"),
        pytest.param(MANAGEMENT, MANAGEMENT, False, STANDALONE, id="the same without trusted access"),
        pytest.param(MANAGEMENT, MEMBER, False, NO_TRUSTED_ACCESS, id="without trusted access"),
        pytest.param(MANAGEMENT, NOT_A_MEMBER, True, "", id="account outside of the organization"),
        pytest.param(MEMBER, OTHER, True, "", id="member with another member's ID"),
        pytest.param(MEMBER, MANAGEMENT, True, "", id="member with the management account's ID"),
        pytest.param(MEMBER, MEMBER, True, "", id="member with its own ID"),
        pytest.param(NOT_A_MEMBER, MEMBER, True, "", id="caller outside of the organization"),
    ],
)
def test_a_forbidden_account_id_is_denied(
    api: AccountApi,
    membership: FakeMembership,
    operation: str,
    caller: str,
    account_id: str,
    trusted_access: bool,
    why: str,
) -> None:
    # Given a contact in every account
    for owner in (MANAGEMENT, MEMBER, OTHER, NOT_A_MEMBER):
        api.set_contact(owner, CONTACT | {"Name": "as before"})
    membership.trusted_access = trusted_access
    before = api.contacts()

    response = call(api, operation, account_id, caller)

    message = DENIED.format(caller, operation) + why
    assert response == Response(403, {"message": message}, "AccessDeniedException")
    assert api.contacts() == before


@pytest.mark.parametrize(
    ("account_id", "trusted", "status"),
    [(OTHER, True, 200), (MEMBER, True, 200), (MANAGEMENT, True, 403), (NOT_A_MEMBER, True, 403), (OTHER, False, 403)],
)
def test_a_delegated_administrator_manages_members(
    api: AccountApi, membership: FakeMembership, account_id: str, trusted: bool, status: int
) -> None:
    membership.delegated_administrator = MEMBER
    membership.trusted_access = trusted
    assert call(api, PUT, account_id, caller=MEMBER).status == status


@pytest.mark.parametrize("caller", [MANAGEMENT, MEMBER, NOT_A_MEMBER])
def test_without_account_id_the_call_is_on_the_callers_account_even_without_trusted_access(
    api: AccountApi, membership: FakeMembership, caller: str
) -> None:
    membership.trusted_access = False

    assert call(api, PUT, None, caller).status == 200
    assert api.contacts() == {caller: {"SECURITY": CONTACT}}
    assert call(api, GET, None, caller).status == 200
    assert call(api, DELETE, None, caller).status == 200


@pytest.mark.parametrize("caller", [MANAGEMENT, MEMBER])
@pytest.mark.parametrize("operation", REQUIRED)
@pytest.mark.parametrize("state", STATES)
def test_the_state_of_the_account_allows_or_denies(
    api: AccountApi, membership: FakeMembership, state: str, operation: str, caller: str
) -> None:
    api.set_contact(MEMBER, CONTACT)
    membership.states[MEMBER] = state

    response = call(api, operation, MEMBER if caller == MANAGEMENT else None, caller)

    allowed = state == "ACTIVE" or (operation == GET and state != "PENDING_ACTIVATION")
    assert (response.status, response.error) == ((200, None) if allowed else (403, "AccessDeniedException"))
    if not allowed:
        assert api.contact(MEMBER, "SECURITY") == CONTACT


# --- quotas ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "rate", "burst"),
    [(PUT, 5, 8), (GET, 10, 15), (DELETE, 1, 6)],
)
def test_the_published_quotas(membership: FakeMembership, clock: Clock, operation: str, rate: int, burst: int) -> None:
    api = AccountApi(membership, clock=clock)

    assert admitted(api, operation, 50) == burst
    clock.now += 1
    assert admitted(api, operation, 50) == min(rate, burst)
    clock.now += 3600
    assert admitted(api, operation, 50) == burst


def test_the_published_quotas_are_the_default(membership: FakeMembership, clock: Clock) -> None:
    assert admitted(AccountApi(membership, clock=clock), PUT, 50) == 8


def test_rounding_loses_no_call(membership: FakeMembership, clock: Clock) -> None:
    # Given an empty bucket at a time whose floats are coarse
    api = AccountApi(membership, clock=clock)
    admitted(api, PUT, 8)

    for _ in range(100):
        clock.now += 0.2
        assert admitted(api, PUT, 2) == 1


def test_a_throttled_call_is_a_429_and_changes_nothing(membership: FakeMembership, clock: Clock) -> None:
    api = AccountApi(membership, clock=clock)
    admitted(api, PUT, 8)

    assert call(api, PUT) == Response(429, {"message": "Rate exceeded"}, "TooManyRequestsException")
    assert api.counts["unchanged puts"] == 7


def test_buckets_are_per_caller_and_operation_not_per_account(membership: FakeMembership, clock: Clock) -> None:
    # Given a management account that has used up its Puts on different accounts
    api = AccountApi(membership, clock=clock)
    statuses = [call(api, PUT, account_id).status for account_id in (MEMBER, OTHER) * 5]
    assert statuses.count(429) == 2

    # Then another caller's Puts and its own Gets have full buckets
    assert admitted(api, PUT, 50, caller=MEMBER) == 8
    assert admitted(api, GET, 50) == 15


def test_failed_calls_count_towards_the_quota(membership: FakeMembership, clock: Clock) -> None:
    api = AccountApi(membership, clock=clock)
    api.set_faults(OTHER, Fault("InternalServerException"))
    failed = [api.call(PUT, {}, MANAGEMENT), call(api, PUT, NOT_A_MEMBER), call(api, PUT, OTHER)]
    assert [response.status for response in failed] == [400, 403, 500]

    assert admitted(api, PUT, 50) == 5


def test_the_quota_is_checked_before_everything_else(membership: FakeMembership, clock: Clock) -> None:
    api = AccountApi(membership, clock=clock, quotas={PUT: Quota(1, 1)})
    api.set_faults(EVERY_ACCOUNT, Fault("InternalServerException", remaining=2))
    assert call(api, PUT).status == 500

    assert api.call(PUT, {}, MANAGEMENT).status == 429
    assert call(api, PUT).status == 429
    assert call(api, GET).status == 500  # the throttled calls did not use up the fault


def test_speed_multiplies_the_rate_but_not_the_burst(membership: FakeMembership, clock: Clock) -> None:
    api = AccountApi(membership, clock=clock, speed=0.5, quotas={PUT: Quota(4, 8)})

    assert admitted(api, PUT, 50) == 8
    clock.now += 1
    assert admitted(api, PUT, 50) == 2


def test_an_operation_without_quota_is_never_throttled(
    api: AccountApi, membership: FakeMembership, clock: Clock
) -> None:
    assert admitted(api, PUT, 100) == 100
    only_puts = AccountApi(membership, clock=clock, quotas={PUT: Quota(1, 1)})
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
    # Given calls at times that floats represent exactly
    clock = Clock()
    api = AccountApi(FakeMembership(), clock=clock, quotas={GET: Quota(rate, burst)})
    times: deque[float] = deque()
    for gap in gaps:
        clock.now += gap / 1024

        through = admitted(api, GET, 1) == 1

        # Then every window that ends with this call had room for it, or the call was throttled
        windows = enumerate(reversed([*times, clock.now]), start=1)
        assert through == all(count <= burst + rate * (clock.now - start) for count, start in windows)
        if through:
            times.append(clock.now)


# --- faults ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ERRORS)
def test_a_fault_responds_with_its_code(api: AccountApi, code: str) -> None:
    api.set_faults(MEMBER, Fault(code))

    response = call(api, PUT)

    assert (response.status, response.error) == (ERRORS[code], code)
    assert response.body["message"]
    assert ("reason" in response.body) == (code == "ValidationException")
    assert api.contacts() == {}
    assert call(api, PUT, OTHER).status == 200


def test_a_dropped_call_changes_nothing_and_is_no_success(api: AccountApi) -> None:
    api.set_faults(MEMBER, Fault("dropped"))

    response = call(api, PUT)

    assert response.dropped
    assert response.status >= 500
    assert api.contacts() == {}


def test_a_slow_call_succeeds(api: AccountApi) -> None:
    api.set_faults(MEMBER, Fault("slow", seconds=2.5))

    assert call(api, PUT) == Response(200, {}, latency=2.5)
    assert api.contact(MEMBER, "SECURITY") == CONTACT


@pytest.mark.parametrize("operation", REQUIRED)
def test_an_account_that_is_not_ready_denies_everything_until_it_is(api: AccountApi, operation: str) -> None:
    api.set_contact(MEMBER, CONTACT)
    api.set_faults(MEMBER, Fault("not-ready", remaining=2))

    responses = [call(api, operation) for _ in range(3)]

    assert [response.status for response in responses] == [403, 403, 200]
    assert responses[0].body == {"message": DENIED.format(MANAGEMENT, operation)}
    assert responses[0].error == "AccessDeniedException"


def test_a_fault_matches_its_operation_and_type_only(api: AccountApi) -> None:
    api.set_faults(MEMBER, Fault("InternalServerException", operation=GET, contact_type="SECURITY", remaining=1))

    assert call(api, PUT).status == 200
    assert api.call(GET, {"AlternateContactType": "BILLING", "AccountId": MEMBER}, MANAGEMENT).status == 404
    assert [call(api, GET).status for _ in range(2)] == [500, 200]


def test_the_faults_of_an_account_come_before_those_of_every_account(api: AccountApi) -> None:
    api.set_faults(EVERY_ACCOUNT, Fault("InternalServerException"))
    api.set_faults(MEMBER, Fault("TooManyRequestsException", remaining=1))

    assert [call(api, PUT).status for _ in range(2)] == [429, 500]
    assert call(api, PUT, OTHER).status == 500
    assert call(api, PUT, None).status == 500  # the caller's own account too

    api.clear_faults(EVERY_ACCOUNT)
    assert call(api, PUT).status == 200


def test_faults_of_one_account_are_set_together_and_the_first_match_counts(api: AccountApi) -> None:
    api.set_faults(
        MEMBER, Fault("ValidationException", contact_type="BILLING"), Fault("InternalServerException", remaining=2)
    )
    billing = CONTACT | {"AlternateContactType": "BILLING", "AccountId": MEMBER}

    assert [api.call(PUT, billing, MANAGEMENT).status for _ in range(3)] == [400, 400, 400]
    assert [call(api, PUT).status for _ in range(3)] == [500, 500, 200]

    api.set_faults(MEMBER, Fault("dropped"))
    assert api.call(PUT, billing, MANAGEMENT).dropped


def test_an_invalid_call_meets_no_fault(api: AccountApi) -> None:
    api.set_faults(MEMBER, Fault("InternalServerException", remaining=1))

    assert api.call(GET, {"AlternateContactType": "LEGAL", "AccountId": MEMBER}, MANAGEMENT).status == 400
    assert call(api, GET).status == 500


def test_a_fault_comes_before_authorization(api: AccountApi, membership: FakeMembership) -> None:
    membership.trusted_access = False
    api.set_faults(MEMBER, Fault("InternalServerException"))

    assert call(api, GET).status == 500


def test_clearing_faults_that_are_not_set_is_no_error(api: AccountApi) -> None:
    api.clear_faults(MEMBER)

    assert call(api, PUT).status == 200


@pytest.mark.parametrize(
    "arguments",
    [
        {"effect": "TooManyRequests"},
        {"effect": "slow", "operation": "put_alternate_contact"},
        {"effect": "slow", "contact_type": "security"},
        {"effect": "slow", "remaining": 0},
    ],
)
def test_a_fault_that_no_call_can_match_is_invalid(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="invalid fault"):
        Fault(**arguments)


# --- latency, stored contacts, counts, threads ----------------------------------------------------------------------


def test_every_response_has_the_latency(membership: FakeMembership, clock: Clock) -> None:
    # Given a latency that is drawn for each response
    draws = iter([0.1, 0.2, 0.4])
    api = AccountApi(membership, clock=clock, quotas={PUT: Quota(1, 2)}, latency=lambda: next(draws))
    api.set_faults(OTHER, Fault("slow", seconds=1))

    # When one call succeeds, one is slowed down, and one is throttled
    responses = [call(api, PUT, MEMBER), call(api, PUT, OTHER), call(api, PUT, MEMBER)]

    assert [response.latency for response in responses] == pytest.approx([0.1, 1.2, 0.4])
    assert [response.status for response in responses] == [200, 200, 429]


def test_set_contact_needs_no_permission_and_counts_nothing(membership: FakeMembership, clock: Clock) -> None:
    # Given an API that denies a Put
    membership.trusted_access = False
    api = AccountApi(membership, clock=clock, quotas={PUT: Quota(1, 1)})

    for contact_type in CONTACT_TYPES:
        api.set_contact(NOT_A_MEMBER, CONTACT | {"AlternateContactType": contact_type})

    assert set(api.contacts()[NOT_A_MEMBER]) == set(CONTACT_TYPES)
    assert not any(api.counts.values())


@pytest.mark.parametrize(
    ("account_id", "contact"), [("*", CONTACT), (MEMBER, CONTACT | {"EmailAddress": "not-an-address"}), (MEMBER, {})]
)
def test_set_contact_rejects_what_the_api_rejects(api: AccountApi, account_id: str, contact: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="invalid contact") as error:
        api.set_contact(account_id, contact)

    assert "not-an-address" not in str(error.value)
    assert api.contacts() == {}


def test_counts(membership: FakeMembership, clock: Clock) -> None:
    api = AccountApi(membership, clock=clock, quotas={PUT: Quota(1, 5), GET: Quota(1, 1)})
    api.set_faults(OTHER, Fault("TooManyRequestsException", operation=DELETE))

    call(api, PUT)  # new
    call(api, PUT)  # unchanged
    api.call(PUT, CONTACT | {"AccountId": MEMBER, "Name": "John Doe"}, MANAGEMENT)  # changed
    call(api, PUT)  # changed back
    call(api, PUT, NOT_A_MEMBER)  # denied
    call(api, PUT)  # throttled
    call(api, GET)
    call(api, GET)  # throttled
    call(api, DELETE, OTHER)  # throttled by the fault
    api.call("NoSuchOperation", {}, MANAGEMENT)

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


def test_a_reset_deletes_contacts_counts_and_faults_and_fills_the_buckets(
    membership: FakeMembership, clock: Clock
) -> None:
    api = AccountApi(membership, clock=clock, quotas={PUT: Quota(1, 2)})
    assert admitted(api, PUT, 3) == 2
    api.set_faults(MEMBER, Fault("dropped"))

    api.reset()

    assert api.contacts() == {}
    assert not any(api.counts.values())
    assert admitted(api, PUT, 3) == 2
    assert api.contact(MEMBER, "SECURITY") == CONTACT


def test_calls_of_several_threads_are_handled_one_at_a_time() -> None:
    # Given a slow organization that counts its concurrent callers
    class SlowMembership(FakeMembership):
        callers = 0
        most_callers = 0

        def account_state(self, account_id: str) -> str | None:
            self.callers += 1
            self.most_callers = max(self.most_callers, self.callers)
            time.sleep(0.002)
            self.callers -= 1
            return super().account_state(account_id)

    membership = SlowMembership()
    api = AccountApi(membership, quotas=None)

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: call(api, PUT).status, range(16)))

    assert membership.most_callers == 1
    assert statuses == [200] * 16
    assert api.counts["unchanged puts"] == 15
