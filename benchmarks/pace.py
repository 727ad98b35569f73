"""How close to the quota each candidate comes: `python -m benchmarks.pace` runs them all and writes the results.

Every run starts a new emulated account API, with full buckets and no contacts, in a process of its own. The bound for N
accounts without contacts is the time that AWS's quotas alone need: max((3 N - 8) / 5, (3 N - 15) / 10) seconds, for 3 N
Puts at 5/s after a burst of 8, and 3 N Gets at 10/s after a burst of 15. A second run makes only the Gets. Beside
another tool that uses half of the Put quota, the bound is (3 N - 8) / 2.5. A run at a higher speed divides latencies,
too.
"""

import argparse
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "pace.json"
DOCUMENT = ROOT / "benchmarks" / "pace.md"
CANDIDATES: Mapping[str, str] = {
    "sequential": "plain sequential script",
    "adaptive": "ten threads, adaptive mode, Get before Put",
    "worker": "this worker, two processes",
    "worker --with-targets": "this worker, 60 OUs as targets",
}
"""Modules of ``benchmarks.candidates``, with their options."""
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "PYTHONPATH": os.pathsep.join(("src", "custom-resources", ".")),
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@dataclass(frozen=True)
class Scenario:
    """One task for every candidate. ``latency_ms`` is an average: the latency of a call differs by up to 20 percent."""

    accounts: int
    latency_ms: int
    speed: float = 10.0
    contended: bool = False
    candidates: Sequence[str] = ("sequential", "adaptive", "worker")

    @property
    def name(self) -> str:
        if "worker --with-targets" in self.candidates:
            return "OUs as targets"
        return "beside another tool" if self.contended else "alone" if self.speed > 1 else "alone, real time"

    @property
    def bound(self) -> float:
        """The seconds that the quotas alone need."""
        rate = 2.5 if self.contended else 5
        return max((3 * self.accounts - 8) / rate, self.second_bound)

    @property
    def second_bound(self) -> float:
        """The same if every contact is compliant already."""
        return (3 * self.accounts - 15) / 10


SCENARIOS = (
    *(Scenario(accounts, latency) for accounts in (50, 1000) for latency in (50, 100, 300)),
    Scenario(50, 100, speed=1.0),
    Scenario(200, 100, contended=True),
    Scenario(1000, 100, candidates=("worker", "worker --with-targets") * 2),
)
QUICK = Scenario(50, 100)


@dataclass(frozen=True)
class Run:
    """One run of a candidate; ``seconds`` and ``bound`` at AWS's rates, ``lost`` accounts lack a contact."""

    scenario: str
    candidate: str
    accounts: int
    latency_ms: int
    speed: float
    seconds: float
    bound: float
    calls: int
    throttled: int
    contacts: int
    lost: int
    throttled_of_others: int = 0

    @property
    def ratio(self) -> float:
        """The bound in relation to the time of the run: 1 is the pace of the quota."""
        return self.bound / self.seconds


@contextmanager
def account_api(scenario: Scenario) -> Iterator[str]:
    """Start the emulated account API in a process of its own, and yield its URL."""
    latency = [str(scenario.latency_ms / scenario.speed * part) for part in (0.8, 1.2)]
    options = [f"--accounts={scenario.accounts}", f"--speed={scenario.speed}", "--latency-ms", *latency]
    with _helper("emulation.account_http", *options) as process:
        if process.stdout is None:
            raise AssertionError("stdout is a pipe")
        yield process.stdout.readline().strip()


def run(candidate: str, scenario: Scenario) -> list[Run]:
    """Let one candidate set all contacts of a new organization, in large ones a second time."""
    with account_api(scenario) as url:
        if scenario.contended:
            with _helper("benchmarks.candidates.neighbour", url, f"--speed={scenario.speed}") as neighbour:
                result = _measure(candidate, scenario, url, scenario.name, scenario.bound)
                throttled = int(neighbour.communicate()[0])
            return [replace(result, throttled=result.throttled - throttled, throttled_of_others=throttled)]
        first = _measure(candidate, scenario, url, scenario.name, scenario.bound)
        if scenario.accounts < 1000 or scenario.name == "OUs as targets":
            return [first]
        time.sleep(20 / scenario.speed)  # until the buckets are full again
        return [first, _measure(candidate, scenario, url, "second run", scenario.second_bound)]


