"""Print docs/cost.md: what the package costs a month, from prices of AWS and usage. `make reference` writes it.

Usage is that of `template.yaml` and of measurements; `tests/template/test_cost_page.py` compares both.
"""

import math
import sys
from dataclasses import dataclass

SIZES = (100, 1_000, 10_000)
"""Numbers of accounts."""

# Prices in USD in us-east-1, without free tiers.
GB_SECOND = 0.0000133334
"""Lambda on arm64."""
INVOCATION = 0.20 / 10**6
SQS_REQUEST = 0.40 / 10**6
FAIR_REQUEST = 0.50 / 10**6
"""A request on a message with a message group: SQS_REQUEST and 0.10 per million."""
LOG_GB = 0.50
LOG_GB_MONTH = 0.03
METRIC_MONTH = 0.30
ALARM_METRIC_MONTH = 0.10
DASHBOARD_MONTH = 3.00

# Usage
HOURS = 720
"""Of a month of 30 days."""
RECONCILES = 30 / 7
"""A month, with ``Reconcile`` weekly, the default."""
MEMORY_GB = 0.25
WORKERS = 2
CONTACT_TYPES = 3
PUTS_PER_SECOND = 5
GETS_PER_SECOND = 10
ALARM_METRICS = 10
"""Metrics that the six alarms list: CloudWatch charges for each."""
POLLERS = "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html"
IDLE_REQUESTS = 5 * 3 * 60 * HOURS
"""A month: with MaximumConcurrency, five pollers of Lambda receive from AccountQueue all the time, each for 20 s."""
REQUESTS_PER_ACCOUNT = 3
"""Send, receive and delete, as if no batch had more than one message."""
LOG_BYTES_PER_ACCOUNT = 3_000
"""Log line, metrics, and Lambda's lines START and REPORT, as if no batch had more than one message."""
METRICS_OF_A_RUN = 7
"""Three contact types, AccountsSkipped, BackfillCompleted, ConfigurationProblems, DaysSinceBackfill."""
RETENTION_MONTHS = 12


@dataclass(frozen=True)
class Run:
    """A backfill or reconcile of ``accounts`` accounts, at the rate that AWS allows for the slower operation."""

    accounts: int
    calls_per_second: int

    @property
    def seconds(self) -> float:
        """How long the worker needs."""
        return CONTACT_TYPES * self.accounts / self.calls_per_second

    @property
    def log_gb(self) -> float:
        return self.accounts * LOG_BYTES_PER_ACCOUNT / 10**9

    @property
    def cost(self) -> float:
        """USD, without the storage of logs."""
        listing = self.accounts / 20 / 6  # seconds: pages of 20 accounts, 6 a second
        return (
            (WORKERS * self.seconds + listing) * MEMORY_GB * GB_SECOND
            + self.accounts * INVOCATION
            + REQUESTS_PER_ACCOUNT * self.accounts * FAIR_REQUEST
            + self.log_gb * LOG_GB
            + METRICS_OF_A_RUN * (math.ceil(self.seconds / 3600) + 1) / HOURS * METRIC_MONTH
        )


STANDING = {
    "six alarms": ALARM_METRICS * ALARM_METRIC_MONTH,
    "dashboard": DASHBOARD_MONTH,
    "Lambda polls AccountQueue": IDLE_REQUESTS * SQS_REQUEST,
    "metric of the daily report": 30 / HOURS * METRIC_MONTH,
}
"""USD a month, whatever the number of accounts."""


def first_run(accounts: int) -> float:
    """Return USD of a first run: every contact is missing."""
    return Run(accounts, PUTS_PER_SECOND).cost


def reconciles(accounts: int) -> float:
    """Return USD a month of the reconciles: every contact is compliant. With the storage of a year of logs."""
    run = Run(accounts, GETS_PER_SECOND)
    return RECONCILES * (run.cost + RETENTION_MONTHS * run.log_gb * LOG_GB_MONTH)


def month(accounts: int) -> float:
    """Return USD a month."""
    return sum(STANDING.values()) + reconciles(accounts)


def _row(name: str, amounts: list[float]) -> str:
    return f"| {name} | {' | '.join(f'{amount:.2f}' for amount in amounts)} |"


