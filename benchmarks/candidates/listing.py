"""List an organization and send its messages, in one of three ways. The process measures itself."""

import io
import itertools
import json
import math
import random
import resource
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders

from alternate_contacts.backfill import aws
from alternate_contacts.backfill.counts import BackfillCounts
from alternate_contacts.backfill.enqueue import BATCH_SIZE, SENDS_AT_A_TIME, enqueue_accounts
from alternate_contacts.backfill.message import account_message_body
from alternate_contacts.backfill.pacing import LIST_ACCOUNTS_RATE, CallRate
from alternate_contacts.backfill.protocol import ACTIVE, Mode, Trigger
from benchmarks.backfill_size import BATCH_SECONDS, Conditions

PAGE = 20
EMPTY_PAGE, SUSPENDED, STATELESS = 7, 10, 30


class _Raw(io.BytesIO):
    def stream(self) -> Iterator[bytes]:
        yield self.read()


class Wire:
    """Responds to ListAccounts and SendMessageBatch after the time that AWS takes, and keeps only counts."""

    def __init__(self, conditions: Conditions) -> None:
        self.pages = 0
        self.messages: Counter[str] = Counter()
        self._conditions = conditions
        self._lock = threading.Lock()
        self._random = random.Random(0)  # noqa: S311 - the same entries in every run

    def attach(self, client: Any) -> None:
        client.meta.events.register("before-send", self._send)

    def _send(self, event_name: str, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        parameters = json.loads(str(request.body, "utf-8") if isinstance(request.body, bytes) else "{}")
        if event_name.endswith("ListAccounts"):
            time.sleep(self._conditions.page_seconds / self._conditions.speed)
            response = self._page(int(parameters.get("NextToken", "0").partition("-")[0]))
        else:
            time.sleep(BATCH_SECONDS / self._conditions.speed)
            response = {"Failed": self._receive(parameters["Entries"])}
        return AWSResponse(request.url, 200, HTTPHeaders(), _Raw(json.dumps(response).encode()))

    def _receive(self, entries: list[dict[str, str]]) -> list[dict[str, object]]:
        """Count the accepted messages by account; return the rejected entries."""
        with self._lock:
            rejected = {entry["Id"] for entry in entries if self._random.random() < self._conditions.rejected}
            bodies = [json.loads(entry["MessageBody"]) for entry in entries if entry["Id"] not in rejected]
            self.messages.update(body["accountId"] for body in bodies)
        return [{"Id": entry_id, "SenderFault": False, "Code": "InternalError"} for entry_id in rejected]

    def _page(self, start: int) -> dict[str, Any]:
        self.pages += 1
        empty = self.pages % EMPTY_PAGE == 0
        end = start if empty else min(start + PAGE, self._conditions.accounts)
        response: dict[str, Any] = {"Accounts": [_account(number) for number in range(start, end)]}
        if end < self._conditions.accounts:
            response["NextToken"] = f"{end}-{self.pages}"  # botocore rejects the same token twice
        return response


def _list_accounts_rate(conditions: Conditions) -> CallRate:
    if not conditions.paced:
        return CallRate(math.inf, 1)
    return CallRate(LIST_ACCOUNTS_RATE.calls_per_second * conditions.speed, LIST_ACCOUNTS_RATE.burst)


def _account(number: int) -> dict[str, Any]:
    account_id = f"{100_000_000_000 + number}"
    account: dict[str, Any] = {
        "Id": account_id,
        "Arn": f"arn:aws:organizations::000000000000:account/o-benchmark/{account_id}",
        "Email": f"aws+{account_id}@acme.test",
        "Name": f"Account {number}",
        "JoinedMethod": "CREATED",
    }
    if number % STATELESS:
        account["State"] = account["Status"] = ACTIVE if number % SUSPENDED else "SUSPENDED"
    return account


def _body(account_id: str) -> str:
    return account_message_body(account_id, trigger=Trigger.BACKFILL, mode=Mode.ENFORCE)


def _backfill(organization: aws.AwsAccountDirectory, queue: aws.AwsBackfillQueue) -> int:
    counts = BackfillCounts()
    enqueue_accounts(organization.list_accounts(), queue, _body, delay=0, counts=counts, stop=threading.Event())
    return counts.enqueued


def _batch_by_batch(organization: aws.AwsAccountDirectory, queue: aws.AwsBackfillQueue) -> int:
    """List while four threads send. A thread retries the rejected entries of its batch before it takes the next."""
    counts, sends = BackfillCounts(), deque[Future[None]]()

    def send(bodies: list[str]) -> None:
        for attempt in range(1, 9):
            rejected = queue.send(bodies, delay=0)
            counts.add_enqueued(len(bodies) - len(rejected))
            bodies = [bodies[index] for index in rejected]
            if not bodies:
                return
            time.sleep(0.1 * 2**attempt)
        raise RuntimeError("rejected in every attempt")

    bodies = (_body(account.account_id) for account in organization.list_accounts() if account.state == ACTIVE)
    with ThreadPoolExecutor(SENDS_AT_A_TIME) as pool:
        while batch := list(itertools.islice(bodies, BATCH_SIZE)):
            sends.append(pool.submit(send, batch))
            if len(sends) > SENDS_AT_A_TIME:
                sends.popleft().result()
        while sends:
            sends.popleft().result()
    return counts.enqueued


def _sequential(organization: aws.AwsAccountDirectory, queue: aws.AwsBackfillQueue) -> int:
    bodies = [_body(account.account_id) for account in organization.list_accounts() if account.state == ACTIVE]
    for start in range(0, len(bodies), BATCH_SIZE):
        queue.send(bodies[start : start + BATCH_SIZE], delay=0)
    return len(bodies)


_CANDIDATES: Mapping[str, Callable[[aws.AwsAccountDirectory, aws.AwsBackfillQueue], int]] = {
    "backfill": _backfill,
    "batch by batch": _batch_by_batch,
    "sequential": _sequential,
}


def main() -> None:
    """Run the candidate under the conditions, both from the command line, and print its figures."""
    candidate, conditions = sys.argv[1], Conditions(**json.loads(sys.argv[2]))
    wire = Wire(conditions)
    clients = aws.AwsClients(boto3.Session())
    for client in (clients.organizations, clients.sqs):
        wire.attach(client)
    rate = _list_accounts_rate(conditions)
    organization = aws.AwsAccountDirectory(
        clients.organizations,
        clients.account,
        region="us-east-1",
        account_id="000000000000",
        contact_type="SECURITY",
        list_accounts_rate=rate,
    )
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes there, in KiB on Linux
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.monotonic()
    enqueued = _CANDIDATES[candidate](
        organization, aws.AwsBackfillQueue(clients.sqs, "https://sqs.invalid/AccountQueue")
    )
    seconds = time.monotonic() - started
    active = {
        _account(number)["Id"] for number in range(conditions.accounts) if number % SUSPENDED or not number % STATELESS
    }
    # The first pages of the burst are faster, which only makes the bound a little too long.
    page_seconds = max(conditions.page_seconds, conditions.speed / rate.calls_per_second)
    figures = {
        "seconds": round(seconds * conditions.speed, 2),
        "bound": round(wire.pages * page_seconds, 2),
        "enqueued": enqueued,
        "lost": len(active - wire.messages.keys()),
        "repeated": wire.messages.total() - len(wire.messages),
        "memory": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit,
    }
    sys.stdout.write(json.dumps(figures))


if __name__ == "__main__":
    main()
