"""The plans of `replay` and `discard`."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from alternate_contacts.cli.aws.failed_messages import NO_ACCOUNT, by_account, parse_failure
from alternate_contacts.cli.aws.queues import QueueDepth, QueueMessage
from alternate_contacts.cli.aws.undelivered import UndeliveredKind, count_kinds, reduce_move, undelivered_kind
from alternate_contacts.cli.terminal.output import count

_DISABLED = "The package is disabled: messages wait on AccountQueue until it is enabled."


@dataclass(frozen=True)
class ReplayAll:
    """SQS moves every message from FailedAccountQueue to AccountQueue."""

    depth: QueueDepth
    enabled: bool

    @property
    def is_empty(self) -> bool:
        return not self.depth.visible

    @property
    def lines(self) -> list[str]:
        visible, in_flight = self.depth.visible, self.depth.in_flight
        lines = []
        if visible:
            lines.append(f"Move {count(visible, 'message')} from FailedAccountQueue to AccountQueue.")
        elif not in_flight:
            lines.append("FailedAccountQueue is empty.")
        if in_flight:
            lines.append(
                f"{count(in_flight, 'message')} cannot be moved, because another reader has received them. Try again "
                "in a few minutes."
            )
        if visible and not self.enabled:
            lines.append(_DISABLED)
        return lines

    def document(self) -> dict[str, object]:
        """Return the plan for ``--json``."""
        return {"move": self.depth.visible, "inFlight": self.depth.in_flight}


@dataclass(frozen=True)
class SelectedMessages:
    """Replay or discard these messages of FailedAccountQueue. ``missing``: selected accounts and IDs without one."""

    messages: Sequence[QueueMessage]
    missing: Sequence[str]
    remarks: Sequence[str]
    discard: bool = False
    enabled: bool = True

    @property
    def is_empty(self) -> bool:
        return not self.messages

    @property
    def lines(self) -> list[str]:
        # If another reader has received messages, what is missing may be among them.
        nothing, where = "No message on FailedAccountQueue matches.", "on FailedAccountQueue"
        if self.remarks:
            nothing, where = "No message that could be read matches.", "among the messages that could be read"
        lines = [self._describe() if self.messages else nothing]
        if self.missing:
            lines.append(f"Not {where}: {', '.join(self.missing)}.")
        lines += self.remarks
        if self.messages and not self.discard and not self.enabled:
            lines.append(_DISABLED)
        return lines

    def document(self) -> dict[str, object]:
        """Return the plan for ``--json``."""
        failures = [parse_failure(message) for message in self.messages]
        return {
            "discard" if self.discard else "replay": [failure.message_id for failure in failures],
            "accounts": sorted({failure.account_id for failure in failures} - {NO_ACCOUNT}),
            "missing": list(self.missing),
            "remarks": list(self.remarks),
        }

    def _describe(self) -> str:
        accounts = by_account(parse_failure(message) for message in self.messages)
        reasons = Counter(account.latest.reason for account in accounts)
        by_reason = ", ".join(f"{number} {reason}" for reason, number in sorted(reasons.items()))
        messages = f"{count(len(self.messages), 'message')} for {count(len(accounts), 'account')} ({by_reason})"
        return f"Delete {messages} permanently." if self.discard else f"Send {messages} back to AccountQueue."


_REPLACED = (UndeliveredKind.INVOCATION, UndeliveredKind.CONFIGURATION_CHANGE)
"""What a backfill does again."""


@dataclass(frozen=True)
class UndeliveredMessages:
    """Send events back to AccountQueue, and replace failed invocations and configuration changes with one backfill."""

    messages: Sequence[QueueMessage]
    remarks: Sequence[str]
    enabled: bool

    @property
    def to_send(self) -> list[QueueMessage]:
        return [reduce_move(message) for message in self.messages if undelivered_kind(message) not in _REPLACED]

    @property
    def replaced(self) -> list[QueueMessage]:
        """The messages that a backfill replaces."""
        return self._replaceable if self.enabled else []

    @property
    def left_in_place(self) -> list[QueueMessage]:
        """The same messages if the package is disabled: it then rejects a backfill, and runs one when enabled."""
        return [] if self.enabled else self._replaceable

    @property
    def _replaceable(self) -> list[QueueMessage]:
        return [message for message in self.messages if undelivered_kind(message) in _REPLACED]

    @property
    def is_empty(self) -> bool:
        return not (self.to_send or self.replaced)

    @property
    def lines(self) -> list[str]:
        lines: list[str] = []
        if self.to_send:
            lines.append(f"Send {count(len(self.to_send), 'event')} back to AccountQueue.")
        if self.replaced:
            kinds = count_kinds(self.replaced)
            described = " and ".join(count(number, kind) for kind, number in kinds.items())
            lines.append(f"Start one backfill, and delete {described} that it replaces.")
        if not self.messages:
            lines.append("UndeliveredQueue is empty.")
        if self.messages and not self.enabled:
            lines.append(
                "The package is disabled: until it is enabled, events wait on AccountQueue, and failed invocations and "
                "configuration changes stay on UndeliveredQueue."
            )
        return lines + list(self.remarks)

    def document(self) -> dict[str, object]:
        """Return the plan for ``--json``."""
        kinds = count_kinds(self.replaced)
        return {
            "send": len(self.to_send),
            "backfill": bool(self.replaced),
            "failedInvocations": kinds.get(UndeliveredKind.INVOCATION, 0),
            "configurationChanges": kinds.get(UndeliveredKind.CONFIGURATION_CHANGE, 0),
            "remarks": list(self.remarks),
        }
