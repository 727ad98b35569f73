"""Which of the failed accounts a verb is about."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from alternate_contacts.cli.aws.failed_messages import parse_failure
from alternate_contacts.cli.aws.failure_reasons import REMEDIES
from alternate_contacts.cli.aws.queues import QueueMessage


def _account_ids(values: list[str]) -> list[str]:
    for value in values:
        if not re.fullmatch(r"[0-9]{12}", value):
            raise typer.BadParameter(f"{value} is not an account id of 12 digits")
    return values


def _reasons(values: list[str]) -> list[str]:
    for value in values:
        if value not in REMEDIES:
            raise typer.BadParameter(f"{value} is not a reason; there are {', '.join(sorted(REMEDIES))}")
    return values


AccountIds = Annotated[
    list[str], typer.Option("--account", metavar="ID", callback=_account_ids, help="This account; may be repeated.")
]
Reasons = Annotated[
    list[str],
    typer.Option(
        "--reason", metavar="REASON", callback=_reasons, help="Accounts that failed for this reason; may be repeated."
    ),
]
MessageIds = Annotated[
    list[str],
    typer.Option("--message", metavar="ID", help="This message, as `failures` shows it; may be repeated."),
]


@dataclass(frozen=True)
class Selection:
    """Messages of one of these accounts and for one of these reasons; where nothing is named, any will do."""

    accounts: frozenset[str] = frozenset()
    reasons: frozenset[str] = frozenset()
    messages: frozenset[str] = frozenset()

    @classmethod
    def of(cls, accounts: Iterable[str], reasons: Iterable[str], messages: Iterable[str] = ()) -> "Selection":
        return cls(frozenset(accounts), frozenset(reasons), frozenset(messages))

    @property
    def is_everything(self) -> bool:
        return not (self.accounts or self.reasons or self.messages)

    def choose(self, messages: Iterable[QueueMessage]) -> list[QueueMessage]:
        """Those of ``messages`` that are meant."""
        return [message for message in messages if self._means(message)]

    def missing(self, chosen: Iterable[QueueMessage]) -> Sequence[str]:
        """Named accounts and messages that are not among the ``chosen``."""
        found = [parse_failure(message) for message in chosen]
        accounts = self.accounts - {each.account_id for each in found}
        return sorted(accounts) + sorted(self.messages - {each.message_id for each in found})

    def _means(self, message: QueueMessage) -> bool:
        why = parse_failure(message)
        return (
            (not self.accounts or why.account_id in self.accounts)
            and (not self.reasons or why.reason in self.reasons)
            and (not self.messages or why.message_id in self.messages)
        )
