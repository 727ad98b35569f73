"""Every body on AccountQueue parses to an account message, to nothing to do, or to a permanent error."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alternate_contacts.worker.errors import EventWithoutAccount, InvalidMessage, Permanent
from alternate_contacts.worker.message import EVENT_ACCOUNT, AccountMessage, parse_message
from alternate_contacts.worker.protocol import Mode

ACCOUNT = "111122223333"


def _printable(text: str) -> str:
    """Return an ID for a test that pytest also finds on its command line."""
    return ascii(text).replace("\\", "")


def content_with(**changes: object) -> dict[str, object]:
    return {"version": 1, "accountId": ACCOUNT, "trigger": "backfill", "mode": "enforce"} | changes


def content_without(name: str) -> dict[str, object]:
    return {key: value for key, value in content_with().items() if key != name}


def event(name: object, details: object) -> dict[str, object]:
    return {"version": "0", "source": "aws.x", "detail": {"eventName": name, "serviceEventDetails": details}}


def move(**detail: object) -> str:
    return json.dumps({"source": "aws.organizations", "detail": {"eventName": "MoveAccount"} | detail})


def test_a_move_concerns_the_account_that_was_moved_and_a_failed_move_none() -> None:
    parameters = {"accountId": ACCOUNT, "sourceParentId": "r-ab12", "destinationParentId": "ou-ab12-12345678"}
    assert parse_message(move(requestParameters=parameters)) == AccountMessage(ACCOUNT, "account_moved")
    assert parse_message(move(requestParameters=parameters, errorCode="AccessDeniedException")) is None


@pytest.mark.parametrize("parameters", [None, {}, {"accountId": "me"}, {"accountId": [ACCOUNT]}, [ACCOUNT]])
def test_a_move_without_an_account_is_a_permanent_error(parameters: object) -> None:
    with pytest.raises(EventWithoutAccount) as caught:
        parse_message(move(requestParameters=parameters))
    assert caught.value.code == "no_account_id"


def test_a_message_without_mode_enforces() -> None:
    assert parse_message(json.dumps(content_without("mode"))) == AccountMessage(ACCOUNT, "backfill", Mode.ENFORCE)


def test_a_message_may_have_unknown_keys() -> None:
    assert parse_message(json.dumps(content_with(sender="cli"))) == AccountMessage(ACCOUNT, "backfill")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (content_without("version"), "unknown_version"),
        (content_with(version=0), "unknown_version"),
        (content_with(version=3), "unknown_version"),
        (content_with(version="1"), "unknown_version"),
        (content_with(version=True), "unknown_version"),
        (content_with(version=None), "unknown_version"),
        (content_with(version=[1]), "unknown_version"),
        (content_without("accountId"), "no_account_id"),
        (content_with(accountId=None), "no_account_id"),
        (content_with(accountId=111122223333), "no_account_id"),
        (content_with(accountId=True), "no_account_id"),
        (content_with(accountId="11112222333"), "no_account_id"),
        (content_with(accountId="1111222233334"), "no_account_id"),
        (content_with(accountId=" 111122223333"), "no_account_id"),
        (content_with(accountId="111122223333\n"), "no_account_id"),
        (content_with(accountId="١١١١٢٢٢٢٣٣٣٣"), "no_account_id"),
        (content_with(accountId=[ACCOUNT]), "no_account_id"),
        (content_without("trigger"), "no_trigger"),
        (content_with(trigger=""), "no_trigger"),
        (content_with(trigger="two words"), "no_trigger"),
        (content_with(trigger="x" * 65), "no_trigger"),
        (content_with(trigger="ada@secret.invalid"), "no_trigger"),
        (content_with(trigger=7), "no_trigger"),
        (content_with(mode="ENFORCE"), "unknown_mode"),
        (content_with(mode=""), "unknown_mode"),
        (content_with(mode=None), "unknown_mode"),
        (content_with(mode=True), "unknown_mode"),
        (content_with(mode=["enforce"]), "unknown_mode"),
        (content_with(mode={"enforce": 1}), "unknown_mode"),
        ({}, "unknown_version"),
        (content_with(detail=None), "no_event_name"),
        (content_with(detail=[]), "no_event_name"),
        (content_with(detail="x"), "no_event_name"),
        (event(None, {}), "unknown_event"),
        (event(["CreateAccountResult"], {}), "unknown_event"),
        (event("createaccountresult", {}), "unknown_event"),
        (event("CloseAccountResult", {"closeAccountStatus": {"accountId": ACCOUNT}}), "unknown_event"),
        ({"detail": {}}, "unknown_event"),
        ([content_with()], "not_an_object"),
        ("a string", "not_an_object"),
        (1, "not_an_object"),
        (True, "not_an_object"),
        (None, "not_an_object"),
    ],
    ids=lambda value: _printable(str(value)),
)
def test_content_that_is_no_account_message_is_invalid(content: object, code: str) -> None:
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
        json.dumps(content_with()) + "x",
        '{"version": ' + "1" * 5000 + "}",
    ],
    ids=lambda body: _printable(body[:20]),
)
def test_a_body_that_is_no_json_is_invalid(body: str) -> None:
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
@pytest.mark.parametrize("name", ["version", "accountId", "trigger", "mode"])
def test_survives_deep_nesting_in_a_field(name: str, depth: int) -> None:
    content = json.dumps(content_with(**{name: "X"})).replace('"X"', "[" * depth + "]" * depth)
    with pytest.raises(InvalidMessage):
        parse_message(content)


@pytest.mark.parametrize("number", ["9" * 400, "-" + "9" * 4000, "1e999", "-1e999", "NaN", "Infinity"])
@pytest.mark.parametrize("name", ["version", "accountId", "trigger", "mode"])
def test_survives_numbers_out_of_range(name: str, number: str) -> None:
    with pytest.raises(InvalidMessage):
        parse_message(json.dumps(content_with(**{name: "X"})).replace('"X"', number))


@pytest.mark.parametrize("name", list(EVENT_ACCOUNT))
@pytest.mark.parametrize(
    "details_of",
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
def test_an_event_without_an_account_has_an_error_of_its_own(
    name: str, details_of: Callable[[tuple[str, ...]], dict[str, object]]
) -> None:
    with pytest.raises(EventWithoutAccount) as caught:
        parse_message(json.dumps(event(name, details_of(EVENT_ACCOUNT[name]))))
    assert caught.value.code == "no_account_id"


def test_an_event_without_details_has_no_account() -> None:
    with pytest.raises(EventWithoutAccount):
        parse_message(json.dumps({"detail": {"eventName": "CreateAccountResult"}}))


def test_the_account_that_sent_the_event_is_never_processed() -> None:
    """Every event also has the ID of the management account. To process that account would look like success."""
    path = Path(__file__).parents[2] / "events" / "create-account-result-failed.json"
    failed = json.loads(path.read_text())
    failed["account"] = failed["detail"]["userIdentity"]["accountId"] = failed["detail"]["recipientAccountId"] = ACCOUNT
    with pytest.raises(EventWithoutAccount):
        parse_message(json.dumps(failed))


def assert_message_or_permanent_error(body: str) -> None:
    try:
        message = parse_message(body)
    except Permanent:
        return
    assert message is not None
    # What is logged cannot begin a line, a field or an escape sequence.
    assert re.fullmatch("[0-9]{12}", message.account_id, re.ASCII)
    assert re.fullmatch("[A-Za-z_]{1,64}", message.trigger)


@given(st.text())
def test_any_text_is_a_message_or_a_permanent_error(body: str) -> None:
    assert_message_or_permanent_error(body)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(ACCOUNT),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=20,
)


@given(_JSON)
def test_any_json_is_a_message_or_a_permanent_error(content: object) -> None:
    assert_message_or_permanent_error(json.dumps(content))


@given(st.fixed_dictionaries({}, optional={name: _JSON | st.just(value) for name, value in content_with().items()}))
def test_any_fields_are_a_message_or_a_permanent_error(content: dict[str, object]) -> None:
    assert_message_or_permanent_error(json.dumps(content))


@given(st.sampled_from([*EVENT_ACCOUNT, "CloseAccountResult"]) | _JSON, _JSON, st.data())
def test_any_event_is_a_message_or_a_permanent_error(name: object, filling: object, data: st.DataObject) -> None:
    path = EVENT_ACCOUNT.get(name, ()) if isinstance(name, str) else ()
    details = filling
    for key in reversed(path[data.draw(st.integers(0, len(path))) :]):
        details = {key: details}
    assert_message_or_permanent_error(json.dumps(event(name, details)))


# ---- AccountJoinedOrganization: AWS has not published its shape -----------------------------------------------------

MANAGEMENT = "000000000000"


def joined(**detail: object) -> str:
    detail = {"eventName": "AccountJoinedOrganization", "recipientAccountId": MANAGEMENT} | detail
    return json.dumps({"version": "0", "source": "aws.organizations", "account": MANAGEMENT, "detail": detail})


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
        {"accountId": MANAGEMENT, "anUnknownKey": ACCOUNT},
        {"managementAccountId": "999999999999", "accountId": ACCOUNT},
        {"accounts": [{"accountId": MANAGEMENT}, {"accountId": ACCOUNT}]},
        {"handshake": {"parties": [{"id": "o-abc", "type": "ORGANIZATION"}, {"id": ACCOUNT, "type": "ACCOUNT"}]}},
    ],
)
def test_finds_the_account_that_joined_at_any_key(place: str, details: dict[str, object]) -> None:
    assert parse_message(joined(**{place: details})) == AccountMessage(ACCOUNT, "AccountJoinedOrganization")


def test_the_most_specific_key_wins() -> None:
    details = {"id": "222222222222", "accountId": "333333333333", "memberAccountId": ACCOUNT}
    assert parse_message(joined(serviceEventDetails=details)) == AccountMessage(ACCOUNT, "AccountJoinedOrganization")


@pytest.mark.parametrize("account", [{"account": MANAGEMENT}, {}])
@pytest.mark.parametrize("recipient", [{"recipientAccountId": MANAGEMENT}, {}])
def test_the_management_account_is_known_from_either_field(account: dict[str, str], recipient: dict[str, str]) -> None:
    """It joined its own new organization. An event with neither field names an account that joined."""
    details = {"eventName": "AccountJoinedOrganization", "serviceEventDetails": {"accountId": MANAGEMENT}}
    message = parse_message(json.dumps({"detail": details | recipient} | account))
    assert message == (None if account or recipient else AccountMessage(MANAGEMENT, "AccountJoinedOrganization"))


@pytest.mark.parametrize(
    "details",
    [
        *(None, {}, [], "x", {"accountId": 7}, {"accountId": "12"}, {"other": "x"}),
        {"managementAccountId": MANAGEMENT, "joinedMethod": "INVITED"},
        {"managementAccountId": MANAGEMENT, "memberAccountArn": f"arn:aws:organizations::{MANAGEMENT}:account/o-x/1"},
        {"organization": {"masterAccountId": MANAGEMENT}, "account": {"id": 111122223333}},
    ],
)
def test_an_account_that_joined_without_an_id_is_an_event_without_account(details: object) -> None:
    with pytest.raises(EventWithoutAccount) as caught:
        parse_message(joined(serviceEventDetails=details))
    assert caught.value.code == "no_account_id"


def test_an_account_below_the_maximum_depth_is_not_found() -> None:
    def nested(levels: int) -> str:
        details: object = {"accountId": ACCOUNT}
        for _ in range(levels):
            details = {"nested": details}
        return joined(serviceEventDetails=details)

    assert parse_message(nested(7)) == AccountMessage(ACCOUNT, "AccountJoinedOrganization")
    for levels in (8, 500):
        with pytest.raises(EventWithoutAccount):
            parse_message(nested(levels))
