"""(c) This package's worker: two processes with the real handler drain one queue, as Lambda does.

Only SQS is replaced, by a queue between processes: batches of five, a letter that is handed back returns after its
delay (sped up like the quotas), and between two invocations there is Lambda's pause.
"""

import heapq
import multiprocessing as mp
import os
import queue
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from benchmarks.candidates.common import CONTACT_TYPES, Stopwatch, Task, contact, measure

WORKERS = 2
BATCH_SIZE = 5
PAUSE = 0.02
"""Seconds between two invocations of one environment: SQS's receive and Lambda's start."""
TIMEOUT = 180
MAX_TRIES = 10


@dataclass(frozen=True)
class Context:
    """Lambda's context, as far as the handler and Powertools ask it."""

    deadline: float
    function_name: str = "worker"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:000000000000:function:worker"
    aws_request_id: str = "benchmark"

    def get_remaining_time_in_millis(self) -> int:
        return int((self.deadline - time.monotonic()) * 1000)


def environment(task: Task) -> dict[str, str]:
    """What template.yaml gives the function, with the quotas' speed in the rates."""
    variables = {
        "AWS_ENDPOINT_URL_ACCOUNT": task.endpoint,
        "MANAGEMENT_ACCOUNT_ID": "000000000000",
        "ACCOUNT_QUEUE_URL": "account-queue",
        "FAILED_ACCOUNT_QUEUE_URL": "failed-account-queue",
        "MODE": "enforce",
        "MAX_TRIES": str(MAX_TRIES),
        "CONCURRENT_WORKERS": str(WORKERS),
        "QUOTA_SHARE": "100",
        "PUT_RATE": str(5 * task.speed),
        "PUT_BURST": "8",
        "GET_RATE": str(10 * task.speed),
        "GET_BURST": "15",
    }
    for contact_type in CONTACT_TYPES:
        desired = contact(contact_type)
        variables |= {
            f"{contact_type}_POLICY": "overwrite",
            f"{contact_type}_NAME": desired["Name"],
            f"{contact_type}_TITLE": desired["Title"],
            f"{contact_type}_EMAIL_ADDRESS": desired["EmailAddress"],
            f"{contact_type}_PHONE_NUMBER": desired["PhoneNumber"],
        }
    return variables


class BenchmarkQueues:
    """Replace `AwsMessageQueues`: record the delay of every scheduled retry, and every failed message."""

    delays: dict[str, int] = {}  # noqa: RUF012 - one process, one queue
    failed = 0

    def __init__(self, *_: object, **__: object) -> None: ...

    def schedule_retry(self, receipt_handle: str, seconds: int) -> None:
        self.delays[receipt_handle] = seconds

    def fail(self, _body: str, _attributes: Mapping[str, str]) -> None:
        type(self).failed += 1


def drain(task: Task, letters: "Queue[str]", start: Barrier, finish: Barrier, left: Any, given_up: Any) -> None:
    """One execution environment, from its cold start (not measured here) until no letter is left anywhere."""
    os.environ.update(environment(task))
    sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - the metrics; written as on Lambda, read by nobody here
    from alternate_contacts.worker import aws

    aws.AwsMessageQueues = BenchmarkQueues  # type: ignore[assignment,misc]
    from alternate_contacts.worker.handler import lambda_handler

    waiting: list[tuple[float, str, int]] = []
    start.wait()
    while left.value > 0:
        records = _receive(letters, waiting)
        if not records:
            time.sleep(0.001)
            continue
        time.sleep(PAUSE / task.speed)
        answer = lambda_handler({"Records": records}, Context(time.monotonic() + TIMEOUT))  # type: ignore[arg-type,typeddict-item]
        kept = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        for record in records:
            if record["messageId"] in kept:
                delay = BenchmarkQueues.delays.pop(record["receiptHandle"], 6 * TIMEOUT) / task.speed
                tries = int(record["attributes"]["ApproximateReceiveCount"])
                heapq.heappush(waiting, (time.monotonic() + delay, record["body"], tries + 1))
        with left.get_lock():
            left.value -= len(records) - len(kept)
    with given_up.get_lock():
        given_up.value += BenchmarkQueues.failed
    finish.wait()


def _receive(letters: "Queue[str]", waiting: list[tuple[float, str, int]]) -> list[dict[str, Any]]:
    found: list[tuple[str, int]] = []
    while len(found) < BATCH_SIZE and waiting and waiting[0][0] <= time.monotonic():
        _, body, tries = heapq.heappop(waiting)
        found.append((body, tries))
    while len(found) < BATCH_SIZE:
        try:
            found.append((letters.get_nowait(), 1))
        except queue.Empty:
            break
    return [
        {
            "messageId": f"{number}-{body}",
            "receiptHandle": f"{number}-{body}",
            "body": body,
            "attributes": {"ApproximateReceiveCount": str(tries)},
        }
        for number, (body, tries) in enumerate(found)
    ]


def run(task: Task) -> tuple[float, int]:
    """Let two processes drain a queue with a letter for each account."""
    from alternate_contacts.backfill.message import account_message_body
    from alternate_contacts.backfill.protocol import Mode, Trigger

    spawn = mp.get_context("spawn")
    letters: Queue[str] = spawn.Queue()
    for account in task.accounts:
        letters.put(account_message_body(account, trigger=Trigger.BACKFILL, mode=Mode.ENFORCE))
    start, finish = spawn.Barrier(WORKERS + 1), spawn.Barrier(WORKERS + 1)
    left = spawn.Value("i", len(task.accounts))
    given_up = spawn.Value("i", 0)
    workers = [spawn.Process(target=drain, args=(task, letters, start, finish, left, given_up)) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    start.wait()
    watch = Stopwatch()
    finish.wait()
    seconds = watch.seconds()
    for worker in workers:
        worker.join()
    return seconds, given_up.value


if __name__ == "__main__":
    measure(run)
