"""The file that an interrupted run leaves."""

import json
import os
import stat
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alternate_contacts.cli.audit.findings import AccountReading
from alternate_contacts.cli.audit.state_file import StateFile, StateKey, UnusableStateFile, default_path, digest
from alternate_contacts.cli.aws.compliance import NOT_COMPLIANT, ComplianceStatus
from alternate_contacts.worker.contact_selection import (
    AccountSelection,
    Assignment,
    ContactSelection,
    select_defaults,
)
from alternate_contacts.worker.contacts import CONTACT_FIELDS, ContactType
from alternate_contacts.worker.decision import Policy
from alternate_contacts.worker.errors import UnknownContactSet, WorkerError
from tests.fakes.audit import ASSIGNMENTS, COMPLIANT, NOON, UNMANAGED, reading, row_with_contacts
from tests.fakes.worker import DESIRED, PRESENT, SECRETS

KEY = StateKey("o-exampleorg1", {f"{digit}" * 12: "digest" for digit in range(10)})
LATER = NOON + timedelta(hours=1)
READINGS = [reading("111111111111"), reading("222222222222", UNMANAGED, shared=["name"])]


def findings(**changes: object) -> dict[str, object]:
    return {contact_type: {"status": "compliant", "provided": True} | changes for contact_type in ContactType}


def saved(**changes: object) -> bytes:
    """Return the line of an account, with other values of these keys."""
    line: dict[str, object] = {
        "accountId": "333333333333",
        "readAt": NOON.isoformat(),
        "digest": "digest",
        "findings": findings(),
        "shared": [],
    }
    return json.dumps(line | changes).encode()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "audit.jsonl"


def save(path: Path, *readings: AccountReading, key: StateKey = KEY) -> None:
    """Leave the file of a run that was killed."""
    with StateFile(path, key) as file:
        file.start(readings[:1])
        for reading in readings[1:]:
            file.append(reading)


def load(path: Path, now: datetime = LATER, key: StateKey = KEY) -> dict[str, AccountReading]:
    with StateFile(path, key) as file:
        return file.load(now)


def create(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)


def test_saved_readings_are_loaded(path: Path) -> None:
    assert load(path) == {}
    save(path, *READINGS)
    assert load(path) == {reading.account_id: reading for reading in READINGS}


def test_a_start_replaces_the_readings(path: Path) -> None:
    save(path, *READINGS)
    save(path, READINGS[1])
    assert set(load(path)) == {READINGS[1].account_id}


def test_a_finished_run_leaves_no_file(path: Path) -> None:
    with StateFile(path, KEY) as file:
        file.start(READINGS)
        file.finish()
        assert not file.exists
    assert list(path.parent.iterdir()) == []


def test_a_finished_run_leaves_no_readings_even_if_the_file_cannot_be_removed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise PermissionError

    with StateFile(path, KEY) as file:
        file.start(READINGS)
        monkeypatch.setattr(Path, "unlink", fail)
        file.finish()
    assert path.read_bytes() == b""
    assert load(path) == {}


def test_a_file_that_replaced_the_file_of_the_run_is_left_alone(path: Path) -> None:
    with StateFile(path, KEY) as file:
        file.start(READINGS)
        path.unlink()
        path.write_text("another")
        assert not file.exists
        file.finish()
    assert path.read_text() == "another"


def test_only_the_user_can_read_the_file(path: Path) -> None:
    save(path, *READINGS)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [file.name for file in path.parent.iterdir()] == ["audit.jsonl"]
    path.chmod(0o666)
    save(path, *READINGS)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_no_contact_data_is_saved(path: Path) -> None:
    with_contacts = row_with_contacts(COMPLIANT).reading
    assert with_contacts is not None
    with StateFile(path, KEY) as file:
        file.start([])
        file.append(with_contacts)
    text = path.read_text()
    assert with_contacts.account_id in text
    assert [secret for secret in SECRETS if secret in text] == []


@pytest.mark.parametrize("status", NOT_COMPLIANT)
def test_an_account_that_was_not_compliant_is_not_loaded(path: Path, status: ComplianceStatus) -> None:
    save(path, *READINGS, reading(READINGS[1].account_id, COMPLIANT, status), reading("333333333333", status))
    assert set(load(path)) == {READINGS[0].account_id}


def test_old_readings_are_not_loaded(path: Path) -> None:
    save(path, READINGS[0], replace(READINGS[1], read_at=LATER))
    assert set(load(path, NOON + timedelta(hours=24, minutes=1))) == {READINGS[1].account_id}


def test_readings_of_the_future_are_not_loaded_because_the_clock_was_set_back(path: Path) -> None:
    save(path, READINGS[0], replace(READINGS[1], read_at=LATER))
    assert set(load(path, NOON + timedelta(minutes=1))) == {READINGS[0].account_id}


def test_readings_of_another_organization_are_not_loaded(path: Path) -> None:
    save(path, *READINGS)
    assert load(path, key=replace(KEY, organization_id="o-another")) == {}


def test_a_reading_is_not_loaded_if_its_account_should_have_other_contacts_now(path: Path) -> None:
    save(path, *READINGS)
    first, second = READINGS
    changed = replace(KEY, digests={**KEY.digests, first.account_id: "another"})
    assert load(path, key=changed) == {second.account_id: second}
    assert load(path, key=replace(KEY, digests={})) == {}


