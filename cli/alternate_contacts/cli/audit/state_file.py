"""What an interrupted audit has read, kept in a file for the next run. Holds audit words, never contact data.

The file is lines of JSON: first a header with what the readings are about, then one line for each account. It only
grows while accounts are read, so that even a killed run leaves what it had.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from alternate_contacts.cli.audit.compliance import ComplianceStatus
from alternate_contacts.cli.audit.findings import AccountReading, ContactFinding
from alternate_contacts.cli.terminal.errors import CliError
from alternate_contacts.worker.account_processor import Assignment
from alternate_contacts.worker.contacts import ContactType

LONGEST = timedelta(hours=24)
"""Older readings are read again."""

_KIND = "alternate-contacts audit"
_VERSION = 1


def default_path(organization_id: str, stack_name: str, environment: Mapping[str, str]) -> Path:
    """A file of this user's cache, one for each organization and stack."""
    cache = environment.get("XDG_CACHE_HOME")
    folder = Path(cache) if cache else Path.home() / ".cache"
    return folder / "alternate-contacts" / f"audit-{organization_id}-{stack_name}.jsonl"


def digest(assignments: Mapping[ContactType, Assignment]) -> str:
    """Changes with every desired contact and policy, and tells nothing about them."""
    parts = [
        [kind, assignment.policy, *astuple(assignment.desired)] for kind, assignment in sorted(assignments.items())
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@dataclass(frozen=True)
class StateKey:
    """What readings are about: they are of no use for any other organization or configuration."""

    organization_id: str
    digest: str

    def header(self) -> dict[str, object]:
        return {
            "kind": _KIND,
            "version": _VERSION,
            "organization": self.organization_id,
            "digest": self.digest,
        }


class StateFile:
    """The readings in a file."""

    def __init__(self, path: Path, about: StateKey) -> None:
        self.path = path
        self._about = about

    def load(self, now: datetime) -> dict[str, AccountReading]:
        """Readings of an earlier run by account id: not too old, and about the same.

        Raises:
            CliError: the file is something else, and must not be written over.
            OSError: it cannot be read.
        """
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return {}
        except UnicodeDecodeError:
            raise self._something_else() from None
        header = _parsed(lines[0]) if lines else {}
        if lines and header.get("kind") != _KIND:
            raise self._something_else()
        if header != self._about.header():
            return {}
        # A run that was killed may have left half a line.
        readings = [_reading(line) for each in lines[1:] if (line := _parsed(each))]
        return {each.account_id: each for each in readings if now - each.read_at < LONGEST}

    def start(self, readings: Iterable[AccountReading]) -> None:
        """Begin the file anew with ``readings``. Raises OSError."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = self.path.with_name(f"{self.path.name}.new")
        new.touch(mode=0o600)
        lines = [self._about.header(), *(_line(reading) for reading in readings)]
        new.write_text("".join(map(_text, lines)), encoding="utf-8")
        new.replace(self.path)

    def keep(self, reading: AccountReading) -> None:
        """Add an account, unless something of it could not be read: that is worth another look. Raises OSError."""
        # Another run may have ended, and removed the file: without its header it would be nobody's.
        if all(finding.reason is None for finding in reading.findings.values()) and self.path.exists():
            with self.path.open("a", encoding="utf-8") as file:
                file.write(_text(_line(reading)))

    def remove(self) -> None:
        """The run is complete: the next one begins anew. Raises OSError."""
        self.path.unlink(missing_ok=True)

    def _something_else(self) -> CliError:
        return CliError(f"{self.path} is not a file of an interrupted audit: name another one with --state.")


def _line(reading: AccountReading) -> dict[str, object]:
    return {
        "accountId": reading.account_id,
        "readAt": reading.read_at.isoformat(),
        "findings": {
            kind: {"word": finding.word, "provided": finding.provided} for kind, finding in reading.findings.items()
        },
        "shared": reading.shared,
    }


def _reading(line: Mapping[str, Any]) -> AccountReading:
    return AccountReading(
        account_id=line["accountId"],
        read_at=datetime.fromisoformat(line["readAt"]),
        findings={
            ContactType(kind): ContactFinding(ComplianceStatus(each["word"]), each["provided"])
            for kind, each in line["findings"].items()
        },
        shared=tuple(line["shared"]),
    )


def _text(line: Mapping[str, object]) -> str:
    return json.dumps(line) + "\n"


def _parsed(line: str) -> dict[str, Any]:
    try:
        parsed = json.loads(line)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
