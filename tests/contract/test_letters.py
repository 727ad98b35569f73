"""Two doors, one letter between them: what the backfill writes, and what AWS sends, the worker reads."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfill import letters
from worker import letter
from worker.decision import Mode
from worker.errors import EventWithoutAccount

EVENTS = Path(__file__).parents[1] / "events"
EVERY_EVENT = sorted(EVENTS.glob("*.json"))


@given(
    account_id=st.from_regex(r"[0-9]{12}", fullmatch=True),
    reason=st.sampled_from(letters.Reason),
    mode=st.sampled_from(letters.Mode),
)
def test_the_worker_reads_what_the_backfill_writes(account_id: str, reason: letters.Reason, mode: letters.Mode) -> None:
    read = letter.read(letters.letter(account_id, reason=reason, mode=mode))
    assert read == letter.Letter(account_id, reason.value, Mode(mode.value))


def test_both_know_the_same_modes() -> None:
    assert {mode.value for mode in letters.Mode} == {mode.value for mode in Mode}


def test_both_know_the_same_version() -> None:
    assert letters.LETTER_VERSION == letter.LETTER_VERSION


@pytest.mark.parametrize(
    "path",
    [path for path in EVERY_EVENT if not path.stem.endswith(("-failed", "-management"))],
    ids=lambda path: path.stem,
)
def test_the_worker_reads_what_aws_sends(path: Path) -> None:
    read = letter.read(path.read_text())
    event = json.loads(path.read_text())
    assert read == letter.Letter("111122223333", event["detail"]["eventName"], Mode.ENFORCE)


def test_the_management_account_of_a_new_organization_asks_for_nothing() -> None:
    assert letter.read((EVENTS / "account-joined-organization-management.json").read_text()) is None


@pytest.mark.parametrize("name", ["create-account-result-failed"])
def test_an_event_of_a_failure_has_no_account(name: str) -> None:
    with pytest.raises(EventWithoutAccount):
        letter.read((EVENTS / f"{name}.json").read_text())


def test_every_event_that_the_worker_knows_has_a_recorded_one() -> None:
    recorded = {json.loads(path.read_text())["detail"]["eventName"] for path in EVERY_EVENT}
    assert recorded == {*letter.EVENT_ACCOUNT, letter.ACCOUNT_JOINED}


def test_every_recorded_event_names_its_source() -> None:
    told = (EVENTS / "README.md").read_text()
    assert [path.name for path in EVERY_EVENT if f"`{path.name}`" not in told] == []
