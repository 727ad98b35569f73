"""(a) What most scripts do: one account after another, one contact after another, boto3's default retries."""

import time

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from alternate_contacts.worker.contacts import ContactType
from benchmarks.candidates.common import Task, measure, put_parameters


def run(task: Task) -> tuple[float, int]:
    """Put every contact. Give up an account if a call fails in spite of boto3's retries."""
    client = boto3.client("account", endpoint_url=task.endpoint)
    given_up = 0
    started = time.monotonic()
    for account in task.accounts:
        try:
            for contact_type in ContactType:
                client.put_alternate_contact(AccountId=account, **put_parameters(contact_type))  # type: ignore[arg-type]
        except (ClientError, BotoCoreError):
            given_up += 1
    return time.monotonic() - started, given_up


if __name__ == "__main__":
    measure(run)
