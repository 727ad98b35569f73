"""The pages of the benchmarks are what they write from the committed results, and docs/performance.md repeats them."""

import json
import re

import pytest

from benchmarks import backfill_size, cold_start, pace
from tests.template.conftest import ROOT
from tools import mutation

PERFORMANCE = (ROOT / "docs" / "performance.md").read_text()
RUNS = [pace.Run(**run) for run in json.loads(pace.RESULTS.read_text())]


def test_pace() -> None:
    assert pace.DOCUMENT.read_text() == pace.document(RUNS)


def test_backfill_size() -> None:
    assert backfill_size.DOCUMENT.read_text() == backfill_size.document(backfill_size.read_results())


def test_cold_start() -> None:
    result = cold_start.Result(**json.loads(cold_start.RESULTS.read_text()))
    assert cold_start.DOCUMENT.read_text() == cold_start.document(result)


@pytest.mark.parametrize(
    ("row", "scenario", "candidate"),
    [
        ("first run: every contact is set", "alone", "worker"),
        ("second run: every contact is compliant", "second run", "worker"),
        ("first run beside another tool that takes half of the quota", "beside another tool", "worker"),
        ("first run, with 60 OUs as targets", "OUs as targets", "worker --with-targets"),
    ],
)
def test_the_performance_page_repeats_the_largest_runs(row: str, scenario: str, candidate: str) -> None:
    runs = [run for run in RUNS if (run.scenario, run.candidate, run.latency_ms) == (scenario, candidate, 100)]
    largest = [run for run in runs if run.accounts == max(run.accounts for run in runs)]
    [cells] = re.findall(rf"^\| {re.escape(row)} \| (.*) \|$", PERFORMANCE, re.MULTILINE)
    accounts, seconds, bound, throttled = cells.split(" | ")
    assert {run.accounts for run in largest} == {int(accounts.replace(",", ""))}
    assert [float(each) for each in seconds.split(" to ")] == sorted({run.seconds for run in largest})
    assert {run.bound for run in largest} == {float(bound)}
    assert [int(each) for each in throttled.split(" to ")] == sorted({run.throttled for run in largest})


def test_the_performance_page_repeats_the_runs_in_real_time() -> None:
    runs = {run.candidate: run for run in RUNS if run.scenario == "alone, real time"}
    worker, scripts = runs.pop("worker"), list(runs.values())
    assert (worker.throttled, {run.accounts for run in runs.values()}) == (0, {50})
    for run in [worker, *scripts]:
        assert f"{run.ratio:.3f}" in PERFORMANCE
    for run in scripts:
        assert f"{run.throttled / run.calls:.1%}" in PERFORMANCE


def test_the_performance_page_repeats_the_cold_start_and_the_largest_backfill() -> None:
    assert f"{cold_start.Result(**json.loads(cold_start.RESULTS.read_text())).ratio:.2f} times" in PERFORMANCE
    assert f"{max(run.conditions.accounts for run in backfill_size.read_results()):,}, the largest" in PERFORMANCE


def test_mutation() -> None:
    reasons = mutation.read_reasons()
    measurement = mutation.Measurement.read()
    assert mutation.DOCUMENT.read_text() == mutation.document(measurement, reasons)
    assert set(reasons) <= set(measurement.survivors), "a reason is for a change that no longer survives"
