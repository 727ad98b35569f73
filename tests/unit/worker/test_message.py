"""Every body that may arrive on AccountQueue reads as a letter or as a permanent error, nothing else."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alternate_contacts.worker.errors import EventWithoutAccount, InvalidMessage, Permanent
from alternate_contacts.worker.message import EVENT_ACCOUNT, AccountMessage, parse_message
from alternate_contacts.worker.protocol import Mode

ACCOUNT = "111122223333"
EVENTS = Path(__file__).parents[2] / "events"


def letter(**changes: object) -> dict[str, object]:
    return {"version": 1, "accountId": ACCOUNT, "reason": "backfill", "mode": "enforce"} | changes


def without(name: str) -> dict[str, object]:
    return {key: value for key, value in letter().items() if key != name}


def event(name: object, details: object) -> dict[str, object]:
    return {"version": "0", "source": "aws.x", "detail": {"eventName": name, "serviceEventDetails": details}}


def recorded(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return loaded


@pytest.mark.parametrize("reason", ["backfill", "reconcile", "manual"])
@pytest.mark.parametrize("mode", list(Mode))
def test_reads_a_letter(reason: str, mode: Mode) -> None:
    assert parse_message(json.dumps(letter(reason=reason, mode=mode.value))) == AccountMessage(ACCOUNT, reason, mode)


def test_a_letter_without_mode_enforces() -> None:
    assert parse_message(json.dumps(without("mode"))) == AccountMessage(ACCOUNT, "backfill", Mode.ENFORCE)


def test_a_letter_may_say_more_than_is_known() -> None:
    assert parse_message(json.dumps(letter(sender="cli"))) == AccountMessage(ACCOUNT, "backfill")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (without("version"), "unknown_version"),
        (letter(version=0), "unknown_version"),
        (letter(version=3), "unknown_version"),
        (letter(version="1"), "unknown_version"),
        (letter(version=True), "unknown_version"),
        (letter(version=None), "unknown_version"),
        (letter(version=[1]), "unknown_version"),
        (without("accountId"), "no_account_id"),
        (letter(accountId=None), "no_account_id"),
        (letter(accountId=111122223333), "no_account_id"),
        (letter(accountId=True), "no_account_id"),
        (letter(accountId="11112222333"), "no_account_id"),
        (letter(accountId="1111222233334"), "no_account_id"),
        (letter(accountId=" 111122223333"), "no_account_id"),
        (letter(accountId="111122223333\n"), "no_account_id"),
        (letter(accountId="١١١١٢٢٢٢٣٣٣٣"), "no_account_id"),
        (letter(accountId=[ACCOUNT]), "no_account_id"),
        (without("reason"), "no_trigger"),
        (letter(reason=""), "no_trigger"),
        (letter(reason="two words"), "no_trigger"),
        (letter(reason="x" * 65), "no_trigger"),
        (letter(reason="ada@secret.invalid"), "no_trigger"),
        (letter(reason=7), "no_trigger"),
        (letter(mode="ENFORCE"), "unknown_mode"),
        (letter(mode=""), "unknown_mode"),
        (letter(mode=None), "unknown_mode"),
        (letter(mode=True), "unknown_mode"),
        (letter(mode=["enforce"]), "unknown_mode"),
        (letter(mode={"enforce": 1}), "unknown_mode"),
        ({}, "unknown_version"),
        (letter(detail=None), "no_event_name"),
        (letter(detail=[]), "no_event_name"),
        (letter(detail="x"), "no_event_name"),
        (event(None, {}), "unknown_event"),
        (event(["CreateAccountResult"], {}), "unknown_event"),
        (event("createaccountresult", {}), "unknown_event"),
        (event("CloseAccountResult", {"closeAccountStatus": {"accountId": ACCOUNT}}), "unknown_event"),
        ({"detail": {}}, "unknown_event"),
        ([letter()], "not_an_object"),
        ("a string", "not_an_object"),
        (1, "not_an_object"),
        (True, "not_an_object"),
        (None, "not_an_object"),
    ],
    ids=str,
)
def test_refuses_what_is_no_letter(content: object, code: str) -> None:
    with pytest.raises(InvalidMessage) as caught:
        parse_message(json.dumps(content))
    assert caught.value.code == code


@pytest.mark.parametrize(
    "body",
    [
        "",
        " ",
        "not json",
        "{",
        '{"version": 1,}',
        "\ufeff{}",
        "\x00",
        "'",
        json.dumps(letter()) + "x",
        '{"version": ' + "1" * 5000 + "}",
    ],
    ids=lambda body: repr(body[:20]),
)
def test_refuses_what_is_no_json(body: str) -> None:
    with pytest.raises(InvalidMessage) as caught:
        parse_message(body)
    assert caught.value.code == "not_json"


@pytest.mark.parametrize("opening", ["[", '{"a":', '{"detail":', '{"version":1,"mode":', '{"version":['])
@pytest.mark.parametrize("depth", [10, 100, 500, 900, 1000, 5000, 20_000, 200_000])
def test_survives_deep_nesting(opening: str, depth: int) -> None:
    closing = "".join({"[": "]", "{": "}"}[sign] for sign in reversed(opening) if sign in "[{")
    with pytest.raises(InvalidMessage):
        parse_message(opening * depth + "1" + closing * depth)


@pytest.mark.parametrize("depth", [10, 500, 900, 990, 5000, 9990, 20_000])
@pytest.mark.parametrize("name", ["version", "accountId", "reason", "mode"])
def test_survives_deep_nesting_in_a_field(name: str, depth: int) -> None:
    content = json.dumps(letter(**{name: "X"})).replace('"X"', "[" * depth + "]" * depth)
    with pytest.raises(InvalidMessage):
        parse_message(content)


@pytest.mark.parametrize("number", ["9" * 400, "-" + "9" * 4000, "1e999", "-1e999", "NaN", "Infinity"])
@pytest.mark.parametrize("name", ["version", "accountId", "reason", "mode"])
def test_survives_senseless_numbers(name: str, number: str) -> None:
    with pytest.raises(InvalidMessage):
        parse_message(json.dumps(letter(**{name: "X"})).replace('"X"', number))


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("create-account-result", "CreateAccountResult"),
        ("create-managed-account", "CreateManagedAccount"),
        ("update-managed-account", "UpdateManagedAccount"),
    ],
)
def test_reads_the_events_that_tell_of_an_account(file: str, name: str) -> None:
    assert parse_message(json.dumps(recorded(file))) == AccountMessage(ACCOUNT, name, Mode.ENFORCE)


def test_an_event_whose_creation_failed_has_no_account() -> None:
    with pytest.raises(EventWithoutAccount) as caught:
        parse_message(json.dumps(recorded("create-account-result-failed")))
    assert caught.value.reason == "event_without_account"


@pytest.mark.parametrize("name", list(EVENT_ACCOUNT))
@pytest.mark.parametrize(
    "spoilt",
    [
        lambda _: None,
        lambda _: [],
        lambda _: {},
        lambda _: "x",
        lambda path: {path[0]: None},
        lambda path: {path[0]: "111122223333"},
        lambda path: {path[0]: {path[1]: 111122223333}},
        lambda path: {path[0]: {path[1]: None}},
        lambda path: {path[0]: {path[1]: {"accountId": True}}},
        lambda path: {path[0]: {path[1]: {"accountId": "****"}}},
        lambda path: {path[0]: [{path[1]: "111122223333"}]},
    ],
)
def test_an_event_without_its_account_is_told_as_such(
    name: str, spoilt: Callable[[tuple[str, ...]], dict[str, object]]
) -> None:
    with pytest.raises(EventWithoutAccount):
        parse_message(json.dumps(event(name, spoilt(EVENT_ACCOUNT[name]))))


def test_an_event_without_details_is_told_as_such() -> None:
    with pytest.raises(EventWithoutAccount):
        parse_message(json.dumps({"detail": {"eventName": "CreateAccountResult"}}))


def test_the_account_of_the_event_itself_is_never_taken() -> None:
    """Every event also carries the management account's id; taking that one would look like success."""
    found = recorded("create-account-result-failed")
    found["account"] = found["detail"]["userIdentity"]["accountId"] = found["detail"]["recipientAccountId"] = ACCOUNT
    with pytest.raises(EventWithoutAccount):
        parse_message(json.dumps(found))


