"""The report as one HTML page: without network access, other files, or a script other than its own.

The template renders the totals. The accounts, possibly tens of thousands, are data in the page, and `page.js` shows
those that match the filter.
"""

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined, Template
from jinja2.filters import do_urlencode
from markupsafe import Markup

from alternate_contacts.cli.audit import json_document
from alternate_contacts.cli.audit.checks import CHECKS, AuditCheckResult
from alternate_contacts.cli.audit.columns import COLUMNS, NAME
from alternate_contacts.cli.audit.report import AuditReport, Coverage
from alternate_contacts.cli.aws.compliance import MANAGED, MEANING, NOT_COMPLIANT, ComplianceStatus
from alternate_contacts.cli.aws.problem_details import describe_problem
from alternate_contacts.cli.terminal import output
from alternate_contacts.cli.terminal.text import visible
from alternate_contacts.worker.contacts import ContactType


def render(report: AuditReport) -> str:
    """Return the page. It shows contact data only if the rows of the report have it."""
    return _template().render(
        report=report,
        document=_visible_document(json_document.build(report)),
        period=output.format_period(report.first_read_at, report.last_read_at)
        if report.first_read_at and report.last_read_at
        else "",
        total=Coverage.of(report.rows),
        columns=sorted((column for column in COLUMNS if column.title), key=lambda column: column is not NAME),
        contact_types=list(ContactType),
        checks=CHECKS,
        check_results=list(AuditCheckResult),
        statuses=list(ComplianceStatus),
        managed=MANAGED,
        not_compliant=" ".join(NOT_COMPLIANT),
        meaning=MEANING,
        style=Markup(_read("page.css")),  # noqa: S704 - a file of this package
        script=Markup(_read("page.js")),  # noqa: S704 - a file of this package
    )


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_finalize
    )
    environment.filters |= {
        "describe": describe_problem,
        "number": "{:,}".format,
        "sha256": _sha256,
        # The link to a unit has its name as the data of the page has it.
        "urlencode": lambda query: do_urlencode(_visible_document(query)),
    }
    # The keys of the document have an order.
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    return environment.from_string(_read("page.html"))


def _finalize(value: object) -> object:
    """Filter what an expression of the template returns, but for the parts of the page."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _visible_document(value: Any) -> Any:
    """Filter every text in the data of the page."""
    if isinstance(value, Mapping):
        return {visible(key): _visible_document(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_visible_document(item) for item in value]
    return visible(value) if isinstance(value, str) else value


def _sha256(source: str) -> str:
    """Return the hash for a source list. https://www.w3.org/TR/CSP3/#framework-directive-source-list"""
    return base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()


def _read(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8").rstrip()
