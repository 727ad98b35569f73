"""Which contacts the service control policy of the stack protects: docs/protection.md.

The policy is attached to one root or OU, the stack parameter ``ProtectedTargetId``. It denies all principals of the
member accounts below it PutAlternateContact and DeleteAlternateContact for the contact types whose policy is
``overwrite``. Service control policies never limit the management account:
https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html
"""

from collections.abc import Sequence

from alternate_contacts.cli.aws.stack import Stack
from alternate_contacts.worker.contact_selection import AccountSelection, Assignment
from alternate_contacts.worker.contacts import ContactType
from alternate_contacts.worker.decision import Policy
from alternate_contacts.worker.protocol import Mode


def policy_name(stack: Stack) -> str:
    """Return the name of the service control policy in the template."""
    return f"{stack.name}-protection"


def protectable_types(stack: Stack) -> list[ContactType]:
    """Return the contact types that a service control policy of this stack denies to members."""
    return [contact_type for contact_type, assignment in stack.desired.items() if assignment.policy is Policy.OVERWRITE]


def is_below(ancestry: Sequence[str], target: str, management_account: str) -> bool:
    """Return whether a service control policy of ``target`` limits an account.

    Args:
        ancestry: the IDs of the account, its OU, the OU's parents, and the root.
        target: the ID of a root or OU.
        management_account: its 12-digit ID.
    """
    return target in ancestry and ancestry[0] != management_account


def protecting_target(stack: Stack, ancestry: Sequence[str], contact_type: ContactType) -> str | None:
    """Return the root or OU whose service control policy keeps an account from changing its own contact.

    Args:
        ancestry: the IDs of the account, its OU, the OU's parents, and the root.

    Returns:
        The target's ID; None if the account may change the contact, as far as this stack is concerned.
    """
    target = stack.protected_target
    if target is None or stack.mode is not Mode.ENFORCE or contact_type not in protectable_types(stack):
        return None
    return target if is_below(ancestry, target, stack.account_id) else None


def locked_types(selection: AccountSelection, protected: Sequence[ContactType]) -> list[ContactType]:
    """Return the types that only the management account can change: the package does not set them in the account.

    ``protected``: the types that the account may not change itself.
    """
    if selection.excluded_by is not None:
        return list(protected)
    return [
        contact_type
        for contact_type in protected
        if not isinstance(result := selection.contacts[contact_type].result, Assignment)
        or result.policy is not Policy.OVERWRITE
    ]
