"""Undo what the checks write, in a process of its own: it outlives the checks, also if those are killed.

A check registers each step before it writes. The process runs the steps, the last one first, when its input ends.
"""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, Self

import boto3
from botocore.exceptions import ClientError

from emulation.settings import ROOT

PREFIX = "alternate-contacts-live-"
"""The names of everything that the checks create begin with this."""
_GONE = (
    "AWS.SimpleQueueService.NonExistentQueue",
    "QueueDoesNotExist",
    "ResourceNotFoundException",
    "ChangeSetNotFound",
    "ChangeSetNotFoundException",
)
_MESSAGE_SECONDS = 300
"""How long a message that was sent may take until it can be deleted."""


class Cleanup:
    """The steps of all checks; run at the end of the `with` block."""

    def __enter__(self) -> Self:
        """Start the process."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.live.cleanup"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C and the end of the terminal reach only the checks
        )
        return self

    def add(self, step: str, **arguments: str) -> None:
        """Register a step of `STEPS`."""
        if self._process.stdin:
            self._process.stdin.write(json.dumps([step, arguments]) + "\n")
            self._process.stdin.flush()

    def __exit__(self, *_error: object) -> None:
        """Run the steps.

        Raises:
            RuntimeError: a step failed; the text says what is left.
        """
        _, errors = self._process.communicate()
        if self._process.returncode:
            raise RuntimeError(errors)


def delete_queue(region: str, name: str) -> None:
    """Delete a queue."""
    sqs = _client("sqs", region)
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"])


def delete_rule(region: str, name: str) -> None:
    """Delete a rule and its target ``queue``."""
    events = _client("events", region)
    events.remove_targets(Rule=name, Ids=["queue"])
    events.delete_rule(Name=name)


def delete_change_set(region: str, stack: str, name: str) -> None:
    """Delete a change set."""
    _client("cloudformation", region).delete_change_set(StackName=stack, ChangeSetName=name)


def delete_stack(region: str, name: str) -> None:
    """Delete a stack that was never created: it has change sets only."""
    if not name.startswith(PREFIX):
        raise ValueError(f"{name} is not a stack of the checks")
    _client("cloudformation", region).delete_stack(StackName=name)


def delete_message(region: str, url: str, text: str) -> None:
    """Wait for the message whose body contains ``text``, and delete it. Every other message stays visible.

    Raises:
        TimeoutError: there is no such message.
    """
    sqs, deadline = _client("sqs", region), time.monotonic() + _MESSAGE_SECONDS
    while time.monotonic() < deadline:
        response = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0, WaitTimeSeconds=1)
        for message in response.get("Messages", []):
            if text in message["Body"]:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                return
    raise TimeoutError(f"no message with {text!r}")


STEPS: Mapping[str, Callable[..., None]] = {
    step.__name__: step for step in (delete_queue, delete_rule, delete_change_set, delete_stack, delete_message)
}


def _client(service: str, region: str) -> Any:
    return boto3.client(service, region_name=region)  # type: ignore[call-overload]


def run(step: str, arguments: Mapping[str, str]) -> str:
    """Run a step; return why it failed, or an empty text. What is gone already needs no cleanup."""
    try:
        STEPS[step](**arguments)
    except ClientError as error:
        return "" if error.response["Error"]["Code"] in _GONE else f"{step} {arguments}: {error}"
    except Exception as error:  # noqa: BLE001 - the other steps have to run
        return f"{step} {arguments}: {error}"
    return ""


def main() -> None:
    """Read the steps until the input ends, and run them."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    # A line without its end is a step whose write has not begun.
    steps = [json.loads(line) for line in sys.stdin if line.endswith("\n")]
    left = [failure for step, arguments in reversed(steps) if (failure := run(step, arguments))]
    sys.exit("\n".join(["The cleanup is not complete:", *left]) if left else 0)


if __name__ == "__main__":
    main()
