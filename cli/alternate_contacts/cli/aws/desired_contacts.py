"""The contacts that the stack sets."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from alternate_contacts.cli.aws.stack import Stack
from alternate_contacts.worker.contact_selection import Assignment
from alternate_contacts.worker.contacts import CONTACT_FIELDS, Contact, ContactType
from alternate_contacts.worker.decision import Policy


@dataclass(frozen=True)
class DesiredContacts:
    """Policy and desired contact by contact type. ``repr`` omits them, because they are contact data.

    Attributes:
        exact: False if CloudFormation returned the contacts. It may return ``?`` for a character other than ASCII:
            https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/814
    """

    assignments: Mapping[ContactType, Assignment] = field(repr=False)
    exact: bool = True

    @property
    def has_unknown_characters(self) -> bool:
        """Whether ``?`` may stand for another character in a desired contact."""
        contacts = [assignment.desired for assignment in self.assignments.values()]
        return not self.exact and any(
            "?" in field.value_of(contact) for contact in contacts for field in CONTACT_FIELDS
        )


def desired_contacts(stack: Stack, worker_environment: Mapping[str, str]) -> DesiredContacts:
    """Return what the deployed worker sets; without its environment, what the parameters of the stack say."""
    try:
        return DesiredContacts(
            {
                contact_type: Assignment(
                    Policy(worker_environment[f"{contact_type}_POLICY"]),
                    Contact.from_environment(worker_environment, contact_type),
                )
                for contact_type in ContactType
            }
        )
    except (KeyError, ValueError):
        return DesiredContacts(stack.desired, exact=False)
