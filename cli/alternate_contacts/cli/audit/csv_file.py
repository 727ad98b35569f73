"""The report as CSV, with one line per account."""

import csv
import io

from alternate_contacts.cli.audit.columns import COLUMNS, CONTACT_DATA, Value
from alternate_contacts.cli.audit.report import AuditReport
from alternate_contacts.cli.terminal.text import visible

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""A spreadsheet treats a cell that begins with one of these as a formula.

https://owasp.org/www-community/attacks/CSV_Injection
"""


def render(report: AuditReport, *, show_contacts: bool) -> str:
    """Return the rows of the report below one line of headings, in the format of RFC 4180."""
    columns = [column for column in COLUMNS if column.csv and (show_contacts or column not in CONTACT_DATA)]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(column.csv for column in columns)
    for row in report.rows:
        writer.writerow(_cell(column.value(row)) for column in columns)
    return text.getvalue()


def _cell(value: Value) -> str:
    """Return the text of a cell on one line, with an apostrophe before what a spreadsheet would calculate."""
    text = visible(", ".join(value) if isinstance(value, list) else str(value or ""))
    return f"'{text}" if text.startswith(_FORMULA) else text
