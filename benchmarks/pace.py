"""How close to the quota each candidate comes: `python -m benchmarks.pace` runs them all and writes the results.

Every run starts a strict account API of its own, full buckets and no contacts, in a process of its own. The bound for N
accounts without contacts is the time that AWS's quotas alone take: max((3 N - 8) / 5, (3 N - 15) / 10) seconds, for 3 N
Puts at 5/s after a burst of 8, and 3 N Gets at 10/s after a burst of 15. Sped-up runs divide latencies, too.
"""

import argparse
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "pace.json"
CANDIDATES: Mapping[str, str] = {
    "sequential": "plain sequential script",
    "adaptive": "ten threads, adaptive mode, Get before Put",
    "worker": "this worker, two processes",
}
SPEED = 10.0
ACCOUNTS = (50, 1000)
LATENCIES = (50, 100, 300)
"""Milliseconds; each call draws its own from 20 percent around it."""


@dataclass(frozen=True)
class Run:
    """One candidate at work; ``seconds`` and ``bound`` as if at AWS's own rates."""

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

    @property
    def ratio(self) -> float:
        """1 is the quota's own speed."""
        return self.bound / self.seconds


def bound(accounts: int) -> float:
    """Seconds that the quotas alone take."""
    return max((3 * accounts - 8) / 5, (3 * accounts - 15) / 10)


@contextmanager
def account_api(accounts: int, latency_ms: float, speed: float) -> Iterator[str]:
    """The strict account API in a process of its own; its URL."""
    latency = [str(latency_ms / speed * part) for part in (0.8, 1.2)]
    command = [sys.executable, "-m", "emulation.account_http", f"--accounts={accounts}", f"--speed={speed}"]
    process = subprocess.Popen(  # noqa: S603
        [*command, "--latency-ms", *latency], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    if process.stdin is None or process.stdout is None:
        raise AssertionError("both are pipes")
    with process:
        yield process.stdout.readline().strip()
        process.stdin.close()


def run(candidate: str, accounts: int, latency_ms: int, speed: float) -> Run:
    """Let one candidate set all contacts of a fresh organization."""
    with account_api(accounts, latency_ms, speed) as url:
        command = [sys.executable, "-m", f"benchmarks.candidates.{candidate}", url]
        done = subprocess.run(  # noqa: S603
            [*command, f"--accounts={accounts}", f"--speed={speed}"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": os.pathsep.join(("src", "custom-resources", ".")),
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_DEFAULT_REGION": "us-east-1",
            },
        )
        counts, contacts = _ask(f"{url}/counts"), _ask(f"{url}/contacts")
    return Run(
        candidate=candidate,
        accounts=accounts,
        latency_ms=latency_ms,
        speed=speed,
        seconds=round(json.loads(done.stdout)["seconds"] * speed, 1),
        bound=round(bound(accounts), 1),
        calls=counts["PutAlternateContact"] + counts["GetAlternateContact"],
        throttled=counts["throttled"],
        contacts=contacts["contacts"],
        lost=accounts - contacts["accounts"],
    )


def _ask(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - on this machine
        return json.load(answer)


def table(runs: Sequence[Run]) -> str:
    """The runs as a Markdown table."""
    lines = [
        "| accounts | latency | candidate | seconds | bound | ratio | throttled | contacts set | accounts lost |",
        "|---:|---:|---|---:|---:|---:|---:|---:|---:|",
    ]
    for each in runs:
        pace = "" if each.speed > 1 else " (real time)"
        lines.append(
            f"| {each.accounts:,} | {each.latency_ms} ms{pace} | {CANDIDATES[each.candidate]} | {each.seconds:,.1f} "
            f"| {each.bound:,.1f} | {each.ratio:.3f} | {each.throttled:,} ({each.throttled / each.calls:.1%}) "
            f"| {each.contacts:,} | {each.lost:,} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Run everything, print each result as it comes, and write results and table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pace", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="50 accounts at 100 ms only; writes nothing")
    quick = parser.parse_args().quick
    plan = (
        [(50, 100, SPEED)]
        if quick
        else [*((accounts, latency, SPEED) for accounts in ACCOUNTS for latency in LATENCIES), (50, 100, 1.0)]
    )
    console = Console()
    runs: list[Run] = []
    for accounts, latency, speed in plan:
        for candidate in CANDIDATES:
            with console.status(f"{accounts} accounts, {latency} ms, {candidate}"):
                runs.append(run(candidate, accounts, latency, speed))
            console.print(asdict(runs[-1]) | {"ratio": round(runs[-1].ratio, 3)})
    if not quick:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps([asdict(each) for each in runs], indent=1) + "\n")
        (ROOT / "docs" / "pace-table.md").write_text(table(runs) + "\n")


if __name__ == "__main__":
    main()