def _only_a_letter_or_permanent(body: str) -> None:
    try:
        found = parse_message(body)
    except Permanent:
        return
    assert found is not None
    assert len(found.account_id) == 12
    assert found.account_id.isascii()
    assert found.account_id.isdigit()
    assert found.trigger


@given(st.text())
def test_any_text_is_a_letter_or_refused(body: str) -> None:
    _only_a_letter_or_permanent(body)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(ACCOUNT),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=20,
)


@given(_JSON)
def test_any_json_is_a_letter_or_refused(content: object) -> None:
    _only_a_letter_or_permanent(json.dumps(content))


@given(st.fixed_dictionaries({}, optional={name: _JSON | st.just(value) for name, value in letter().items()}))
def test_any_fields_are_a_letter_or_refused(content: dict[str, object]) -> None:
    _only_a_letter_or_permanent(json.dumps(content))


@given(st.sampled_from([*EVENT_ACCOUNT, "CloseAccountResult"]) | _JSON, _JSON, st.data())
def test_any_event_is_a_letter_or_refused(name: object, filling: object, data: st.DataObject) -> None:
    path = EVENT_ACCOUNT.get(name, ()) if isinstance(name, str) else ()
    details = filling
    for key in reversed(path[data.draw(st.integers(0, len(path))) :]):
        details = {key: details}
    _only_a_letter_or_permanent(json.dumps(event(name, details)))


