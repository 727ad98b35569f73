"""Contact types, contacts, and every name and limit that a field of a contact has.

The worker and the backfill each have a byte-identical copy of this file, as they have of protocol.py.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum

_TEXT = r"^(?!.*[\x00-\x1f\x7f])\S(.*\S)?$"
_EMAIL_ADDRESS = r"^(none|(?!.*@(.*\.)?example\.(com|net|org)$)[A-Za-z0-9_+=.#|!&-]+@[A-Za-z0-9_.-]+\.[A-Za-z0-9_]+)$"
_PHONE_NUMBER = r"^(none|(?=.*[0-9])[0-9()+-]([0-9()+ -]*[0-9()+-])?)$"
_REJECTED = re.compile("[\x85\u2028\u2029\ud800-\udfff]")
"""Characters that the patterns accept in Python, but not in CloudFormation, where they end a line; and halves of
surrogate pairs, which JSON can hold and a request to AWS cannot."""


def _limits(max_length: int, pattern: str, *placeholders: str) -> dict[str, object]:
    return {"max_length": max_length, "pattern": pattern, "placeholders": ("none", *placeholders)}


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

    To add a field, add it here, to template.yaml, to manifest.yaml and to the emulation. A test compares the limits of
    each field with the template's.
    """

    name: str = field(metadata=_limits(64, _TEXT, "REPLACE_ME", "John Doe", "Jane Doe"))
    title: str = field(metadata=_limits(50, _TEXT, "REPLACE_ME"))
    email_address: str = field(metadata=_limits(254, _EMAIL_ADDRESS))
    phone_number: str = field(metadata=_limits(25, _PHONE_NUMBER))

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
    """One field of a contact.

    Attributes:
        key: the attribute's name and the column in CSV, such as ``email_address``.
        max_length: the most characters of a value, as in template.yaml.
        pattern: the AllowedPattern of template.yaml.
        placeholders: values that the pattern accepts, and that are no contact data.
    """

    key: str
    max_length: int
    pattern: str
    placeholders: tuple[str, ...]

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

    def accepts(self, value: str) -> bool:
        """Return whether a stack parameter would accept the value as contact data."""
        return (
            len(value) <= self.max_length
            and re.fullmatch(self.pattern, value) is not None
            and value not in self.placeholders
            and _REJECTED.search(value) is None
        )


CONTACT_FIELDS = tuple(ContactField(field.name, **field.metadata) for field in fields(Contact))
"""Every field of a contact, in the order of reports."""
