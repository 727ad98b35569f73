"""Select the contacts of accounts by stack and contact configuration, with the worker's own decision."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from alternate_contacts.cli.aws.contact_parameters import ContactParameters, read_contact_parameters
from alternate_contacts.cli.aws.deployed_contacts import DeployedContacts
from alternate_contacts.cli.aws.organization import UNKNOWN, OrganizationAccount, OrganizationTree
from alternate_contacts.cli.aws.session import Session
from alternate_contacts.cli.aws.stack import Stack
from alternate_contacts.cli.terminal.errors import CliError
from alternate_contacts.worker.contact_configuration import (
    DEFAULT,
    TARGETS,
    VERSION,
    VERSION_PARAMETER,
    ConfigurationProblem,
    ContactConfiguration,
    Invalid,
)
from alternate_contacts.worker.contact_selection import (
    AccountSelection,
    ContactSelection,
    select,
    select_defaults,
)
from alternate_contacts.worker.errors import NotInOrganization

UNKNOWN_TARGET = "unknown_target"
"""Reason of a target whose account, OU or root is not in the organization."""


@dataclass(frozen=True)
class ContactSelector:
    """Selects the contacts of accounts.

    Attributes:
        stack_contacts: contact and policy of the stack, which are the default.
        parameters: the contact configuration; None if the stack has none.
    """

    stack_contacts: DeployedContacts
    parameters: ContactParameters | None = None

    @cached_property
    def configuration(self) -> ContactConfiguration | None:
        """The contact configuration, which is readable; None if the stack has none."""
        return self.parameters.configuration if self.parameters else None

    @property
    def needs_parents(self) -> bool:
        """Whether the OUs of an account must be known."""
        return self.configuration is not None and self.configuration.has_parent_targets

    def select(self, account: OrganizationAccount) -> AccountSelection:
        """Return the selection of an account, as the worker makes it."""
        defaults = self.stack_contacts.assignments
        if self.configuration is None:
            return select_defaults(defaults)
        if self.needs_parents and UNKNOWN in account.ancestry:
            error = NotInOrganization("ChildNotFoundException", "ListParents")
            return AccountSelection(dict.fromkeys(defaults, ContactSelection(error, choice=None)))
        return select(self.configuration, account.ancestry, defaults)

    def is_exact(self, selection: ContactSelection) -> bool:
        """Return False if ``?`` in the selected contact may stand for another character."""
        return self.stack_contacts.exact or selection.choice != DEFAULT

    def find_unknown_targets(
        self, accounts: Iterable[OrganizationAccount], organization: OrganizationTree
    ) -> list[ConfigurationProblem]:
        """Return a problem for each target that is not in the organization.

        Args:
            accounts: every account of the organization.
            organization: tells an OU without accounts from one that does not exist.
        """
        if self.configuration is None:
            return []
        known = {identifier for account in accounts for identifier in account.ancestry}
        return [
            ConfigurationProblem(f"{TARGETS}{target_id}", UNKNOWN_TARGET, "not_in_organization")
            for target_id, target in sorted(self.configuration.targets.items())
            if target_id not in known
            # The ID of an invalid target may be no ID at all. It is a problem of its own.
            and not isinstance(target, Invalid)
            and not (target_id.startswith("ou-") and organization.has_unit(target_id))
        ]


def read_contact_selector(session: Session, stack: Stack, stack_contacts: DeployedContacts) -> ContactSelector:
    """Read the contact configuration, if the stack has one. It is the same for every account.

    Raises:
        CliError: it has no valid version, so that no contact is known.
        botocore.exceptions.BotoCoreError, ClientError: it cannot be read.
    """
    if stack.contacts_path is None:
        return ContactSelector(stack_contacts)
    selector = ContactSelector(stack_contacts, read_contact_parameters(session, stack.contacts_path))
    detail = selector.configuration.unreadable_detail if selector.configuration else None
    if detail is not None:
        parameter = f"{stack.contacts_path}/{VERSION_PARAMETER}"
        raise CliError(
            f"The contact configuration below {stack.contacts_path} cannot be used: {detail}. Nothing was "
            f"compared. Create {parameter} with the value {VERSION}, or correct the stack parameter ContactsPath."
        )
    return selector


def describe_target(target_id: str, account: OrganizationAccount, organization: OrganizationTree) -> str:
    """Return what a target of an account is, such as ``OU Finance (ou-ab12-12345678)``."""
    if target_id == account.account_id:
        return "the account"
    if target_id.startswith("r-"):
        return f"root ({target_id})"
    return f"OU {organization.name(target_id)} ({target_id})"
