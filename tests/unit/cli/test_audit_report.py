"""The totals of a report, and the report as JSON, as CSV and in the terminal."""

import csv
import io
import json
import re
from dataclasses import astuple, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alternate_contacts.cli.audit import csv_file, json_document, table
from alternate_contacts.cli.audit.checks import CHECKS
from alternate_contacts.cli.audit.columns import COLUMNS
from alternate_contacts.cli.audit.report import AuditReport, AuditRow, Coverage
from alternate_contacts.cli.aws.compliance import NOT_COMPLIANT, ComplianceStatus
from alternate_contacts.cli.terminal import output
from alternate_contacts.cli.terminal.text import visible
from alternate_contacts.worker.contacts import CONTACT_FIELDS, ContactType
from alternate_contacts.worker.errors import AccessDenied
from tests.fakes.audit import (
    COMPLIANT,
    DIFFERENT,
    MISSING,
    PRODUCTION,
    REPORT,
    SKIPPED,
    UNMANAGED,
    UNREADABLE,
    finding,
    report,
    row,
    row_with_contacts,
)
from tests.fakes.worker import PRESENT, SECRETS

BILLING, OPERATIONS, SECURITY = ContactType

STATUSES = st.lists(
    st.sampled_from([status for status in ComplianceStatus if status is not SKIPPED]), min_size=3, max_size=3
)


def test_the_worst_account_comes_first() -> None:
    assert [row.account.name for row in REPORT.rows] == ["Ledger", "sandbox", "payments", "closed"]
    assert [row.account.name for row in REPORT.not_compliant] == ["Ledger", "sandbox"]


@pytest.mark.parametrize("statuses", [(COMPLIANT, COMPLIANT, COMPLIANT), (UNMANAGED, COMPLIANT, UNMANAGED)])
def test_unmanaged_contacts_leave_an_account_compliant(statuses: tuple[ComplianceStatus, ...]) -> None:
    assert row("111111111111", *statuses).is_compliant


def test_unmanaged_and_skipped_contacts_do_not_count_for_coverage() -> None:
    billing = REPORT.coverage[BILLING]
    assert (billing.compliant, billing.managed, billing.percent) == (1, 2, 50)
    assert billing.statuses == {COMPLIANT: 1, DIFFERENT: 1, UNMANAGED: 1, SKIPPED: 1}
    assert Coverage.of([row("444444444444", state="CLOSED")]).percent is None


@given(rows=st.lists(STATUSES, max_size=8))
def test_100_percent_means_that_every_managed_contact_is_compliant(rows: list[list[ComplianceStatus]]) -> None:
    coverage = Coverage.of([row(f"{number:012}", *statuses) for number, statuses in enumerate(rows)])
    any_problem = any(status in NOT_COMPLIANT for statuses in rows for status in statuses)
    assert (coverage.percent == 100) == (not any_problem and coverage.managed > 0)


def test_units_are_in_the_order_of_the_tree_and_include_the_units_below() -> None:
    units = [("Root", "b"), ("Root", "a", "z"), ("Root",), ("Root", "B2", "c")]
    tree = report(*(row(f"{number:012}", unit=unit) for number, unit in enumerate(units)))
    assert [(unit.path, len(unit.rows)) for unit in tree.units] == [
        ("Root", 4),
        ("Root / a", 1),
        ("Root / a / z", 1),
        ("Root / b", 1),
        ("Root / B2", 1),
        ("Root / B2 / c", 1),
    ]


def test_a_report_is_complete_when_every_active_account_was_read() -> None:
    assert REPORT.complete
    assert (REPORT.read, REPORT.active) == (3, 3)
    assert not report(row("111111111111"), active=2).complete


# ---- JSON -----------------------------------------------------------------------------------------------------------


def document_of(report: AuditReport) -> Any:
    return json.loads(json.dumps(json_document.build(report)))


