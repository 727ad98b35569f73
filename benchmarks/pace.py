"""How close to the quota each candidate comes: `python -m benchmarks.pace` runs them all and writes the results.

Every scenario starts a strict account API of its own, full buckets and no contacts, in a process of its own. The bound
for N accounts without contacts is the time that AWS's quotas alone take: max((3 N - 8) / 5, (3 N - 15) / 10) seconds,
for 3 N Puts at 5/s after a burst of 8, and 3 N Gets at 10/s after a burst of 15; a second run makes only the Gets.
Beside another tool that puts at half of the quota, the bound is that of the other half: (3 N - 8) / 2.5. Sped-up runs
divide latencies, too.
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
DOCUMENT = ROOT / "docs" / "pace.md"
CANDIDATES: Mapping[str, str] = {
    "sequential": "plain sequential script",
    "adaptive": "ten threads, adaptive mode, Get before Put",
    "worker": "this worker, two processes",
}
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "PYTHONPATH": os.pathsep.join(("src", "custom-resources", ".")),
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@dataclass(frozen=True)
class Scenario:
    """What the candidates are put to. ``latency_ms`` is an average: each call draws its own from 20 percent around."""

    accounts: int
    latency_ms: int
    speed: float = 10.0
    contended: bool = False

    @property
    def name(self) -> str:
        return "beside another tool" if self.contended else "alone" if self.speed > 1 else "alone, real time"

    @property
    def bound(self) -> float:
        """Seconds that the quotas alone take."""
        rate = 2.5 if self.contended else 5
        return max((3 * self.accounts - 8) / rate, self.second_bound)

    @property
    def second_bound(self) -> float:
        """The same where every contact is right already."""
        return (3 * self.accounts - 15) / 10


SCENARIOS = (
    *(Scenario(accounts, latency) for accounts in (50, 1000) for latency in (50, 100, 300)),
    Scenario(50, 100, speed=1.0),
    Scenario(200, 100, contended=True),
)
QUICK = Scenario(50, 100)


@dataclass(frozen=True)
class Run:
    """One candidate at work; ``seconds`` and ``bound`` as if at AWS's own rates. ``lost``: accounts not right."""

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
        """1 is the quota's own speed."""
        return self.bound / self.seconds


@contextmanager
def account_api(scenario: Scenario) -> Iterator[str]:
    """The strict account API in a process of its own; its URL."""
    latency = [str(scenario.latency_ms / scenario.speed * part) for part in (0.8, 1.2)]
    options = [f"--accounts={scenario.accounts}", f"--speed={scenario.speed}", "--latency-ms", *latency]
    with _helper("emulation.account_http", *options) as process:
        if process.stdout is None:
            raise AssertionError("it is a pipe")
        yield process.stdout.readline().strip()


def run(candidate: str, scenario: Scenario) -> list[Run]:
    """Let one candidate set all contacts of a fresh organization, and then look at them once more."""
    with account_api(scenario) as url:
        if scenario.contended:
            with _helper("benchmarks.candidates.neighbour", url, f"--speed={scenario.speed}") as another:
                found = _measure(candidate, scenario, url, scenario.name, scenario.bound)
                refused = int(another.communicate()[0])
            return [replace(found, throttled=found.throttled - refused, throttled_of_others=refused)]
        first = _measure(candidate, scenario, url, scenario.name, scenario.bound)
        if scenario.accounts < 1000:
            return [first]
        time.sleep(20 / scenario.speed)  # buckets full again
        return [first, _measure(candidate, scenario, url, "second run", scenario.second_bound)]


