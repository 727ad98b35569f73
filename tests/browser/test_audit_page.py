"""The script of the page that `audit --html` writes: the table, filters, order, links and keyboard."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from alternate_contacts.cli.audit import html_page
from alternate_contacts.cli.audit.report import AuditReport, ContactSource
from alternate_contacts.worker.contacts import ContactType
from alternate_contacts.worker.errors import AccessDenied
from tests.fakes.audit import DIFFERENT, MISSING, REPORT, report, row, row_with_contacts
from tests.fakes.worker import PRESENT
from tools.chromium import WIDTH, Page

LEDGER, SANDBOX, PAYMENTS, CLOSED = "222222222222", "333333333333", "111111111111", "444444444444"
WORST_FIRST = [LEDGER, SANDBOX, PAYMENTS, CLOSED]
NOT_COMPLIANT = "status=missing+different+unreadable+unknown"

IDS = "[...document.querySelectorAll('#rows tbody td:nth-child(2)')].map((cell) => cell.textContent)"


class AuditPage:
    """The page as its reader uses it."""

    def __init__(self, browser: Page, address: str) -> None:
        self.browser = browser
        self._address = address

    def open(self, fragment: str = "", *, width: int = WIDTH) -> None:
        self.browser.open(f"{self._address}#{fragment}" if fragment else self._address, width=width)

    @property
    def ids(self) -> list[str]:
        """The account IDs in the table, from top to bottom."""
        ids: list[str] = self.browser.evaluate(IDS)
        return ids

    @property
    def fragment(self) -> str:
        return str(self.browser.evaluate("location.hash.slice(1)"))

    @property
    def focused(self) -> str:
        return str(self.browser.evaluate("document.activeElement.id"))

    def text(self, selector: str) -> str:
        """Return the text of an element with a space between its parts."""
        script = f"[...document.querySelectorAll('{selector}, {selector} *')].flatMap((element) => "
        return str(self.browser.evaluate(script + "[...element.childNodes].map((node) => node.data)).join(' ')"))

    def click(self, selector: str) -> None:
        self.browser.evaluate(f"document.querySelector({json.dumps(selector)}).click()")

    def sort_by(self, title: str) -> None:
        self.click(f"th[data-sort='{title}'] button")

    def order_of(self, title: str) -> object:
        return self.browser.evaluate(f"document.querySelector(\"th[data-sort='{title}']\").ariaSort")

    def fill(self, **values: str) -> None:
        """Enter values into the filter, and wait until the page has applied them."""
        for name, value in values.items():
            self.browser.evaluate(f"document.getElementById('{name}').value = {json.dumps(value)}")
        before = self.fragment
        self.browser.evaluate("document.getElementById('filter').dispatchEvent(new Event('input'))")
        self.browser.wait_for(f"location.hash.slice(1) !== {json.dumps(before)}")

    def tab_to(self, condition: str) -> None:
        """Press Tab until the condition holds for ``focused``, the element with the focus."""
        for _ in range(60):
            self.browser.press("Tab")
            if self.browser.evaluate(f"((focused) => {condition})(document.activeElement)"):
                return
        pytest.fail(f"Tab does not reach an element with {condition}")


Open = Callable[..., AuditPage]


@pytest.fixture
def open_page(browser: Page, tmp_path: Path) -> Open:
    """Write the page of a report to a file, and open it with a fragment."""

    def open_page(fragment: str = "", *, audit: AuditReport = REPORT, width: int = WIDTH) -> AuditPage:
        path = tmp_path / "audit.html"
        path.write_text(html_page.render(audit), encoding="utf-8")
        page = AuditPage(browser, path.as_uri())
        page.open(fragment, width=width)
        return page

    return open_page


# ---- the table ------------------------------------------------------------------------------------------------------


def test_the_table_lists_every_account_with_the_worst_first(open_page: Open) -> None:
    page = open_page()
    assert page.ids == WORST_FIRST
    assert page.text("#count") == "4 of 4 accounts"


def test_a_status_has_its_reason_or_state_below(open_page: Open) -> None:
    text = open_page().text("#rows tbody")
    assert f"unreadable {AccessDenied.reason}" in text
    assert "skipped SUSPENDED" in text


def test_a_status_has_the_target_that_decides_below(open_page: Open) -> None:
    sources = {ContactType.BILLING: ContactSource("payments", "ou-ab12-1", "payments from OU Finance (ou-ab12-1)")}
    page = open_page(audit=report(replace(row("111111111111", DIFFERENT), sources=sources)))
    assert "different payments from OU Finance (ou-ab12-1)" in page.text("#rows tbody")


def test_fields_that_two_contacts_share_are_named(open_page: Open) -> None:
    page = open_page(audit=report(row("111111111111", shared=["name", "phone number"])))
    assert "failed same name, phone number" in page.text("#rows tbody")


def test_contacts_are_shown_if_the_report_has_them(open_page: Open) -> None:
    text = open_page(audit=report(row_with_contacts())).text("#rows tbody")
    assert f"different {PRESENT.name} {PRESENT.title} {PRESENT.email_address} {PRESENT.phone_number}" in text


def test_the_period_of_the_readings_is_shown(open_page: Open) -> None:
    assert "Read between 2026-11-24 12:00:00 and 2026-11-24 12:00:00 UTC" in " ".join(open_page().text("dl").split())


def test_one_account_is_singular(open_page: Open) -> None:
    assert open_page(audit=report(row("111111111111"))).text("#count") == "1 of 1 account"


def test_a_name_is_text_and_an_injected_script_is_blocked(open_page: Open) -> None:
    page = open_page(audit=report(row("111111111111", name="<img src=x onerror='window.injected = 1'>")))
    assert page.text("#rows tbody th").startswith("<img")
    page.browser.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), { text: 'window.injected = 1' }))"
    )
    assert page.browser.evaluate("window.injected") is None


def test_a_long_table_is_shown_in_parts(open_page: Open) -> None:
    page = open_page(audit=report(*(row(f"{number:012}", MISSING) for number in range(450))))
    for shown, hidden in ((200, False), (400, False), (450, True)):
        assert (len(page.ids), page.browser.evaluate("document.getElementById('more').hidden")) == (shown, hidden)
        page.click("#more")
    assert page.text("#count") == "450 of 450 accounts"


# ---- filter ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "ids"),
    [
        ({"q": "LEDGER"}, [LEDGER]),
        ({"q": "3333"}, [SANDBOX]),
        ({"q": "production pay"}, [PAYMENTS]),
        ({"status": "missing different unreadable unknown"}, [LEDGER, SANDBOX]),
        ({"status": "missing"}, [LEDGER]),
        ({"status": "skipped"}, [CLOSED]),
        ({"status": "missing", "type": "BILLING"}, []),
        ({"status": "different", "type": "BILLING"}, [LEDGER]),
        ({"check": "Contacts differ:unknown"}, [SANDBOX]),
        ({"unit": "Root / Workloads"}, [LEDGER, PAYMENTS]),
        ({"unit": "Root"}, WORST_FIRST),
        ({"unit": "Root / Workloads", "status": "compliant", "q": "pay"}, [PAYMENTS]),
    ],
)
def test_filters_combine(open_page: Open, values: dict[str, str], ids: list[str]) -> None:
    page = open_page()
    page.fill(**values)
    if ids:
        assert page.ids == ids
        assert page.text("#count") == f"{len(ids)} of 4 accounts"
    else:
        assert "No account matches" in page.text("#rows tbody")


def test_a_unit_does_not_match_another_unit_whose_name_begins_the_same(open_page: Open) -> None:
    page = open_page(
        audit=report(row("111111111111", unit=("Root", "Prod")), row("222222222222", unit=("Root", "Production")))
    )
    page.fill(unit="Root / Prod")
    assert page.ids == ["111111111111"]


def test_clear_removes_filter_and_order(open_page: Open) -> None:
    page = open_page(f"{NOT_COMPLIANT}&q=l&sort=name")
    assert page.ids == [LEDGER]
    page.click("#filter button[type=reset]")
    page.browser.wait_for("location.hash === ''")
    assert page.ids == WORST_FIRST


# ---- order ----------------------------------------------------------------------------------------------------------


def test_a_heading_sorts_and_reverses_the_order(open_page: Open) -> None:
    page = open_page()
    page.sort_by("name")
    assert (page.ids, page.order_of("name")) == ([CLOSED, LEDGER, PAYMENTS, SANDBOX], "ascending")
    page.sort_by("name")
    assert (page.ids, page.order_of("name")) == ([SANDBOX, PAYMENTS, LEDGER, CLOSED], "descending")
    page.sort_by("account ID")
    assert (page.ids, page.order_of("account ID")) == ([PAYMENTS, LEDGER, SANDBOX, CLOSED], "ascending")
    assert page.order_of("name") is None


@pytest.mark.parametrize(
    ("title", "ids"),
    [
        ("BILLING", [LEDGER, PAYMENTS, SANDBOX, CLOSED]),
        ("OPERATIONS", [SANDBOX, LEDGER, PAYMENTS, CLOSED]),
        ("Account.1", [LEDGER, SANDBOX, PAYMENTS, CLOSED]),
        ("Contacts differ", [LEDGER, SANDBOX, PAYMENTS, CLOSED]),
    ],
)
def test_statuses_are_sorted_with_the_worst_first(open_page: Open, title: str, ids: list[str]) -> None:
    page = open_page()
    page.sort_by(title)
    assert page.ids == ids


def test_numbers_in_names_are_sorted_by_their_value(open_page: Open) -> None:
    page = open_page(audit=report(row("111111111111", name="app10"), row("222222222222", name="App9")))
    page.sort_by("name")
    assert page.ids == ["222222222222", "111111111111"]


def test_a_filter_keeps_the_order(open_page: Open) -> None:
    page = open_page()
    page.sort_by("account ID")
    page.fill(unit="Root / Workloads")
    assert page.ids == [PAYMENTS, LEDGER]


# ---- links ----------------------------------------------------------------------------------------------------------


def test_the_fragment_holds_filter_and_order(open_page: Open) -> None:
    page = open_page()
    page.fill(status="missing different unreadable unknown", q="l")
    page.sort_by("organizational unit")
    page.sort_by("organizational unit")
    assert page.fragment == f"q=l&{NOT_COMPLIANT}&sort=-organizational+unit"


def test_a_link_restores_filter_and_order(open_page: Open) -> None:
    page = open_page(f"{NOT_COMPLIANT}&sort=-name")
    assert page.ids == [SANDBOX, LEDGER]
    assert page.order_of("name") == "descending"
    assert page.browser.evaluate("document.getElementById('status').selectedOptions[0].text") == "not compliant"
    page.browser.wait_for("scrollY > 0")


@pytest.mark.parametrize("fragment", ["coverage", "sort=nothing", "status=purple"])
def test_an_unknown_fragment_shows_every_account(open_page: Open, fragment: str) -> None:
    assert open_page(fragment).ids == WORST_FIRST


def test_a_link_in_the_page_filters_and_moves_to_the_table(open_page: Open) -> None:
    page = open_page()
    page.click(".headline a")
    page.browser.wait_for(f"({IDS}).length === 2")
    assert (page.fragment, page.focused) == (NOT_COMPLIANT, "accounts")


def test_the_same_link_moves_to_the_table_again(open_page: Open) -> None:
    page = open_page(NOT_COMPLIANT)
    page.browser.evaluate("scrollTo(0, 0)")
    page.click(".headline a")
    page.browser.wait_for("document.activeElement.id === 'accounts' && scrollY > 0")
    assert page.ids == [LEDGER, SANDBOX]


# ---- keyboard -------------------------------------------------------------------------------------------------------


def test_the_first_stop_skips_to_the_accounts(open_page: Open) -> None:
    page = open_page()
    page.browser.press("Tab")
    page.browser.press("Enter")
    page.browser.wait_for("document.activeElement.id === 'accounts'")


def test_enter_on_a_link_filters(open_page: Open) -> None:
    page = open_page(audit=report(row("111111111111", DIFFERENT), row("222222222222")))
    page.tab_to("focused.textContent === '1 different'")
    page.browser.press("Enter")
    page.browser.wait_for(f"({IDS}).length === 1")
    assert (page.fragment, page.focused) == ("type=BILLING&status=different", "accounts")


def test_typing_into_the_search_filters(open_page: Open) -> None:
    page = open_page()
    page.tab_to("focused.id === 'q'")
    page.browser.type("ledger")
    page.browser.wait_for("location.hash === '#q=ledger'")
    assert page.ids == [LEDGER]
    # Enter does not submit the form, which would load the page again without the filter.
    page.browser.press("Enter")
    assert page.ids == [LEDGER]


def test_enter_and_space_on_a_heading_sort(open_page: Open) -> None:
    page = open_page()
    page.tab_to("focused.closest('th')?.dataset.sort === 'name'")
    page.browser.press("Enter")
    assert page.ids == [CLOSED, LEDGER, PAYMENTS, SANDBOX]
    page.browser.press("Space")
    assert page.ids == [SANDBOX, PAYMENTS, LEDGER, CLOSED]


# ---- narrow windows and paper ---------------------------------------------------------------------------------------

LONG = report(
    *(
        row(
            f"{number:012}",
            MISSING,
            name=f"A rather long name of account {number}",
            unit=("Root", f"Unit {number} " * 8),
        )
        for number in range(60)
    )
)


@pytest.mark.parametrize("width", [320, 400, 800])
def test_a_narrow_window_does_not_scroll_sideways(open_page: Open, width: int) -> None:
    page = open_page(audit=LONG, width=width)
    assert page.browser.evaluate("document.documentElement.scrollWidth") <= width
    # No account ID is wrapped.
    heights = "[...document.querySelectorAll('#rows tbody td:nth-child(2)')].map((cell) => {"
    heights += "const range = document.createRange(); range.selectNodeContents(cell);"
    heights += "return new Set([...range.getClientRects()].map((box) => box.top)).size })"
    assert set(page.browser.evaluate(heights)) == {1}


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="pdftotext is not installed (Debian: poppler-utils)")
def test_every_printed_page_has_the_column_names(open_page: Open, tmp_path: Path) -> None:
    pdf = tmp_path / "audit.pdf"
    pdf.write_bytes(open_page(audit=LONG).browser.print())
    text = subprocess.run(["pdftotext", "-layout", pdf, "-"], capture_output=True, text=True, check=True).stdout  # noqa: S603, S607
    pages = text.split("\f")
    with_accounts = [page for page in pages if re.search(r"Long name of account|A rather long", page)]
    assert len(with_accounts) > 2
    assert [page for page in with_accounts if not re.search(r"Name\s+Account ID\s+Organizational unit", page)] == []
    with_units = [page for page in pages if "Unit 7 Unit" in page and "%" in page]
    assert [page for page in with_units if "BILLING" not in page] == []
