"""Redaction keeps the shape of an event, and no value that identifies someone; in doubt it fails."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alternate_contacts.worker.message import parse_message
from tests.live.redaction import RedactionError, event_file_name, redact, save

MANAGEMENT, MEMBER, THIRD = "987654321098", "123456789012", "555566667777"
EVENTS = sorted((Path(__file__).parents[2] / "events").glob("*.json"))


def captured(**details: object) -> dict[str, Any]:
    """Return an event as EventBridge delivers it, with everything that must not be saved."""
    return {
        "version": "0",
        "id": "64c8e863-76f4-4aad-9c16-b8b0a9a97203",
        "detail-type": "AWS Service Event via CloudTrail",
        "source": "aws.organizations",
        "account": MANAGEMENT,
        "time": "2026-06-02T09:14:03Z",
        "region": "us-east-1",
        "resources": [f"arn:aws:organizations::{MANAGEMENT}:account/o-abcde12345/{MEMBER}"],
        "detail": {
            "eventName": "CreateAccountResult",
            "userIdentity": {
                "type": "AssumedRole",
                "accountId": MANAGEMENT,
                "principalId": "AROAEXAMPLEEXAMPLE123:jane.doe@acme.test",
                "arn": f"arn:aws:sts::{MANAGEMENT}:assumed-role/Admin/jane.doe@acme.test",
                "accessKeyId": "ASIAEXAMPLEEXAMPLE12",
                "sessionContext": {"sessionIssuer": {"userName": "Admin"}},
            },
            "sourceIPAddress": "203.0.113.7",
            "userAgent": "aws-cli/2.31.0 jane",
            "readOnly": False,
            "errorMessage": f"account {THIRD} of jane.doe@acme.test",
            "serviceEventDetails": {
                "createAccountStatus": {
                    "id": "car-89bc31e03e3e11edb27f0e74a065c757",
                    "state": "SUCCEEDED",
                    "accountName": "Payroll of Jane",
                    "accountId": MEMBER,
                    "completedTimestamp": "Sep 27, 2022 8:29:47 AM",
                },
                **details,
            },
        },
    }


def redacted(document: dict[str, Any]) -> dict[str, Any]:
    return redact(document, management=MANAGEMENT, member=MEMBER)


def test_a_redacted_event_has_the_format_of_the_fixtures() -> None:
    event = redacted(captured())
    assert event["account"] == "000000000000"
    assert event["resources"] == ["****"]
    assert event["detail"]["userIdentity"] == {
        "type": "****",
        "accountId": "000000000000",
        "principalId": "****",
        "arn": "****",
        "accessKeyId": "****",
        "sessionContext": {"sessionIssuer": {"userName": "****"}},
    }
    assert event["detail"]["serviceEventDetails"]["createAccountStatus"] == {
        "id": "****",
        "state": "SUCCEEDED",
        "accountName": "****",
        "accountId": "111122223333",
        "completedTimestamp": "Sep 27, 2022 8:29:47 AM",
    }
    message = parse_message(json.dumps(event))
    assert message is not None
    assert message.account_id == "111122223333"


def test_no_secret_is_left() -> None:
    text = json.dumps(redacted(captured(other=THIRD, session="jane", addresses=["203.0.113.7"])))
    secrets = (MANAGEMENT, MEMBER, THIRD, "jane", "Jane", "acme", "Admin", "203.0.113.7", "o-abcde", "ASIA", "AROA")
    assert [secret for secret in secrets if secret in text] == []


@pytest.mark.parametrize("path", EVENTS, ids=lambda path: path.stem)
def test_a_recorded_event_keeps_what_the_worker_reads(path: Path) -> None:
    event = json.loads(path.read_text())
    kept = redact(event, management="000000000000", member="111122223333")
    for key in ("source", "detail-type", "account", "region"):
        assert kept[key] == event[key]
    detail = {key: event["detail"].get(key) for key in ("eventName", "eventSource", "eventType")}
    assert kept["detail"].items() >= detail.items()


@pytest.mark.parametrize("key", ["newField", "displayName", "message", "joinedBy", "Email"])
def test_a_text_of_an_unknown_key_is_masked(key: str) -> None:
    assert redacted({key: "harmless"}) == {key: "****"}


@pytest.mark.parametrize(
    "value", ["jane@acme.test", f"for {THIRD}", "o-abcde12345", "203.0.113.7", "arn:aws:iam::1:x", "é" * 3, "x" * 65]
)
def test_a_known_key_with_a_suspicious_text_is_masked_or_an_error(value: str) -> None:
    """Nothing is returned in which the text is left."""
    with suppress(RedactionError):
        assert redacted({"state": value}) == {"state": "****"}


@pytest.mark.parametrize("key", ["jane@acme.test", MEMBER, "owner:jane", "", "x" * 65])
def test_a_key_that_is_no_name_of_a_field_is_an_error(key: str) -> None:
    with pytest.raises(RedactionError) as raised:
        redacted({"tags": {key: True}})
    assert not key or key not in str(raised.value)


@given(
    st.recursive(
        st.text() | st.integers() | st.floats() | st.booleans() | st.none(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["name", "state", "id", "value"]), inner),
    )
)
def test_any_document_is_redacted_or_an_error(value: object) -> None:
    try:
        text = json.dumps(redacted({"value": value}))
    except RedactionError:
        return
    assert "@" not in text


def test_numbers_are_replaced() -> None:
    """A number may be a phone number or an account ID."""
    assert redacted({"phone": 442079460018, "version": 1.5}) == {"phone": 0, "version": 0}


def test_nothing_is_written_if_redaction_fails(tmp_path: Path) -> None:
    with pytest.raises(RedactionError):
        save({"a b": 1}, "name", tmp_path / "new", management=MANAGEMENT, member=MEMBER)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_fixture_is_not_replaced(tmp_path: Path) -> None:
    documents: list[dict[str, Any]] = [{"state": "SUCCEEDED"}, {"state": "FAILED"}, {"state": "SUCCEEDED"}]
    paths = [save(each, "event", tmp_path, management=MANAGEMENT, member=MEMBER) for each in documents]
    assert [path.name for path in paths] == ["event.json", "event-2.json", "event.json"]
    assert json.loads(paths[0].read_text()) == {"state": "SUCCEEDED"}


def test_the_name_of_a_fixture_is_that_of_the_event() -> None:
    assert event_file_name(captured()) == "create-account-result"
