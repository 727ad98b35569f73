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


@given(account_id=st.from_regex(r"[0-9]{12}", fullmatch=True))
def test_the_worker_reads_what_the_backfill_writes(account_id: str) -> None:
    read = letter.read(letters.letter(account_id))
    assert read == letter.Letter(account_id, letters.REASON, Mode.ENFORCE)


def test_both_know_the_same_version() -> None:
    assert letters.LETTER_VERSION == letter.LETTER_VERSION


@pytest.mark.parametrize(
    "path", [path for path in EVERY_EVENT if not path.stem.endswith("-failed")], ids=lambda path: path.stem
)
def test_the_worker_reads_what_aws_sends(path: Path) -> None:
    read = letter.read(path.read_text())
    event = json.loads(path.read_text())
    assert read == letter.Letter("111122223333", event["detail"]["eventName"], Mode.ENFORCE)


@pytest.mark.parametrize("name", ["create-account-result-failed"])
def test_an_event_of_a_failure_has_no_account(name: str) -> None:
    with pytest.raises(EventWithoutAccount):
        letter.read((EVENTS / f"{name}.json").read_text())


def test_every_event_that_the_worker_knows_has_a_recorded_one() -> None:
    recorded = {json.loads(path.read_text())["detail"]["eventName"] for path in EVERY_EVENT}
    assert recorded == set(letter.EVENT_ACCOUNT)


def test_every_recorded_event_names_its_source() -> None:
    told = (EVENTS / "README.md").read_text()
    assert [path.name for path in EVERY_EVENT if f"`{path.name}`" not in told] == []
