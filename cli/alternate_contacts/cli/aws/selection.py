"""Selection of failed accounts by account, failure reason and message."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Annotated

import typer

from alternate_contacts.cli.aws.failed_messages import parse_failure
from alternate_contacts.cli.aws.failure_reasons import REMEDIES
from alternate_contacts.cli.aws.previous_release import current_reason
from alternate_contacts.cli.aws.queues import QueueMessage


def _reasons(values: list[str]) -> list[str]:
    reasons = [current_reason(value) for value in values]
    for reason in reasons:
        if reason not in REMEDIES:
            raise typer.BadParameter(
                f"{reason} is not a failure reason. The reasons are: {', '.join(sorted(REMEDIES))}"
            )
    return reasons


Reasons = Annotated[
    list[str],
    typer.Option(
        "--reason",
        metavar="REASON",
        callback=_reasons,
        help="Only accounts with this failure reason. You can repeat it.",
    ),
]


@dataclass(frozen=True)
class Selection:
    """Messages that match one value of each criterion; a criterion without values matches every message."""

    accounts: Collection[str]
    reasons: Collection[str]
    messages: Collection[str] = ()

    @property
    def is_everything(self) -> bool:
        return not (self.accounts or self.reasons or self.messages)

    def choose(self, messages: Iterable[QueueMessage]) -> list[QueueMessage]:
        """Return the ``messages`` that match."""
        return [message for message in messages if self._matches(message)]

    def missing(self, chosen: Iterable[QueueMessage]) -> list[str]:
        """Return the selected accounts and message IDs that are not among the ``chosen`` messages."""
        failures = [parse_failure(message) for message in chosen]
        accounts = {*self.accounts} - {failure.account_id for failure in failures}
        return sorted(accounts) + sorted({*self.messages} - {failure.message_id for failure in failures})

    def _matches(self, message: QueueMessage) -> bool:
        failure = parse_failure(message)
        return (
            (not self.accounts or failure.account_id in self.accounts)
            and (not self.reasons or failure.reason in self.reasons)
            and (not self.messages or failure.message_id in self.messages)
        )