def page() -> str:
    """Return the page as Markdown."""
    table = "\n".join(
        [
            f"| USD a month | {' | '.join(f'{accounts:,} accounts' for accounts in SIZES)} |",
            f"|---|{'---:|' * len(SIZES)}",
            *(_row(name, [amount] * len(SIZES)) for name, amount in STANDING.items()),
            _row("weekly reconcile", [reconciles(accounts) for accounts in SIZES]),
            _row("**sum**", [month(accounts) for accounts in SIZES]),
            _row("the first deployment, once", [first_run(accounts) for accounts in SIZES]),
        ]
    )
    return f"""# What does it cost?

{table}

Most of it is CloudWatch: the dashboard and the alarms. These cost nothing: calls of the account API and of AWS
Organizations, events of AWS services on EventBridge, and standard parameters in Parameter Store.

**With the free tier, the sum is 0** for up to 10,000 accounts, if the management account uses the free tier for
nothing else. Each month, these are free:

- CloudWatch: ten alarm metrics, three dashboards of up to 50 metrics, ten custom metrics, and 5 GB of logs
- SQS: one million requests
- Lambda: one million requests and 400,000 GB-seconds
- EventBridge Scheduler: 14 million invocations

The table does not include what you may add: a KMS key (`KmsKeyArn`), the trail, more than 1,000 emails of
alarms a month, and queries of logs. If `ContactsPath` is set, Lambda polls a second queue, for
{STANDING["Lambda polls AccountQueue"]:.2f} more.

## The formula

For N accounts, with `Reconcile` at its default `weekly`:

- **A first run** makes 3 N Gets and 3 N Puts. AWS allows five Puts a second, so it
  takes 3 N / {PUTS_PER_SECOND} seconds.
- **A reconcile** of compliant accounts makes 3 N Gets, ten a second. It takes 3 N / {GETS_PER_SECOND} seconds.
- **Lambda:** two workers of {MEMORY_GB} GB for this time, and BackfillFunction with {MEMORY_GB} GB for N / 120
  seconds; at most N invocations.
- **SQS:** at most {REQUESTS_PER_ACCOUNT} N requests (send, receive, delete). While the queue is empty, five
  pollers of Lambda each receive once in 20 seconds: {IDLE_REQUESTS:,} requests a month.
- **Logs:** at most {LOG_BYTES_PER_ACCOUNT:,} bytes for each account and run, stored for a year.
- **Custom metrics:** {METRICS_OF_A_RUN} in each hour of a run, and one hour more. CloudWatch charges only for
  hours with data.
- **Alarms:** {ALARM_METRICS} metrics. CloudWatch charges for each metric that an alarm lists.

Where the number is not exact, the formula uses more: for example, it calculates as if every batch had one
message. [tools/cost.py](../tools/cost.py) is the formula as a program and writes this page. A test compares it
with the template, with the measured calls and seconds in [benchmarks/](../benchmarks/README.md), and with the
measured size of a log line.

## Prices

In us-east-1, without taxes and discounts. Prices differ by region, and the pages of AWS are authoritative.

| Unit | USD | Page of AWS |
|---|---:|---|
| Lambda, GB-second on arm64 | {GB_SECOND:.10f} | [Lambda](https://aws.amazon.com/lambda/pricing/) |
| Lambda, million requests | {INVOCATION * 10**6:.2f} | |
| SQS, million requests to a standard queue | {SQS_REQUEST * 10**6:.2f} | [SQS](https://aws.amazon.com/sqs/pricing/) |
| SQS, million requests with a message group (fair queue) | {FAIR_REQUEST * 10**6:.2f} | |
| CloudWatch, GB of logs | {LOG_GB:.2f} | [CloudWatch](https://aws.amazon.com/cloudwatch/pricing/) |
| CloudWatch, GB of stored logs a month | {LOG_GB_MONTH:.2f} | |
| CloudWatch, custom metric a month | {METRIC_MONTH:.2f} | |
| CloudWatch, metric of an alarm a month | {ALARM_METRIC_MONTH:.2f} | |
| CloudWatch, dashboard a month | {DASHBOARD_MONTH:.2f} | |
| EventBridge, events of AWS services | 0 | [EventBridge](https://aws.amazon.com/eventbridge/pricing/) |
| EventBridge Scheduler, first 14 million invocations a month | 0 | |
| Parameter Store, standard parameters | 0 | [Systems Manager](https://aws.amazon.com/systems-manager/pricing/) |

The number of pollers is from [Lambda's developer guide]({POLLERS}): with a maximum concurrency, Lambda
does not reduce it. That each poller waits 20 seconds, the maximum of SQS, is an assumption.

**Not verified:** no bill was compared with this page, because the package was never run on AWS. The prices were
read in stored copies of other pages from March to June 2026, because the pages of AWS could not be opened. The
free tier of CloudWatch was read in a stored copy of its page.
"""


def main() -> None:
    """Write the page to stdout."""
    sys.stdout.write(page())


if __name__ == "__main__":
    main()
