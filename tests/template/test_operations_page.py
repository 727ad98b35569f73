"""docs/operations.md is complete, and says what is there: alarms, reasons, metrics, log lines, queries, commands."""

import ast
import itertools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from alternate_contacts.cli.aws.failure_reasons import REMEDIES
from alternate_contacts.cli.main import app
from alternate_contacts.worker.decision import Outcome
from alternate_contacts.worker.errors import Permanent, Retryable, WorkerError
from tests.fakes import telemetry
from tests.fakes.aws_command import command_violations, commands

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text()
# The command line calls this one option otherwise than the service does, whose name is taken by --endpoint-url.
SCRIPTS = "\n".join(re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)).replace(
    "--notification-endpoint", "--endpoint"
)
QUERIES = re.findall(r"^```insights\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
OURS = sorted(set(re.findall(r"^alternate-contacts [^#\n]+|(?<=`)alternate-contacts [^`\n]+", PAGE, re.MULTILINE)))


def section(heading: str) -> str:
    """What stands under a heading, up to the next one of its level or above."""
    level = len(heading) - len(heading.lstrip("#"))
    [found] = re.findall(rf"^{heading}\n(.*?)(?=^#{{1,{level}}} |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    text: str = found
    return text


def rows(text: str) -> dict[str, list[str]]:
    """The other cells of the rows of all tables in a section, by the words in the first cell."""
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line[:3] == "| `"]
    return {word: row[1:] for row in cells for word in re.findall(r"`([^`]+)`", row[0])}


def kinds(kind: type[WorkerError]) -> Iterator[type[WorkerError]]:
    if hasattr(kind, "reason"):
        yield kind
    for each in kind.__subclasses__():
        yield from kinds(each)


# ---- alarms -----------------------------------------------------------------------------------------------------


def test_every_alarm_says_what_it_means_how_to_see_and_how_to_mend_it(resources: dict[str, Any]) -> None:
    alarms = [name for name, each in resources.items() if each["Type"] == "AWS::CloudWatch::Alarm"]
    assert re.findall(r"^### (\w+Alarm)$", PAGE, re.MULTILINE) == alarms
    for name in alarms:
        told = section(f"### {name}")
        assert [mark for mark in ("**It means**", "**See it**", "**Mend it**") if mark not in told] == []
        assert "alternate-contacts " in told
        assert f"[{name}](#{name.lower()})" in section("## Alarms")


def test_its_figures_are_those_of_the_template(template: dict[str, Any], resources: dict[str, Any]) -> None:
    hours = [limit["Seconds"] / 3600 for limit in template["Mappings"]["LettersTooOld"].values()]
    assert f"over {hours[0]:g} hours, in China {hours[1]:g}" in section("## Alarms")
    periods = [str(way["TwoPeriodsInDays"]) for way in template["Mappings"]["Reconcile"].values()]
    assert f"({', '.join(periods[:2])} or {periods[2]} days)" in section("### ReconcileOverdueAlarm")
    queue = resources["AccountQueue"]["Properties"]
    assert f"after {queue['VisibilityTimeout'] // 60} minutes" in section("### WorkerErrorsAlarm")
    assert f"after {queue['RedrivePolicy']['maxReceiveCount']} reads" in section("## Reasons")
    assert queue["MessageRetentionPeriod"] == 7 * 24 * 3600
    assert "seven days" in section("### LettersTooOldAlarm")


def test_what_is_not_shown_is_said() -> None:
    assert "the emulation keeps them as they are written, and evaluates none" in " ".join(PAGE.split())


# ---- reasons ----------------------------------------------------------------------------------------------------


def test_every_reason_has_its_row_with_the_remedy_of_the_command() -> None:
    told = rows(section("## Reasons"))
    assert {reason: cells[2] for reason, cells in told.items()} == dict(REMEDIES)


def test_a_reason_is_given_up_as_its_kind_of_error_is(resources: dict[str, Any]) -> None:
    assert resources["WorkerFunction"]["Properties"]["Environment"]["Variables"]["MAX_TRIES"] == "10"
    told = rows(section("## Reasons"))
    for kind in kinds(WorkerError):
        assert issubclass(kind, Retryable | Permanent)
        assert told[kind.reason][0] == ("at once" if issubclass(kind, Permanent) else "after ten tries")


# ---- metrics and log lines --------------------------------------------------------------------------------------


def test_every_metric_has_its_row_with_its_dimensions() -> None:
    told = rows(section("## Metrics"))
    assert told.keys() == {metric.name for metric in telemetry.metrics()}
    for metric in telemetry.metrics():
        dimensions = [f"`service={metric.service}`", *(f"`{each}`" for each in metric.dimensions - {"service"})]
        assert told[metric.name][0] == ", ".join(dimensions)
        assert f"unit {metric.unit}" in section("## Metrics")
        assert f"Namespace `{metric.namespace}`" in section("## Metrics")


def lines_of_the_handler() -> dict[str, set[str]]:
    """Messages and fields that the backfill's door logs itself."""
    tree = ast.parse((ROOT / "custom-resources" / "alternate_contacts" / "backfill" / "handler.py").read_text())
    found: dict[str, set[str]] = {}
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or not call.args or not isinstance(call.args[0], ast.Constant):
            continue
        for keyword in call.keywords:
            if keyword.arg == "extra":
                assert isinstance(keyword.value, ast.Dict)
                keys = [key.value for key in keyword.value.keys if isinstance(key, ast.Constant)]
                found[str(call.args[0].value)] = set(map(str, keys))
    return found


def log_lines() -> dict[str, set[str]]:
    return {**telemetry.log_lines(), **lines_of_the_handler()}


OF_THE_INVOCATION = {"function_request_id", "function_name", "function_arn", "function_memory_size", "cold_start"}
"""https://docs.powertools.aws.dev/lambda/python/latest/core/logger/#capturing-lambda-context-info"""


def test_every_log_line_and_every_field_has_its_row() -> None:
    told = rows(section("## Log lines"))
    fields = set().union(*log_lines().values())
    assert lines_of_the_handler()
    assert told.keys() == log_lines().keys() | fields | telemetry.OF_POWERTOOLS | OF_THE_INVOCATION


def test_every_outcome_is_named() -> None:
    assert [outcome for outcome in Outcome if f"`{outcome}`" not in section("## Log lines")] == []


# ---- queries ----------------------------------------------------------------------------------------------------

LANGUAGE = {"filter", "sort", "display", "stats", "by", "as", "and", "or", "in", "asc", "desc", "bin", "ispresent"} | {
    "count",
    "count_distinct",
    "sum",
    "avg",
    "max",
    "min",
}
LAMBDAS_OWN = {"type", "record.status", "record.requestId", "errorType"}
"""https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html, platform.report"""


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_asks_only_for_fields_and_messages_that_are_written(query: str) -> None:
    fields = set().union(*log_lines().values()) | telemetry.OF_POWERTOOLS | LAMBDAS_OWN
    fields |= {f"outcomes.{kind}" for kind in ("BILLING", "OPERATIONS", "SECURITY")} | {"@timestamp"}
    aliases = set(re.findall(r"\bas (\w+)", query))
    bare = re.sub(r'"[^"]*"|\b\d+m?\b', "", query)
    words = set(re.findall(r"@?[A-Za-z_][\w.]*", bare))
    assert words - LANGUAGE - aliases <= fields
    for part in query.splitlines():
        if part.lstrip("| ").startswith("filter ") and "message" in part:
            messages = re.findall(r'message != "([^"]*)"|message = "([^"]*)"', part)
            messages += [
                (each, "") for listed in re.findall(r"message in \[(.*?)]", part) for each in listed.split('"')
            ]
            named = {one or other for one, other in messages} - {"", ", "}
            assert named
            assert named <= log_lines().keys()


def test_there_are_queries() -> None:
    assert len(QUERIES) >= 8
    assert all(query.startswith("filter ") for query in QUERIES)


# ---- commands and links -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", list(commands(SCRIPTS)))
def test_an_aws_command_exists_and_takes_its_options(command: str) -> None:
    assert command_violations(command) == []


def test_the_query_from_the_shell_is_one_of_ours() -> None:
    [query] = re.findall(r"--query-string '(.*?)'", SCRIPTS)
    assert query.replace(" | ", "\n| ") in "\n".join(QUERIES)


@pytest.mark.parametrize("line", OURS)
def test_a_verb_of_ours_exists_and_takes_its_options(line: str) -> None:
    _, verb, *options = shlex.split(line)
    group: Any = typer.main.get_command(app)
    known = {name for parameter in group.commands[verb].params for name in parameter.opts + parameter.secondary_opts}
    assert {option for option in options if option.startswith("--")} <= known
    for option, value in itertools.pairwise(options):
        assert option != "--reason" or value in REMEDIES


def test_the_page_uses_every_verb_that_an_alarm_may_ask_for() -> None:
    verbs = {line.split()[1] for line in OURS}
    assert verbs == {"status", "failures", "replay", "discard", "backfill", "audit", "preflight"}


def test_outputs_and_parameters_that_are_named_are_there(template: dict[str, Any]) -> None:
    outputs = set(re.findall(r"output,? `(\w+)`", PAGE)) | set(re.findall(r"OutputKey=='(\w+)'", PAGE))
    assert outputs <= template["Outputs"].keys()
    assert {"AlarmTopicArn", "DashboardName", "WorkerLogGroupName", "BackfillLogGroupName"} <= outputs
    for name in ("AlarmEmail", "Enabled", "Mode", "Reconcile", "PutRate", "QuotaShare"):
        assert f"`{name}`" in PAGE
        assert name in template["Parameters"]


def anchors(page: str) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page, re.MULTILINE)
    return {re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_place_that_is_linked_is_there() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", PAGE):
        path, _, anchor = target.partition("#")
        if path.startswith("https://"):
            continue
        page = PAGE if not path else (ROOT / "docs" / path).read_text()
        assert not anchor or anchor in anchors(page), target
