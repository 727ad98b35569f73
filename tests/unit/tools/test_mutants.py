"""Which mutants are changes of texts for people, and how a change is shown."""

import ast
import json
from dataclasses import astuple
from pathlib import Path

import pytest

from tools.mutants import Change, find_change, read_mutants


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("log('account failed', extra={'a': 1})", "log('XXaccount failedXX', extra={'a': 1})"),
        ("log('account failed', extra={'a': 1})", "log(None, extra={'a': 1})"),
        ("log('account failed', extra={'a': 1})", "log(extra={'a': 1})"),
        ("Failure(f'{code} failed. Retry.', True)", "Failure(None, True)"),
        ("Failure('Wait. ' f'{code} failed.')", "Failure('XXWait. XX' f'{code} failed.')"),
        ("Failure(message='It failed.', code=1)", "Failure(code=1)"),
        ("lines = ['It failed.']", "lines = ['IT FAILED.']"),
    ],
)
def test_a_change_of_a_text_is_left_out(before: str, after: str) -> None:
    assert find_change(ast.parse(before), ast.parse(after)).is_text


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        ("log('account failed', extra={'a': 1})", "log('account failed', extra={'XXaXX': 1})", ("'a'", "'XXaXX'")),
        ("log('account failed', extra={'a': 1})", "log('account failed')", ("extra={'a': 1}", "")),
        ("Failure('not_json')", "Failure(None)", ("'not_json'", "None")),
        ("Failure(f'{a}/{b}')", "Failure(None)", ("f'{a}/{b}'", "None")),
        ("Failure(f'{a or b} failed')", "Failure(f'{a and b} failed')", ("a or b", "a and b")),
        ("x = a < b", "x = a <= b", ("a < b", "a <= b")),
        ("x = first[-1]", "x = first[+1]", ("-1", "+1")),
        ("x = not a", "x = a", ("not a", "a")),
        ("f(a, b)", "f(a, None)", ("f(a, b)", "f(a, None)")),
        ("f(a, a)", "f(a)", ("a", "")),
        ("x += 1", "x = 1", ("x += 1", "x = 1")),
    ],
)
def test_any_other_change_counts_and_is_shown_as_code(before: str, after: str, change: tuple[str, str]) -> None:
    assert find_change(ast.parse(before), ast.parse(after)) == Change(*change, is_text=False)


CODE = """\
class Pace:
    def xǁPaceǁwait__mutmut_orig(self, now):
        return now < 1

    def xǁPaceǁwait__mutmut_1(self, now):
        return now <= 1

    def xǁPaceǁwait__mutmut_2(self, now):
        return now < 2


def x_stop__mutmut_orig():
    fail('too late')


def x_stop__mutmut_1():
    fail('TOO LATE')
"""
SPANS = {
    "xǁPaceǁwait__mutmut_orig": (2, 3),
    "xǁPaceǁwait__mutmut_1": (5, 6),
    "xǁPaceǁwait__mutmut_2": (8, 9),
    "x_stop__mutmut_orig": (12, 13),
    "x_stop__mutmut_1": (16, 17),
}


def write_results(folder: Path, **exit_codes: int | None) -> None:
    codes = {f"alternate_contacts.worker.pacing.{name}": code for name, code in exit_codes.items()}
    (folder / "pacing.py").write_text(CODE)
    (folder / "pacing.py.spans").write_text(json.dumps({"spans": SPANS}))
    (folder / "pacing.py.meta").write_text(json.dumps({"exit_code_by_key": codes}))
    (folder / "unchanged.py.meta").write_text(json.dumps({"exit_code_by_key": {}}))


def test_the_results_of_mutmut_are_read(tmp_path: Path) -> None:
    write_results(tmp_path, xǁPaceǁwait__mutmut_1=1, xǁPaceǁwait__mutmut_2=0, x_stop__mutmut_1=-24)
    assert [astuple(mutant)[1:] for mutant in read_mutants(tmp_path)] == [
        # module, function, before, after, is_text, tested, killed, timeout
        ("worker.pacing", "Pace.wait", "now < 1", "now <= 1", False, True, True, False),
        ("worker.pacing", "Pace.wait", "now < 1", "now < 2", False, True, False, False),
        ("worker.pacing", "stop", "'too late'", "'TOO LATE'", True, True, True, True),
    ]
    assert [mutant.name for mutant in read_mutants(tmp_path)][-1] == "alternate_contacts.worker.pacing.x_stop__mutmut_1"


@pytest.mark.parametrize("exit_code", [None, 2, -11])
def test_a_mutant_without_a_result_is_neither_tested_nor_killed(tmp_path: Path, exit_code: int | None) -> None:
    write_results(tmp_path, x_stop__mutmut_1=exit_code)
    (mutant,) = read_mutants(tmp_path)
    assert (mutant.tested, mutant.killed) == (False, False)