@given(st.from_regex(r"[0-9]{12}", fullmatch=True), st.from_regex(r"[A-Za-z_]{1,64}", fullmatch=True))
def test_every_account_and_reason_survive_the_way(account_id: str, reason: str) -> None:
    assert parse_message(json.dumps(letter(accountId=account_id, reason=reason))) == AccountMessage(account_id, reason)


# ---- An account joins: AWS has not published how it says so ---------------------------------------------------------

MANAGEMENT = "000000000000"


def joined(**detail: object) -> str:
    told = {"eventName": "AccountJoinedOrganization", "recipientAccountId": MANAGEMENT} | detail
    return json.dumps({"version": "0", "source": "aws.organizations", "account": MANAGEMENT, "detail": told})


@pytest.mark.parametrize("place", ["serviceEventDetails", "requestParameters", "responseElements"])
@pytest.mark.parametrize(
    "details",
    [
        {"accountId": ACCOUNT, "joinedMethod": "INVITED"},
        {"memberAccountId": ACCOUNT, "joinedMethod": "Created"},
        {"account": ACCOUNT},
        {"account": {"id": ACCOUNT, "arn": f"arn:aws:organizations::{MANAGEMENT}:account/o-x/{ACCOUNT}"}},
        {"accountJoinedStatus": {"account": {"accountId": ACCOUNT}}},
        {"accountId": MANAGEMENT, "memberAccountId": ACCOUNT},
        {"managementAccountId": MANAGEMENT, "memberAccounts": [ACCOUNT]},
        {"accountId": MANAGEMENT, "aNameThatNobodyThoughtOf": ACCOUNT},
        {"managementAccountId": "999999999999", "accountId": ACCOUNT},
        {"accounts": [{"accountId": MANAGEMENT}, {"accountId": ACCOUNT}]},
        {"handshake": {"parties": [{"id": "o-abc", "type": "ORGANIZATION"}, {"id": ACCOUNT, "type": "ACCOUNT"}]}},
    ],
)
def test_finds_the_account_that_joined_wherever_it_stands(place: str, details: dict[str, object]) -> None:
    assert parse_message(joined(**{place: details})) == AccountMessage(ACCOUNT, "AccountJoinedOrganization")


def test_the_most_telling_name_wins() -> None:
    details = {"id": "222222222222", "accountId": "333333333333", "memberAccountId": ACCOUNT}
    assert parse_message(joined(serviceEventDetails=details)) == AccountMessage(ACCOUNT, "AccountJoinedOrganization")


def test_the_management_account_of_a_new_organization_asks_for_nothing() -> None:
    assert parse_message(joined(serviceEventDetails={"accountId": MANAGEMENT, "joinedMethod": "CREATED"})) is None


@pytest.mark.parametrize(
    "details",
    [
        *(None, {}, [], "x", {"accountId": 7}, {"accountId": "12"}, {"other": "x"}),
        {"managementAccountId": MANAGEMENT, "joinedMethod": "INVITED"},
        {"managementAccountId": MANAGEMENT, "memberAccountArn": f"arn:aws:organizations::{MANAGEMENT}:account/o-x/1"},
        {"organization": {"masterAccountId": MANAGEMENT}, "account": {"id": 111122223333}},
    ],
)
def test_joining_without_an_account_is_told(details: object) -> None:
    with pytest.raises(EventWithoutAccount):
        parse_message(joined(serviceEventDetails=details))


def test_an_account_too_deep_to_be_meant_is_not_found() -> None:
    details: object = {"accountId": ACCOUNT}
    for _ in range(500):
        details = {"nested": details}
    with pytest.raises(EventWithoutAccount):
        parse_message(joined(serviceEventDetails=details))
