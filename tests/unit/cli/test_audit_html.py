"""The HTML page: complete, self-contained, safe with any name, and accessible. tests/browser runs its script."""

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

from alternate_contacts.cli.audit import html_page, json_document
from alternate_contacts.cli.audit.report import AuditReport
from alternate_contacts.cli.terminal.text import visible
from tests.fakes.audit import MISSING, REPORT, report, row, row_with_contacts
from tests.fakes.worker import PRESENT, SECRETS

HOSTILE = "</script><script>alert(1)</script><!--\"'&\u2028<img src=x onerror=alert(1)>"

VOID = {"meta", "input", "rect"}


class Page(HTMLParser):
    """The elements with their attributes and own text. Fails if a tag is not closed in order."""

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
        assert self.elements[self._open.pop()][0] == tag, f"</{tag}> does not close the last open tag"

    def handle_data(self, data: str) -> None:
        if self._open:
            self.elements[self._open[-1]][2].append(data)

    def find_all(self, tag: str, **attributes: str) -> list[tuple[dict[str, str], str]]:
        """Return the attributes and the text of every element with this tag and these attributes."""
        return [
            (all_attributes, "".join(text))
            for name, all_attributes, text in self.elements
            if name == tag and attributes.items() <= all_attributes.items()
        ]

    @property
    def data(self) -> Any:
        [(_, text)] = self.find_all("script", id="data")
        return json.loads(text)


def test_the_page_is_well_formed_and_holds_the_json_document() -> None:
    assert Page(html_page.render(REPORT)).data == json.loads(json.dumps(json_document.build(REPORT)))


def test_the_page_loads_nothing() -> None:
    text = html_page.render(REPORT)
    page = Page(text)
    assert not {"link", "img", "iframe", "base", "object", "embed"} & {name for name, _, _ in page.elements}
    assert re.findall(r"https?:|url\(|@import|//\w", text) == []
    for _, attributes, _ in page.elements:
        assert not {name for name in attributes if name in ("src", "style") or name.startswith("on")}
        assert attributes.get("href", "#").startswith("#")


def test_the_content_security_policy_allows_exactly_the_pages_own_style_and_script() -> None:
    page = Page(html_page.render(REPORT))
    [(policy, _)] = page.find_all("meta", **{"http-equiv": "Content-Security-Policy"})
    sources = dict(part.strip().split(" ", 1) for part in policy["content"].split(";"))
    [(_, style)] = page.find_all("style")
    [script] = [text for attributes, text in page.find_all("script") if not attributes]

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
    """Return a report of two accounts with these names."""
    rows = (row("111111111111", name=name, unit=(unit,)), row("222222222222", unit=(unit,), state=state))
    return replace(report(*rows), organization_id=organization, stack_name=stack)


@pytest.mark.parametrize("place", ["name", "unit", "state", "organization", "stack"])
def test_a_hostile_name_stays_text(place: str) -> None:
    hostile = named(**{place: HOSTILE})
    page, harmless = Page(html_page.render(hostile)), Page(html_page.render(named()))
    assert [name for name, _, _ in page.elements] == [name for name, _, _ in harmless.elements]
    assert page.data == json.loads(json.dumps(json_document.build(named(**{place: visible(HOSTILE)}))))


@given(name=st.text(st.characters(), max_size=40))
def test_any_name_is_shown_filtered(name: str) -> None:
    page = Page(html_page.render(report(row("111111111111", name=f"x{name}", unit=("Root", f"x{name}")))))
    assert page.data["accounts"][0]["name"] == visible(f"x{name}")
    assert page.find_all("option", value=f"Root / {visible(f'x{name}')}")


def test_every_link_uses_a_filter_that_the_page_has() -> None:
    page = Page(html_page.render(REPORT))
    filters = {
        select["id"]: {attributes.get("value", text) for attributes, text in page.find_all("option")}
        for select, _ in page.find_all("select")
    }
    links = [attributes["href"] for attributes, _ in page.find_all("a") if attributes["href"] != "#accounts"]
    assert len(links) > 10
    for link in links:
        for name, [value] in parse_qs(link.removeprefix("#"), strict_parsing=True).items():
            assert value in filters[name]


def test_the_page_is_accessible_to_screen_readers() -> None:
    page = Page(html_page.render(REPORT))
    assert page.find_all("html", lang="en")
    assert len(page.find_all("h1")) == len(page.find_all("main")) == 1
    assert len(page.find_all("caption")) == len(page.find_all("table")) == 2
    assert {attributes.get("scope") for attributes, _ in page.find_all("th")} == {"col", "row"}
    assert page.find_all("p", id="count", role="status", **{"aria-live": "polite"})
    headings = [attributes["data-sort"] for attributes, _ in page.find_all("th") if "data-sort" in attributes]
    buttons = [text for attributes, text in page.find_all("button", type="button") if not attributes.get("id")]
    assert headings[:2] == ["name", "account ID"]
    assert len(headings) == len(buttons)
    bars = page.find_all("svg", role="img")
    assert len(bars) == 3 + 3 * 3
    assert any(attributes["aria-label"] == "BILLING: 1 compliant, 1 different" for attributes, _ in bars)
    # Every input is inside a label.
    labels = len(page.find_all("label"))
    assert labels == len(page.find_all("input")) + len(page.find_all("select"))
    identifiers = [attributes["id"] for _, attributes, _ in page.elements if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    for _, attributes, _ in page.elements:
        assert attributes.get("aria-labelledby", identifiers[0]) in identifiers


def test_a_unit_is_indented_and_a_screen_reader_reads_its_path() -> None:
    page = Page(html_page.render(REPORT))
    levels = [attributes["class"] for attributes, _ in page.find_all("th", scope="row")]
    assert levels == ["level-0", "level-1", "level-2"]
    assert [text for _, text in page.find_all("span", **{"class": "unseen"})] == ["", "Root / ", "Root / Workloads / "]


def text_of(report: AuditReport) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html_page.render(report).split("<body>")[1])).split())


def test_the_headline_states_the_coverage() -> None:
    text = text_of(REPORT).replace("\u202f", " ")
    assert "62 % 5 of 8 managed contacts are compliant. 2 accounts are not compliant." in text
    assert "1 account is not compliant." in text_of(report(row("111111111111", MISSING)))
    assert "3 of 3 managed contacts are compliant. BILLING" in text_of(report(row("111111111111")))
    assert "No contact is managed." in text_of(report(row("111111111111", state="CLOSED")))


def test_an_incomplete_page_says_so() -> None:
    assert "Incomplete. The run was stopped after 1 of 7 accounts." in text_of(report(row("111111111111"), active=7))
    assert "Incomplete." not in text_of(REPORT)


def test_the_page_shows_contact_data_only_if_the_rows_have_it() -> None:
    page = Page(html_page.render(report(row_with_contacts())))
    assert page.data["accounts"][0]["contacts"]["SECURITY"]["contact"]["phoneNumber"] == PRESENT.phone_number
    text = html_page.render(REPORT)
    assert [secret for secret in SECRETS if secret in text] == []
