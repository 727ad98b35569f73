"""The pages of the benchmarks are what the benchmarks write from the committed results."""

import json

from benchmarks import backfill_size, cold_start, pace
from tools import mutation


def test_pace() -> None:
    runs = [pace.Run(**run) for run in json.loads(pace.RESULTS.read_text())]
    assert pace.DOCUMENT.read_text() == pace.document(runs)


def test_backfill_size() -> None:
    assert backfill_size.DOCUMENT.read_text() == backfill_size.document(backfill_size.read_results())


def test_cold_start() -> None:
    result = cold_start.Result(**json.loads(cold_start.RESULTS.read_text()))
    assert cold_start.DOCUMENT.read_text() == cold_start.document(result)


def test_mutation() -> None:
    reasons = mutation.read_reasons()
    measurement = mutation.Measurement.read()
    assert mutation.DOCUMENT.read_text() == mutation.document(measurement, reasons)
    assert set(reasons) <= set(measurement.survivors), "a reason is for a change that no longer survives"
