"""docs/cost.md, README.md, the formula in tools/cost.py, the template and the measurements belong together."""

import json
import re
from typing import Any

import pytest

from benchmarks import pace
from tests.fakes import telemetry
from tests.template.conftest import ROOT, Resources, of_type
from tools import cost

LINES_OF_LAMBDA = 1_000
"""Bytes of platform.start and platform.report of an invocation, with the longest name of a function: less than this.
https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html"""


def test_the_page_is_up_to_date() -> None:
    """If this fails, run `make reference`."""
    assert (ROOT / "docs" / "cost.md").read_text() == cost.page()


def test_the_readme_has_the_figures_of_the_page() -> None:
    table = (ROOT / "README.md").read_text().partition("## Cost")[2].partition("\n## ")[0]
    [row] = re.findall(r"^\| USD a month \| (.*) \|$", table, re.MULTILINE)
    assert row.split(" | ") == [f"{cost.month(accounts):.2f}" for accounts in cost.SIZES]
    [row] = re.findall(r"^\| the first deployment, once \| (.*) \|$", table, re.MULTILINE)
    assert row.split(" | ") == [f"{cost.first_run(accounts):.2f}" for accounts in cost.SIZES]
    assert all(f"{accounts:,} accounts" in table for accounts in cost.SIZES)


def test_the_formula_uses_what_the_template_has(template: dict[str, Any], resources: Resources) -> None:
    functions = of_type(resources, "AWS::Serverless::Function")
    assert {each["MemorySize"] / 1024 for each in functions.values()} == {cost.MEMORY_GB}
    assert template["Globals"]["Function"]["Architectures"] == ["arm64"]
    [source] = functions["WorkerFunction"]["Events"].values()
    assert source["Properties"]["ScalingConfig"]["MaximumConcurrency"] == cost.WORKERS
    assert template["Parameters"]["Reconcile"]["Default"] == "weekly"
    assert template["Parameters"]["LogRetentionInDays"]["Default"] == 365
    quota = template["Mappings"]["AccountApiQuota"]["aws"]
    assert (quota["PutRate"], quota["GetRate"]) == (str(cost.PUTS_PER_SECOND), str(cost.GETS_PER_SECOND))
    assert len(of_type(resources, "AWS::CloudWatch::Dashboard")) == 1


def test_each_metric_that_an_alarm_lists_is_counted(resources: Resources) -> None:
    alarms = of_type(resources, "AWS::CloudWatch::Alarm")
    assert len(alarms) == 6
    listed = [
        sum("MetricStat" in each for each in alarm["Metrics"]) if "Metrics" in alarm else 1 for alarm in alarms.values()
    ]
    assert sum(listed) == cost.ALARM_METRICS


@pytest.mark.parametrize(
    ("scenario", "rate", "calls"), [("alone", cost.PUTS_PER_SECOND, 6), ("second run", cost.GETS_PER_SECOND, 3)]
)
def test_the_calls_and_seconds_are_those_that_were_measured(scenario: str, rate: int, calls: int) -> None:
    runs = [pace.Run(**run) for run in json.loads(pace.RESULTS.read_text())]
    measured = [run for run in runs if (run.scenario, run.candidate, run.accounts) == (scenario, "worker", 1_000)]
    assert measured
    for run in measured:
        assert run.calls == calls * run.accounts
        assert run.seconds == pytest.approx(cost.Run(run.accounts, rate).seconds, rel=0.01)


def test_an_account_writes_no_more_to_the_log() -> None:
    """An invocation with one account: its line with the fields of the invocation, and three metrics."""
    assert telemetry.bytes_of_an_account() + LINES_OF_LAMBDA <= cost.LOG_BYTES_PER_ACCOUNT


def test_the_largest_size_fits_into_the_free_tiers() -> None:
    accounts, runs = max(cost.SIZES), cost.RECONCILES + 1
    requests = cost.REQUESTS_PER_ACCOUNT * accounts * runs
    assert cost.IDLE_REQUESTS + requests < 10**6
    assert accounts * runs < 10**6
    assert cost.WORKERS * cost.Run(accounts, cost.PUTS_PER_SECOND).seconds * cost.MEMORY_GB * runs < 400_000
    assert cost.Run(accounts, 1).log_gb * (runs + cost.RETENTION_MONTHS * cost.RECONCILES) < 5
    assert cost.ALARM_METRICS <= 10
    assert cost.METRICS_OF_A_RUN <= 10
