"""Another tool of the same account: uses half of the Put quota until its standard input ends, and retries nothing."""

import argparse
import random
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from alternate_contacts.worker.contacts import ContactType
from benchmarks.candidates.common import put_parameters

CALLS_AT_A_TIME = 10
"""Enough that a slow call does not delay the next one."""


def main() -> None:
    """Put the management account's own contact 2.5 times a second, times ``--speed``. Print how many calls failed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("endpoint")
    parser.add_argument("--speed", type=float, required=True)
    options = parser.parse_args()
    config = Config(retries={"total_max_attempts": 1}, max_pool_connections=CALLS_AT_A_TIME)
    client = boto3.client("account", endpoint_url=options.endpoint, config=config)
    ended = threading.Event()

    def wait_for_the_end() -> None:
        sys.stdin.read()
        ended.set()

    def put() -> bool:
        try:
            client.put_alternate_contact(**put_parameters(ContactType.BILLING))  # type: ignore[arg-type]
        except ClientError:
            return False
        return True

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    random_pauses = random.Random(0)  # noqa: S311 - a regular rhythm would synchronize with that of the candidate
    next_call = time.monotonic()
    with ThreadPoolExecutor(CALLS_AT_A_TIME) as pool:
        calls = []
        while not ended.wait(max(next_call - time.monotonic(), 0)):
            calls.append(pool.submit(put))
            next_call += random_pauses.uniform(0, 2) / (2.5 * options.speed)
    sys.stdout.write(f"{sum(not call.result() for call in calls)}\n")


if __name__ == "__main__":
    main()
