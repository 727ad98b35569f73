"""Lists an organization and sends its letters, the one way or the other, in a process that measures itself."""

import io
import json
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders

from alternate_contacts.backfill import aws
from alternate_contacts.backfill.counts import BackfillCounts
from alternate_contacts.backfill.enqueue import BATCH_SIZE, enqueue_accounts
from alternate_contacts.backfill.message import account_message_body
from alternate_contacts.backfill.protocol import ACTIVE, Mode, Trigger
from benchmarks.backfill_size import BATCH_SECONDS, PAGE_SECONDS, SPEED

PAGE = 20
EMPTY_PAGE, SUSPENDED, STATELESS = 7, 10, 30


class _Raw(io.BytesIO):
    def stream(self) -> Iterator[bytes]:
        yield self.read()


class Wire:
    """Answers ListAccounts and SendMessageBatch after the time that AWS takes, and keeps nothing but counts."""

    def __init__(self, accounts: int) -> None:
        self.pages = 0
        self.letters = 0
        self._accounts = accounts
        self._lock = threading.Lock()

    def attach(self, client: Any) -> None:
        client.meta.events.register("before-send", self._send)

    def _send(self, event_name: str, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        parameters = json.loads(str(request.body, "utf-8") if isinstance(request.body, bytes) else "{}")
        if event_name.endswith("ListAccounts"):
            time.sleep(PAGE_SECONDS / SPEED)
            answer = self._page(int(parameters.get("NextToken", "0").partition("-")[0]))
        else:
            time.sleep(BATCH_SECONDS / SPEED)
            with self._lock:
                self.letters += len(parameters["Entries"])
            answer = {"Successful": []}
        return AWSResponse(request.url, 200, HTTPHeaders(), _Raw(json.dumps(answer).encode()))

    def _page(self, start: int) -> dict[str, Any]:
        self.pages += 1
        empty = self.pages % EMPTY_PAGE == 0
        end = start if empty else min(start + PAGE, self._accounts)
        answer: dict[str, Any] = {"Accounts": [_account(number) for number in range(start, end)]}
        if end < self._accounts:
            answer["NextToken"] = f"{end}-{self.pages}"  # botocore refuses the same token twice
        return answer


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


def _write(account_id: str) -> str:
    return account_message_body(account_id, trigger=Trigger.BACKFILL, mode=Mode.ENFORCE)


def _backfill(organization: aws.AwsAccountDirectory, queue: aws.AwsBackfillQueue) -> int:
    counts = BackfillCounts()
    enqueue_accounts(organization.list_accounts(), queue, _write, delay=0, counts=counts, stop=threading.Event())
    return counts.enqueued


def _sequential(organization: aws.AwsAccountDirectory, queue: aws.AwsBackfillQueue) -> int:
    letters = [_write(account.account_id) for account in organization.list_accounts() if account.state == ACTIVE]
    for start in range(0, len(letters), BATCH_SIZE):
        queue.send(letters[start : start + BATCH_SIZE], delay=0)
    return len(letters)


_WORK: Mapping[str, Callable[[aws.AwsAccountDirectory, aws.AwsBackfillQueue], int]] = {
    "backfill": _backfill,
    "sequential": _sequential,
}


def main() -> None:
    """Run the candidate of the command line on so many accounts, and print what it did."""
    candidate, accounts = sys.argv[1], int(sys.argv[2])
    wire = Wire(accounts)
    clients = aws.AwsClients(boto3.Session())
    for client in (clients.organizations, clients.sqs):
        wire.attach(client)
    organization = aws.AwsAccountDirectory(
        clients.organizations, clients.account, region="us-east-1", account_id="000000000000"
    )
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes there, in KiB on Linux
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.monotonic()
    enqueued = _WORK[candidate](organization, aws.AwsBackfillQueue(clients.sqs, "https://sqs.invalid/AccountQueue"))
    seconds = time.monotonic() - started
    active = sum(1 for number in range(accounts) if number % SUSPENDED or not number % STATELESS)
    done = {
        "seconds": round(seconds * SPEED, 1),
        "bound": round(wire.pages * PAGE_SECONDS, 1),
        "enqueued": enqueued,
        "lost": active - wire.letters,
        "memory": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit,
    }
    sys.stdout.write(json.dumps(done))


if __name__ == "__main__":
    main()
