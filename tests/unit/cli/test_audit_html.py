"""The page: whole, closed to the outside, deaf to hostile names, and usable by everybody."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alternate_contacts.cli.audit import html_page
from alternate_contacts.cli.audit.compliance import ComplianceStatus
from alternate_contacts.cli.audit.report import AuditReport, AuditRow, document
from alternate_contacts.worker.contacts import ContactType
from tests.fakes.audit import finding, report, row
from tests.fakes.worker import PRESENT, SECRETS

RIGHT, MISSING, DIFFERENT, UNREADABLE, NOT_MANAGED, SKIPPED = ComplianceStatus
PRODUCTION = ("Root", "Workloads", "Production")
REPORT = report(
    row("111111111111", name="payments", unit=PRODUCTION),
    row("222222222222", DIFFERENT, RIGHT, MISSING, name="ledger", unit=PRODUCTION),
    row("333333333333", NOT_MANAGED, UNREADABLE, name="sandbox"),
    row("444444444444", name="closed", state="SUSPENDED"),
)
HOSTILE = "</script><script>alert(1)</script><!--\"'&\u2028<img src=x onerror=alert(1)>"

VOID = {"meta", "input", "rect"}


class Page(HTMLParser):
    """Elements with their attributes and own text; fails where a tag is not closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str], list[str]]] = []
        self._open: list[int] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}, []))
        if tag not in VOID:
            self._open.append(len(self.elements) - 1)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in VOID
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.elements[self._open.pop()][0] == tag, f"</{tag}> does not close what was opened last"

    def handle_data(self, data: str) -> None:
        if self._open:
            self.elements[self._open[-1]][2].append(data)

    def every(self, tag: str, **wanted: str) -> list[tuple[dict[str, str], str]]:
        return [
            (attributes, "".join(text))
            for name, attributes, text in self.elements
            if name == tag and wanted.items() <= attributes.items()
        ]

    @property
    def data(self) -> Any:
        [(_, text)] = self.every("script", id="data")
        return json.loads(text)


def test_the_page_is_well_formed_and_holds_the_whole_document() -> None:
    assert Page(html_page.write(REPORT)).data == json.loads(json.dumps(document(REPORT)))


def test_nothing_comes_from_outside() -> None:
    text = html_page.write(REPORT)
    page = Page(text)
    assert not {"link", "img", "iframe", "base", "object", "embed"} & {name for name, _, _ in page.elements}
    assert re.findall(r"https?:|url\(|@import|//\w", text) == []
    for _, attributes, _ in page.elements:
        assert not {name for name in attributes if name in ("src", "style") or name.startswith("on")}
        assert attributes.get("href", "#").startswith("#")


