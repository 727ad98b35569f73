"""The explanation of an account as lines of text."""

from collections.abc import Iterator

from alternate_contacts.cli.aws.compliance import ReadResult
from alternate_contacts.cli.aws.contact_parameters import format_keys
from alternate_contacts.cli.aws.problem_details import describe_reason
from alternate_contacts.cli.explain.explanation import AccountExplanation, AncestorTarget, ContactExplanation
from alternate_contacts.worker.contact_configuration import DEFAULT, IGNORE, Invalid
from alternate_contacts.worker.contact_selection import EXCLUDED
from alternate_contacts.worker.contacts import CONTACT_FIELDS, Contact, ContactType
from alternate_contacts.worker.decision import Outcome
from alternate_contacts.worker.errors import WorkerError

_OUTCOMES = {
    Outcome.UPDATED: "sets the desired contact",
    Outcome.WOULD_UPDATE: "sets nothing in mode report; in mode enforce it sets the desired contact",
    Outcome.UNCHANGED: "leaves the contact, which is as desired",
    Outcome.KEPT: "leaves the contact: the policy fill replaces no contact",
    Outcome.IGNORED: "leaves the contact: the policy is ignore",
    Outcome.FAILED: "leaves the contact, and the message fails",
    None: "unknown",
}


def describe(explanation: AccountExplanation, *, protected_by: str | None, show_contacts: bool) -> Iterator[str]:
    """Yield the lines. They hold contact data only if ``show_contacts``.

    ``protected_by`` is what `AccountExplanation.protected_by` is, such as ``OU Finance (ou-ab12-12345678)``.
    """
    account = explanation.account
    yield f"{account.account_id} {account.name}"
    yield f"state: {account.state}"
    yield f"organizational unit: {' / '.join(account.unit)}"
    names = {ancestor.identifier: ancestor.name for ancestor in explanation.ancestors}
    if explanation.skipped:
        by = (
            f" by {names[explanation.excluded_by]}"
            if explanation.skipped == EXCLUDED and explanation.excluded_by
            else ""
        )
        yield f"skipped: {explanation.skipped}{by}. The package neither reads nor sets its contacts."
    if explanation.protected_by:
        types = ", ".join(explanation.protected_types)
        yield f"protected: {types}. The account cannot change them: service control policy of {protected_by}."
    if explanation.locked_types:
        types = ", ".join(explanation.locked_types)
        yield f"locked: {types}. The package does not set them, so only the management account can change them."
    for contact_type, contact in explanation.contacts.items():
        target = contact.selection.target
        yield ""
        yield from _describe_contact(
            contact_type, contact, names[target] if target else "", show_contacts=show_contacts
        )
    if explanation.path is not None:
        yield ""
        yield "Targets, the nearest first:"
        for ancestor in explanation.ancestors:
            yield f"  {ancestor.name}: {_describe_target(ancestor)}"
        versions = ", ".join(f"{name} (version {version})" for name, version in explanation.versions.items())
        yield f"Parameters below {explanation.path}: {versions or 'none'}"


def _describe_contact(
    contact_type: ContactType, contact: ContactExplanation, target: str, *, show_contacts: bool
) -> Iterator[str]:
    yield f"{contact_type}: {contact.status}"
    yield f"  desired: {_describe_choice(contact.selection.choice)}{f', from {target}' if target else ''}"
    if show_contacts:
        yield from _fields(contact.desired)
    if contact.assignment:
        yield f"  policy: {contact.assignment.policy}"
    yield f"  account: {_describe_present(contact)}"
    if show_contacts:
        yield from _fields(contact.present)
    yield f"  worker: {_OUTCOMES[contact.outcome]}"
    if contact.error:
        yield f"  reason: {contact.error.reason} ({contact.error.code})"


def _describe_choice(choice: str | None) -> str:
    if choice is None:
        return "unknown"
    return {DEFAULT: "the contact of the stack", IGNORE: "none: ignore"}.get(choice, f"contact set {choice}")


def _describe_present(contact: ContactExplanation) -> str:
    if contact.present is None:
        return "no contact"
    if isinstance(contact.present, WorkerError):
        return "the contact cannot be read"
    if contact.desired is None:
        return "a contact"
    different = contact.different_fields
    return f"another {', '.join(different)}" if different else "the desired contact"


def _describe_target(ancestor: AncestorTarget) -> str:
    if ancestor.target is None:
        return "no target"
    stated = [] if isinstance(ancestor.target, Invalid) else format_keys(ancestor.target).items()
    parts = [f"{key} {value}" for key, value in stated] + list(map(describe_reason, ancestor.problems))
    return ", ".join(parts) or "states nothing"


def _fields(contact: ReadResult) -> Iterator[str]:
    if isinstance(contact, Contact):
        for field in CONTACT_FIELDS:
            yield f"    {field.label}: {field.value_of(contact)}"
