"""How many messages of AccountQueue are processed, and how long the remaining ones take."""

from datetime import timedelta

from alternate_contacts.cli.aws.queues import QueueDepth
from alternate_contacts.cli.aws.quota import Quota
from alternate_contacts.cli.aws.stack import Stack
from alternate_contacts.worker.contact_configuration import DEFAULT, IGNORE, ContactConfiguration, Invalid
from alternate_contacts.worker.contacts import ContactType
from alternate_contacts.worker.decision import Policy
from alternate_contacts.worker.protocol import Mode


def estimate_time(
    messages: int, stack: Stack, quota: Quota, configuration: ContactConfiguration | None
) -> tuple[timedelta, timedelta]:
    """Return the time that the worker needs for the messages: if every contact is compliant, and if none is.

    Every contact costs a Get, unless its policy is ``ignore``, and a Put if it is not compliant, unless the mode is
    ``report``. Gets and Puts have separate quotas and run side by side, so the slower of the two counts. A type that
    the stack ignores counts for every account if a target selects a contact set for it: whose message waits is unknown.
    """
    contacts = messages * len(_types_of_stack(stack) | _types_of_targets(configuration))
    gets = timedelta(seconds=contacts / (quota.get_rate * quota.share))
    puts = timedelta(seconds=contacts / (quota.put_rate * quota.share))
    return gets, max(gets, puts) if stack.mode is Mode.ENFORCE else gets


def _types_of_stack(stack: Stack) -> set[ContactType]:
    return {
        contact_type for contact_type, assignment in stack.desired.items() if assignment.policy is not Policy.IGNORE
    }


def _types_of_targets(configuration: ContactConfiguration | None) -> set[ContactType]:
    """Return the types for which a target selects a contact set."""
    targets = configuration.targets.values() if configuration else ()
    return {
        contact_type
        for target in targets
        if not isinstance(target, Invalid)
        for contact_type, choice in target.choices.items()
        if choice not in (DEFAULT, IGNORE)
    }


class DrainProgress:
    """Progress of the worker, by the depths of AccountQueue so far."""

    _EMPTY_DEPTHS = 2
    """SQS counts approximately, so the queue is empty only after so many empty depths in a row."""

    def __init__(self) -> None:
        self.most = 0
        self.remaining = 0
        self._empty = 0

    def add(self, depth: QueueDepth) -> None:
        """Record a depth of the queue."""
        self.remaining = depth.total
        self.most = max(self.most, self.remaining)
        self._empty = 0 if self.remaining else self._empty + 1

    @property
    def processed(self) -> int:
        """Messages processed since the first depth."""
        return self.most - self.remaining

    @property
    def is_over(self) -> bool:
        return self._empty >= self._EMPTY_DEPTHS
