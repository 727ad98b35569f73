"""How long a backfill takes, and how much memory: `python -m benchmarks.backfill_size` writes results and table.

The real adapters and botocore list and send; only the wire is replaced, one step before a socket: a page of 20 accounts
takes 150 ms and a batch of ten letters 20 ms, every seventh page is empty, every tenth account is suspended, every
thirtieth tells no state. The *bound* is the pages' own time, because each page has to wait for the one before. The
reference lists everything first and then sends, as plain scripts do. Each run is a process of its own; memory is how
much its peak rises over what it had before. ``SPEED`` divides the waits, and multiplies the weight of our own work.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "backfill_size.json"
DOCUMENT = ROOT / "docs" / "backfill-size.md"

SPEED = 4
PAGE_SECONDS, BATCH_SECONDS = 0.150, 0.020
SIZES = (100, 1_000, 10_000, 50_000)
CANDIDATES: Mapping[str, str] = {"sequential": "list, then send", "backfill": "this backfill"}


@dataclass(frozen=True)
class Run:
    """One backfill; ``seconds`` and ``bound`` as if at AWS's pace, ``memory`` in bytes."""

    candidate: str
    accounts: int
    seconds: float
    bound: float
    enqueued: int
    lost: int
    memory: int

    @property
    def ratio(self) -> float:
        """The time taken, where the pages' own is 1."""
        return self.seconds / self.bound


def table(runs: Sequence[Run]) -> str:
    """The runs as a Markdown table."""
    lines = [
        "| accounts | candidate | seconds | pages alone | ratio | enqueued | lost | memory |",
        "|---:|---|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {each.accounts:,} | {CANDIDATES[each.candidate]} | {each.seconds:,.1f} | {each.bound:,.1f} "
        f"| {each.ratio:.2f} | {each.enqueued:,} | {each.lost:,} | {each.memory / 2**20:.1f} MiB |"
        for each in runs
    ]
    return "\n".join(lines)


def document(runs: Sequence[Run]) -> str:
    """docs/backfill-size.md."""
    return f"""# How large an organization one backfill can do

ListAccounts returns 20 accounts per page, one page after the other. The backfill sends messages while it waits for the
next page. So it takes hardly longer than the pages alone, and it holds no more than a page and a few batches in memory.
Here a page takes 150 ms and a batch of ten messages 20 ms; the measurement runs {SPEED} times as fast. *Memory* is the
rise of the peak over the memory of the process before the first call.

{table(runs)}

An invocation has 900 s. 75 s of them are reserved for the response, and the checks before may take about 100 s. The
rest is enough for 725 s / 0.15 s x 20 = 96,000 accounts at 150 ms per page. The largest quota that AWS names is 50,000
accounts, measured above. If the pages take longer, the backfill fails and reports its figures; it does not hang.

Measured by `python -m benchmarks.backfill_size`; see [benchmarks/README.md](../benchmarks/README.md).
"""


def main() -> None:
    """Run every size with each candidate in a process of its own, print and write."""
    console = Console()
    runs = []
    for accounts in SIZES:
        for candidate in CANDIDATES:
            with console.status(f"{accounts} accounts, {candidate}"):
                done = subprocess.run(  # noqa: S603
                    [sys.executable, "-m", "benchmarks.candidates.listing", candidate, str(accounts)],
                    cwd=ROOT,
                    stdout=subprocess.PIPE,
                    check=True,
                    env={
                        "PATH": os.environ["PATH"],
                        "PYTHONPATH": os.pathsep.join(("custom-resources", ".")),
                        "AWS_ACCESS_KEY_ID": "test",
                        "AWS_SECRET_ACCESS_KEY": "test",
                        "AWS_DEFAULT_REGION": "us-east-1",
                    },
                )
            runs.append(Run(candidate=candidate, accounts=accounts, **json.loads(done.stdout)))
            console.print(asdict(runs[-1]) | {"ratio": round(runs[-1].ratio, 3)})
    RESULTS.write_text(json.dumps([asdict(each) for each in runs], indent=1) + "\n")
    DOCUMENT.write_text(document(runs))


if __name__ == "__main__":
    main()
