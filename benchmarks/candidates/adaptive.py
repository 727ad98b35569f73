"""(b) What careful scripts do: ten threads, botocore's adaptive retry mode with 8 attempts, a Get before each Put."""

from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from benchmarks.candidates.common import CONTACT_TYPES, Stopwatch, Task, contact, measure


def run(task: Task) -> tuple[float, int]:
    """Look, then put; an account whose call fails in spite of the retries is given up."""
    config = Config(retries={"mode": "adaptive", "total_max_attempts": 8}, max_pool_connections=10)
    client = boto3.client("account", endpoint_url=task.endpoint, config=config)

    def process(account: str) -> bool:
        try:
            for contact_type in CONTACT_TYPES:
                desired = contact(contact_type)
                try:
                    present = client.get_alternate_contact(AccountId=account, AlternateContactType=contact_type)  # type: ignore[arg-type]
                    right = present["AlternateContact"] == desired
                except client.exceptions.ResourceNotFoundException:
                    right = False
                if not right:
                    client.put_alternate_contact(AccountId=account, **desired)  # type: ignore[arg-type]
        except (ClientError, BotoCoreError):
            return False
        return True

    watch = Stopwatch()
    with ThreadPoolExecutor(10) as pool:
        done = list(pool.map(process, task.accounts))
    return watch.seconds(), done.count(False)


if __name__ == "__main__":
    measure(run)
