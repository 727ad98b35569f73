"""What rows add up to, and the documents made of them."""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from alternate_contacts.cli.audit import csv_file, table
from alternate_contacts.cli.audit.checks import ACCOUNT_1, CONTACTS_DIFFER
from alternate_contacts.cli.audit.compliance import NOT_RIGHT, ComplianceStatus
from alternate_contacts.cli.audit.report import AuditReport, AuditRow, coverage, document, path_of
from alternate_contacts.worker.contacts import ContactType
from tests.fakes.audit import finding, reading, report, row
from tests.fakes.worker import PRESENT, SECRETS

BILLING, OPERATIONS, SECURITY = ContactType
RIGHT, MISSING, DIFFERENT, UNREADABLE, NOT_MANAGED, SKIPPED = ComplianceStatus

PRODUCTION = ("Root", "Workloads", "Production")
REPORT = report(
    row("111111111111", name="payments", unit=PRODUCTION),
    row("222222222222", DIFFERENT, RIGHT, MISSING, name="Ledger", unit=PRODUCTION),
    row("333333333333", NOT_MANAGED, UNREADABLE, RIGHT, name="sandbox"),
    row("444444444444", name="closed", state="SUSPENDED"),
)

WORDS = st.lists(st.sampled_from([word for word in ComplianceStatus if word is not SKIPPED]), min_size=3, max_size=3)


def test_the_worst_comes_first() -> None:
    assert [each.account.name for each in REPORT.rows] == ["Ledger", "sandbox", "payments", "closed"]
    assert [each.account.name for each in REPORT.not_right] == ["Ledger", "sandbox"]


def test_what_is_left_alone_does_not_count_for_coverage() -> None:
    billing = REPORT.coverage(BILLING)
    assert (billing.right, billing.managed, billing.percent) == (1, 2, 50)
    assert billing.words == {RIGHT: 1, DIFFERENT: 1, NOT_MANAGED: 1, SKIPPED: 1}
    assert coverage([row("444444444444", state="CLOSED")]).percent is None


@given(rows=st.lists(WORDS, max_size=8))
def test_100_percent_means_all(rows: list[list[ComplianceStatus]]) -> None:
    found = coverage([row(f"{number:012}", *words) for number, words in enumerate(rows)])
    wrong = any(word in NOT_RIGHT for words in rows for word in words)
    assert (found.percent == 100) == (not wrong and found.managed > 0)


