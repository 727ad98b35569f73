"""The file in which an interrupted audit keeps its readings for the next run. It never holds contact data.

The first line is a header with the organization of the readings. Each further line is one account in JSON, with a
digest of what the account should have: if that changes, the account is read again. Lines are only appended, so a killed
run keeps its readings. A run locks its file.
"""

import errno
import hashlib
import io
import json
import os
import stat
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from alternate_contacts.cli.audit.findings import AccountReading, ContactFinding
from alternate_contacts.cli.aws.compliance import NOT_COMPLIANT, ComplianceStatus
from alternate_contacts.worker.contact_selection import AccountSelection, Assignment
from alternate_contacts.worker.contacts import ContactType

if sys.platform != "win32":
    import fcntl

MAX_AGE = timedelta(hours=24)

_KIND = "alternate-contacts audit"
_VERSION = 3
"""Increases when a line changes; a file of another version counts as empty."""

_FLAGS = (
    os.O_RDWR
    | os.O_CREAT
    # Elsewhere than on Windows: no symbolic link, and no waiting for the other end of a FIFO.
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
)


class UnusableStateFile(Exception):  # noqa: N818 - names the file
    """The file must not be used. The message completes the sentence "cannot be used: "."""


def default_path(organization_id: str, stack_name: str, environment: Mapping[str, str]) -> Path:
    """Return a file in the cache folder of the user, one per organization and stack.

    Raises:
        RuntimeError: the user has no home folder.
    """
    cache = Path(environment.get("XDG_CACHE_HOME", ""))
    # A relative path is invalid: https://specifications.freedesktop.org/basedir-spec/latest/
    folder = cache if cache.is_absolute() else Path.home() / ".cache"
    return folder / "alternate-contacts" / f"audit-{organization_id}-{stack_name}.jsonl"


def digest(selection: AccountSelection) -> str:
    """Return a hash that changes with every selected contact and policy and reveals none of them.

    A contact type without a known contact is left out: its account is not compliant, and is read again anyway.
    """
    parts = [
        [contact_type, selected.result.policy, *astuple(selected.result.desired)]
        for contact_type, selected in sorted(selection.contacts.items())
        if isinstance(selected.result, Assignment)
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@dataclass(frozen=True)
class StateKey:
    """What readings belong to: the organization, and by account ID a digest of what the account should have."""

    organization_id: str
    digests: Mapping[str, str]

    def header(self) -> dict[str, object]:
        return {
            "kind": _KIND,
            "version": _VERSION,
            "organization": self.organization_id,
        }


class StateFile:
    """An open file that this run has locked. Use it as a context manager: the end of the context closes it."""

    def __init__(self, path: Path, key: StateKey) -> None:
        """Open and lock the file; create it if it does not exist.

        Raises:
            UnusableStateFile: another run uses the file, or it must not be overwritten.
            OSError: the file cannot be accessed.
        """
        self.path = path
        self._key = key
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = io.FileIO(_open(path), "r+")
        self._status = os.fstat(self._file.fileno())
        try:
            self._lines = self._lock_and_read()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> "StateFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def load(self, now: datetime) -> dict[str, AccountReading]:
        """Return the readings by account ID that belong to the key and still count.

        These do not count: the accounts that should have other contacts now, because a reading is the result of a
        comparison; those that were not compliant, because they may have been fixed; those older than ``MAX_AGE``; and
        those of the future, whose age is unknown because the clock was set back.
        """
        if not self._lines or _parse(self._lines[0]) != self._key.header():
            return {}
        # A killed run may leave an incomplete line.
        lines = map(_parse, self._lines[1:])
        latest = {
            reading.account_id: reading
            for line in lines
            if (reading := _reading(line)) and line.get("digest", "") == self._key.digests.get(reading.account_id)
        }
        return {
            account_id: reading
            for account_id, reading in latest.items()
            if timedelta(0) <= now - reading.read_at < MAX_AGE
            and not any(finding.status in NOT_COMPLIANT for finding in reading.findings.values())
        }

    def start(self, readings: Iterable[AccountReading]) -> None:
        """Replace the content by ``readings``.

        Raises:
            OSError: the file cannot be written.
        """
        self._file.seek(0)
        self._file.truncate()
        self._write(self._key.header(), *map(self._line, readings))

    def append(self, reading: AccountReading) -> None:
        """Append an account.

        Raises:
            OSError: the file cannot be written.
        """
        self._write(self._line(reading))

    def finish(self) -> None:
        """Remove the file after a complete run. In a read-only folder, an empty file stays.

        Raises:
            OSError: the file cannot be written.
        """
        self._file.truncate(0)
        if self.exists:
            with suppress(OSError):
                self.path.unlink()

    @property
    def exists(self) -> bool:
        """Whether the path still leads to the file, so that the next run finds it."""
        try:
            return os.path.samestat(self._status, self.path.lstat())
        except OSError:
            return False

    def _lock_and_read(self) -> list[str]:
        if not stat.S_ISREG(self._status.st_mode):
            raise UnusableStateFile("it is not a regular file")
        if sys.platform != "win32":
            if self._status.st_uid != os.geteuid():
                raise UnusableStateFile("it belongs to another user")
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UnusableStateFile("another audit uses it now") from None
            os.fchmod(self._file.fileno(), 0o600)
        lines = self._file.readall().decode("utf-8", errors="replace").splitlines()
        if lines and _parse(lines[0]).get("kind") != _KIND:
            raise UnusableStateFile("it is not a state file of an audit")
        return lines

    def _line(self, reading: AccountReading) -> dict[str, object]:
        return {
            "accountId": reading.account_id,
            "readAt": reading.read_at.isoformat(),
            "digest": self._key.digests[reading.account_id],
            "findings": {
                contact_type: {"status": finding.status, "provided": finding.provided}
                for contact_type, finding in reading.findings.items()
            },
            "shared": reading.shared,
        }

    def _write(self, *lines: Mapping[str, object]) -> None:
        data = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
        # Without a buffer: a killed run keeps every line, and a full disk shows at once.
        if self._file.write(data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _open(path: Path) -> int:
    try:
        return os.open(path, _FLAGS, 0o600)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise UnusableStateFile("it is a symbolic link") from None
        raise


def _reading(line: Mapping[str, Any]) -> AccountReading | None:
    """Return the reading in a line; None if the line is anything else."""
    try:
        reading = AccountReading(
            account_id=str(line["accountId"]),
            read_at=datetime.fromisoformat(line["readAt"]),
            findings={contact_type: _finding(line["findings"][contact_type]) for contact_type in ContactType},
            shared=tuple(map(str, line["shared"])),
        )
    except (KeyError, TypeError, ValueError):
        return None
    return reading if reading.read_at.tzinfo else None


def _finding(saved: Mapping[str, Any]) -> ContactFinding:
    provided = saved["provided"]
    if not isinstance(provided, bool | None):
        raise TypeError
    return ContactFinding(ComplianceStatus(saved["status"]), provided)


def _parse(line: str) -> dict[str, Any]:
    """Return the object in a line; empty if the line is anything else."""
    try:
        parsed = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}
