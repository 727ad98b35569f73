"""Two doors, one letter between them: what the backfill writes, and what AWS sends, the worker reads."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alternate_contacts.backfill.message import account_message_body
from alternate_contacts.backfill.protocol import Mode as BackfillMode
from alternate_contacts.backfill.protocol import Trigger
from alternate_contacts.worker import message
from alternate_contacts.worker.errors import EventWithoutAccount
from alternate_contacts.worker.protocol import Mode

ROOT = Path(__file__).parents[2]
EVENTS = ROOT / "tests" / "events"
EVERY_EVENT = sorted(EVENTS.glob("*.json"))


@given(
    account_id=st.from_regex(r"[0-9]{12}", fullmatch=True),
    trigger=st.sampled_from(Trigger),
    mode=st.sampled_from(BackfillMode),
)
def test_the_worker_reads_what_the_backfill_writes(account_id: str, trigger: Trigger, mode: BackfillMode) -> None:
    parsed = message.parse_message(account_message_body(account_id, trigger=trigger, mode=mode))
    assert parsed == message.AccountMessage(account_id, trigger.value, Mode(mode.value))


@pytest.mark.parametrize("name", ["protocol.py", "error_codes.py"])
def test_both_functions_have_the_same_file(name: str) -> None:
    copies = [next(ROOT.glob(f"{part}/alternate_contacts/*/{name}")) for part in ("src", "custom-resources")]
    assert copies[0].read_bytes() == copies[1].read_bytes()


@pytest.mark.parametrize(
    "path",
    [path for path in EVERY_EVENT if not path.stem.endswith(("-failed", "-management"))],
    ids=lambda path: path.stem,
)
def test_the_worker_reads_what_aws_sends(path: Path) -> None:
    read = message.parse_message(path.read_text())
    event = json.loads(path.read_text())
    assert read == message.AccountMessage("111122223333", event["detail"]["eventName"], Mode.ENFORCE)


def test_the_management_account_of_a_new_organization_asks_for_nothing() -> None:
    assert message.parse_message((EVENTS / "account-joined-organization-management.json").read_text()) is None


@pytest.mark.parametrize("name", ["create-account-result-failed"])
def test_an_event_of_a_failure_has_no_account(name: str) -> None:
    with pytest.raises(EventWithoutAccount):
        message.parse_message((EVENTS / f"{name}.json").read_text())


def test_every_event_that_the_worker_knows_has_a_recorded_one() -> None:
    recorded = {json.loads(path.read_text())["detail"]["eventName"] for path in EVERY_EVENT}
    assert recorded == {*message.EVENT_ACCOUNT, message.ACCOUNT_JOINED}


def test_every_recorded_event_names_its_source() -> None:
    told = (EVENTS / "README.md").read_text()
    assert [path.name for path in EVERY_EVENT if f"`{path.name}`" not in told] == []
