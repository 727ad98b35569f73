"""Contact data of the tests. A new field of a contact gets its value here, and in no other test."""

from alternate_contacts.worker.contacts import CONTACT_FIELDS, Contact

_VALUES = {
    "name": "Geheim {}",
    "title": "Keeper of {}",
    "email_address": "contact-{}@secret.invalid",
    "phone_number": "+49 99 {}",
}
MARKS = ("Geheim", "Keeper of", "secret.invalid", "+49 99 ")
"""Each value of a contact has one of them, so that it is found in any text."""


def make_contact(number: int, **values: str) -> Contact:
    """Return a contact that differs in each field from that of every other number, except for ``values``."""
    return Contact(**{key: text.format(number) for key, text in _VALUES.items()} | values)


def api_contact(number: int, **values: str) -> dict[str, str]:
    """Return `make_contact` as the account API does, without the contact type."""
    return make_contact(number, **values).to_api()


def contact_set(number: int, **values: str) -> dict[str, str]:
    """Return `make_contact` as a contact set of the contact configuration."""
    contact = make_contact(number, **values)
    return {field.json_key: field.value_of(contact) for field in CONTACT_FIELDS}
