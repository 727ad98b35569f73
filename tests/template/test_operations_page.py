"""The pages for operators are complete, and name only alarms, reasons, metrics, log lines and commands that exist."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from alternate_contacts.cli.aws.failure_reasons import REMEDIES
from alternate_contacts.worker.contacts import ContactType
from alternate_contacts.worker.decision import Outcome
from alternate_contacts.worker.errors import Permanent, WorkerError
from tests.fakes import telemetry
from tests.template.conftest import ROOT, Resources, environment, of_type

PAGES = [
    (ROOT / "docs" / name).read_text()
    for name in ("deploy.md", "operations.md", "alarms.md", "failures.md", "logs.md", "restore.md", "other-tools.md")
]
PAGE = "\n".join(PAGES)
SCRIPTS = "\n".join(re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
QUERIES = re.findall(r"^```insights\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def section(heading: str) -> str:
    """Return the text below a heading, up to the next heading of its level or above."""
    level = len(heading) - len(heading.lstrip("#"))
    [text] = [
        text
        for page in PAGES
        for text in re.findall(rf"^{heading}\n(.*?)(?=^#{{1,{level}}} |\Z)", page, re.MULTILINE | re.DOTALL)
    ]
    return str(text)


def rows(text: str) -> dict[str, list[str]]:
    """Return the other cells of each table row by the code words in its first cell."""
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line[:3] == "| `"]
    return {word: row[1:] for row in cells for word in re.findall(r"`([^`]+)`", row[0])}


def with_reason(error: type[WorkerError]) -> Iterator[type[WorkerError]]:
    """Yield the error classes below ``error`` that have a failure reason."""
    if hasattr(error, "reason"):
        yield error
    for subclass in error.__subclasses__():
        yield from with_reason(subclass)


# ---- alarms -----------------------------------------------------------------------------------------------------


def test_every_alarm_has_its_meaning_its_cause_and_its_fix(resources: Resources) -> None:
    alarms = list(of_type(resources, "AWS::CloudWatch::Alarm"))
    assert re.findall(r"^### (\w+Alarm)$", PAGE, re.MULTILINE) == alarms
    for name in alarms:
        text = section(f"### {name}")
        assert re.findall(r"^\*\*(.*?)\.\*\*", text, re.MULTILINE) == ["Meaning", "Find the cause", "Fix it"]
        assert "alternate-contacts " in text
        assert f"[{name}](#{name.lower()})" in section("## Alarms")


def test_the_numbers_are_those_of_the_template(template: dict[str, Any], resources: Resources) -> None:
    backlog = resources["QueueBacklogAlarm"]["Properties"]
    assert backlog["EvaluationPeriods"] == 3
    assert "for three hours" in section("## Alarms")
    [expression] = [query["Expression"] for query in backlog["Metrics"] if query["ReturnData"]]
    assert f"age, 0) > {5 * 24 * 3600}" in expression
    assert "is five days old" in section("## Alarms")
    periods = [str(choice["TwoPeriodsInDays"]) for choice in template["Mappings"]["Reconcile"].values()]
    assert f"({', '.join(periods[:2])} or {periods[2]} days)" in section("### ReconcileOverdueAlarm")
    queue = resources["AccountQueue"]["Properties"]
    assert f"after {queue['VisibilityTimeout'] // 60} minutes" in section("### WorkerErrorsAlarm")
    assert f"after {queue['RedrivePolicy']['maxReceiveCount']} receives" in section("## Failure reasons")
    assert queue["MessageRetentionPeriod"] == 7 * 24 * 3600
    assert "seven days" in section("### QueueBacklogAlarm")


# ---- failure reasons --------------------------------------------------------------------------------------------


def test_every_failure_reason_has_its_row_with_the_remedy_of_the_command(resources: Resources) -> None:
    table = rows(section("## Failure reasons"))
    assert {reason: cells[2] for reason, cells in table.items()} == dict(REMEDIES)
    assert environment(resources, "WorkerFunction")["MAX_TRIES"] == "10"
    for error in with_reason(WorkerError):
        assert table[error.reason][0] == ("at once" if issubclass(error, Permanent) else "after ten tries")


# ---- metrics and log lines --------------------------------------------------------------------------------------


def test_every_metric_has_its_row_with_its_dimensions() -> None:
    table = rows(section("## Metrics"))
    assert table.keys() == {metric.name for metric in telemetry.metrics()}
    for metric in telemetry.metrics():
        dimensions = [f"`service={metric.service}`", *(f"`{each}`" for each in metric.dimensions - {"service"})]
        assert table[metric.name][0] == ", ".join(dimensions)
        assert f"namespace is `{metric.namespace}`, the unit is {metric.unit}" in section("## Metrics")


INVOCATION_FIELDS = {"function_request_id", "function_name", "function_arn", "function_memory_size", "cold_start"}
"""https://docs.powertools.aws.dev/lambda/python/latest/core/logger/#capturing-lambda-context-info"""


