"""The fields of each log line, by which operators filter, and what each metric counts."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from alternate_contacts.backfill.contact_configuration import ConfigurationProblem
from alternate_contacts.backfill.counts import BackfillCounts
from alternate_contacts.backfill.protocol import Mode, Trigger
from alternate_contacts.backfill.telemetry import BackfillTelemetry

pytestmark = pytest.mark.usefixtures("logs_to_stdout")

PROBLEM = ConfigurationProblem("sets/a", "invalid_contact_set", "invalid_title")
COUNTS = BackfillCounts(5, 3, Counter(SUSPENDED=2), configuration_problems=[PROBLEM])
COUNTED = {"enqueued": 3, "skipped": {"SUSPENDED": 2}, "configuration_problems": 1}

LINES: list[tuple[Callable[[BackfillTelemetry], None], str, dict[str, object]]] = [
    (
        lambda telemetry: telemetry.backfill_completed(Trigger.RECONCILE, Mode.REPORT, COUNTS, stack_mode=False),
        "INFO backfill completed",
        {"trigger": "reconcile", "mode": "report", "listed": 5} | COUNTED,
    ),
    (
        lambda telemetry: telemetry.changed_accounts_enqueued({"111111111111", "222222222222"}, Mode.ENFORCE, COUNTS),
        "INFO changed accounts enqueued",
        {"changed": 2, "mode": "enforce"} | COUNTED,
    ),
    (
        lambda telemetry: telemetry.configuration_validated([PROBLEM]),
        "ERROR configuration problem",
        {"parameter": "sets/a", "reason": "invalid_contact_set", "detail": "invalid_title"},
    ),
    (
        lambda telemetry: telemetry.reconcile_skipped(7),
        "INFO reconcile skipped",
        {"messages_waiting": 7},
    ),
    (
        lambda telemetry: telemetry.backfill_failed("A failed: B."),
        "ERROR backfill failed",
        {"failure": "A failed: B."},
    ),
    (
        lambda telemetry: telemetry.failed_reconcile_not_recorded(KeyError("secret")),
        "ERROR failed reconcile not recorded",
        {"error_type": "KeyError"},
    ),
    (
        lambda telemetry: telemetry.stack_status_unknown(KeyError("secret")),
        "ERROR stack status unknown",
        {"error_type": "KeyError"},
    ),
    (
        lambda telemetry: telemetry.worker_permissions_unknown("A failed: B."),
        "WARNING worker permissions unknown",
        {"failure": "A failed: B."},
    ),
]


@pytest.mark.parametrize(("record", "message", "fields"), LINES, ids=[message for _, message, _ in LINES])
def test_a_log_line_has_its_fields(
    record: Callable[[BackfillTelemetry], None],
    message: str,
    fields: dict[str, object],
    capsys: pytest.CaptureFixture[str],
) -> None:
    telemetry = BackfillTelemetry()
    telemetry.logger.clear_state()  # another test of the process may have given it the context of an invocation
    record(telemetry)
    line, *_ = map(json.loads, capsys.readouterr().out.splitlines())
    assert f"{line['level']} {line['message']}" == message
    assert {
        name: line[name] for name in line.keys() - {"level", "location", "message", "timestamp", "service"}
    } == fields


def test_an_unexpected_error_has_its_type_and_every_frame_but_not_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    def crash() -> None:
        raise RuntimeError("secret")

    with pytest.raises(RuntimeError) as raised:
        crash()
    BackfillTelemetry().unexpected_error(raised.value)
    line = json.loads(capsys.readouterr().out)
    assert (line["level"], line["error_type"]) == ("ERROR", "RuntimeError")
    assert [frame.rpartition(":")[0] for frame in line["frames"]] == [__file__, __file__]
    assert line["frames"][-1] == f"{__file__}:{crash.__code__.co_firstlineno + 1} crash"
    assert "secret" not in str(line)


def test_many_problems_are_counted_and_fifty_of_them_logged(capsys: pytest.CaptureFixture[str]) -> None:
    BackfillTelemetry().configuration_validated([PROBLEM] * 60)
    *lines, metric = map(json.loads, capsys.readouterr().out.splitlines())
    assert [line["message"] for line in lines] == ["configuration problem"] * 50
    assert metric["ConfigurationProblems"] == [60]


@pytest.mark.parametrize(
    ("record", "values"),
    [
        (
            lambda telemetry: telemetry.backfill_completed(Trigger.MANUAL, Mode.ENFORCE, COUNTS, stack_mode=True),
            {"BackfillCompleted": [1], "DaysSinceBackfill": [0]},
        ),
        (
            lambda telemetry: telemetry.backfill_completed(Trigger.MANUAL, Mode.REPORT, COUNTS, stack_mode=False),
            {},
        ),
        (lambda telemetry: telemetry.reconcile_skipped(7), {"ReconcileSkipped": [1]}),
        (lambda telemetry: telemetry.days_since_backfill(1.5), {"DaysSinceBackfill": [1.5]}),
    ],
)
def test_a_metric_has_its_value_and_the_function_as_dimension(
    record: Callable[[BackfillTelemetry], None], values: dict[str, list[float]], capsys: pytest.CaptureFixture[str]
) -> None:
    record(BackfillTelemetry())
    written: dict[str, Any] = {}
    for line in map(json.loads, capsys.readouterr().out.splitlines()):
        if "_aws" in line:
            (directive,) = line["_aws"]["CloudWatchMetrics"]
            (metric,) = directive["Metrics"]
            assert directive["Namespace"] == "AlternateContacts"
            assert directive["Dimensions"] == [["service"]]
            assert (metric["Unit"], line["service"]) == ("Count", "backfill")
            written[metric["Name"]] = line[metric["Name"]]
    assert written == values
