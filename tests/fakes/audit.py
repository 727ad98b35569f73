"""Accounts, readings and reports for tests of `audit`."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from alternate_contacts.audit.findings import Finding, Reading
from alternate_contacts.audit.organization import Account
from alternate_contacts.audit.report import Report, Row, worst_first
from alternate_contacts.audit.words import Word
from tests.fakes.worker import DESIRED, PRESENT
from worker.account import Assignment
from worker.contacts import Contact, ContactType
from worker.decision import Policy

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
POLICIES = dict.fromkeys(ContactType, Policy.OVERWRITE)
ASSIGNMENTS = {kind: Assignment(Policy.OVERWRITE, DESIRED) for kind in ContactType}
CONTACTS: Mapping[ContactType, Contact] = dict(zip(ContactType, (DESIRED, PRESENT, DESIRED), strict=True))


def finding(word: Word = Word.RIGHT, *, reason: str | None = None, contact: Contact | None = None) -> Finding:
    """What a look with that result finds."""
    provided = {Word.MISSING: False, Word.UNREADABLE: None}.get(word, True)
    return Finding(word, provided, reason, "AccessDeniedException" if reason else None, contact)


def reading(account_id: str = "111111111111", *words: Word, shared: Iterable[str] = ()) -> Reading:
    """A reading with a word for each type; right where none is given."""
    every = [*words, *[Word.RIGHT] * (3 - len(words))]
    findings = {
        kind: finding(word, reason="not_authorized" if word is Word.UNREADABLE else None)
        for kind, word in zip(ContactType, every, strict=True)
    }
    return Reading(account_id, NOON, findings, tuple(shared))


def row(account_id: str, *words: Word, name: str = "", unit: tuple[str, ...] = ("Root",), state: str = "ACTIVE") -> Row:
    """A row of an account that was read, or of one that is skipped."""
    account = Account(account_id, name or f"account {account_id}", state, unit)
    return Row(account, reading(account_id, *words) if state == "ACTIVE" else None)


def report(*rows: Row, active: int | None = None) -> Report:
    """A report of these rows, complete unless more accounts are ``active``."""
    return Report(
        organization_id="o-exampleorg1",
        stack_name="alternate-contacts",
        policies=POLICIES,
        started_at=NOON,
        finished_at=NOON,
        active=sum(each.reading is not None for each in rows) if active is None else active,
        rows=worst_first(rows),
    )
