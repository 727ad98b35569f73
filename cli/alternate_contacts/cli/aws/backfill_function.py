"""Invoke BackfillFunction."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.config import Config
from botocore.exceptions import ReadTimeoutError

from alternate_contacts.backfill.protocol import Mode, Trigger
from alternate_contacts.cli.aws.session import Session
from alternate_contacts.cli.terminal.errors import CliError

# Longer than the timeout of the function (900 s), and one attempt: a retry would send every message again.
_ONE_LONG_ATTEMPT = Config(read_timeout=960, tcp_keepalive=True, retries={"total_max_attempts": 1, "mode": "standard"})


@dataclass(frozen=True)
class BackfillResult:
    """The messages that a backfill sent to AccountQueue."""

    summary: str
    listed: int
    enqueued: int
    skipped: Mapping[str, int]

    def document(self) -> dict[str, object]:
        """Return the numbers for ``--json``."""
        return {"listed": self.listed, "enqueued": self.enqueued, "skipped": dict(self.skipped)}


def invoke_backfill(session: Session, function: str, mode: Mode) -> BackfillResult:
    """Invoke ``function``, and wait for its result.

    Raises:
        CliError: the function failed, or did not respond.
        botocore.exceptions.BotoCoreError, ClientError: the invocation failed.
    """
    try:
        response = session.client("lambda", config=_ONE_LONG_ATTEMPT).invoke(
            FunctionName=function, Payload=_payload(mode)
        )
    except ReadTimeoutError:
        raise CliError(
            "BackfillFunction did not respond before its timeout. Run `alternate-contacts status`: it shows whether "
            "messages arrive on AccountQueue."
        ) from None
    result = _parse(response["Payload"].read())
    if response.get("FunctionError"):
        raise CliError(
            f"BackfillFunction failed: {result.get('errorMessage', 'no error message. Check the log of the function.')}"
        )
    try:
        return BackfillResult(
            str(result["summary"]), int(result["listed"]), int(result["enqueued"]), dict(result["skipped"])
        )
    except (KeyError, TypeError, ValueError):
        raise CliError(
            "The response of BackfillFunction cannot be read: stack and command are of different releases. Run "
            "`alternate-contacts status`: it shows whether messages arrive on AccountQueue."
        ) from None


def start_backfill(session: Session, function: str) -> None:
    """Invoke ``function`` asynchronously. If it fails, Lambda sends the invocation to UndeliveredQueue."""
    session.client("lambda").invoke(FunctionName=function, InvocationType="Event", Payload=_payload(Mode.ENFORCE))


def _parse(payload: bytes) -> dict[str, Any]:
    """Return the object in the payload; empty if the payload is anything else."""
    try:
        parsed = json.loads(payload)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _payload(mode: Mode) -> bytes:
    # `reason` is what the previous release of the function reads.
    trigger = Trigger.MANUAL.value
    return json.dumps({"trigger": trigger, "reason": trigger, "mode": mode.value}).encode()
