"""How long a backfill takes, and how much memory: `python -m benchmarks.backfill_size` writes results and table.

The real adapters and botocore list and send. Only the socket is replaced: a page of 20 accounts takes 150 ms, and a
batch of ten messages takes 20 ms. Every seventh page is empty, every tenth account is suspended, and every thirtieth
has no state. The *bound* is the time of the pages alone, because each page needs the token of the page before. The
reference lists everything and then sends, as plain scripts do. Each run is a process of its own. Its memory is the rise
of its peak over the peak before the run. `Conditions.speed` divides the waits, so the package's own work weighs more.

In a second series, SQS rejects some entries of SendMessageBatch and pages take 30 ms. Its reference also sends while it
lists, and each batch retries its own entries. Waits before retries are not divided, hence the speed 1.
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
DOCUMENT = ROOT / "benchmarks" / "backfill-size.md"

BATCH_SECONDS = 0.020


@dataclass(frozen=True)
class Conditions:
    """The size of the organization, the time of a page, the share of rejected entries, and the divisor of waits.

    ``paced``: ListAccounts is called at the package's own rate, otherwise as fast as pages come.
    """

    accounts: int
    page_seconds: float = 0.150
    rejected: float = 0
    speed: int = 4
    paced: bool = True


SIZES = tuple(Conditions(accounts) for accounts in (100, 1_000, 10_000, 50_000))
REJECTIONS = tuple(
    Conditions(10_000, page_seconds=0.030, rejected=rejected, speed=1, paced=False)
    for rejected in (0, 0.002, 0.02, 0.2)
)
CANDIDATES: Mapping[str, str] = {
    "sequential": "list, then send",
    "batch by batch": "each batch retries its own entries",
    "backfill": "this backfill",
}
SERIES = ((SIZES, ("sequential", "backfill")), (REJECTIONS, ("batch by batch", "backfill")))


@dataclass(frozen=True)
class Run:
    """One backfill; ``seconds`` and ``bound`` at AWS's pace, ``memory`` in bytes."""

    candidate: str
    conditions: Conditions
    seconds: float
    bound: float
    enqueued: int
    lost: int
    repeated: int
    memory: int

    @property
    def ratio(self) -> float:
        """The time of the backfill in relation to the time of the pages."""
        return self.seconds / self.bound


def read_results() -> list[Run]:
    """Return the committed runs."""
    runs = json.loads(RESULTS.read_text())
    return [Run(**run | {"conditions": Conditions(**run["conditions"])}) for run in runs]


def size_table(runs: Sequence[Run]) -> str:
    """Return the runs without rejected entries as a Markdown table."""
    lines = [
        "| accounts | candidate | seconds | pages alone | ratio | enqueued | lost | memory |",
        "|---:|---|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {run.conditions.accounts:,} | {CANDIDATES[run.candidate]} | {run.seconds:,.1f} | {run.bound:,.1f} "
        f"| {run.ratio:.2f} | {run.enqueued:,} | {run.lost:,} | {run.memory / 2**20:.1f} MiB |"
        for run in runs
        if run.conditions in SIZES
    ]
    return "\n".join(lines)


def rejection_table(runs: Sequence[Run]) -> str:
    """Return the runs with rejected entries as a Markdown table."""
    lines = [
        "| rejected | candidate | seconds | pages alone | ratio | enqueued | lost | repeated |",
        "|---:|---|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {run.conditions.rejected:.1%} | {CANDIDATES[run.candidate]} | {run.seconds:,.1f} | {run.bound:,.1f} "
        f"| {run.ratio:.2f} | {run.enqueued:,} | {run.lost:,} | {run.repeated:,} |"
        for run in runs
        if run.conditions in REJECTIONS
    ]
    return "\n".join(lines)


def document(runs: Sequence[Run]) -> str:
    """Return benchmarks/backfill-size.md."""
    return f"""# How many accounts one backfill can process

ListAccounts returns 20 accounts per page, one page after the other. The backfill sends messages while it waits for the
next page, so it takes hardly longer than the pages alone. It keeps no more than one page and a few batches in memory.
Here a page takes 150 ms and a batch of ten messages takes 20 ms; the measurement ran {SIZES[0].speed} times as fast.
*Pages alone* is the time of the pages at 6 pages a second. *Lost* are active accounts without a message. *Memory* is
the rise of the peak since the first call.

{size_table(runs)}

AWS throttles ListAccounts at 8 calls a second for all callers of an account. The package makes 6 a second after its
first 8, and leaves the rest to other tools. Without this limit, pages of 150 ms would come at 6.7 a second. The limit
costs 10,000 accounts 8 s or more, before a worker that then needs 100 minutes at the default quota.

An invocation has 900 s. It reserves 75 s for the response, and its checks can take about 100 s. The remaining 725 s are
enough for 725 s x 6 x 20 = 87,000 accounts at 6 full pages per second. The largest quota in AWS's documentation is
50,000 accounts, which is measured above. If pages take so long that the time ends, the backfill fails with its figures.

## If SQS rejects messages

A response of SendMessageBatch can reject single messages. They join a later batch, so that the listing goes on. In this
measurement a page takes 30 ms and is not limited to 6 a second, which leaves the least time to send. *Repeated* are
accounts with more than one message.

{rejection_table(runs)}

A message that is rejected in nine attempts within 25 s fails the backfill, after the messages of all other accounts.
The failure names the account and has all figures. If 100 messages are rejected at a time, the listing waits for them.

Measured by `python -m benchmarks.backfill_size`; see [README.md](README.md).
"""


def main() -> None:
    """Run every size with each candidate in a process of its own. Print and write the results."""
    console = Console()
    runs = []
    for conditions, candidate in [
        (conditions, candidate) for series, candidates in SERIES for conditions in series for candidate in candidates
    ]:
        with console.status(f"{conditions}, {candidate}"):
            process = subprocess.run(  # noqa: S603
                [sys.executable, "-m", "benchmarks.candidates.listing", candidate, json.dumps(asdict(conditions))],
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
        runs.append(Run(candidate=candidate, conditions=conditions, **json.loads(process.stdout)))
        console.print(asdict(runs[-1]) | {"ratio": round(runs[-1].ratio, 3)})
    RESULTS.write_text(json.dumps([asdict(run) for run in runs], indent=1) + "\n")
    DOCUMENT.write_text(document(runs))


if __name__ == "__main__":
    main()
