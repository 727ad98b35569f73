"""Calls BackfillFunction as an operator, and reads what it says."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from botocore.config import Config
from botocore.exceptions import ReadTimeoutError

from alternate_contacts.backfill.protocol import Mode, Trigger
from alternate_contacts.cli.aws.session import Session
from alternate_contacts.cli.terminal.errors import CliError

# Longer than the function's time-out of 900 s, and never twice: a second call would send every letter again.
_PATIENT = Config(read_timeout=960, tcp_keepalive=True, retries={"total_max_attempts": 1, "mode": "standard"})


@dataclass(frozen=True)
class BackfillResult:
    """What a backfill did: it put letters on AccountQueue, and no more than that."""

    summary: str
    listed: int
    enqueued: int
    skipped: Mapping[str, int]

    def document(self) -> dict[str, object]:
        """For ``--json``."""
        return {"listed": self.listed, "enqueued": self.enqueued, "skipped": dict(self.skipped)}


def invoke_backfill(session: Session, function: str, mode: Mode) -> BackfillResult:
    """Have ``function`` backfill, and wait for its figures.

    Raises:
        CliError: it says why not, or does not answer.
        botocore.exceptions.BotoCoreError, ClientError: AWS could not be asked.
    """
    try:
        answer = session.client("lambda", config=_PATIENT).invoke(FunctionName=function, Payload=_payload(mode))
    except ReadTimeoutError:
        raise CliError(
            "BackfillFunction did not answer within its time; `alternate-contacts status` tells whether it still "
            "puts letters on AccountQueue."
        ) from None
    said = json.loads(answer["Payload"].read())
    if answer.get("FunctionError"):
        raise CliError(f"BackfillFunction refused: {said.get('errorMessage', 'it did not say why')}")
    return BackfillResult(said["summary"], said["listed"], said["enqueued"], said["skipped"])


def start_backfill(session: Session, function: str) -> None:
    """Have ``function`` backfill, without waiting for it. Where it fails, Lambda tells UndeliveredQueue."""
    session.client("lambda").invoke(FunctionName=function, InvocationType="Event", Payload=_payload(Mode.ENFORCE))


def _payload(mode: Mode) -> bytes:
    return json.dumps({"reason": Trigger.MANUAL.value, "mode": mode.value}).encode()
