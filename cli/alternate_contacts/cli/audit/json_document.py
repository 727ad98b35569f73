"""The report as one JSON document, for ``--json`` and as the data of the HTML page."""

from collections.abc import Mapping
from typing import Any

from alternate_contacts.cli.audit.columns import COLUMNS, timestamp
from alternate_contacts.cli.audit.report import AuditReport, AuditRow, Coverage
from alternate_contacts.cli.aws.contact_parameters import problem_document
from alternate_contacts.worker.contacts import ContactType

VERSION = 2
"""Increases when a key is removed or changes its meaning."""


def build(report: AuditReport) -> dict[str, object]:
    """Return the document."""
    return {
        "version": VERSION,
        "organization": report.organization_id,
        "stack": report.stack_name,
        "startedAt": timestamp(report.started_at),
        "finishedAt": timestamp(report.finished_at),
        "firstReadAt": timestamp(report.first_read_at) if report.first_read_at else None,
        "lastReadAt": timestamp(report.last_read_at) if report.last_read_at else None,
        "complete": report.complete,
        "accountsActive": report.active,
        "accountsRead": report.read,
        "accountsSkipped": report.skipped,
        "contactConfiguration": _configuration(report),
        "contactTypes": {
            contact_type: {"policy": report.policies[contact_type], **_coverage(coverage)}
            for contact_type, coverage in report.coverage.items()
        },
        "organizationalUnits": [
            {"path": unit.path, "accounts": len(unit.rows), "contactTypes": _coverages(unit.coverage)}
            for unit in report.units
        ],
        "checks": [
            {"name": check.name, "title": check.title, "accounts": dict(sorted(results.items()))}
            for check, results in report.check_results.items()
        ],
        "accounts": [_account(row) for row in report.rows],
    }


def _configuration(report: AuditReport) -> dict[str, object] | None:
    if report.parameters is None:
        return None
    return {**report.parameters.document(), "problems": [problem_document(problem) for problem in report.problems]}


def _coverages(coverages: Mapping[ContactType, Coverage]) -> dict[str, object]:
    return {contact_type: _coverage(coverage) for contact_type, coverage in coverages.items()}


def _coverage(coverage: Coverage) -> dict[str, object]:
    return {"percentCompliant": coverage.percent, "statuses": dict(sorted(coverage.statuses.items()))}


def _account(row: AuditRow) -> dict[str, Any]:
    account: dict[str, Any] = {}
    for column in COLUMNS:
        value = column.value(row)
        if value is not None or not column.optional:
            parent = account
            for key in column.path[:-1]:
                parent = parent.setdefault(key, {})
            parent[column.path[-1]] = value
    return account
