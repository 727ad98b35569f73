"""The words of the matter: contact types and contacts."""

from dataclasses import dataclass, field, fields
from enum import StrEnum


class ContactType(StrEnum):
    """The three alternate contacts that AWS knows.

    Source: https://docs.aws.amazon.com/accounts/latest/reference/API_AlternateContact.html
    """

    BILLING = "BILLING"
    OPERATIONS = "OPERATIONS"
    SECURITY = "SECURITY"


@dataclass(frozen=True)
class Contact:
    """Whom AWS reaches. No field shows in ``repr``: contact data never gets into a log or a traceback."""

    name: str = field(repr=False)
    title: str = field(repr=False)
    email_address: str = field(repr=False)
    phone_number: str = field(repr=False)

    def same_as(self, other: "Contact") -> bool:
        """Whether both reach the same person; surrounding white space, which AWS accepts, does not count."""
        return all(getattr(self, part.name).strip() == getattr(other, part.name).strip() for part in fields(self))
