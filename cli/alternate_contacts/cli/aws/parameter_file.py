"""The value of one contact set or target in a file."""

from collections.abc import Callable
from typing import TypeVar

from alternate_contacts.cli.aws.problem_details import describe_detail
from alternate_contacts.cli.terminal.errors import CliError
from alternate_contacts.cli.terminal.files import read_text, source_name
from alternate_contacts.worker.contact_configuration import Invalid

Value = TypeVar("Value")

_MAX_BYTES = 100_000
"""A value of Parameter Store has at most 4 KB. The rest may be white space."""
_INVALID_NAMES = frozenset({"invalid_set_name", "invalid_target_id"})


def read_parameter_file(name: str, file: str, *, noun: str, parse: Callable[[str | None], Value | Invalid]) -> Value:
    """Return the contact set or target in a file.

    Args:
        name: the name of the contact set, or the ID of the target.
        file: the path of the file, or - for standard input.
        noun: ``contact set`` or ``target``.
        parse: parses the value of the parameter with that name, None if it has none.

    Raises:
        CliError: the name or the value is invalid, or the file cannot be read.
    """
    unread = parse(None)
    if isinstance(unread, Invalid) and unread.detail in _INVALID_NAMES:
        raise CliError(f"The {noun} cannot be named {name}: {describe_detail(unread.detail)}.")
    value = parse(read_text(file, content=f"a {noun} as JSON", max_bytes=_MAX_BYTES))
    if isinstance(value, Invalid):
        raise CliError(
            f"{source_name(file)} is no {noun}: {describe_detail(value.detail)}. docs/own-contacts.md lists the keys "
            "and their values."
        )
    return value