def test_units_are_in_the_order_of_the_tree_and_hold_those_below() -> None:
    units = [("Root", "b"), ("Root", "a", "z"), ("Root",), ("Root", "B2", "c")]
    found = report(*(row(f"{number:012}", unit=unit) for number, unit in enumerate(units)))
    assert [(path_of(unit), len(rows)) for unit, rows in found.units] == [
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


def test_the_document_says_all_of_it() -> None:
    told = json.loads(json.dumps(document(REPORT)))
    assert (told["complete"], told["accountsRead"], told["accountsActive"]) == (True, 3, 3)
    assert told["accountsSkipped"] == {"SUSPENDED": 1}
    assert told["contactTypes"]["BILLING"] == {
        "policy": "overwrite",
        "percentRight": 50,
        "words": {"different": 1, "not managed": 1, "right": 1, "skipped": 1},
    }
    assert [(unit["path"], unit["accounts"]) for unit in told["organizationalUnits"]] == [
        ("Root", 4),
        ("Root / Workloads", 2),
        ("Root / Workloads / Production", 2),
    ]
    assert {check["name"]: check["accounts"] for check in told["checks"]} == {
        "Account.1": {"failed": 1, "passed": 2, "skipped": 1},
        "Contacts differ": {"failed": 1, "passed": 1, "skipped": 1, "unknown": 1},
    }
    accounts = {each["accountId"]: each for each in told["accounts"]}
    assert accounts["333333333333"]["contacts"]["OPERATIONS"] == {
        "word": "unreadable",
        "provided": None,
        "reason": "not_authorized",
        "errorCode": "AccessDeniedException",
    }
    assert accounts["444444444444"] == {
        "accountId": "444444444444",
        "name": "closed",
        "state": "SUSPENDED",
        "organizationalUnit": "Root",
        "contacts": {kind: {"word": "skipped", "provided": None} for kind in ContactType},
        "checks": {check.name: "skipped" for check in (ACCOUNT_1, CONTACTS_DIFFER)},
    }


# ---- CSV ------------------------------------------------------------------------------------------------------------


def lines(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_csv_has_a_line_for_each_account() -> None:
    ledger, sandbox, _, closed = lines(csv_file.write(REPORT, show_contacts=False))
    assert ledger == {
        "account_id": "222222222222",
        "account_name": "Ledger",
        "organizational_unit": "Root / Workloads / Production",
        "state": "ACTIVE",
        "billing": "different",
        "operations": "right",
        "security": "missing",
        "billing_reason": "",
        "operations_reason": "",
        "security_reason": "",
        "account_1": "failed",
        "contacts_differ": "failed",
        "shared": "",
        "read_at": "2026-11-24T12:00:00+00:00",
    }
    assert (sandbox["operations"], sandbox["operations_reason"]) == ("unreadable", "not_authorized")
    assert (closed["state"], closed["billing"], closed["read_at"]) == ("SUSPENDED", "skipped", "")


def test_csv_has_contacts_only_when_they_are_asked_for() -> None:
    shown = lines(csv_file.write(with_contacts(), show_contacts=True))[0]
    assert (shown["billing_name"], shown["security_email_address"]) == (PRESENT.name, PRESENT.email_address)
    # A phone number begins like a formula.
    assert shown["operations_phone_number"] == f"'{PRESENT.phone_number}"
    assert "billing_name" not in lines(csv_file.write(REPORT, show_contacts=False))[0]


@given(
    name=st.text(alphabet=st.one_of(st.sampled_from("=+-@\t\r\n\"',;"), st.characters(codec="utf-8")), max_size=12),
    unit=st.sampled_from(["=1+1", "@SUM(A1)", "-2", "plain"]),
)
def test_no_cell_is_a_formula_and_no_name_breaks_a_line(name: str, unit: str) -> None:
    text = csv_file.write(report(row("111111111111", name=name or "=", unit=(unit,))), show_contacts=False)
    [_, cells] = csv.reader(io.StringIO(text, newline=""))
    assert not any(cell[:1] in ("=", "+", "-", "@", "\t", "\r", "\n") for cell in cells if cell)
    assert cells[1].removeprefix("'") == (name or "=").removeprefix("'")
    assert len(cells) == 14


# ---- the table ------------------------------------------------------------------------------------------------------


def printed(found: AuditReport) -> str:
    console = Console(file=io.StringIO(), width=160, highlight=False, markup=False, force_terminal=False)
    table.show(found, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_table_begins_with_what_it_adds_up_to_and_lists_what_is_not_right() -> None:
    text = printed(REPORT)
    summary, _, accounts = text.partition("Accounts that are not right")
    assert "3 of 3 accounts read, 2 not right" in summary
    assert (
        "Account.1: Security contact information should be provided for an AWS account: 1 failed, 2 passed" in summary
    )
    assert "Skipped: 1 SUSPENDED" in summary
    assert "222222222222" in accounts
    assert "not_authorized" in accounts
    assert "111111111111" not in accounts
    assert "444444444444" not in accounts


def test_the_table_stops_before_it_fills_the_terminal() -> None:
    text = printed(report(*(row(f"{number:012}", MISSING) for number in range(1, 1235))))
    assert text.count("missing") == 100 + 1
    assert "and 1,134 more" in text


def test_an_account_name_is_no_markup() -> None:
    assert "[red]x[/nothing]" in printed(report(row("111111111111", MISSING, name="[red]x[/nothing]")))


def test_the_table_of_a_perfect_organization_lists_nobody() -> None:
    assert "Accounts that are not right" not in printed(report(row("111111111111")))


def test_contacts_stand_in_the_table_only_when_they_were_kept() -> None:
    assert PRESENT.email_address in printed(with_contacts())
    assert [secret for secret in SECRETS if secret in printed(REPORT)] == []


def with_contacts() -> AuditReport:
    """A report of one account whose contacts the operator wants to see."""
    account = row("111111111111", DIFFERENT)
    assert account.reading is not None
    findings = {kind: finding(DIFFERENT, contact=PRESENT) for kind in ContactType}
    kept = reading("111111111111")
    return report(AuditRow(account.account, type(kept)(kept.account_id, kept.read_at, findings)))


@pytest.mark.parametrize("words", [(RIGHT, RIGHT, RIGHT), (NOT_MANAGED, RIGHT, NOT_MANAGED)])
def test_what_is_left_alone_is_nothing_to_mend(words: tuple[ComplianceStatus, ...]) -> None:
    assert row("111111111111", *words).is_right
