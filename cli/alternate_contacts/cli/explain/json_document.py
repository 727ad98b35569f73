"""The explanation of an account as a JSON document, for ``--json``."""

from alternate_contacts.cli.aws.compliance import ReadResult
from alternate_contacts.cli.aws.contact_parameters import contact_document, problem_document, target_document
from alternate_contacts.cli.explain.explanation import AccountExplanation, AncestorTarget, ContactExplanation
from alternate_contacts.worker.contact_configuration import DEFAULT, Target
from alternate_contacts.worker.contacts import Contact
from alternate_contacts.worker.errors import WorkerError


def build(explanation: AccountExplanation, *, show_contacts: bool) -> dict[str, object]:
    """Return the document. It holds contact data only if ``show_contacts``."""
    account = explanation.account
    return {
        "accountId": account.account_id,
        "name": account.name,
        "state": account.state,
        "mode": explanation.mode.value,
        "compliant": explanation.is_compliant,
        "skipped": explanation.skipped,
        "excludedBy": explanation.excluded_by,
        "protectedBy": explanation.protected_by,
        "protectedContactTypes": list(explanation.protected_types),
        "lockedContactTypes": list(explanation.locked_types),
        "contacts": {
            contact_type: _contact(contact, show_contacts=show_contacts)
            for contact_type, contact in explanation.contacts.items()
        },
        "ancestors": [_ancestor(ancestor) for ancestor in explanation.ancestors],
        "contactConfiguration": None
        if explanation.path is None
        else {"path": explanation.path, "versions": dict(explanation.versions)},
    }


def _contact(contact: ContactExplanation, *, show_contacts: bool) -> dict[str, object]:
    assignment, error, present = contact.assignment, contact.error, contact.present
    document: dict[str, object] = {
        "status": contact.status,
        "contactSet": contact.selection.choice,
        "target": contact.selection.target or DEFAULT,
        "policy": assignment.policy if assignment else None,
        "provided": None if isinstance(present, WorkerError) else present is not None,
        "differentFields": contact.different_fields,
        "outcome": contact.outcome,
        "reason": error.reason if error else None,
        "errorCode": error.code if error else None,
    }
    if show_contacts:
        document |= {"desired": _fields(contact.desired), "present": _fields(present)}
    return document


def _fields(contact: ReadResult) -> dict[str, str] | None:
    return contact_document(contact) if isinstance(contact, Contact) else None


def _ancestor(ancestor: AncestorTarget) -> dict[str, object]:
    """Return a target as `targets list` has it, with its name."""
    return {
        "id": ancestor.identifier,
        "name": ancestor.name,
        "problems": [problem_document(problem) for problem in ancestor.problems],
        "target": target_document(ancestor.target) if isinstance(ancestor.target, Target) else None,
    }
