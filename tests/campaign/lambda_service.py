"""Lambda: both event sources, the retry of asynchronous invocations, timeouts, and killed environments.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.campaign.queues import SimulatedQueue, StoredMessage
from tests.campaign.virtual_time import Process, VirtualTime
from tests.fakes.lambda_context import FakeContext

Handler = Callable[[Any, Any], Any]

BATCH_SIZE = 5
CONCURRENCY = 2
WORKER_TIMEOUT = 180
BACKFILL_TIMEOUT = 900
CHANGES_BATCH_SIZE = 10_000
CHANGES_WINDOW = 60
"""Seconds in which the changes of a batch are gathered."""
_LONGEST_PAUSE = 5.0
"""Seconds between two polls of an empty queue."""
_ASYNC_ATTEMPTS = 2
_ASYNC_RETRY_SECONDS = 60


@dataclass
class _Context(FakeContext):
    """The context of an invocation that ends at ``deadline``, a time of ``clock``."""

    deadline: float = 0.0
    clock: Callable[[], float] = field(default=lambda: 0.0)

    def get_remaining_time_in_millis(self) -> int:
        return max(round((self.deadline - self.clock()) * 1000), 0)


@dataclass(eq=False)
class Environment:
    """An execution environment. ``invocation`` ends when it is killed, too."""

    process: Process
    handler: Handler
    invocation: "Future[object] | None" = None


@dataclass
class Kills:
    """When workers are killed, and when an idle environment is replaced."""

    dice: Random
    share_of_batches: float = 0.0
    """The part of the batches in which the worker is killed, after up to ten seconds."""
    replaced: float = 0.0
    """The part of the batches for which Lambda starts a new environment."""

    def stop(self) -> None:
        self.share_of_batches = self.replaced = 0.0


class LambdaService:
    """Invokes the two functions."""

    def __init__(
        self,
        time: VirtualTime,
        start: Callable[[str], Handler],
        account_queue: SimulatedQueue,
        change_queue: SimulatedQueue,
        kills: Kills,
    ) -> None:
        self.started: dict[str, int] = {"worker": 0, "backfill": 0}
        self.killed = 0
        self.rejected_responses: list[str] = []
        """Partial batch responses that Lambda does not accept, and errors of the worker's handler."""
        self._time = time
        self._start = start
        self._queue = account_queue
        self._change_queue = change_queue
        self._kills = kills
        self._environments: dict[Process, Environment] = {}
        self._backfill_environment: Environment | None = None
        self._numbers = itertools.count(1)

    def kill(self, process: Process) -> None:
        """End an execution environment at once; its invocation gets no response."""
        self.killed += 1
        environment = self._environments.pop(process)
        self._time.kill(process)
        if environment.invocation is not None and _is_busy(environment):
            environment.invocation.set_result(None)

    def poll(self) -> None:
        """Act as one of the two concurrent pollers of the event source, forever."""
        environment: Environment | None = None
        while True:
            messages = self._queue.receive(BATCH_SIZE)
            if not messages:
                # A message may arrive before the next one that waits.
                self._time.sleep(min(self._queue.seconds_until_visible(), _LONGEST_PAUSE))
                continue
            is_gone = environment is None or environment.process.is_killed
            if environment is None or is_gone or self._kills.dice.random() < self._kills.replaced:
                environment = self._open("worker")
            self._time.sleep(0.02)
            if self._kills.dice.random() < self._kills.share_of_batches:
                self._kill_later(environment, self._kills.dice.uniform(0, 10))
            event = {"Records": [_record(message) for message in messages]}
            future = self._invoke(environment, event, WORKER_TIMEOUT)
            if future is not None:
                self._settle(messages, future)

    def poll_changes(self) -> None:
        """Act as one of the two concurrent pollers of ChangeQueue, forever: invoke the backfill for each window."""
        environment: Environment | None = None
        while True:
            messages = self._change_queue.receive(CHANGES_BATCH_SIZE)
            if not messages:
                self._time.sleep(min(self._change_queue.seconds_until_visible(), _LONGEST_PAUSE))
                continue
            end = self._time.monotonic() + CHANGES_WINDOW
            while self._time.monotonic() < end:
                self._time.sleep(_LONGEST_PAUSE)
                messages += self._change_queue.receive(CHANGES_BATCH_SIZE - len(messages))
            if environment is None or environment.process.is_killed:
                environment = self._open("backfill")
            event = {"Records": [_record(message) for message in messages]}
            future = self._invoke(environment, event, BACKFILL_TIMEOUT)
            if future is not None and future.exception() is None:
                for message in messages:
                    self._change_queue.delete(message)

    def invoke_async(self, event: object) -> bool:
        """Invoke the backfill as Lambda does without a waiting caller; return whether an attempt succeeded."""
        for attempt in range(_ASYNC_ATTEMPTS):
            if attempt:
                self._time.sleep(_ASYNC_RETRY_SECONDS)
            environment = self._backfill_environment
            if environment is None or environment.process.is_killed or _is_busy(environment):
                environment = self._backfill_environment = self._open("backfill")
            future = self._invoke(environment, event, BACKFILL_TIMEOUT)
            if future is not None and future.exception() is None:
                return True
        return False

    def _open(self, function: str) -> Environment:
        self.started[function] += 1
        environment = Environment(Process(f"{function} {next(self._numbers)}"), self._start(function))
        self._environments[environment.process] = environment
        return environment

    def _invoke(self, environment: Environment, event: object, timeout: float) -> "Future[object] | None":
        """Return the response or error of an invocation, or None if it was killed."""
        context = _Context(deadline=self._time.monotonic() + timeout, clock=self._time.monotonic)
        future = self._time.start(lambda: environment.handler(event, context), environment.process)
        ended: Future[object] = Future()
        environment.invocation = ended
        future.add_done_callback(lambda _: None if ended.done() else ended.set_result(None))
        self._time.wait_for(ended, timeout)
        if future.done():
            return future
        if not environment.process.is_killed:
            self.kill(environment.process)  # the timeout of the function
        return None

    def _kill_later(self, environment: Environment, seconds: float) -> None:
        def kill() -> None:
            self._time.sleep(seconds)
            if not environment.process.is_killed and _is_busy(environment):
                self.kill(environment.process)

        self._time.start(kill, Process("killer"))

    def _settle(self, messages: Sequence[StoredMessage], response: "Future[object]") -> None:
        """Delete the messages of a batch that are not in the partial batch response."""
        ids = {message.message_id for message in messages}
        remaining = None if response.exception() else _remaining(response.result())
        if remaining is None or not remaining <= ids:
            self.rejected_responses.append(repr(response.exception() or response.result()))
            return
        for message in messages:
            if message.message_id not in remaining:
                self._queue.delete(message)


def _is_busy(environment: Environment) -> bool:
    return environment.invocation is not None and not environment.invocation.done()


def _remaining(response: object) -> set[str] | None:
    """Return the messages that stay on the queue; None: Lambda does not accept the response."""
    if not isinstance(response, Mapping) or not isinstance(response.get("batchItemFailures"), list):
        return None
    return {str(failure.get("itemIdentifier")) for failure in response["batchItemFailures"]}


def _record(message: StoredMessage) -> dict[str, Any]:
    return {
        "messageId": message.message_id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": {"ApproximateReceiveCount": str(message.receives), "SentTimestamp": "0"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "awsRegion": "us-east-1",
    }
