"""A verb prints its plan, and after the change what it did, also if it ends halfway."""

import json
from dataclasses import dataclass, field, replace

import pytest

from alternate_contacts.cli.terminal.errors import CliError
from alternate_contacts.cli.terminal.plan import ApplyOptions, ApplyResult, apply


@dataclass
class FakePlan:
    is_empty: bool = False
    lines: tuple[str, ...] = ("Delete 1 message.",)

    def document(self) -> dict[str, object]:
        return {"delete": 1}


@dataclass
class FakeChange:
    done: dict[str, object] = field(default_factory=dict)
    error: Exception | None = None
    complete: bool = True
    runs: int = 0

    def run(self) -> None:
        self.runs += 1
        if self.error:
            raise self.error

    def result(self) -> ApplyResult:
        return ApplyResult(["1 message deleted."], self.done, self.complete)


APPLY = ApplyOptions(dry_run=False, yes=True, as_json=True)


@pytest.mark.parametrize(
    ("done", "document"),
    [({"deleted": 1}, {"plan": {"delete": 1}, "result": {"deleted": 1}}), ({}, {"plan": {"delete": 1}})],
)
def test_the_document_has_the_plan_and_what_was_done_if_anything_was(
    done: dict[str, object], document: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    change = FakeChange(done)
    assert apply(FakePlan(), change, APPLY)
    assert (json.loads(capsys.readouterr().out), change.runs) == (document, 1)


@pytest.mark.parametrize("as_json", [False, True])
def test_the_plan_and_the_result_are_lines_on_stdout_unless_the_document_is(
    as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    apply(FakePlan(), FakeChange(), replace(APPLY, as_json=as_json))
    printed = capsys.readouterr()
    lines = printed.err if as_json else printed.out
    assert lines.splitlines() == ["Delete 1 message.", "1 message deleted."]


def test_what_was_done_before_an_error_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CliError):
        apply(FakePlan(), FakeChange({"deleted": 1}, CliError("failed")), APPLY)
    assert json.loads(capsys.readouterr().out)["result"] == {"deleted": 1}


def test_a_plan_that_was_applied_in_part_is_not_complete() -> None:
    assert not apply(FakePlan(), FakeChange(complete=False), APPLY)


@pytest.mark.parametrize(("dry_run", "is_empty"), [(True, False), (False, True)])
def test_a_dry_run_and_an_empty_plan_change_nothing(
    dry_run: bool, is_empty: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    change = FakeChange()
    assert apply(FakePlan(is_empty), change, ApplyOptions(dry_run=dry_run, yes=True, as_json=True))
    assert (json.loads(capsys.readouterr().out), change.runs) == ({"plan": {"delete": 1}}, 0)


@pytest.mark.parametrize(("dry_run", "yes", "seconds"), [(False, False, 600), (True, False, 0), (False, True, 0)])
def test_only_a_plan_to_confirm_takes_time_for_the_decision(dry_run: bool, yes: bool, seconds: int) -> None:
    assert ApplyOptions(dry_run=dry_run, yes=yes, as_json=False).decision_seconds == seconds
