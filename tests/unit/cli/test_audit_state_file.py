"""The file that an interrupted run leaves."""

import json
import stat
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alternate_contacts.cli.audit.state_file import StateFile, StateKey, default_path, digest
from alternate_contacts.cli.terminal.errors import CliError
from alternate_contacts.worker.contact_selection import Assignment
from alternate_contacts.worker.contacts import ContactType
from alternate_contacts.worker.decision import Policy
from tests.fakes.audit import ASSIGNMENTS, DIFFERENT, MISSING, NOON, UNREADABLE, reading, row_with_contacts
from tests.fakes.worker import DESIRED, PRESENT, SECRETS

KEY = StateKey("o-exampleorg1", digest(ASSIGNMENTS))
LATER = NOON + timedelta(hours=1)
READINGS = [reading("111111111111"), reading("222222222222", MISSING, DIFFERENT, shared=["name"])]


@pytest.fixture
def state_file(tmp_path: Path) -> StateFile:
    return StateFile(tmp_path / "cache" / "audit.jsonl", KEY)


def test_saved_readings_are_loaded_until_the_file_is_removed(state_file: StateFile) -> None:
    assert state_file.load(LATER) == {}
    state_file.start(READINGS[:1])
    state_file.append(READINGS[1])
    assert state_file.load(LATER) == {reading.account_id: reading for reading in READINGS}
    state_file.remove()
    assert state_file.load(LATER) == {}
    assert not state_file.path.exists()


def test_only_the_user_can_read_the_file(state_file: StateFile) -> None:
    state_file.start(READINGS)
    assert stat.S_IMODE(state_file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(state_file.path.parent.stat().st_mode) == 0o700
    assert [path.name for path in state_file.path.parent.iterdir()] == ["audit.jsonl"]


def test_no_contact_data_is_saved(state_file: StateFile) -> None:
    with_contacts = row_with_contacts().reading
    assert with_contacts is not None
    state_file.start([])
    state_file.append(with_contacts)
    text = state_file.path.read_text()
    assert with_contacts.account_id in text
    assert [secret for secret in SECRETS if secret in text] == []


def test_an_account_with_an_unreadable_contact_is_not_saved(state_file: StateFile) -> None:
    state_file.start([])
    state_file.append(reading("333333333333", UNREADABLE))
    assert state_file.load(LATER) == {}


def test_a_file_that_another_run_removed_is_not_created_without_its_header(state_file: StateFile) -> None:
    state_file.start([])
    state_file.remove()
    state_file.append(READINGS[0])
    assert not state_file.path.exists()


def test_old_readings_are_not_loaded(state_file: StateFile) -> None:
    state_file.start([READINGS[0], replace(READINGS[1], read_at=LATER)])
    assert set(state_file.load(NOON + timedelta(hours=24, minutes=1))) == {READINGS[1].account_id}


@pytest.mark.parametrize("key", [replace(KEY, organization_id="o-another"), replace(KEY, digest="another")])
def test_readings_of_another_organization_or_configuration_are_not_loaded(state_file: StateFile, key: StateKey) -> None:
    state_file.start(READINGS)
    assert StateFile(state_file.path, key).load(LATER) == {}


def test_a_file_of_the_previous_release_counts_as_empty(state_file: StateFile) -> None:
    state_file.path.parent.mkdir()
    line = {"accountId": "1", "readAt": NOON.isoformat(), "findings": {"BILLING": {"word": "right", "provided": True}}}
    lines = [KEY.header() | {"version": 1}, line | {"shared": []}]
    state_file.path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert state_file.load(LATER) == {}
    state_file.start(READINGS)
    assert len(state_file.load(LATER)) == 2


@pytest.mark.parametrize("content", [b"account,word\n", b'{"kind": "list of gifts"}\n', b"[]\n", b"\xff\xfe\x00", b"1"])
def test_a_file_that_is_not_a_state_file_is_left_alone(state_file: StateFile, content: bytes) -> None:
    state_file.path.parent.mkdir()
    state_file.path.write_bytes(content)
    with pytest.raises(CliError, match="not a state file"):
        state_file.load(LATER)
    assert state_file.path.read_bytes() == content


@given(cut=st.integers(min_value=0, max_value=200))
def test_a_killed_run_loses_at_most_the_last_account(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    state_file = StateFile(tmp_path_factory.mktemp("state") / "audit.jsonl", KEY)
    state_file.start(READINGS)
    text = state_file.path.read_text()
    last = len(text.splitlines()[-1])
    state_file.path.write_text(text[: len(text) - min(cut, last)])
    assert set(state_file.load(LATER)) in ({"111111111111"}, {"111111111111", "222222222222"})


def test_the_digest_changes_with_every_contact_and_policy() -> None:
    def digest_with(assignment: Assignment) -> str:
        return digest({**ASSIGNMENTS, ContactType.BILLING: assignment})

    changed = [replace(DESIRED, **{field: "other"}) for field in ("name", "title", "email_address", "phone_number")]
    digests = {
        digest(ASSIGNMENTS),
        *(digest_with(Assignment(Policy.OVERWRITE, contact)) for contact in [PRESENT, *changed]),
        *(digest_with(Assignment(policy, DESIRED)) for policy in Policy),
    }
    # ASSIGNMENTS have `overwrite` with DESIRED.
    assert len(digests) == 1 + 5 + 2


def test_the_default_file_is_in_the_cache_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: Path("/home/ada"))
    name = "alternate-contacts/audit-o-exampleorg1-contacts.jsonl"
    assert default_path("o-exampleorg1", "contacts", {}) == Path("/home/ada/.cache") / name
    assert default_path("o-exampleorg1", "contacts", {"XDG_CACHE_HOME": "/c"}) == Path("/c") / name
