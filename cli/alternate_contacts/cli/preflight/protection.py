"""The service control policy of ``ProtectedTargetId``: whether it can be attached, and whom it locks out.

docs/protection.md describes it for users.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from alternate_contacts.cli.aws.organization import OrganizationAccount
from alternate_contacts.cli.aws.protection import is_below, locked_types, policy_name, protectable_types
from alternate_contacts.cli.aws.stack import Stack
from alternate_contacts.cli.preflight.result import (
    CheckResult,
    CheckState,
    missing,
    not_checked,
    ok,
    run_check,
    unknown,
)
from alternate_contacts.cli.terminal import output
from alternate_contacts.worker.contact_configuration import ContactConfiguration
from alternate_contacts.worker.contact_selection import AccountSelection, select
from alternate_contacts.worker.contacts import ContactType
from alternate_contacts.worker.errors import WorkerError
from alternate_contacts.worker.protocol import ACTIVE

ENABLED = "service control policies"
ATTACHABLE = "protected target"
LOCKED = "accounts below the protected target"

MAX_POLICIES = 10
"""https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html"""
OLD_MAX_POLICIES = 5
"""The quota until May 2026, in older copies of the same page."""


@dataclass(frozen=True)
class Root:
    """The root of the organization."""

    root_id: str
    policies_enabled: bool


class ProtectionView(Protocol):
    """The organization. Every method may raise botocore's errors."""

    def root(self) -> Root: ...

    def attached_policies(self, target: str) -> list[str] | None:
        """Return the names of the service control policies of a root or OU itself; None: it does not exist."""

    def accounts(self) -> Iterator[OrganizationAccount]: ...

    def configuration(self, path: str) -> ContactConfiguration:
        """Return the contact configuration below a path."""


def run_checks(view: ProtectionView, target: str, stack: Stack | None) -> Iterator[CheckResult]:
    """Run all checks on the root or OU ``target``; ``stack`` is the deployed stack, if there is one."""
    yield run_check(ENABLED, lambda: check_enabled(view.root()))
    attachable = run_check(ATTACHABLE, lambda: check_attachable(target, view.attached_policies(target), stack))
    yield attachable
    if attachable.state is CheckState.MISSING:
        yield not_checked(LOCKED, ATTACHABLE)
    elif stack is None:
        yield ok(LOCKED, "No stack is deployed. Run this command again after the deployment to check these accounts.")
    else:
        yield run_check(LOCKED, lambda: _check_accounts(view, target, stack))


def check_enabled(root: Root) -> CheckResult:
    """Check that service control policies can be attached."""
    if root.policies_enabled:
        return ok(ENABLED)
    return missing(
        ENABLED,
        "Service control policies are disabled in the organization, and ProtectedTargetId needs one: the deployment "
        "would fail. Enable them.",
        f"aws organizations enable-policy-type --root-id {root.root_id} --policy-type SERVICE_CONTROL_POLICY",
    )


def check_attachable(target: str, attached: Sequence[str] | None, stack: Stack | None) -> CheckResult:
    """Check that the target exists and has room for one more policy.

    Args:
        target: the ID of a root or OU.
        attached: the names of the service control policies of the target itself, None if it does not exist.
        stack: the deployed stack, whose own policy needs no more room.
    """
    list_policies = f"aws organizations list-policies-for-target --filter SERVICE_CONTROL_POLICY --target-id {target}"
    if attached is None:
        return missing(ATTACHABLE, f"The organization has no root or OU {target}. Correct ProtectedTargetId.")
    if stack and policy_name(stack) in attached:
        return ok(ATTACHABLE, f"The service control policy of stack {stack.name} is attached to {target}.")
    count = len(attached)
    if count >= MAX_POLICIES:
        return missing(
            ATTACHABLE,
            f"{count} service control policies are attached to {target}, and AWS allows {MAX_POLICIES}. Detach one, or "
            "protect another OU.",
            list_policies,
        )
    if count >= OLD_MAX_POLICIES:
        return ok(
            ATTACHABLE,
            f"Warning: {count} service control policies are attached to {target}. AWS allows {MAX_POLICIES} since May "
            f"2026, and allowed {OLD_MAX_POLICIES} before.",
        )
    return ok(ATTACHABLE, f"{count} of {MAX_POLICIES} service control policies are attached to {target}.")


def check_accounts(
    accounts: Iterable[OrganizationAccount], target: str, stack: Stack, configuration: ContactConfiguration | None
) -> CheckResult:
    """List the members whose contacts neither they nor this package may change.

    Args:
        accounts: all accounts of the organization.
        target: the ID of the root or OU to protect.
        configuration: the contact configuration, if the stack has one.
    """
    if configuration and configuration.unreadable_detail:
        return unknown(
            LOCKED, f"The contact configuration below {stack.contacts_path} cannot be used. Fix it, then check again."
        )
    types = protectable_types(stack)
    if not types:
        return missing(
            LOCKED,
            f"Stack {stack.name} has no contact type with the policy overwrite, and only these are protected. The "
            "deployment would be rejected.",
        )
    members = [
        account
        for account in accounts
        if account.state == ACTIVE and is_below(account.ancestry, target, stack.account_id)
    ]
    locked: dict[str, list[str]] = {}
    if configuration:
        for account in members:
            for cause in _causes(select(configuration, account.ancestry, stack.desired), types):
                locked.setdefault(cause, []).append(account.account_id)
    unprotected = [contact_type for contact_type in stack.desired if contact_type not in types]
    notes = [f"{len(members)} active member accounts are below {target}."]
    if unprotected:
        notes.append(f"Not protected, because the policy is not overwrite: {', '.join(unprotected)}.")
    if locked:
        causes = "; ".join(f"{cause}: {output.list_some(ids)}" for cause, ids in locked.items())
        notes.append(
            f"Warning: only the management account will be able to change these contacts, and this package does not "
            f"set them. {causes}."
        )
    return ok(LOCKED, " ".join(notes))


def _check_accounts(view: ProtectionView, target: str, stack: Stack) -> CheckResult:
    configuration = view.configuration(stack.contacts_path) if stack.contacts_path else None
    return check_accounts(view.accounts(), target, stack, configuration)


def _causes(selection: AccountSelection, types: Sequence[ContactType]) -> Iterator[str]:
    """Yield why the package sets no contact of some of the ``types`` in an account."""
    if selection.excluded_by:
        yield f"excluded by {selection.excluded_by}"
        return
    for contact_type in locked_types(selection, types):
        contact = selection.contacts[contact_type]
        cause = "invalid in" if isinstance(contact.result, WorkerError) else "ignored by"
        yield f"{contact_type} {cause} {contact.target}"
