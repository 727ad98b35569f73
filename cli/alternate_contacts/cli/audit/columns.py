"""The columns of the account table, for all four outputs: terminal, CSV, JSON and HTML.

A new column is one entry in ``COLUMNS``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any

from alternate_contacts.cli.audit.checks import CHECKS, CONTACTS_DIFFER, AuditCheck, AuditCheckResult
from alternate_contacts.cli.audit.findings import ContactFinding
from alternate_contacts.cli.audit.report import AuditRow, ContactSource
from alternate_contacts.cli.aws.compliance import WORST_FIRST
from alternate_contacts.worker.contacts import CONTACT_FIELDS, ContactField, ContactType

Value = str | bool | list[str] | None


@dataclass(frozen=True)
class Column:
    """One fact about an account.

    Attributes:
        path: the keys to the value in an account of the JSON document; the script of the HTML page uses it too.
        value: returns the value for an account.
        csv: the heading in CSV; empty if CSV leaves the column out.
        title: the heading in the terminal and on the HTML page; empty if both leave the column out.
        order: the possible values of a column of statuses, worst first.
        notes: columns whose values the terminal and the HTML page show below this one's.
        optional: whether the JSON document leaves out None.
    """

    path: tuple[str, ...]
    value: Callable[[AuditRow], Value]
    csv: str = ""
    title: str = ""
    order: Sequence[str] = ()
    notes: "Sequence[Column]" = ()
    optional: bool = False


def timestamp(time: datetime) -> str:
    """Format a time for JSON and CSV."""
    return time.isoformat(timespec="seconds")


def _finding_column(
    contact_type: ContactType, key: str, value: Callable[[ContactFinding], Value], csv: str = "", **options: Any
) -> Column:
    """Create the column of one attribute of a `ContactFinding`."""
    return Column(("contacts", contact_type, key), lambda row: value(row.findings[contact_type]), csv, **options)


def _contact_column(contact_type: ContactType, field: ContactField) -> Column:
    """Create the column of one field of the contact that the account has."""

    def value(row: AuditRow) -> Value:
        contact = row.findings[contact_type].contact
        return field.value_of(contact) if contact else None

    path = ("contacts", contact_type, "contact", field.json_key)
    return Column(path, value, f"{contact_type.lower()}_{field.key}", optional=True)


def _source_column(contact_type: ContactType, key: str, value: Callable[[ContactSource], Value], csv: str) -> Column:
    """Create the column of one attribute of a `ContactSource`."""

    def value_of(row: AuditRow) -> Value:
        source = row.sources.get(contact_type)
        return value(source) if source else None

    return Column(("contacts", contact_type, key), value_of, f"{contact_type.lower()}_{csv}", optional=True)


def _check_column(check: AuditCheck) -> Column:
    return Column(
        path=("checks", check.name),
        value=lambda row: row.check_results[check],
        csv=check.name.lower().replace(" ", "_").replace(".", "_"),
        title=check.name,
        order=tuple(AuditCheckResult),
        notes=(SHARED,) if check is CONTACTS_DIFFER else (),
    )


def _shared(row: AuditRow) -> Value:
    return list(row.reading.shared) if row.reading and row.reading.shared else None


def _read_at(row: AuditRow) -> Value:
    return timestamp(row.reading.read_at) if row.reading else None


ACCOUNT_ID = Column(("accountId",), lambda row: row.account.account_id, "account_id", "account ID")
NAME = Column(("name",), lambda row: row.account.name, "account_name", "name")
SHARED = Column(("shared",), _shared, "shared", optional=True)
REASONS: Mapping[ContactType, Column] = {
    contact_type: _finding_column(
        contact_type, "reason", attrgetter("reason"), f"{contact_type.lower()}_reason", optional=True
    )
    for contact_type in ContactType
}
SOURCES: Mapping[ContactType, Column] = {
    contact_type: _source_column(contact_type, "source", attrgetter("description"), "source")
    for contact_type in ContactType
}
_CONTACTS: Mapping[ContactType, Sequence[Column]] = {
    contact_type: [_contact_column(contact_type, field) for field in CONTACT_FIELDS] for contact_type in ContactType
}
CONTACT_DATA = tuple(column for columns in _CONTACTS.values() for column in columns)
"""Personal data: the rows have it only with --show-contacts."""

STATUSES = tuple(
    _finding_column(
        contact_type,
        "status",
        attrgetter("status"),
        contact_type.lower(),
        title=contact_type,
        order=WORST_FIRST,
        notes=(REASONS[contact_type], SOURCES[contact_type], *_CONTACTS[contact_type]),
    )
    for contact_type in ContactType
)
CHECK_RESULTS = tuple(map(_check_column, CHECKS))

COLUMNS: tuple[Column, ...] = (
    ACCOUNT_ID,
    NAME,
    Column(("organizationalUnit",), lambda row: row.unit_path, "organizational_unit", "organizational unit"),
    Column(("state",), lambda row: row.account.state, "state"),
    *STATUSES,
    *(_finding_column(contact_type, "provided", attrgetter("provided")) for contact_type in ContactType),
    *REASONS.values(),
    *(
        _source_column(contact_type, key, attrgetter(attribute), attribute)
        for key, attribute in (("contactSet", "contact_set"), ("target", "target"))
        for contact_type in ContactType
    ),
    *SOURCES.values(),
    *(
        _finding_column(contact_type, "errorCode", attrgetter("error_code"), optional=True)
        for contact_type in ContactType
    ),
    *CHECK_RESULTS,
    SHARED,
    Column(("readAt",), _read_at, "read_at", optional=True),
    *CONTACT_DATA,
)
