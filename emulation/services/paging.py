"""Pages of a list operation.

AWS may return an empty page that has a next token. Here the page after the first is always empty, so that a client that
stops there loses items.
"""

from collections.abc import Sequence
from typing import Any

_EMPTY = "-empty"


class InvalidTokenError(ValueError):
    """No page of this list had the token."""


def page(items: Sequence[Any], size: int, token: str | None) -> tuple[Sequence[Any], str | None]:
    """Return a page of the items and the token of the next page, if there is one.

    Raises:
        InvalidTokenError: the token is not from an earlier page.
    """
    number = (token or "0").removesuffix(_EMPTY)
    if not number.isdecimal() or not 0 <= int(number) <= len(items) or token == "":
        raise InvalidTokenError(token)
    start = int(number)
    if token is not None and token.endswith(_EMPTY):
        return [], number
    end = start + size
    if end >= len(items):
        return items[start:], None
    return items[start:end], f"{end}{_EMPTY}" if token is None else str(end)
