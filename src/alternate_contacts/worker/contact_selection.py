"""Select the desired contacts of one account: the nearest target wins, for each contact type on its own.

The worker, the audit and `explain` use this one decision.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from alternate_contacts.worker.contact_configuration import (
    DEFAULT,
    IGNORE,
    SETS,
    TARGETS,
    ContactConfiguration,
    Invalid,
)
from alternate_contacts.worker.contacts import Contact, ContactType
from alternate_contacts.worker.decision import Policy
from alternate_contacts.worker.errors import InvalidContactSet, InvalidTarget, UnknownContactSet, WorkerError

EXCLUDED = "excluded"
"""Why an account is skipped that a target excludes."""

READ_CONFIGURATION = "GetParametersByPath"
"""The operation in errors of the configuration."""


@dataclass(frozen=True)
class Assignment:
    """The policy and the desired contact of one contact type."""

    policy: Policy
    desired: Contact


@dataclass(frozen=True)
class ContactSelection:
    """What the configuration selects for one contact type of an account.

    Attributes:
        result: what to set, or why that is unknown.
        target: the target that decides; None if no target states the type.
        choice: the name of the contact set, ``default`` or ``ignore``; None if the target is invalid.
    """

    result: Assignment | WorkerError
    target: str | None = None
    choice: str | None = DEFAULT


@dataclass(frozen=True)
class AccountSelection:
    """What the configuration selects for an account: every contact type, or none if a target excludes it."""

    contacts: Mapping[ContactType, ContactSelection] = field(default_factory=dict)
    excluded_by: str | None = None


def select_defaults(defaults: Mapping[ContactType, Assignment]) -> AccountSelection:
    """Return the selection of every account if there is no configuration."""
    return AccountSelection({contact_type: ContactSelection(default) for contact_type, default in defaults.items()})


def select(
    configuration: ContactConfiguration, ancestry: Sequence[str], defaults: Mapping[ContactType, Assignment]
) -> AccountSelection:
    """Return the selection of one account.

    Args:
        configuration: a readable one; see `ContactConfiguration.unreadable_detail`.
        ancestry: the IDs of the account, its OU, the OU's parents, and the root.
        defaults: policy and contact of the stack, by contact type.
    """
    targets = [target_id for target_id in ancestry if target_id in configuration.targets]
    for target_id in targets:
        target = configuration.targets[target_id]
        if isinstance(target, Invalid):
            # It may exclude the account, so no contact may be set.
            return AccountSelection(dict.fromkeys(defaults, _invalid_target(target_id)))
        if target.exclude:
            return AccountSelection(excluded_by=target_id)
        if target.exclude is not None:
            break
    return AccountSelection(
        {
            contact_type: _select_contact(configuration, targets, contact_type, default)
            for contact_type, default in defaults.items()
        }
    )


def _select_contact(
    configuration: ContactConfiguration, targets: Sequence[str], contact_type: ContactType, default: Assignment
) -> ContactSelection:
    for target_id in targets:
        target = configuration.targets[target_id]
        if isinstance(target, Invalid):
            return _invalid_target(target_id)
        choice = target.choices.get(contact_type)
        if choice is not None:
            return ContactSelection(_assign(configuration, choice, default), target_id, choice)
    return ContactSelection(default)


def _assign(configuration: ContactConfiguration, choice: str, default: Assignment) -> Assignment | WorkerError:
    if choice == DEFAULT:
        return default
    if choice == IGNORE:
        return Assignment(Policy.IGNORE, default.desired)
    contact = configuration.sets.get(choice)
    if isinstance(contact, Contact):
        # A stack that sets no contact of this type has no policy for those that a target selects.
        policy = Policy.OVERWRITE if default.policy is Policy.IGNORE else default.policy
        return Assignment(policy, contact)
    error_class = UnknownContactSet if contact is None else InvalidContactSet
    return error_class(f"{SETS}{choice}", READ_CONFIGURATION)


def _invalid_target(target_id: str) -> ContactSelection:
    return ContactSelection(InvalidTarget(f"{TARGETS}{target_id}", READ_CONFIGURATION), target_id, None)
