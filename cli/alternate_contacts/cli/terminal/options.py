"""Command-line options that several verbs have."""

import math
import re
from typing import Annotated

import typer


def _account_id(value: str) -> str:
    if not re.fullmatch(r"[0-9]{12}", value):
        raise typer.BadParameter(f"{value} is not an account ID of 12 digits")
    return value


def _account_ids(values: list[str]) -> list[str]:
    return [_account_id(value) for value in values]


def finite(value: float | None) -> float | None:
    """Reject `nan` and `inf`, which the parser accepts as numbers."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is not a number of seconds or calls")
    return value


AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout, and nothing else on stdout.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the plan and change nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Apply the plan without asking.")]
AccountIds = Annotated[
    list[str],
    typer.Option("--account", metavar="ID", callback=_account_ids, help="Only this account. You can repeat it."),
]
AccountId = Annotated[str, typer.Argument(metavar="ACCOUNT", callback=_account_id, help="The ID of the account.")]
MessageIds = Annotated[
    list[str],
    typer.Option("--message", metavar="ID", help="Only this message ID, as `failures` prints it. You can repeat it."),
]
ShowContacts = Annotated[
    bool, typer.Option("--show-contacts", help="Print the contact, which is personal data. Default: hide it.")
]
InputFile = Annotated[
    str, typer.Argument(metavar="FILE", help="File with the value as JSON; - reads standard input.", show_default=False)
]
CreateVersion = Annotated[
    bool,
    typer.Option(
        "--create-version",
        help="Afterwards create the parameter version, if it is missing. Use it with the last parameter of a new "
        "configuration.",
    ),
]
