"""Contact types, contacts, and every name that a field of a contact has."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum


class ContactType(StrEnum):
    """The three alternate contacts of an AWS account.

    https://docs.aws.amazon.com/accounts/latest/reference/API_AlternateContact.html
    """

    BILLING = "BILLING"
    OPERATIONS = "OPERATIONS"
    SECURITY = "SECURITY"


@dataclass(frozen=True, repr=False)
class Contact:
    """An alternate contact. ``repr`` shows no field: contact data never gets into a log or a traceback.

    To add a field, add it here, to template.yaml, to manifest.yaml and to the emulation.
    """

    name: str
    title: str
    email_address: str
    phone_number: str

    @classmethod
    def from_api(cls, contact: Mapping[str, object]) -> "Contact":
        """Return the contact that GetAlternateContact returned as ``AlternateContact``; absent fields are empty."""
        return cls(*(str(contact.get(field.api_name, "")) for field in CONTACT_FIELDS))

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], contact_type: ContactType) -> "Contact":
        """Return the contact in variables such as ``BILLING_EMAIL_ADDRESS``.

        Raises:
            KeyError: a variable, which the error names, is missing or empty.
        """

        def value_of(variable: str) -> str:
            if not (value := environment.get(variable)):
                raise KeyError(variable)
            return value

        return cls(*(value_of(f"{contact_type}_{field.environment_suffix}") for field in CONTACT_FIELDS))

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, str], contact_type: ContactType) -> "Contact":
        """Return the contact in stack parameters such as ``BillingEmailAddress``; absent fields are empty."""
        return cls(*(parameters.get(f"{contact_type.capitalize()}{field.api_name}", "") for field in CONTACT_FIELDS))

    def to_api(self) -> dict[str, str]:
        """Return the parameters of PutAlternateContact that hold the contact."""
        return {field.api_name: field.value_of(self) for field in CONTACT_FIELDS}

    def same_as(self, other: "Contact") -> bool:
        """Return whether all fields are equal. AWS accepts surrounding white space, so it does not count."""
        return all(field.value_of(self).strip() == field.value_of(other).strip() for field in CONTACT_FIELDS)


@dataclass(frozen=True)
class ContactField:
    """One field of a contact; ``key`` is the attribute's name and the column in CSV, such as ``email_address``."""

    key: str

    @property
    def api_name(self) -> str:
        """``EmailAddress``: the name in the account API, and the end of the stack parameter's name."""
        return self.key.title().replace("_", "")

    @property
    def environment_suffix(self) -> str:
        """``EMAIL_ADDRESS``: the end of the environment variable's name."""
        return self.key.upper()

    @property
    def json_key(self) -> str:
        """``emailAddress``: the key in JSON documents."""
        return self.api_name[0].lower() + self.api_name[1:]

    @property
    def label(self) -> str:
        """``email address``: the name in text."""
        return self.key.replace("_", " ")

    def value_of(self, contact: Contact) -> str:
        return str(getattr(contact, self.key))


CONTACT_FIELDS = tuple(ContactField(field.name) for field in fields(Contact))
"""Every field of a contact, in the order of reports."""
