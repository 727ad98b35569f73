"""Explain the contacts of one account: which are desired and why, which it has, and what the worker would do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from alternate_contacts.cli.aws.compliance import (
    NOT_COMPLIANT,
    ComplianceStatus,
    ReadResult,
    compliance_status,
    skip_reason,
)
from alternate_contacts.cli.aws.contact_selector import ContactSelector
from alternate_contacts.cli.aws.organization import OrganizationAccount
from alternate_contacts.cli.aws.protection import locked_types, protecting_target
from alternate_contacts.cli.aws.stack import Stack
from alternate_contacts.worker.contact_configuration import (
    DEFAULT,
    IGNORE,
    SETS,
    TARGETS,
    ConfigurationProblem,
    Invalid,
    Target,
)
from alternate_contacts.worker.contact_selection import AccountSelection, Assignment, ContactSelection
from alternate_contacts.worker.contacts import CONTACT_FIELDS, Contact, ContactType
from alternate_contacts.worker.decision import Outcome, Policy, decide
from alternate_contacts.worker.errors import WorkerError
from alternate_contacts.worker.protocol import ACTIVE, Mode


@dataclass(frozen=True)
class ContactExplanation:
    """One contact of an account.

    Attributes:
        selection: the desired contact and the target that decides.
        present: the contact that the account has, None if it has none, or why it could not be read.
        status: the compliance status, as in `audit`.
        outcome: what the worker would do with the next message; None if that is unknown.
    """

    selection: ContactSelection = field(repr=False)
    present: ReadResult = field(repr=False)
    status: ComplianceStatus
    outcome: Outcome | None

    @property
    def assignment(self) -> Assignment | None:
        """The desired contact and the policy; None if they are unknown."""
        return self.selection.result if isinstance(self.selection.result, Assignment) else None

    @property
    def desired(self) -> Contact | None:
        """The desired contact; None if it is unknown, or if the policy is ``ignore``."""
        if self.assignment is None or self.assignment.policy is Policy.IGNORE:
            return None
        return self.assignment.desired

    @property
    def error(self) -> WorkerError | None:
        """Why the desired contact is unknown, or else why the contact of the account could not be read."""
        results = (self.selection.result, self.present)
        return next((result for result in results if isinstance(result, WorkerError)), None)

    @property
    def different_fields(self) -> list[str]:
        """The names of the fields in which the account has another value, without the values."""
        desired, present = self.desired, self.present
        if desired is None or not isinstance(present, Contact):
            return []
        return [
            field.label
            for field in CONTACT_FIELDS
            if field.value_of(desired).strip() != field.value_of(present).strip()
        ]


@dataclass(frozen=True)
class AncestorTarget:
    """The account, an OU or the root, and what it states as a target; ``target`` is None if it is no target."""

    identifier: str
    name: str
    target: Target | Invalid | None
    problems: Sequence[ConfigurationProblem]


@dataclass(frozen=True)
class AccountExplanation:
    """What decides about an account.

    Attributes:
        skipped: why the package skips the account, if it does.
        excluded_by: the target that excludes the account, if one does.
        ancestors: the account, its OU, the OU's parents and the root; empty without a contact configuration.
        contacts: by contact type; empty if the account is skipped.
        protected_by: the root or OU whose service control policy keeps the account from changing its own contacts.
        protected_types: the contact types of this policy.
        locked_types: those of them that the package does not set: only the management account can change them.
        path: of the contact configuration; None if the stack has none.
        versions: the versions of the targets and contact sets that were used, by name.
    """

    account: OrganizationAccount
    mode: Mode
    skipped: str | None
    excluded_by: str | None
    ancestors: Sequence[AncestorTarget]
    contacts: Mapping[ContactType, ContactExplanation]
    path: str | None
    versions: Mapping[str, int]
    protected_by: str | None
    protected_types: Sequence[ContactType]
    locked_types: Sequence[ContactType]

    @property
    def is_compliant(self) -> bool:
        return not any(contact.status in NOT_COMPLIANT for contact in self.contacts.values())


def explain_contact(selection: ContactSelection, present: ReadResult, *, mode: Mode, exact: bool) -> ContactExplanation:
    """Return the explanation of one contact."""
    status = compliance_status(selection.result, present, exact=exact)
    return ContactExplanation(selection, present, status, _outcome(selection, present, status, mode))


def _outcome(selection: ContactSelection, present: ReadResult, status: ComplianceStatus, mode: Mode) -> Outcome | None:
    if isinstance(selection.result, WorkerError):
        return Outcome.FAILED
    if status in (ComplianceStatus.UNREADABLE, ComplianceStatus.UNKNOWN):
        return None
    # Of an unmanaged contact that could not be read, the policy alone decides.
    contact = None if isinstance(present, WorkerError) else present
    return decide(selection.result.policy, mode, selection.result.desired, contact)


def explain_account(
    account: OrganizationAccount,
    selector: ContactSelector,
    selection: AccountSelection,
    results: Mapping[ContactType, ReadResult],
    ancestors: Sequence[AncestorTarget],
    *,
    stack: Stack,
) -> AccountExplanation:
    """Return the explanation of an account.

    Args:
        selector: made ``selection``.
        results: what was read of the account; empty if it is skipped.
        ancestors: the account and what is above it.
    """
    parameters, mode = selector.parameters, stack.mode
    protected = {
        contact_type: target
        for contact_type in ContactType
        if (target := protecting_target(stack, account.ancestry, contact_type))
    }
    return AccountExplanation(
        account=account,
        mode=mode,
        skipped=skip_reason(account.state, selection),
        excluded_by=selection.excluded_by,
        ancestors=ancestors,
        contacts={
            contact_type: explain_contact(selected, results[contact_type], mode=mode, exact=selector.is_exact(selected))
            for contact_type, selected in selection.contacts.items()
            if contact_type in results
        },
        path=parameters.path if parameters else None,
        versions={
            name: parameters.parameters[name].version
            for name in used_parameters(ancestors, selection)
            if name in parameters.parameters
        }
        if parameters
        else {},
        protected_by=next(iter(protected.values()), None),
        protected_types=list(protected),
        # An account that is not ACTIVE has no one who could change its contacts.
        locked_types=locked_types(selection, list(protected)) if account.state == ACTIVE else [],
    )


def used_parameters(ancestors: Sequence[AncestorTarget], selection: AccountSelection) -> list[str]:
    """Return the names of the targets of an account, the nearest first, and of its contact sets."""
    choices = {selected.choice for selected in selection.contacts.values()} - {DEFAULT, IGNORE, None}
    targets = [f"{TARGETS}{ancestor.identifier}" for ancestor in ancestors if ancestor.target is not None]
    return [*targets, *sorted(f"{SETS}{choice}" for choice in choices)]
