"""The desired contacts of an account: those of the stack, or those that the contact configuration selects."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from alternate_contacts.worker.ancestry import AccountDescription, AncestryReader
from alternate_contacts.worker.configuration_cache import ConfigurationCache
from alternate_contacts.worker.contact_selection import AccountSelection, Assignment, select, select_defaults
from alternate_contacts.worker.contacts import ContactType
from alternate_contacts.worker.errors import BelowRoot
from alternate_contacts.worker.message import NEW_ACCOUNT_EVENTS, AccountMessage
from alternate_contacts.worker.protocol import Trigger

_ACCOUNT_AND_ROOT = 2


@dataclass(frozen=True)
class DesiredContacts:
    """The selection for an account, and what was read about the account to make it."""

    selection: AccountSelection
    account: AccountDescription = field(default_factory=AccountDescription)


class StackContacts:
    """The contacts of the stack, for every account."""

    def __init__(self, defaults: Mapping[ContactType, Assignment]) -> None:
        self._contacts = DesiredContacts(select_defaults(defaults))

    def find(self, message: AccountMessage, *, deadline: float, may_wait: bool) -> DesiredContacts:  # noqa: ARG002
        """Return the contacts of the stack."""
        return self._contacts


class ConfiguredContacts:
    """The contacts that the configuration selects."""

    def __init__(
        self, configuration: ConfigurationCache, ancestry: AncestryReader, defaults: Mapping[ContactType, Assignment]
    ) -> None:
        self._configuration = configuration
        self._ancestry = ancestry
        self._defaults = defaults

    def find(self, message: AccountMessage, *, deadline: float, may_wait: bool) -> DesiredContacts:
        """Return the contacts of the account of ``message``.

        Raises:
            BelowRoot: ``may_wait``, the account is new, and it may still be moved to an OU that is a target.
            WorkerError: configuration or account could not be read.
        """
        # A target of the new OU may be as new as the move, and the messages of moves are not delayed.
        was_moved = message.trigger == Trigger.ACCOUNT_MOVED
        configuration = self._configuration.get(deadline, fresh=was_moved)
        if not configuration.has_parent_targets:
            return DesiredContacts(select(configuration, [message.account_id], self._defaults))
        account = self._ancestry.read(message.account_id, deadline=deadline)
        is_new = message.trigger in NEW_ACCOUNT_EVENTS
        if may_wait and is_new and configuration.has_ou_targets and len(account.ancestry) == _ACCOUNT_AND_ROOT:
            raise BelowRoot("below_root", "DescribeAccount")
        return DesiredContacts(select(configuration, account.ancestry, self._defaults), account)