def test_every_log_line_every_field_and_every_outcome_is_described() -> None:
    table = rows(section("## Log lines"))
    fields = set().union(*telemetry.log_lines().values())
    assert table.keys() == telemetry.log_lines().keys() | fields | telemetry.POWERTOOLS_FIELDS | INVOCATION_FIELDS
    assert [outcome for outcome in Outcome if f"`{outcome}`" not in " ".join(table["outcomes"])] == []


# ---- queries ----------------------------------------------------------------------------------------------------

QUERY_LANGUAGE = {"filter", "sort", "display", "stats", "by", "as", "and", "or", "in", "asc", "desc"} | {
    *("bin", "ispresent", "count", "count_distinct", "sum", "avg", "max", "min")
}
LAMBDA_FIELDS = {"type", "record.status", "record.requestId", "errorType"}
"""https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html, platform.report"""


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_uses_only_fields_and_messages_that_are_written(query: str) -> None:
    lines = telemetry.log_lines()
    fields = {"@timestamp"}.union(*lines.values(), telemetry.POWERTOOLS_FIELDS, LAMBDA_FIELDS)
    fields |= {f"outcomes.{contact_type}" for contact_type in ContactType}
    aliases = set(re.findall(r"\bas (\w+)", query))
    words = set(re.findall(r"@?[A-Za-z_][\w.]*", re.sub(r'"[^"]*"|\b\d+m?\b', "", query)))
    assert words - QUERY_LANGUAGE - aliases <= fields
    messages = set(re.findall(r'message !?= "([^"]*)"', query))
    for listed in re.findall(r"message in \[(.*?)]", query):
        messages |= set(re.findall(r'"([^"]*)"', listed))
    assert messages <= lines.keys()
    assert bool(messages) == (re.search(r"message (!?=|in) ", query) is not None)


def test_there_are_queries() -> None:
    assert len(QUERIES) >= 8
    assert all(query.startswith("filter ") for query in QUERIES)


# ---- outputs and parameters -------------------------------------------------------------------------------


def test_the_query_in_the_shell_is_one_of_the_page() -> None:
    [query] = re.findall(r"--query-string '(.*?)'", SCRIPTS)
    assert query.replace(" | ", "\n| ") in "\n".join(QUERIES)


def test_every_output_and_parameter_exists(template: dict[str, Any]) -> None:
    outputs = set(re.findall(r"outputs?,? `(\w+)`", PAGE)) | set(re.findall(r"\$\(output (\w+)\)", PAGE))
    assert {"AlarmTopicArn", "DashboardName", "WorkerLogGroupName", "BackfillLogGroupName"} <= outputs
    assert outputs <= template["Outputs"].keys()
    for name in ("AlarmEmail", "Enabled", "Mode", "Reconcile", "PutRate"):
        assert f"`{name}`" in PAGE
        assert name in template["Parameters"]