def _measure(candidate: str, scenario: Scenario, url: str, name: str, bound: float) -> Run:
    before = _ask(f"{url}/counts")
    command = [sys.executable, "-m", f"benchmarks.candidates.{candidate}", url]
    done = subprocess.run(  # noqa: S603
        [*command, f"--accounts={scenario.accounts}", f"--speed={scenario.speed}"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env=ENVIRONMENT,
    )
    after, contacts = _ask(f"{url}/counts"), _ask(f"{url}/contacts")
    made = {count: after[count] - before[count] for count in after}
    return Run(
        scenario=name,
        candidate=candidate,
        accounts=scenario.accounts,
        latency_ms=scenario.latency_ms,
        speed=scenario.speed,
        seconds=round(json.loads(done.stdout)["seconds"] * scenario.speed, 1),
        bound=round(bound, 1),
        calls=made["PutAlternateContact"] + made["GetAlternateContact"],
        throttled=made["throttled"],
        contacts=contacts["contacts"],
        lost=scenario.accounts - contacts["accounts"],
    )


@contextmanager
def _helper(module: str, *options: str) -> Iterator["subprocess.Popen[str]"]:
    """A process of our own that ends when its standard input does."""
    command = [sys.executable, "-m", module, *options]
    process = subprocess.Popen(  # noqa: S603
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
    )
    with process:
        yield process
        if process.stdin is not None and not process.stdin.closed:
            process.stdin.close()


def _ask(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - on this machine
        return json.load(answer)


def table(runs: Sequence[Run]) -> str:
    """The runs as a Markdown table."""
    lines = [
        "| scenario | accounts | latency | candidate | seconds | bound | ratio | throttled | contacts set | lost |",
        "|---|---:|---:|---|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {each.scenario} | {each.accounts:,} | {each.latency_ms} ms | {CANDIDATES[each.candidate]} "
        f"| {each.seconds:,.1f} | {each.bound:,.1f} | {each.ratio:.3f} "
        f"| {_throttled(each)} | {each.contacts:,} | {each.lost:,} |"
        for each in runs
    ]
    return "\n".join(lines)


def _throttled(run: Run) -> str:
    others = f", and {run.throttled_of_others:,} of the other tool" if run.throttled_of_others else ""
    return f"{run.throttled:,} ({run.throttled / run.calls:.1%}){others}"


def document(runs: Sequence[Run]) -> str:
    """docs/pace.md."""
    return f"""# How fast it is

The account API allows five Puts and ten Gets per second, for all callers together. For N accounts without contacts, the
quota alone takes max((3 N - 8) / 5, (3 N - 15) / 10) seconds: the *bound*. In a *second run* all contacts are
compliant, so that only the Gets count. *Beside another tool* that calls Put at half of the quota all the time, the
bound is that of the other half. *Ratio* is the bound divided by the measured seconds; 1 would be the full speed of the
quota. *Lost* are accounts that do not have all three contacts at the end.

Each row is a separate run against the same strict account API. Some runs use AWS's rates, the others ten times these
rates and a tenth of the latencies. The seconds are always given at AWS's rates. The backoff of botocore is not sped up,
so in the faster runs the two scripts look slower than they are; in the rows in real time they do not.

{table(runs)}

Measured by `python -m benchmarks.pace`; see [benchmarks/README.md](../benchmarks/README.md).
"""


def main() -> None:
    """Run everything, print each result as it comes, and write results and table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pace", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="50 accounts at 100 ms only; writes nothing")
    parser.add_argument("--only", help="measure the scenario of this name anew, and keep the other results")
    options = parser.parse_args()
    console = Console()
    runs: list[Run] = []
    if options.only:
        runs = [Run(**each) for each in json.loads(RESULTS.read_text()) if each["scenario"] != options.only]
    scenarios = [each for each in SCENARIOS if options.only in (None, each.name)]
    for scenario in (QUICK,) if options.quick else scenarios:
        for candidate in CANDIDATES:
            with console.status(f"{scenario}, {candidate}"):
                done = run(candidate, scenario)
            for each in done:
                console.print(asdict(each) | {"ratio": round(each.ratio, 3)})
            runs += done
    if not options.quick:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps([asdict(each) for each in runs], indent=1) + "\n")
        DOCUMENT.write_text(document(runs))


if __name__ == "__main__":
    main()