def test_a_file_of_the_previous_release_counts_as_empty(path: Path) -> None:
    line = {"accountId": "1", "readAt": NOON.isoformat(), "findings": {"BILLING": {"word": "right", "provided": True}}}
    lines = [KEY.header() | {"version": 2}, line | {"shared": []}]
    create(path, "".join(f"{json.dumps(line)}\n" for line in lines).encode())
    assert load(path) == {}
    save(path, *READINGS)
    assert len(load(path)) == 2


@pytest.mark.parametrize(
    "line",
    [
        *(b"", b"\xff\xfe\x00", b"[]", b"1", b"[" * 100_000, b'{"accountId"', b"{}"),
        b'{"accountId": "3", "readAt": "2026-11-24T12:00:00", "findings": {}, "shared": []}',
        saved(readAt="yesterday"),
        saved(readAt=1),
        saved(readAt=None),
        saved(readAt="2026-11-24T12:00:00"),
        saved(findings={}),
        saved(findings=[]),
        saved(findings={"BILLING": "compliant"}),
        saved(findings={"BILLING": {"status": "compliant", "provided": True}}),
        saved(findings=findings(status="right")),
        saved(findings=findings(provided="yes")),
        saved(shared=None),
        saved(shared=1),
    ],
)
def test_a_line_that_is_no_reading_is_skipped(path: Path, line: bytes) -> None:
    save(path, READINGS[0])
    with path.open("ab") as file:
        file.write(line + b"\n" + saved() + b"\n")
    assert set(load(path)) == {READINGS[0].account_id, "3" * 12}


@pytest.mark.parametrize("content", [b"account,word\n", b'{"kind": "list of gifts"}\n', b"[]\n", b"\xff\xfe\x00", b"1"])
def test_a_file_that_is_not_a_state_file_is_left_alone(path: Path, content: bytes) -> None:
    create(path, content)
    with pytest.raises(UnusableStateFile, match="not a state file"):
        StateFile(path, KEY)
    assert path.read_bytes() == content


def test_an_empty_file_is_used(path: Path) -> None:
    create(path, b"")
    save(path, *READINGS)
    assert len(load(path)) == 2


def test_a_file_that_another_run_uses_is_left_alone(path: Path) -> None:
    with StateFile(path, KEY) as file:
        file.start(READINGS)
        with pytest.raises(UnusableStateFile, match="another audit"):
            StateFile(path, KEY)
    assert len(load(path)) == 2


@pytest.mark.parametrize("target", [b"precious\n", b"", None])
def test_a_symbolic_link_is_not_followed(path: Path, tmp_path: Path, target: bytes | None) -> None:
    path.parent.mkdir()
    path.symlink_to(tmp_path / "target")
    if target is not None:
        (tmp_path / "target").write_bytes(target)
    with pytest.raises(UnusableStateFile, match="symbolic link"):
        StateFile(path, KEY)
    assert ((tmp_path / "target").read_bytes() if target is not None else None) == target


def test_a_fifo_is_no_state_file(path: Path) -> None:
    path.parent.mkdir()
    os.mkfifo(path)
    with pytest.raises(UnusableStateFile, match="not a regular file"):
        StateFile(path, KEY)


def test_a_file_of_another_user_is_left_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(path, *READINGS)
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    with pytest.raises(UnusableStateFile, match="another user"):
        StateFile(path, KEY)


def test_a_full_disk_is_an_error_at_once(path: Path) -> None:
    with StateFile(path, KEY) as file:
        file.start([])
        with open("/dev/full", "wb", buffering=0) as full:  # noqa: PTH123
            os.dup2(full.fileno(), file._file.fileno())
        with pytest.raises(OSError, match="No space left"):
            file.append(READINGS[0])


@given(cut=st.integers(min_value=0, max_value=200))
def test_a_killed_run_loses_at_most_the_last_account(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    path = tmp_path_factory.mktemp("state") / "audit.jsonl"
    save(path, *READINGS)
    text = path.read_text()
    last = len(text.splitlines()[-1])
    path.write_text(text[: len(text) - min(cut, last)])
    assert set(load(path)) in ({"111111111111"}, {"111111111111", "222222222222"})


def test_the_digest_changes_with_every_contact_and_policy() -> None:
    def digest_with(result: Assignment | WorkerError) -> str:
        contacts = {**select_defaults(ASSIGNMENTS).contacts, ContactType.BILLING: ContactSelection(result)}
        return digest(AccountSelection(contacts))

    changed = [replace(DESIRED, **{field.key: "other"}) for field in CONTACT_FIELDS]
    digests = {
        digest(select_defaults(ASSIGNMENTS)),
        digest_with(UnknownContactSet()),
        *(digest_with(Assignment(Policy.OVERWRITE, contact)) for contact in [PRESENT, *changed]),
        *(digest_with(Assignment(policy, DESIRED)) for policy in Policy),
    }
    # ASSIGNMENTS have `overwrite` with DESIRED.
    assert len(digests) == 2 + (1 + len(CONTACT_FIELDS)) + 2


def test_the_default_file_is_in_the_cache_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: Path("/home/ada"))
    name = "alternate-contacts/audit-o-exampleorg1-contacts.jsonl"
    assert default_path("o-exampleorg1", "contacts", {}) == Path("/home/ada/.cache") / name
    assert default_path("o-exampleorg1", "contacts", {"XDG_CACHE_HOME": "/c"}) == Path("/c") / name
    # A relative path is invalid by the specification.
    assert default_path("o-exampleorg1", "contacts", {"XDG_CACHE_HOME": "c"}) == Path("/home/ada/.cache") / name