def test_the_json_document_holds_the_whole_report() -> None:
    document = document_of(REPORT)
    assert document["version"] == 2
    assert (document["complete"], document["accountsRead"], document["accountsActive"]) == (True, 3, 3)
    assert document["accountsSkipped"] == {"SUSPENDED": 1}
    assert document["contactTypes"]["BILLING"] == {
        "policy": "overwrite",
        "percentCompliant": 50,
        "statuses": {"different": 1, "unmanaged": 1, "compliant": 1, "skipped": 1},
    }
    assert [(unit["path"], unit["accounts"]) for unit in document["organizationalUnits"]] == [
        ("Root", 4),
        ("Root / Workloads", 2),
        ("Root / Workloads / Production", 2),
    ]
    assert {check["name"]: check["accounts"] for check in document["checks"]} == {
        "Account.1": {"failed": 1, "passed": 2, "skipped": 1},
        "Contacts differ": {"failed": 1, "passed": 1, "skipped": 1, "unknown": 1},
    }
    accounts = {account["accountId"]: account for account in document["accounts"]}
    assert accounts["333333333333"]["contacts"]["OPERATIONS"] == {
        "status": "unreadable",
        "provided": None,
        "reason": AccessDenied.reason,
        "errorCode": "AccessDeniedException",
    }
    assert accounts["444444444444"] == {
        "accountId": "444444444444",
        "name": "closed",
        "state": "SUSPENDED",
        "organizationalUnit": "Root",
        "contacts": {
            contact_type: {"status": "skipped", "provided": None, "reason": "SUSPENDED"} for contact_type in ContactType
        },
        "checks": {check.name: "skipped" for check in CHECKS},
    }


def test_the_json_document_holds_contacts_only_if_the_rows_do() -> None:
    [account] = document_of(report(row_with_contacts()))["accounts"]
    assert account["contacts"]["SECURITY"]["contact"] == {
        field.json_key: field.value_of(PRESENT) for field in CONTACT_FIELDS
    }
    assert [secret for secret in SECRETS if secret in json.dumps(document_of(REPORT))] == []


# ---- CSV ------------------------------------------------------------------------------------------------------------


