"""What `replay` and `discard` are about to do, as values that can be printed before anything happens."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from alternate_contacts.cli.aws import undelivered
from alternate_contacts.cli.aws.failed_messages import NO_ACCOUNT, by_account, parse_failure
from alternate_contacts.cli.aws.queues import QueueDepth, QueueMessage
from alternate_contacts.cli.aws.undelivered import Kind
from alternate_contacts.cli.terminal.output import count

_DISABLED = "The package is disabled: they wait on AccountQueue until it is enabled."


@dataclass(frozen=True)
class ReplayAll:
    """Have SQS move everything from FailedAccountQueue to AccountQueue."""

    waiting: QueueDepth
    enabled: bool

    @property
    def is_empty(self) -> bool:
        return not self.waiting.visible

    @property
    def sentences(self) -> list[str]:
        waiting = self.waiting
        said = []
        if waiting.visible:
            said.append(f"SQS moves {count(waiting.visible, 'message')} from FailedAccountQueue to AccountQueue.")
        elif not waiting.in_flight:
            said.append("Nothing is on FailedAccountQueue.")
        if waiting.in_flight:
            said.append(f"{count(waiting.in_flight, 'message')} cannot be moved: somebody is reading them just now.")
        if waiting.visible and not self.enabled:
            said.append(_DISABLED)
        return said

    def document(self) -> dict[str, object]:
        return {"move": self.waiting.visible, "heldByOthers": self.waiting.in_flight}


@dataclass(frozen=True)
class ReplayChosen:
    """Send back, or discard, these messages of FailedAccountQueue; ``missing`` are accounts that were not found."""

    messages: Sequence[QueueMessage]
    missing: Sequence[str]
    remarks: Sequence[str]
    discard: bool = False
    enabled: bool = True

    @property
    def is_empty(self) -> bool:
        return not self.messages

    @property
    def sentences(self) -> list[str]:
        where = "deleted for good" if self.discard else "back to AccountQueue"
        said = [f"{self._whom()}: {where}." if self.messages else "None of these has failed."]
        if self.missing:
            said.append(f"Not on FailedAccountQueue: {', '.join(self.missing)}.")
        said += self.remarks
        if self.messages and not self.discard and not self.enabled:
            said.append(_DISABLED)
        return said

    def document(self) -> dict[str, object]:
        return {
            "discard" if self.discard else "replay": [parse_failure(message).message_id for message in self.messages],
            "accounts": sorted({parse_failure(message).account_id for message in self.messages} - {NO_ACCOUNT}),
            "missing": list(self.missing),
            "remarks": list(self.remarks),
        }

    def _whom(self) -> str:
        accounts = by_account(parse_failure(message) for message in self.messages)
        reasons = Counter(account.latest.reason for account in accounts)
        told = ", ".join(f"{number} {reason}" for reason, number in sorted(reasons.items()))
        return f"{count(len(self.messages), 'message')} about {count(len(accounts), 'account')} ({told})"


@dataclass(frozen=True)
class RedriveUndelivered:
    """Send events back to AccountQueue, and make up for failed invocations by one backfill."""

    messages: Sequence[QueueMessage]
    remarks: Sequence[str]
    enabled: bool

    @property
    def to_send(self) -> list[QueueMessage]:
        return [message for message in self.messages if undelivered.kind(message) is not Kind.INVOCATION]

    @property
    def failed_invocations(self) -> list[QueueMessage]:
        """Failed invocations."""
        return self._invocations if self.enabled else []

    @property
    def left_in_place(self) -> list[QueueMessage]:
        """The same where the package is disabled: it refuses to backfill, and backfills when it is enabled."""
        return [] if self.enabled else self._invocations

    @property
    def _invocations(self) -> list[QueueMessage]:
        return [message for message in self.messages if undelivered.kind(message) is Kind.INVOCATION]

    @property
    def is_empty(self) -> bool:
        return not (self.to_send or self.failed_invocations)

    @property
    def sentences(self) -> list[str]:
        said: list[str] = []
        if self.to_send:
            said.append(f"{count(len(self.to_send), 'event')}: back to AccountQueue.")
        if self.failed_invocations:
            said.append(f"{count(len(self.failed_invocations), 'failed invocation')}: made up for by one backfill.")
        if not self.messages:
            said.append("Nothing is on UndeliveredQueue.")
        if self.messages and not self.enabled:
            said.append(
                "The package is disabled: until it is enabled, events wait on AccountQueue and failed invocations stay."
            )
        return said + list(self.remarks)

    def document(self) -> dict[str, object]:
        return {
            "send": len(self.to_send),
            "backfill": bool(self.failed_invocations),
            "failedInvocations": len(self.failed_invocations),
            "remarks": list(self.remarks),
        }