def _measure(candidate: str, scenario: Scenario, url: str, name: str, bound: float) -> Run:
    before = _read(f"{url}/counts")
    command = [sys.executable, "-m", *f"benchmarks.candidates.{candidate}".split(), url]
    process = subprocess.run(  # noqa: S603
        [*command, f"--accounts={scenario.accounts}", f"--speed={scenario.speed}"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env=ENVIRONMENT,
    )
    after, contacts = _read(f"{url}/counts"), _read(f"{url}/contacts")
    counts = {name: after[name] - before[name] for name in after}
    return Run(
        scenario=name,
        candidate=candidate,
        accounts=scenario.accounts,
        latency_ms=scenario.latency_ms,
        speed=scenario.speed,
        seconds=round(json.loads(process.stdout)["seconds"] * scenario.speed, 1),
        bound=round(bound, 1),
        calls=counts["PutAlternateContact"] + counts["GetAlternateContact"],
        throttled=counts["throttled"],
        contacts=contacts["contacts"],
        lost=scenario.accounts - contacts["accounts"],
    )


@contextmanager
def _helper(module: str, *options: str) -> Iterator["subprocess.Popen[str]"]:
    """Start a process that ends when its standard input is closed."""
    command = [sys.executable, "-m", module, *options]
    process = subprocess.Popen(  # noqa: S603
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
    )
    with process:
        yield process
        if process.stdin is not None and not process.stdin.closed:
            process.stdin.close()


def _read(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as response:  # noqa: S310 - on this machine
        return json.load(response)


def table(runs: Sequence[Run]) -> str:
    """Return the runs as a Markdown table."""
    lines = [
        "| scenario | accounts | latency | candidate | seconds | bound | ratio | throttled | contacts set | lost |",
        "|---|---:|---:|---|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {run.scenario} | {run.accounts:,} | {run.latency_ms} ms | {CANDIDATES[run.candidate]} "
        f"| {run.seconds:,.1f} | {run.bound:,.1f} | {run.ratio:.3f} "
        f"| {_throttled(run)} | {run.contacts:,} | {run.lost:,} |"
        for run in runs
    ]
    return "\n".join(lines)


def _throttled(run: Run) -> str:
    others = f", and {run.throttled_of_others:,} of the other tool" if run.throttled_of_others else ""
    return f"{run.throttled:,} ({run.throttled / run.calls:.1%}){others}"


def document(runs: Sequence[Run]) -> str:
    """Return benchmarks/pace.md."""
    return f"""# How fast it is

The account API allows five Puts and ten Gets per second for all callers together. N accounts without contacts need at
least max((3 N - 8) / 5, (3 N - 15) / 10) seconds: the *bound*. In a *second run* every contact is compliant, so the run
makes only Gets. *Beside another tool* that always uses half of the Put quota, the bound is that of the other half.
*Ratio* is the bound divided by the seconds of the run; 1 is the pace of the quota. *Lost* are accounts that lack a
contact at the end. In *OUs as targets* the worker runs alternately without and with a contact configuration, for which
it reads six pages of parameters a minute and describes each account.

Each row is a run with an emulated account API of its own, at AWS's rates or ten times as fast with a tenth of the
latency. Seconds are given at AWS's rates. botocore's backoff does not run ten times as fast, so the two scripts look
slower in those rows than they are. The rows in real time show their true pace.

{table(runs)}

Measured by `python -m benchmarks.pace`; see [README.md](README.md).
"""


def main() -> None:
    """Run every scenario with every candidate. Print and write the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pace", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="run 50 accounts at 100 ms only, and write nothing")
    parser.add_argument("--only", help="measure only the scenario of this name, and keep the other results")
    options = parser.parse_args()
    console = Console()
    runs: list[Run] = []
    if options.only:
        runs = [Run(**result) for result in json.loads(RESULTS.read_text()) if result["scenario"] != options.only]
    scenarios = [scenario for scenario in SCENARIOS if options.only in (None, scenario.name)]
    for scenario in (QUICK,) if options.quick else scenarios:
        for candidate in scenario.candidates:
            with console.status(f"{scenario}, {candidate}"):
                results = run(candidate, scenario)
            for result in results:
                console.print(asdict(result) | {"ratio": round(result.ratio, 3)})
            runs += results
    if not options.quick:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps([asdict(result) for result in runs], indent=1) + "\n")
        DOCUMENT.write_text(document(runs))


if __name__ == "__main__":
    main()
