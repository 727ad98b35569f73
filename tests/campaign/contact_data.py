"""Contact data that is found in any text: every value is marked."""

from collections.abc import Mapping

MARKS = ("Geheim", "Keeper of", "secret.invalid", "+49 99 ")
"""Each value of a contact has one of them."""


def make_contact(number: int) -> Mapping[str, str]:
    """Return a contact of its own for each number."""
    return {
        "Name": f"Geheim {number}",
        "Title": f"Keeper of {number}",
        "EmailAddress": f"contact-{number}@secret.invalid",
        "PhoneNumber": f"+49 99 {number}",
    }
