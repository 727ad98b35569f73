"""Measure how many small changes of the code the unit tests notice. ``make mutation`` runs it.

mutmut changes one expression at a time and runs the tests that run its function. The program writes the results and
benchmarks/mutation.md. With ``--again`` it keeps results of its last run: it tests functions that have changed since,
and the mutants that survived.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from tools.mutants import Mutant, read_mutants

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".mutation"
MUTANTS = FOLDER / "mutants" / "src"
RESULTS = ROOT / "benchmarks" / "results" / "mutation.json"
REASONS = ROOT / "tools" / "mutation_reasons.toml"
DOCUMENT = ROOT / "benchmarks" / "mutation.md"

SOURCE_ROOTS = ("src", "custom-resources", "cli")
CHILDREN = 2
"""Mutants that are tested at the same time."""
_NOT_EXAMINED = "Not examined yet: a test or a reason is missing."
GROUPS = {"worker": "WorkerFunction", "backfill": "BackfillFunction", "cli": "the command's decisions"}

_INTRODUCTION = """\
# How much the unit tests notice

[mutmut](https://mutmut.readthedocs.io) changes one expression of a function at a time, such as `<` to `<=` or an
argument to `None`, and runs the unit tests that run this function. A mutant is *killed* if a test fails. A mutant that
survives is a change that no test notices. `make mutation` measures it and writes this page, in about 15 minutes.

- Both functions are measured completely, and the modules of the command that decide or change something. A module that
  both functions have counts once.
- mutmut 3 changes only what is inside functions: no constants of modules, and no functions with a decorator other than
  `classmethod` and `staticmethod`.
- *Left out* are changes of texts for people: strings with words and white space, such as log lines and error
  messages. Codes, keys, field names and metric names count.
- The unit tests run with 20 derandomized examples of each property. Suites that start the emulation or processes are
  not run, so what only those test counts as survived.
- Of the command's tests, those of the measured modules are run. What only a test of a verb notices counts as survived.
- A mutant that runs into mutmut's time limit counts as killed.
"""


def copy_project() -> None:
    """Copy what mutmut needs to `FOLDER`, with the three roots merged into one ``src``, as the wheel does.

    mutmut derives the name of a module from its path, and knows one root.
    """
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mutmut"]
    for outdated in (FOLDER / "src", FOLDER / "tests", FOLDER / "mutants" / "tests"):
        shutil.rmtree(outdated, ignore_errors=True)
    ignore = shutil.ignore_patterns("__pycache__")
    for root in SOURCE_ROOTS:
        source = ROOT / root / "alternate_contacts"
        shutil.copytree(source, FOLDER / "src" / source.name, ignore=ignore, dirs_exist_ok=True)
    for name in ("pyproject.toml", "tests", *configuration["also_copy"]):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, FOLDER / name, ignore=ignore, dirs_exist_ok=True)
        else:
            shutil.copy2(ROOT / name, FOLDER / name)


def describe_commit() -> str:
    """Return the short hash of the commit, with ``-dirty`` if files differ from it."""
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603


def run_mutmut(names: Sequence[str] = ()) -> None:
    """Test all mutants that have no result yet, or those with the given names again."""
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(CHILDREN), *names]
    subprocess.run(command, cwd=FOLDER, env={**os.environ, "TEST_PROFILE": "mutation"}, check=True)  # noqa: S603


@dataclass(frozen=True)
class Survivor:
    """A change that no test notices."""

    module: str
    function: str
    before: str
    after: str


@dataclass(frozen=True)
class ModuleResult:
    """The mutants of one module. ``left_out`` and ``untested`` are in none of the other figures."""

    module: str
    mutants: int
    killed: int
    timeouts: int
    left_out: int
    untested: int


@dataclass(frozen=True)
class Measurement:
    """One run on one commit."""

    commit: str
    mutmut: str
    python: str
    modules: Sequence[ModuleResult]
    survivors: Sequence[Survivor]

    @classmethod
    def of(cls, commit: str, mutants: Iterable[Mutant]) -> "Measurement":
        """Count the mutants of a commit."""
        by_module: dict[str, list[Mutant]] = defaultdict(list)
        for mutant in mutants:
            by_module[mutant.module].append(mutant)
        modules, survivors = [], []
        for module, all_of_module in by_module.items():
            no_texts = [mutant for mutant in all_of_module if not mutant.is_text]
            counted = [mutant for mutant in no_texts if mutant.tested]
            killed = [mutant for mutant in counted if mutant.killed]
            timeouts = sum(mutant.timeout for mutant in killed)
            left_out, untested = len(all_of_module) - len(no_texts), len(no_texts) - len(counted)
            modules.append(ModuleResult(module, len(counted), len(killed), timeouts, left_out, untested))
            survivors += [Survivor(module, m.function, m.before, m.after) for m in counted if not m.killed]
        return cls(commit, version("mutmut"), platform.python_version(), modules, survivors)

    @classmethod
    def read(cls) -> "Measurement":
        """Return the committed results."""
        document = json.loads(RESULTS.read_text())
        modules = [ModuleResult(**module) for module in document.pop("modules")]
        survivors = [Survivor(**survivor) for survivor in document.pop("survivors")]
        return cls(**document, modules=modules, survivors=survivors)

    def write(self) -> None:
        RESULTS.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n")


def read_reasons() -> dict[Survivor, str]:
    """Return why no test notices a change, for each survivor that was examined."""
    reasons = tomllib.loads(REASONS.read_text())["reason"]
    return {Survivor(*survivor): reason["text"] for reason in reasons for survivor in reason["survivors"]}


def document(measurement: Measurement, reasons: Mapping[Survivor, str]) -> str:
    """Return the page."""
    lines = [
        _INTRODUCTION,
        f"Measured on commit `{measurement.commit}` with mutmut {measurement.mutmut} and Python {measurement.python}.",
        "",
        "| code | mutants | killed | share | of these at the time limit | left out | not tested |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for group, title in GROUPS.items():
        modules = [module for module in measurement.modules if module.module.startswith(f"{group}.")]
        lines += [_row(f"**{title}**", modules), *(_row(f"`{module.module}`", [module]) for module in modules)]
    survivors: dict[str, list[Survivor]] = defaultdict(list)
    for survivor in measurement.survivors:
        survivors[reasons.get(survivor, _NOT_EXAMINED)].append(survivor)
    lines += ["", "## Survivors, by the reason why no test notices them"]
    for reason in sorted(survivors, key=lambda reason: reason == _NOT_EXAMINED):
        lines += ["", reason, ""]
        lines += sorted(
            f"- `{each.module}` {each.function}: {_code(each.before)} to {_code(each.after)}"
            for each in survivors[reason]
        )
    return "\n".join(lines) + "\n"


def _row(title: str, modules: Sequence[ModuleResult]) -> str:
    mutants, killed = sum(module.mutants for module in modules), sum(module.killed for module in modules)
    others = [
        f"{sum(figures):,}"
        for figures in zip(*((each.timeouts, each.left_out, each.untested) for each in modules), strict=True)
    ]
    share = f"{killed / mutants:.1%}" if mutants else "-"
    return f"| {title} | {mutants:,} | {killed:,} | {share} | {' | '.join(others)} |"


def _code(text: str) -> str:
    return f"`` {' '.join(text.split())} ``" if text else "nothing"


if __name__ == "__main__":
    again = sys.argv[1:] == ["--again"]
    if not again:
        shutil.rmtree(FOLDER, ignore_errors=True)
    commit = describe_commit()
    copy_project()
    run_mutmut()
    if again and (
        survivors := [mutant.name for mutant in read_mutants(MUTANTS) if mutant.tested and not mutant.killed]
    ):
        run_mutmut(survivors)
    measurement = Measurement.of(commit, read_mutants(MUTANTS))
    measurement.write()
    DOCUMENT.write_text(document(measurement, read_reasons()))
