"""Run fault campaigns: `make campaign` runs all of them and writes the results; options select one.

Each campaign is repeatable: the same seed and number of accounts give the same calls, in the same order.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.campaign.campaign import Figures, Options, run

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "campaign.json"
DOCUMENT = ROOT / "benchmarks" / "campaign.md"

CAMPAIGNS = (
    Options(1, 10_000),
    *(Options(seed, 1_000) for seed in range(2, 5)),
    Options(5, 1_000, fault_share=0.15),
)

_HEADINGS = (
    "seed",
    "accounts",
    "hours",
    "calls",
    "faults",
    "duplicates",
    "workers started",
    "killed",
    "compliant",
    "failed",
    "skipped",
    "after replay",
    "bursts",
    "violations",
)


def _row(figures: Figures) -> list[str]:
    accounts = figures.compliant_after_replay
    numbers = [figures.seed, figures.accounts, figures.hours, figures.calls, sum(figures.injected.values())]
    numbers += [figures.duplicates, figures.workers_started, figures.killed]
    numbers += [figures.compliant, figures.failed, figures.skipped, accounts]
    bursts = f"{figures.put_bursts:.2f}, {figures.get_bursts:.2f}"
    return [f"{number:,}" for number in numbers] + [bursts, f"{len(figures.violations):,}"]


def _markdown(rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def document(results: Sequence[Figures]) -> str:
    """Return benchmarks/campaign.md."""
    faults = sorted({effect for figures in results for effect in figures.injected})
    reasons = sorted({reason for figures in results for reason in figures.reasons})
    counted = _markdown(
        [
            ["seed", *faults],
            ["---:"] * (len(faults) + 1),
            *([str(row.seed), *(f"{row.injected.get(effect, 0):,}" for effect in faults)] for row in results),
        ]
    )
    failed = _markdown(
        [
            ["seed", *(f"`{reason}`" for reason in reasons)],
            ["---:"] * (len(reasons) + 1),
            *([str(row.seed), *(f"{row.reasons.get(reason, 0):,}" for reason in reasons)] for row in results),
        ]
    )
    table = _markdown([_HEADINGS, ["---:"] * len(_HEADINGS), *map(_row, results)])
    return f"""# Fault campaigns

`make campaign` deploys the package to an organization in which many things fail at the same time, and checks what must
hold nevertheless. Each row is one campaign.

{table}

*Hours* are virtual, *calls* those of the account API, *faults* the injected ones of all services. *Compliant*,
*failed* and *skipped* are the accounts after the faults; *after replay* are the compliant ones after the causes are
fixed and the failed messages are replayed. *Bursts* are those of Puts and of Gets; see 4.

## What must hold

1. After the faults, each account is compliant, or on FailedAccountQueue with its reason, or skipped with its reason.
2. After fixes and replay, each account that is not skipped is compliant. A reconcile then makes no Put.
3. No Put follows the same worker's Get of an equal contact.
4. The workers exceed their share of the quota by one burst of each started worker at most. A worker is a token bucket
   that starts full. Two run at a time, each with half of the rate. So the calls in any window of time are at most rate
   x seconds, plus one burst (3 Puts, 6.5 Gets) of each worker that ran in the window. *Bursts* is the excess in the
   worst window, without the bursts of the workers that started in it: 2 at most.
5. No contact data is in a log line, a metric or an attribute of a failed message.
6. The package changes no contact without a reason: not in an excluded account, not with the choice `ignore`, and with
   the policy `fill` no contact that the account has.

`tests/campaign/test_campaign.py` breaks the package in one way after the other, and checks that a campaign notices it.

## What goes wrong

- Of the calls of each service 3 % (seed 5: 15 %) are throttled, fail with 500 or 503, do not connect, lose the
  connection or the response, or are up to 8 s late, on their way to AWS or back.
- The account API is down for two minutes, and another tool uses half of the Put quota for a fifth of the time.
- SQS delivers in no order, 2 % of the messages twice, and 2 % of the deleted ones again. It rejects 3 % of the entries
  of a batch, and every message for FailedAccountQueue for ten and for fifteen minutes.
- Workers are killed: in the middle of 2 % of the batches, and after one of 1,000 Puts before its response. The backfill
  is killed between two pages of accounts; Lambda retries it.
- Accounts are created (not ready, below the root, moved to their OU later), closed, and removed from the organization.
  The contacts of one account of a hundred cannot be read or set.
- Invalid messages arrive, up to the largest that AccountQueue accepts.
- The contact configuration has an invalid target, an invalid contact set and an unknown one. Halfway a set and a target
  change, in steps between which it cannot be read. Later single accounts become targets, and others are moved to
  another OU. No operator starts a backfill for that: changes arrive on ChangeQueue, and moves on AccountQueue.

{counted}

Messages on FailedAccountQueue after the faults:

{failed}

## How it is measured

The code of the zips runs: both handlers, their adapters and botocore, up to the HTTP request. Clocks, waits and threads
are those of `tests/campaign/virtual_time.py`, which runs one task at a time. So a campaign is repeatable: the same seed
gives the same calls in the same order.
`PYTHONPATH=src:custom-resources:cli:. .venv/dev/bin/python -m tests.campaign --seed 3 --accounts 1000` repeats one.
The order in which tasks take turns is one of many that threads could have; another seed gives another one. Tasks take
turns only where they wait, so a race between two statements without a wait between them is not found.

The account API is that of the emulation. SQS, Organizations, Parameter Store and Lambda are in `tests/campaign/`. They
follow the API references, and they are not AWS: see [verify-on-aws.md](../docs/verify-on-aws.md).
"""


def main() -> None:
    """Run the campaigns, print the results, and end with 1 if anything did not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description=__doc__)
    parser.add_argument("--seed", type=int, help="run one campaign with this seed, and write nothing")
    parser.add_argument("--accounts", type=int, default=1_000, help="of that campaign; default: %(default)s")
    parser.add_argument("--fault-share", type=float, default=0.03, help="of its calls; default: %(default)s")
    arguments = parser.parse_args()
    campaigns: Sequence[Options] = CAMPAIGNS
    if arguments.seed is not None:
        campaigns = [Options(arguments.seed, arguments.accounts, arguments.fault_share)]
    results = _run_all(campaigns, Console())
    if arguments.seed is None:
        RESULTS.write_text(json.dumps([asdict(figures) for figures in results], indent=1) + "\n")
        DOCUMENT.write_text(document(results))
    sys.exit(any(figures.violations for figures in results))


def _run_all(campaigns: Sequence[Options], console: Console) -> list[Figures]:
    """Run campaigns in parallel, and print each when it ends; return them in their order."""
    results: dict[Options, Figures] = {}
    with ProcessPoolExecutor() as pool, console.status("") as status:
        futures = {pool.submit(run, options): options for options in campaigns}
        status.update(f"{len(campaigns)} campaigns, {sum(each.accounts for each in campaigns):,} accounts")
        for future in as_completed(futures):
            options, figures = futures[future], future.result()
            results[options] = figures
            console.print(f"seed {options.seed}: {figures.accounts:,} accounts, {len(figures.violations)} violations")
            for violation in figures.violations[:20]:
                console.print(f"  {violation}", markup=False, highlight=False)
            status.update(f"{len(campaigns) - len(results)} campaigns are running")
    ordered = [results[options] for options in campaigns]
    # A column for each campaign, so that the table fits into a terminal.
    first, *others = zip(_HEADINGS, *map(_row, ordered), strict=True)
    table = Table(*first)
    for row in others:
        table.add_row(*row)
    console.print(table)
    return ordered


if __name__ == "__main__":
    main()