def lines(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_csv_has_one_line_per_account() -> None:
    ledger, sandbox, _, closed = lines(csv_file.render(REPORT, show_contacts=False))
    assert ledger == {
        "account_id": "222222222222",
        "account_name": "Ledger",
        "organizational_unit": "Root / Workloads / Production",
        "state": "ACTIVE",
        "billing": "different",
        "operations": "compliant",
        "security": "missing",
        "billing_reason": "",
        "operations_reason": "",
        "security_reason": "",
        **{
            f"{contact_type}_{key}": ""
            for contact_type in ("billing", "operations", "security")
            for key in ("contact_set", "target", "source")
        },
        "account_1": "failed",
        "contacts_differ": "failed",
        "shared": "",
        "read_at": "2026-11-24T12:00:00+00:00",
    }
    assert (sandbox["operations"], sandbox["operations_reason"]) == ("unreadable", AccessDenied.reason)
    assert (closed["state"], closed["billing"], closed["read_at"]) == ("SUSPENDED", "skipped", "")


def test_csv_has_contacts_only_on_request() -> None:
    [account] = lines(csv_file.render(report(row_with_contacts()), show_contacts=True))
    assert (account["billing_name"], account["security_email_address"]) == (PRESENT.name, PRESENT.email_address)
    # A phone number begins like a formula.
    assert account["operations_phone_number"] == f"'{PRESENT.phone_number}"
    assert "billing_name" not in csv_file.render(REPORT, show_contacts=False)


@given(
    name=st.text(alphabet=st.one_of(st.sampled_from("=+-@\t\r\n\"',;"), st.characters()), max_size=12),
    unit=st.sampled_from(["=1+1", "@SUM(A1)", "-2", "plain"]),
)
def test_no_cell_is_a_formula_and_no_name_breaks_a_line(name: str, unit: str) -> None:
    text = csv_file.render(report(row("111111111111", name=name or "=", unit=(unit,))), show_contacts=False)
    [headings, cells] = csv.reader(io.StringIO(text, newline=""))
    assert not any(cell[:1] in ("=", "+", "-", "@", "\t", "\r", "\n") for cell in cells if cell)
    assert cells[1].removeprefix("'") == visible(name or "=").removeprefix("'")
    assert len(cells) == len(headings)


# ---- the terminal ---------------------------------------------------------------------------------------------------


def printed(report: AuditReport, width: int = 160) -> str:
    console, text = output.results(), io.StringIO()
    console.width, console.file = width, text
    table.print_report(report, console)
    return text.getvalue()


WIDTHS = pytest.mark.parametrize("width", [40, 80, 160])


@WIDTHS
def test_the_terminal_shows_the_totals_and_then_the_accounts_that_are_not_compliant(width: int) -> None:
    summary, _, accounts = printed(REPORT, width).partition("Accounts that are not compliant")
    summary = " ".join(summary.split())
    assert "3 of 3 accounts read, 2 not compliant" in summary
    assert "Read between 2026-11-24 12:00:00 and 2026-11-24 12:00:00 UTC" in summary
    assert "BILLING 50 % of managed contacts are compliant, policy overwrite 1 compliant, 1 different" in summary
    assert (
        "Account.1: Security contact information should be provided for an AWS account: 1 failed, 2 passed" in summary
    )
    assert "Skipped: 1 SUSPENDED" in summary
    assert re.findall(r"\b[0-9]{12}\b", accounts) == ["222222222222", "333333333333"]
    assert AccessDenied.reason in accounts
    # A low terminal shows the end of the output.
    assert accounts.rstrip().endswith("2 of 3 accounts read are not compliant")


@WIDTHS
@pytest.mark.parametrize("count", [100, 1234])
def test_no_line_is_wider_than_the_terminal(width: int, count: int) -> None:
    rows = [
        row(f"{number:012}", UNREADABLE, UNREADABLE, name=f"account {number} of a team", unit=PRODUCTION)
        for number in range(count)
    ]
    assert max(map(len, printed(report(*rows), width).splitlines())) <= width


@WIDTHS
def test_an_account_is_singular(width: int) -> None:
    text = printed(report(row("111111111111", MISSING)), width)
    assert "1 of 1 account read, 1 not compliant" in text
    assert text.rstrip().endswith("1 of 1 account read is not compliant")


@WIDTHS
def test_the_terminal_lists_100_accounts(width: int) -> None:
    ids = [f"{number:012}" for number in range(1, 101)]
    text = printed(report(*(row(account_id, MISSING, name="A long name " * 4) for account_id in ids)), width)
    assert sorted(re.findall(r"\b[0-9]{12}\b", text)) == ids


def many_rows() -> list[AuditRow]:
    """Return 1,234 accounts that are not compliant in three ways, in 15 units."""
    units = [("Root", f"Unit {number:02}") for number in range(15)]
    return [
        *(row(f"{number:012}", MISSING, unit=units[number % 15 if number % 2 else 0]) for number in range(1200)),
        *(row(f"{number:012}", MISSING, DIFFERENT, unit=units[0]) for number in range(2000, 2031)),
        *(row(f"{number:012}", UNREADABLE, name=f"Name {number}", unit=units[1]) for number in range(3000, 3003)),
    ]


@WIDTHS
def test_more_accounts_are_counted_by_status_and_unit(width: int) -> None:
    text = printed(report(*many_rows()), width)
    words = " ".join(text.split())
    assert "1,200 accounts: BILLING missing 640 Root / Unit 00" in words
    assert "200 in 5 other units" in words
    assert "31 accounts: BILLING missing, OPERATIONS different 31 Root / Unit 00" in words
    assert f"3 accounts: BILLING unreadable ({AccessDenied.reason}) 000000003000 Name 3000 Root / Unit 01" in words
    assert len(text.splitlines()) < 60
    assert words.endswith("--json to see every account. 1,234 of 1,234 accounts read are not compliant")


def test_small_groups_are_counted() -> None:
    reasons = [replace(finding(UNREADABLE), reason=f"reason_{number}") for number in range(30)]
    rows = [row(f"{number:012}") for number in range(150)]
    rows = [
        replace(a_row, reading=replace(a_row.reading, findings={**a_row.findings, BILLING: reasons[number % 30]}))
        for number, a_row in enumerate(rows)
        if a_row.reading
    ]
    assert "50 accounts in 10 smaller groups" in printed(report(*rows))


def test_an_account_name_is_not_markup() -> None:
    assert "[red]x[/nothing]" in printed(report(row("111111111111", MISSING, name="[red]x[/nothing]")))


def test_there_is_no_list_if_every_account_is_compliant() -> None:
    assert "Accounts that are not compliant" not in printed(report(row("111111111111")))


@WIDTHS
def test_the_terminal_shows_contacts_only_if_the_rows_have_them(width: int) -> None:
    text = " ".join(printed(report(row_with_contacts()), width).split())
    assert [value for value in astuple(PRESENT) if value not in text] == []
    assert [secret for secret in SECRETS if secret in printed(REPORT)] == []


# ---- columns --------------------------------------------------------------------------------------------------------


def test_columns_are_unique_in_every_output() -> None:
    for names in (
        [column.path for column in COLUMNS],
        [column.csv for column in COLUMNS if column.csv],
        [column.title for column in COLUMNS if column.title],
    ):
        assert len(names) == len(set(names))
