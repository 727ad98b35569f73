"""(b) What careful scripts do: ten threads, botocore's adaptive retry mode with 8 attempts, a Get before each Put."""

import time
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from alternate_contacts.worker.contacts import ContactType
from benchmarks.candidates.common import Task, measure, put_parameters


def run(task: Task) -> tuple[float, int]:
    """Get every contact, and put it if it differs. Give up an account if a call fails in spite of the retries."""
    config = Config(retries={"mode": "adaptive", "total_max_attempts": 8}, max_pool_connections=10)
    client = boto3.client("account", endpoint_url=task.endpoint, config=config)

    def process(account: str) -> bool:
        try:
            for contact_type in ContactType:
                desired = put_parameters(contact_type)
                try:
                    response = client.get_alternate_contact(AccountId=account, AlternateContactType=contact_type.value)
                    compliant = response["AlternateContact"] == desired
                except client.exceptions.ResourceNotFoundException:
                    compliant = False
                if not compliant:
                    client.put_alternate_contact(AccountId=account, **desired)  # type: ignore[arg-type]
        except (ClientError, BotoCoreError):
            return False
        return True

    started = time.monotonic()
    with ThreadPoolExecutor(10) as pool:
        successes = list(pool.map(process, task.accounts))
    return time.monotonic() - started, successes.count(False)


if __name__ == "__main__":
    measure(run)