def test_the_content_security_policy_allows_exactly_the_pages_own_style_and_script() -> None:
    page = Page(html_page.write(REPORT))
    [(policy, _)] = page.every("meta", **{"http-equiv": "Content-Security-Policy"})
    sources = dict(part.strip().split(" ", 1) for part in policy["content"].split(";"))
    [(_, style)] = page.every("style")
    [script] = [text for attributes, text in page.every("script") if not attributes]

    def allows(source: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"

    assert sources == {
        "default-src": "'none'",
        "style-src": allows(style),
        "script-src": allows(script),
        "base-uri": "'none'",
        "form-action": "'none'",
    }


def named(name: str = "n", unit: str = "u", state: str = "S", organization: str = "o", stack: str = "s") -> AuditReport:
    """A report of two accounts with these names in it."""
    rows = (row("111111111111", name=name, unit=(unit,)), row("222222222222", unit=(unit,), state=state))
    return replace(report(*rows), organization_id=organization, stack_name=stack)


@pytest.mark.parametrize("place", ["name", "unit", "state", "organization", "stack"])
def test_a_hostile_name_stays_text(place: str) -> None:
    found = named(**{place: HOSTILE})
    page, harmless = Page(html_page.write(found)), Page(html_page.write(named()))
    assert [name for name, _, _ in page.elements] == [name for name, _, _ in harmless.elements]
    assert page.data == json.loads(json.dumps(document(found)))


@given(name=st.text(max_size=40))
def test_any_name_survives(name: str) -> None:
    found = report(row("111111111111", name=f"x{name}", unit=("Root", f"x{name}")))
    page = Page(html_page.write(found))
    assert page.data["accounts"][0]["name"] == f"x{name}"
    options = page.every("option", value=f"Root / x{name}")
    # A parser reads line ends of any kind as line feeds.
    assert options or "\r" in name or "\x00" in name


def test_every_link_asks_for_a_filter_that_the_page_has() -> None:
    page = Page(html_page.write(REPORT))
    filters = {
        select["id"]: {attributes.get("value", text) for attributes, text in page.every("option")}
        for select, _ in page.every("select")
    }
    links = [attributes["href"] for attributes, _ in page.every("a") if attributes["href"] != "#accounts"]
    assert len(links) > 10
    for link in links:
        for name, [value] in parse_qs(link.removeprefix("#"), strict_parsing=True).items():
            assert value in filters[name]


def test_a_screen_reader_finds_its_way() -> None:
    page = Page(html_page.write(REPORT))
    assert page.every("html", lang="en")
    assert len(page.every("h1")) == len(page.every("main")) == 1
    assert len(page.every("caption")) == len(page.every("table")) == 2
    assert {attributes.get("scope") for attributes, _ in page.every("th")} == {"col", "row"}
    assert page.every("p", id="count", role="status", **{"aria-live": "polite"})
    headings = [attributes for attributes, _ in page.every("th") if "data-sort" in attributes]
    buttons = [text for attributes, text in page.every("button", type="button") if not attributes.get("id")]
    assert len(headings) == len(buttons) == 8
    bars = page.every("svg", role="img")
    assert len(bars) == 3 + 3 * 3
    assert any(attributes["aria-label"] == "BILLING: 1 right, 1 different" for attributes, _ in bars)
    # Whatever takes input has a label around it.
    labels = len(page.every("label"))
    assert labels == len(page.every("input")) + len(page.every("select"))
    identifiers = [attributes["id"] for _, attributes, _ in page.elements if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    for _, attributes, _ in page.elements:
        assert attributes.get("aria-labelledby", identifiers[0]) in identifiers


def test_a_unit_is_indented_for_the_eye_and_whole_for_the_ear() -> None:
    page = Page(html_page.write(REPORT))
    levels = [attributes["class"] for attributes, _ in page.every("th", scope="row")]
    assert levels == ["level-0", "level-1", "level-2"]
    assert [text for _, text in page.every("span", **{"class": "unseen"})] == ["", "Root / ", "Root / Workloads / "]


def text_of(found: AuditReport) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html_page.write(found).split("<body>")[1])).split())


def test_the_headline_says_how_it_stands() -> None:
    assert "62 % 5 of 8 managed contacts are right. 2 accounts need attention." in text_of(REPORT).replace(
        "\u202f", " "
    )
    assert "No account needs attention." in text_of(report(row("111111111111")))
    assert "1 account needs attention." in text_of(report(row("111111111111", MISSING)))
    assert "No contact is managed." in text_of(report(row("111111111111", state="CLOSED")))


def test_an_incomplete_page_says_so() -> None:
    assert "Incomplete. 1 of 7 active accounts were read" in text_of(report(row("111111111111"), active=7))
    assert "Incomplete" not in text_of(REPORT)


def test_contact_data_is_in_the_page_only_when_it_was_kept() -> None:
    account = row("111111111111", DIFFERENT)
    assert account.reading is not None
    kept = replace(account.reading, findings={kind: finding(DIFFERENT, contact=PRESENT) for kind in ContactType})
    shown = Page(html_page.write(report(AuditRow(account.account, kept)))).data
    assert shown["accounts"][0]["contacts"]["SECURITY"]["contact"]["phoneNumber"] == PRESENT.phone_number
    text = html_page.write(report(account))
    assert [secret for secret in SECRETS if secret in text] == []
