"""A report as one HTML page that needs nothing else: no network, no file beside it, no script but its own.

What adds up is written as HTML here; the rows, of which there may be tens of thousands, are data in the page, and
`page.js` shows those that the reader asks for.
"""

import base64
import hashlib
import json
from collections.abc import Iterable
from html import escape
from importlib.resources import files
from string import Template
from urllib.parse import urlencode

from alternate_contacts.cli.audit.checks import CHECKS, AuditCheck, Verdict
from alternate_contacts.cli.audit.compliance import MANAGED, MEANING, ComplianceStatus
from alternate_contacts.cli.audit.report import AuditReport, AuditRow, Coverage, coverage, document, path_of
from alternate_contacts.worker.contacts import ContactType

_UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
"""So that no name in the data ends the script element. https://html.spec.whatwg.org/multipage/scripting.html"""

_VERDICT = {Verdict.PASSED: "right", Verdict.FAILED: "missing", Verdict.UNKNOWN: "unreadable"}
"""The class whose colours a verdict has."""


_DEEPEST = 5
"""How deep organizational units can be nested.

https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html
"""


def write(report: AuditReport) -> str:
    """The page. It shows contact data only if the report's rows have it."""
    style, script = _file("page.css"), _file("page.js")
    return Template(_file("page.html")).substitute(
        policy=escape(
            f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; "
            "base-uri 'none'; form-action 'none'"
        ),
        style=style,
        script=script,
        organization=escape(report.organization_id),
        stack=escape(report.stack_name),
        moment=f"{report.finished_at:%Y-%m-%d %H:%M} UTC",
        moment_iso=report.finished_at.isoformat(timespec="seconds"),
        accounts=_accounts(report),
        banner=_banner(report),
        headline=_headline(report),
        types="".join(_type_card(report, kind) for kind in ContactType),
        checks="".join(_check_card(report, check) for check in CHECKS),
        units="".join(_unit_row(unit, rows) for unit, rows in report.units),
        unit_options="".join(_option(path_of(unit)) for unit, _ in report.units),
        words="".join(f"<dt>{_badge(word)}</dt><dd>{escape(meaning)}</dd>" for word, meaning in MEANING.items()),
        data=_data(report),
    )


def _data(report: AuditReport) -> str:
    text = json.dumps(document(report), separators=(",", ":"))
    for character, safe in _UNSAFE.items():
        text = text.replace(character, safe)
    return text


def _hash(source: str) -> str:
    """What allows exactly this inline source. https://www.w3.org/TR/CSP3/#framework-directive-source-list"""
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"


def _file(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8").rstrip()


def _accounts(report: AuditReport) -> str:
    skipped = "".join(f", {count:,} {escape(state)} skipped" for state, count in sorted(report.skipped.items()))
    return f"{report.read:,} read{skipped}"


def _banner(report: AuditReport) -> str:
    if report.complete:
        return ""
    return (
        f'<p class="banner"><strong>Incomplete.</strong> {report.read:,} of {report.active:,} active accounts '
        "were read before the run was stopped; the others are not on this page.</p>"
    )


def _headline(report: AuditReport) -> str:
    total = coverage(report.rows)
    if total.percent is None:
        return '<p class="headline">No contact is managed.</p>'
    wrong = len(report.not_right)
    if wrong:
        one = wrong == 1
        link = _link(f"{wrong:,} account{'' if one else 's'}", word="not right")
        rest = f"{link} need{'s' if one else ''} attention."
    else:
        rest = "No account needs attention."
    return (
        f'<p class="headline"><span class="figure">{total.percent}&#8239;%</span> '
        f"<span>{total.right:,} of {total.managed:,} managed contacts are right. {rest}</span></p>"
    )


def _type_card(report: AuditReport, kind: ContactType) -> str:
    found = report.coverage(kind)
    legend = "".join(
        f"<li>{_link(f'{found.words[word]:,} {word}', type=kind, word=word, mark=word)}</li>"
        for word in ComplianceStatus
        if found.words[word] and word is not ComplianceStatus.SKIPPED
    )
    return (
        f'<li class="card"><h3>{kind} <span class="quiet">policy {report.policies[kind]}</span></h3>'
        f'<p class="figure">{_percent(found)}</p>{_bar(found, kind)}<ul class="legend">{legend}</ul></li>'
    )


def _check_card(report: AuditReport, check: AuditCheck) -> str:
    told = report.verdicts(check)
    counts = "".join(
        f"<li>{_link(f'{told[verdict]:,} {verdict}', check=f'{check.name}:{verdict}', mark=style)}</li>"
        for verdict, style in _VERDICT.items()
        if told[verdict]
    )
    return (
        f'<li class="card"><h3>{escape(check.name)}</h3><p>{escape(check.title)}</p>'
        f'<ul class="legend">{counts}</ul><p class="quiet">{escape(check.remark)}</p></li>'
    )


def _unit_row(unit: tuple[str, ...], rows: list[AuditRow]) -> str:
    path = path_of(unit)
    cells = "".join(_unit_cell(path, rows, kind) for kind in ContactType)
    wrong = sum(not row.is_right for row in rows)
    attention = _link(f"{wrong:,}", unit=path, word="not right") if wrong else "0"
    # The eye sees how far a unit is indented, the ear hears what it is in.
    above = escape(path_of([*unit[:-1], ""]))
    name = f'<span class="unseen">{above}</span>{escape(unit[-1])}'
    level = min(len(unit) - 1, _DEEPEST)
    return (
        f'<tr><th scope="row" class="level-{level}"><a href="{_address(unit=path)}">{name}</a></th>'
        f'<td class="number">{len(rows):,}</td>{cells}<td class="number">{attention}</td></tr>'
    )


def _unit_cell(path: str, rows: list[AuditRow], kind: ContactType) -> str:
    found = coverage(rows, [kind])
    return f'<td><span class="with-bar"><span>{_percent(found)}</span>{_bar(found, f"{kind} in {path}")}</span></td>'


def _percent(found: Coverage) -> str:
    return "&#8211;" if found.percent is None else f"{found.percent}&#8239;%"


def _bar(found: Coverage, what: str) -> str:
    """A stacked bar of the managed contacts, with its figures as the text that a screen reader says."""
    told = ", ".join(f"{found.words[word]} {word}" for word in MANAGED if found.words[word]) or "none managed"
    return (
        f'<svg class="bar" viewBox="0 0 {max(found.managed, 1)} 1" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(what)}: {told}">{"".join(_segments(found))}</svg>'
    )


def _segments(found: Coverage) -> Iterable[str]:
    start = 0
    for word in (
        ComplianceStatus.RIGHT,
        ComplianceStatus.DIFFERENT,
        ComplianceStatus.MISSING,
        ComplianceStatus.UNREADABLE,
    ):
        if width := found.words[word]:
            yield f'<rect class="fill-{_style(word)}" x="{start}" y="0" width="{width}" height="1"/>'
            start += width


def _link(text: str, *, mark: str | None = None, **wanted: str) -> str:
    """A link that filters the accounts; the page's address carries the filter."""
    dot = f'<span class="dot fill-{_style(mark)}" aria-hidden="true"></span>' if mark else ""
    return f'<a href="{_address(**wanted)}">{dot}{escape(text)}</a>'


def _address(**wanted: str) -> str:
    return f"#{escape(urlencode(wanted))}"


def _option(path: str) -> str:
    return f'<option value="{escape(path)}">{escape(path)}</option>'


def _badge(word: ComplianceStatus) -> str:
    return f'<span class="badge is-{_style(word)}">{word}</span>'


def _style(word: str) -> str:
    return word.replace(" ", "-")
