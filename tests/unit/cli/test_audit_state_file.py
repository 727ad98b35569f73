"""The file of a stopped run."""

import stat
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alternate_contacts.cli.audit.compliance import ComplianceStatus
from alternate_contacts.cli.audit.state_file import StateFile, StateKey, default_path, digest
from alternate_contacts.cli.terminal.errors import CliError
from alternate_contacts.worker.account_processor import Assignment
from alternate_contacts.worker.contacts import ContactType
from alternate_contacts.worker.decision import Policy
from tests.fakes.audit import ASSIGNMENTS, CONTACTS, NOON, reading
from tests.fakes.worker import DESIRED, PRESENT, SECRETS, FakeAccountApi
from tests.unit.cli.test_audit_contact_reader import read, reader

ABOUT = StateKey("o-exampleorg1", digest(ASSIGNMENTS))
LATER = NOON + timedelta(hours=1)
READ = [
    reading("111111111111"),
    reading("222222222222", ComplianceStatus.MISSING, ComplianceStatus.DIFFERENT, shared=["name"]),
]


@pytest.fixture
def saved(tmp_path: Path) -> StateFile:
    return StateFile(tmp_path / "cache" / "audit.jsonl", ABOUT)


def test_what_is_kept_is_found_again(saved: StateFile) -> None:
    assert saved.load(LATER) == {}
    saved.start([READ[0]])
    saved.keep(READ[1])
    assert saved.load(LATER) == {each.account_id: each for each in READ}
    saved.remove()
    assert saved.load(LATER) == {}
    assert not saved.path.exists()


def test_the_file_is_for_nobody_else(saved: StateFile) -> None:
    saved.start(READ)
    assert stat.S_IMODE(saved.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(saved.path.parent.stat().st_mode) == 0o700
    assert [path.name for path in saved.path.parent.iterdir()] == ["audit.jsonl"]


def test_no_contact_data_is_kept(saved: StateFile) -> None:
    api = FakeAccountApi({("111111111111", kind): contact for kind, contact in CONTACTS.items()})
    found = read(reader(api, keep_contacts=True), "111111111111")["111111111111"]
    saved.start([])
    saved.keep(found)
    text = saved.path.read_text()
    assert found.account_id in text
    assert [secret for secret in SECRETS if secret in text] == []


def test_what_could_not_be_read_is_read_again(saved: StateFile) -> None:
    saved.start([])
    saved.keep(reading("333333333333", ComplianceStatus.RIGHT, ComplianceStatus.UNREADABLE))
    assert saved.load(LATER) == {}


def test_a_file_that_another_run_removed_does_not_come_back_without_its_header(saved: StateFile) -> None:
    saved.start([])
    saved.remove()
    saved.keep(READ[0])
    assert not saved.path.exists()


def test_old_readings_are_read_again(saved: StateFile) -> None:
    saved.start([READ[0], replace(READ[1], read_at=LATER)])
    assert set(saved.load(NOON + timedelta(hours=24, minutes=1))) == {READ[1].account_id}


@pytest.mark.parametrize("about", [replace(ABOUT, organization_id="o-another"), replace(ABOUT, digest="another")])
def test_readings_about_something_else_are_no_use(saved: StateFile, about: StateKey) -> None:
    saved.start(READ)
    assert StateFile(saved.path, about).load(LATER) == {}


@pytest.mark.parametrize("content", [b"account,word\n", b'{"kind": "list of gifts"}\n', b"[]\n", b"\xff\xfe\x00", b"1"])
def test_somebody_elses_file_is_left_alone(saved: StateFile, content: bytes) -> None:
    saved.path.parent.mkdir()
    saved.path.write_bytes(content)
    with pytest.raises(CliError, match="not a file of an interrupted audit"):
        saved.load(LATER)
    assert saved.path.read_bytes() == content


@given(cut=st.integers(min_value=0, max_value=200))
def test_a_killed_run_loses_at_most_the_account_that_it_was_writing(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    saved = StateFile(tmp_path_factory.mktemp("saved") / "audit.jsonl", ABOUT)
    saved.start(READ)
    text = saved.path.read_text()
    last = len(text.splitlines()[-1])
    saved.path.write_text(text[: len(text) - min(cut, last)])
    assert set(saved.load(LATER)) in ({"111111111111"}, {"111111111111", "222222222222"})


def test_the_digest_follows_every_contact_and_policy() -> None:
    def digest_with(assignment: Assignment) -> str:
        return digest({**ASSIGNMENTS, ContactType.BILLING: assignment})

    changed = [replace(DESIRED, **{part: "other"}) for part in ("name", "title", "email_address", "phone_number")]
    digests = {
        digest(ASSIGNMENTS),
        *(digest_with(Assignment(Policy.OVERWRITE, each)) for each in [PRESENT, *changed]),
        *(digest_with(Assignment(policy, DESIRED)) for policy in Policy),
    }
    # `overwrite` with DESIRED is what ASSIGNMENTS have.
    assert len(digests) == 1 + 5 + 2


def test_the_default_file_is_in_the_users_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: Path("/home/ada"))
    name = "alternate-contacts/audit-o-exampleorg1-contacts.jsonl"
    assert default_path("o-exampleorg1", "contacts", {}) == Path("/home/ada/.cache") / name
    assert default_path("o-exampleorg1", "contacts", {"XDG_CACHE_HOME": "/c"}) == Path("/c") / name
