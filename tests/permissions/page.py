"""The tables in docs/permissions.md: every statement, and the flow that fails without each of its parts."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.permissions.changes import Statement, as_list, sid
from tests.permissions.flows import FLOWS
from tests.permissions.plan import VARIANTS, PlannedChange, plan, policies, template_resources
from tests.permissions.reasons import UNNOTICED, WHY
from tests.template.conftest import ROOT

PAGE = ROOT / "docs" / "permissions.md"
RESULTS = ROOT / "benchmarks" / "results" / "permissions.json"
_BEGIN = "<!-- from here on written by make permissions -->"
_END = "<!-- up to here written by make permissions -->"

_PRINCIPALS = {
    "WorkerRole": "WorkerFunction",
    "BackfillRole": "BackfillFunction",
    "ScheduleRole": "EventBridge Scheduler",
    "KmsKeyPolicy": "All three roles",
    "AccountQueuePolicy": "Policy of AccountQueue",
    "FailedAccountQueuePolicy": "Policy of FailedAccountQueue",
    "UndeliveredQueuePolicy": "Policy of UndeliveredQueue",
    "ChangeQueuePolicy": "Policy of ChangeQueue",
    "AlarmTopicPolicy": "Policy of AlarmTopic",
    "ProtectionPolicy": "Service control policy",
}
"""Headings by policy, in the order of the page."""
_HEADINGS = ("Action", "Resource", "Condition", "Why", "What fails without it")


def read_results(path: Path = RESULTS) -> dict[str, str]:
    """Return the name of the flow that noticed a change, by the key of the change."""
    found: dict[str, str] = json.loads(path.read_text())
    return found


def updated_page(text: str, results: Mapping[str, str]) -> str:
    """Return the page with its tables written anew."""
    before, rest = text.split(_BEGIN)
    _, after = rest.split(_END)
    tables = "\n".join(_tables(results))
    return f"{before}{_BEGIN}\n\n{tables}\n\n{_END}{after}"


def _tables(results: Mapping[str, str]) -> Iterator[str]:
    resources, planned = template_resources(), plan()
    rows: dict[str, list[str]] = {}
    shown: set[tuple[str, str]] = set()
    for variant in VARIANTS:
        for policy, statements in policies(resources, variant.conditions):
            for statement in statements:
                key = (policy, sid(statement))
                if key not in shown:
                    shown.add(key)
                    rows.setdefault(policy.partition(" ")[0], []).append(_row(policy, statement, planned, results))
    for policy, principal in _PRINCIPALS.items():
        yield f"### {principal}\n"
        yield f"| {' | '.join(_HEADINGS)} |"
        yield f"|{'---|' * len(_HEADINGS)}"
        yield from rows.pop(policy)
        yield ""
    yield "### Changes that nothing notices\n"
    for change in planned:
        if reason := UNNOTICED.get(change.key):
            what = re.sub(r"\S+:\S+", r"`\g<0>`", change.change)
            name = change.policy if change.statement == "trust" else f"{change.policy}, {change.statement}"
            yield f"- {name}, {what}, with {change.variant}: {reason}."
    if rows:
        raise ValueError(f"The page has no heading for {sorted(rows)}")


def _row(policy: str, statement: Statement, planned: Iterable[PlannedChange], results: Mapping[str, str]) -> str:
    changes = [change for change in planned if (change.policy, change.statement) == (policy, sid(statement))]
    cells = [
        _lines(f"`{action}`" for action in as_list(statement["Action"])),
        _lines(_shown(resource) for resource in as_list(statement.get("Resource", []))) or "the role",
        _lines(
            f"`{key}`: {', '.join(_shown(value) for value in as_list(values))}"
            for each in statement.get("Condition", {}).values()
            for key, values in each.items()
        ),
        WHY[policy, sid(statement)],
        _lines(_failures(statement, changes, results)),
    ]
    if statement["Effect"] == "Deny":
        cells[0] = f"Deny {cells[0]}"
    return f"| {' | '.join(cells)} |"


def _failures(statement: Statement, changes: Iterable[PlannedChange], results: Mapping[str, str]) -> Iterator[str]:
    """Yield each flow that fails without a part of the statement, with those parts if other flows need other ones."""
    descriptions = {flow.name: flow.description for flow in FLOWS}
    parts: dict[str, list[str]] = {}
    for change in changes:
        if change.key in UNNOTICED:
            continue
        named = parts.setdefault(descriptions[results[change.key]], [])
        part = _part(change, statement)
        if part and part not in named:
            named.append(part)
    for description, named in parts.items():
        yield f"{description}: {', '.join(named)}" if named and len(parts) > 1 else description


def _part(change: PlannedChange, statement: Statement) -> str:
    """Return the action, resource or condition that a change removes or narrows; an empty text for all of them."""
    name = change.change
    if found := re.fullmatch(r"without resource (\d) of \d", name):
        return _shown(as_list(statement["Resource"])[int(found[1]) - 1])
    if found := re.fullmatch(r"(\S+) without value (\d) of \d", name):
        values = next(each[found[1]] for each in statement["Condition"].values() if found[1] in each)
        return _shown(as_list(values)[int(found[2]) - 1])
    if found := re.fullmatch(r"\S+ without (\w+)", name):
        return found[1]
    if found := re.fullmatch(r"without the condition (\S+)|another (\S+:\S+)", name):
        return f"`{found[1] or found[2]}`"
    if found := re.fullmatch(r"without (\S+:\S+)|(\S+) instead of \S+", name):
        return f"`{found[1] or found[2]}`"
    return ""


def _shown(value: Any) -> str:
    """Return a value of the template as the page shows it: the logical ID of a resource, a literal, or an ARN."""
    if isinstance(value, str):
        return f"`{value}`"
    [(function, argument)] = value.items()
    if function == "Fn::GetAtt":
        return str(argument[0])
    if function == "Ref":
        names = {"AWS::AccountId": "this account", "AWS::StackId": "its own stack"}
        return names.get(argument, str(argument))
    for name, shown in (("arn:${AWS::Partition}:", ""), ("${AWS::Region}", "REGION"), ("${AWS::AccountId}", "ACCOUNT")):
        argument = argument.replace(name, shown)
    return f"`{argument}`"


def _lines(texts: Iterator[str]) -> str:
    return "<br>".join(texts)
