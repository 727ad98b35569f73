"""(a) What most scripts do: one account after another, one contact after another, boto3 as it comes."""

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from benchmarks.candidates.common import CONTACT_TYPES, Stopwatch, Task, contact, measure


def run(task: Task) -> tuple[float, int]:
    """Put every contact; an account whose call fails in spite of boto3's own retries is given up."""
    client = boto3.client("account", endpoint_url=task.endpoint)
    given_up = 0
    watch = Stopwatch()
    for account in task.accounts:
        try:
            for contact_type in CONTACT_TYPES:
                client.put_alternate_contact(AccountId=account, **contact(contact_type))  # type: ignore[arg-type]
        except (ClientError, BotoCoreError):
            given_up += 1
    return watch.seconds(), given_up


if __name__ == "__main__":
    measure(run)
