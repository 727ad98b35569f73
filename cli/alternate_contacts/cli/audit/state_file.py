"""The file in which an interrupted audit keeps its readings for the next run. It never holds contact data.

The first line is a header with the organization and the configuration of the readings. Each further line is one
account in JSON. Lines are only appended, so a killed run keeps its readings.
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
from alternate_contacts.worker.contact_selection import Assignment
from alternate_contacts.worker.contacts import ContactType

MAX_AGE = timedelta(hours=24)

_KIND = "alternate-contacts audit"
_VERSION = 2
"""Increases when a line changes; a file of another version counts as empty."""


def default_path(organization_id: str, stack_name: str, environment: Mapping[str, str]) -> Path:
    """Return a file in the cache folder of the user, one per organization and stack."""
    cache = environment.get("XDG_CACHE_HOME")
    folder = Path(cache) if cache else Path.home() / ".cache"
    return folder / "alternate-contacts" / f"audit-{organization_id}-{stack_name}.jsonl"


def digest(assignments: Mapping[ContactType, Assignment]) -> str:
    """Return a hash that changes with every configured contact and policy and reveals none of them."""
    parts = [
        [contact_type, assignment.policy, *astuple(assignment.desired)]
        for contact_type, assignment in sorted(assignments.items())
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@dataclass(frozen=True)
class StateKey:
    """The organization and configuration that readings belong to."""

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
    """The readings in a file. Every method raises OSError if the file cannot be accessed."""

    def __init__(self, path: Path, key: StateKey) -> None:
        self.path = path
        self._key = key

    def load(self, now: datetime) -> dict[str, AccountReading]:
        """Return the readings by account ID that belong to the key and are younger than ``MAX_AGE``.

        Raises:
            CliError: the file is not a state file and must not be overwritten.
        """
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return {}
        except UnicodeDecodeError:
            raise self._not_a_state_file() from None
        header = _parse(lines[0]) if lines else {}
        if lines and header.get("kind") != _KIND:
            raise self._not_a_state_file()
        if header != self._key.header():
            return {}
        # A killed run may leave an incomplete line.
        readings = [_reading(parsed) for line in lines[1:] if (parsed := _parse(line))]
        return {reading.account_id: reading for reading in readings if now - reading.read_at < MAX_AGE}

    def start(self, readings: Iterable[AccountReading]) -> None:
        """Replace the file by one with ``readings``."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = self.path.with_name(f"{self.path.name}.new")
        new.touch(mode=0o600)
        lines = [self._key.header(), *map(_line, readings)]
        new.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
        new.replace(self.path)

    def append(self, reading: AccountReading) -> None:
        """Append an account, unless a contact was unreadable: the next run reads it again."""
        # Another run may have removed the file. Without its header, a new file would not be a state file.
        if all(finding.reason is None for finding in reading.findings.values()) and self.path.exists():
            with self.path.open("a", encoding="utf-8") as file:
                file.write(f"{json.dumps(_line(reading))}\n")

    def remove(self) -> None:
        """Remove the file after a complete run."""
        self.path.unlink(missing_ok=True)

    def _not_a_state_file(self) -> CliError:
        return CliError(f"{self.path} is not a state file of an audit. Name another file with --state.")


def _line(reading: AccountReading) -> dict[str, object]:
    return {
        "accountId": reading.account_id,
        "readAt": reading.read_at.isoformat(),
        "findings": {
            contact_type: {"status": finding.status, "provided": finding.provided}
            for contact_type, finding in reading.findings.items()
        },
        "shared": reading.shared,
    }


def _reading(line: Mapping[str, Any]) -> AccountReading:
    return AccountReading(
        account_id=line["accountId"],
        read_at=datetime.fromisoformat(line["readAt"]),
        findings={
            ContactType(contact_type): ContactFinding(ComplianceStatus(finding["status"]), finding["provided"])
            for contact_type, finding in line["findings"].items()
        },
        shared=tuple(line["shared"]),
    )


def _parse(line: str) -> dict[str, Any]:
    """Return the object in a line; empty if the line is anything else."""
    try:
        parsed = json.loads(line)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
