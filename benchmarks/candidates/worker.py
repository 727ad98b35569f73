"""(c) This package's worker: two processes with the real handler drain one queue, as Lambda does.

Only SQS is replaced, by a queue between processes. A batch has five messages, and a message returns after the delay of
its retry, divided by the speed. Between two invocations there is a pause, as with Lambda.
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

from alternate_contacts.worker.ancestry import AccountDescription
from alternate_contacts.worker.contacts import CONTACT_FIELDS, ContactType
from alternate_contacts.worker.pacing import Pacer
from benchmarks.candidates.common import Task, desired_contact, measure

WORKERS = 2
BATCH_SIZE = 5
PAUSE = 0.02
"""Seconds between two invocations of one environment: the receive of SQS and the start of Lambda."""
TIMEOUT = 180
CALL_SECONDS = 0.01
"""Of a call of Parameter Store and Organizations: 100 ms at ten times the speed of AWS."""
MAX_TRIES = 10


@dataclass(frozen=True)
class Context:
    """The part of Lambda's context that the handler and Powertools read."""

    deadline: float
    function_name: str = "worker"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:000000000000:function:worker"
    aws_request_id: str = "benchmark"

    def get_remaining_time_in_millis(self) -> int:
        return int((self.deadline - time.monotonic()) * 1000)


def environment(task: Task) -> dict[str, str]:
    """Return the environment variables of template.yaml, with the quotas multiplied by the speed."""
    variables = {
        "AWS_ENDPOINT_URL_ACCOUNT": task.endpoint,
        "MANAGEMENT_ACCOUNT_ID": "000000000000",
        "ACCOUNT_QUEUE_URL": "account-queue",
        "FAILED_ACCOUNT_QUEUE_URL": "failed-account-queue",
        "MODE": "enforce",
        "CONTACTS_PATH": "/contacts" if task.with_targets else "none",
        "MAX_TRIES": str(MAX_TRIES),
        "CONCURRENT_WORKERS": str(WORKERS),
        "QUOTA_SHARE": "100",
        "PUT_RATE": str(5 * task.speed),
        "PUT_BURST": "8",
        "GET_RATE": str(10 * task.speed),
        "GET_BURST": "15",
    }
    for contact_type in ContactType:
        contact = desired_contact(contact_type)
        variables[f"{contact_type}_POLICY"] = "overwrite"
        variables |= {f"{contact_type}_{field.environment_suffix}": field.value_of(contact) for field in CONTACT_FIELDS}
    return variables


class BenchmarkQueues:
    """Replace `AwsMessageQueues`: record the delay of every scheduled retry, and count the failed messages."""

    delays: dict[str, int] = {}  # noqa: RUF012 - one process, one queue
    failed = 0

    def __init__(self, *_: object, **__: object) -> None: ...

    def schedule_retry(self, receipt_handle: str, seconds: int) -> None:
        self.delays[receipt_handle] = seconds

    def fail(self, _body: str, _attributes: Mapping[str, str]) -> None:
        type(self).failed += 1


class BenchmarkParameterStore:
    """Replace `AwsParameterStore`: six pages of targets, each after the latency of a call."""

    def __init__(self, *_: object) -> None: ...

    def get_page(self, token: str | None) -> tuple[dict[str, str | None], str | None]:
        time.sleep(CALL_SECONDS)
        page = int(token or 0)
        targets: dict[str, str | None] = {f"targets/ou-ab12-{page:04}{number:04}": "{}" for number in range(10)}
        return {"version": "1"} | targets, str(page + 1) if page < 5 else None


class BenchmarkOrganization:
    """Replace `AwsOrganizationLookup`: each account is below five OUs."""

    describes_ancestry = True
    descriptions: Pacer

    def __init__(self, *_: object) -> None: ...

    def describe_account(self, account_id: str) -> AccountDescription:
        time.sleep(CALL_SECONDS)
        return AccountDescription("ACTIVE", (account_id, *(f"ou-ab12-0000000{level}" for level in range(5)), "r-ab12"))


def drain(task: Task, messages: "Queue[str]", start: Barrier, finish: Barrier, left: Any, given_up: Any) -> None:
    """Act as one execution environment until no message is left. The cold start is not measured here."""
    os.environ.update(environment(task))
    sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - for logs and metrics: their cost counts, not their content
    from alternate_contacts.worker import aws

    aws.AwsMessageQueues = BenchmarkQueues  # type: ignore[assignment,misc]
    aws.AwsParameterStore = BenchmarkParameterStore  # type: ignore[assignment,misc]
    aws.AwsOrganizationLookup = BenchmarkOrganization  # type: ignore[assignment,misc]
    calls_per_second, burst = aws.DESCRIBE_ACCOUNT
    BenchmarkOrganization.descriptions = Pacer(calls_per_second * task.speed, burst)
    from alternate_contacts.worker.handler import lambda_handler

    retries: list[tuple[float, str, int]] = []
    start.wait()
    while left.value > 0:
        records = _receive(messages, retries)
        if not records:
            time.sleep(0.001)
            continue
        time.sleep(PAUSE / task.speed)
        response = lambda_handler({"Records": records}, Context(time.monotonic() + TIMEOUT))  # type: ignore[arg-type]
        remaining = {failure["itemIdentifier"] for failure in response["batchItemFailures"]}
        for record in records:
            if record["messageId"] in remaining:
                delay = BenchmarkQueues.delays.pop(record["receiptHandle"], 6 * TIMEOUT) / task.speed
                tries = int(record["attributes"]["ApproximateReceiveCount"])
                heapq.heappush(retries, (time.monotonic() + delay, record["body"], tries + 1))
        with left.get_lock():
            left.value -= len(records) - len(remaining)
    with given_up.get_lock():
        given_up.value += BenchmarkQueues.failed
    finish.wait()


def _receive(messages: "Queue[str]", retries: list[tuple[float, str, int]]) -> list[dict[str, Any]]:
    received: list[tuple[str, int]] = []
    while len(received) < BATCH_SIZE and retries and retries[0][0] <= time.monotonic():
        _, body, tries = heapq.heappop(retries)
        received.append((body, tries))
    while len(received) < BATCH_SIZE:
        try:
            received.append((messages.get_nowait(), 1))
        except queue.Empty:
            break
    return [
        {
            "messageId": f"{number}-{body}",
            "receiptHandle": f"{number}-{body}",
            "body": body,
            "attributes": {"ApproximateReceiveCount": str(tries)},
        }
        for number, (body, tries) in enumerate(received)
    ]


def run(task: Task) -> tuple[float, int]:
    """Let two processes drain a queue with one message per account."""
    from alternate_contacts.backfill.message import account_message_body
    from alternate_contacts.backfill.protocol import Mode, Trigger

    spawn = mp.get_context("spawn")
    messages: Queue[str] = spawn.Queue()
    for account in task.accounts:
        messages.put(account_message_body(account, trigger=Trigger.BACKFILL, mode=Mode.ENFORCE))
    start, finish = spawn.Barrier(WORKERS + 1), spawn.Barrier(WORKERS + 1)
    left = spawn.Value("i", len(task.accounts))
    given_up = spawn.Value("i", 0)
    workers = [
        spawn.Process(target=drain, args=(task, messages, start, finish, left, given_up)) for _ in range(WORKERS)
    ]
    for worker in workers:
        worker.start()
    start.wait()
    started = time.monotonic()
    finish.wait()
    seconds = time.monotonic() - started
    for worker in workers:
        worker.join()
    return seconds, given_up.value


if __name__ == "__main__":
    measure(run)
