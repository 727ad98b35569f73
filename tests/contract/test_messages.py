"""The worker reads every message that the backfill of any release writes, and every event that AWS sends."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alternate_contacts.backfill import protocol as backfill
from alternate_contacts.backfill.message import account_message_body
from alternate_contacts.worker.errors import EventWithoutAccount, Permanent
from alternate_contacts.worker.message import (
    ACCOUNT_JOINED,
    EVENT_ACCOUNT,
    MOVE_ACCOUNT,
    AccountMessage,
    parse_message,
)
from alternate_contacts.worker.protocol import Mode

ROOT = Path(__file__).parents[2]
EVENTS = ROOT / "tests" / "events"
RECORDED = sorted(EVENTS.glob("*.json"))

FAILED_CREATION, NEW_ORGANIZATION = "create-account-result-failed", "account-joined-organization-management"

account_ids = st.from_regex(r"[0-9]{12}", fullmatch=True)


def message_or_error(body: str) -> AccountMessage | type[Permanent] | None:
    try:
        return parse_message(body)
    except Permanent as error:
        return type(error)


@given(account_ids, st.sampled_from(backfill.Trigger), st.sampled_from(backfill.Mode))
def test_the_worker_reads_what_the_backfill_writes(
    account_id: str, trigger: backfill.Trigger, mode: backfill.Mode
) -> None:
    message = parse_message(account_message_body(account_id, trigger=trigger, mode=mode))
    assert message == AccountMessage(account_id, trigger.value, Mode(mode.value))


@pytest.mark.parametrize(
    "keys",
    [
        {"version": 1, "reason": "manual"},
        {"version": 1, "reason": "manual", "trigger": "manual"},
        {"version": 2, "trigger": "manual"},
    ],
    ids=["previous releases", "this release", "a later release"],
)
@pytest.mark.parametrize("mode", list(Mode))
def test_the_worker_reads_the_message_of_every_release(keys: dict[str, object], mode: Mode) -> None:
    body = json.dumps(keys | {"accountId": "111122223333", "mode": mode.value})
    assert parse_message(body) == AccountMessage("111122223333", "manual", mode)


def test_previous_releases_read_what_the_backfill_writes() -> None:
    """They read version 1 and its ``reason``: an update may roll back while messages wait."""
    body = account_message_body("111122223333", trigger=backfill.Trigger.RECONCILE, mode=backfill.Mode.REPORT)
    previous = {"version": 1, "accountId": "111122223333", "reason": "reconcile", "mode": "report"}
    assert json.loads(body).items() >= previous.items()


@pytest.mark.parametrize("name", ["protocol.py", "error_codes.py", "contacts.py", "contact_configuration.py"])
def test_both_functions_have_the_same_file(name: str) -> None:
    copies = [next(ROOT.glob(f"{part}/alternate_contacts/*/{name}")) for part in ("src", "custom-resources")]
    assert copies[0].read_bytes() == copies[1].read_bytes()


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_the_worker_reads_every_recorded_event(path: Path) -> None:
    event = json.loads(path.read_text())
    name = event["detail"]["eventName"]
    message = AccountMessage("111122223333", "account_moved" if name == MOVE_ACCOUNT else name)
    expected = {FAILED_CREATION: EventWithoutAccount, NEW_ORGANIZATION: None}.get(path.stem, message)
    assert message_or_error(path.read_text()) == expected


def test_every_event_that_the_worker_reads_is_recorded() -> None:
    names = {json.loads(path.read_text())["detail"]["eventName"] for path in RECORDED}
    assert names == {*EVENT_ACCOUNT, ACCOUNT_JOINED, MOVE_ACCOUNT}


def test_the_source_of_every_recorded_event_is_documented() -> None:
    sources = (EVENTS / "README.md").read_text()
    assert [path.name for path in RECORDED if f"`{path.name}`" not in sources] == []
