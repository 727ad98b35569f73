"""Prints docs/command.md: the help of every verb, and what it asks of AWS. `make reference` writes it."""

import sys
from collections.abc import Iterable
from typing import Any

import typer.main

from alternate_contacts.cli.main import app
from tools import audit_permissions as audit_permissions
from tools import permissions
from tools import preflight_permissions as preflight_permissions

_HEAD = """# The command `alternate-contacts`

Made from the command itself by `make reference`; a test keeps it so. What to do with it when an alarm fires stands in
[operations.md](operations.md).

```sh
pipx install .                                # from a checkout; or: uvx --from . alternate-contacts status
alternate-contacts --profile management status
```

Exit codes: 0 all is well; 1 it did what it should, and something is not well; 2 it could not do it; 130 Ctrl-C.
"""
_PERMISSIONS = """## What each verb asks of AWS

Give an operator no more than the verbs need. Queues, functions and log groups are those of the stack's outputs.
"""


def reference() -> str:
    """The page, as Markdown."""
    command: Any = typer.main.get_command(app)
    sections = [_HEAD, "## Before the verb\n\n" + _options(command)]
    sections += [_section(name, verb) for name, verb in command.commands.items()]
    return "\n".join([*sections, _PERMISSIONS, _permissions()])


def _section(name: str, verb: Any) -> str:
    described = "\n\n".join(" ".join(part.split()) for part in (verb.help or "").split("\n\n"))
    return f"## `{name}`\n\n{described}\n\n{_options(verb)}"


def _options(verb: Any) -> str:
    rows = [
        f"| {_names(each)} | {_cell(each.help or '')}{f' Environment: `{each.envvar}`.' if each.envvar else ''} |"
        for each in verb.params
        if not each.name.endswith("_completion")
    ]
    return "\n".join(["| option | |", "|---|---|", *rows]) + "\n"


def _names(option: Any) -> str:
    value = f" {option.metavar}" if option.metavar else ""
    return ", ".join(f"`{name}{value}`" for name in (*option.opts, *option.secondary_opts))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _permissions() -> str:
    rows = ["| verb | on | actions | because |", "|---|---|---|---|"]
    verbs: dict[str, Iterable[permissions.Permission]] = {
        **permissions.PERMISSIONS,
        "audit": audit_permissions.PERMISSIONS,
    }
    for verb, needed in verbs.items():
        rows += [
            f"| `{verb}` | {each.resource} | {_actions(each.actions)} | {_cell(each.because)} |" for each in needed
        ]
    for statement in preflight_permissions.STATEMENTS:
        rows.append(f"| `preflight` | {statement['Resource']} | {_actions(statement['Action'])} | {statement['Sid']} |")
    return "\n".join(rows) + "\n"


def _actions(actions: Iterable[str]) -> str:
    return ", ".join(f"`{action}`" for action in actions)


if __name__ == "__main__":
    sys.stdout.write(reference())
