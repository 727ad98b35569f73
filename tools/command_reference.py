"""Print docs/command.md: the help and the IAM permissions of every verb. `make reference` writes it."""

import sys
from collections.abc import Iterable, Iterator
from typing import Any

import typer.main

from alternate_contacts.cli.main import app
from tools import audit_permissions, permissions, preflight_permissions

_HEAD = """# The command `alternate-contacts`

This page is generated from the command by `make reference`. For what to do when an alarm fires, see
[alarms.md](alarms.md).

```sh
pipx install .                                # from a checkout; or: uvx --from . alternate-contacts status
alternate-contacts --profile management status
```

Exit codes: 0 healthy; 1 problems found; 2 command failed; 130 interrupted; 141 the output was a closed pipe.
A command that fails prints one line on stderr: what failed, and the next step.

- **Credentials:** those of the AWS SDK, also of `aws sso login` and `aws login`.
- **Region:** that of the stack, us-east-1. A region in China, from `AWS_REGION`, `AWS_DEFAULT_REGION` or the profile,
  selects cn-northwest-1. `--region` overrides both. A region of AWS GovCloud (US) is an error: there is no API for
  alternate contacts.
- **Text of others**, such as the name of an OU: escape sequences and invisible characters are shown as `\\x1b`, in the
  terminal, CSV and HTML. JSON has the exact text, with ASCII escapes.
- **Terminals:** a pipe gets whole lines and no progress bar, also with `FORCE_COLOR`. `NO_COLOR` and `TERM=dumb` count.
"""
_PERMISSIONS = """## Permissions

The IAM permissions of each verb. The outputs of the stack name its queues, functions and log groups. In China
ARNs begin with `arn:aws-cn:`.
"""


def reference() -> str:
    """Return the page as Markdown."""
    command: Any = typer.main.get_command(app)
    sections = [_HEAD, "## Options before the verb\n\n" + _options(command)]
    sections += [_section(name, verb) for name, verb in verbs(command)]
    return "\n".join([*sections, _PERMISSIONS, _permissions()])


def verbs(command: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every verb with its name, such as ``status`` or ``sets put``."""
    for name, verb in command.commands.items():
        if hasattr(verb, "commands"):
            yield from verbs(verb, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", verb


def _section(name: str, verb: Any) -> str:
    described = "\n\n".join(" ".join(part.split()) for part in (verb.help or "").split("\n\n"))
    return f"## `{name}`\n\n{described}\n\n{_options(verb)}"


def _options(verb: Any) -> str:
    rows = [
        f"| {_names(option)} | {_meaning(option)} |"
        for option in verb.params
        if not option.name.endswith("_completion")
    ]
    return "\n".join(["| option | meaning |", "|---|---|", *rows]) + "\n"


def _names(option: Any) -> str:
    if option.param_type_name == "argument":
        return f"`{option.metavar}`"
    value = f" {option.metavar}" if option.metavar else ""
    return ", ".join(f"`{name}{value}`" for name in (*option.opts, *option.secondary_opts))


def _meaning(option: Any) -> str:
    return _cell(option.help or "") + (f" Environment variable: `{option.envvar}`." if option.envvar else "")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _permissions() -> str:
    rows = ["| verb | resource | actions | purpose |", "|---|---|---|---|"]
    needed_by: dict[str, Iterable[permissions.Permission]] = {
        **permissions.PERMISSIONS,
        "audit": audit_permissions.AUDIT,
        "explain": audit_permissions.EXPLAIN,
    }
    for verb, needed in needed_by.items():
        rows += [
            f"| `{verb}` | {permission.resource} | {_actions(permission.actions)} | {_cell(permission.purpose)} |"
            for permission in needed
        ]
    for statement in preflight_permissions.STATEMENTS:
        rows.append(f"| `preflight` | {statement['Resource']} | {_actions(statement['Action'])} | {statement['Sid']} |")
    return "\n".join(rows) + "\n"


def _actions(actions: Iterable[str]) -> str:
    return ", ".join(f"`{action}`" for action in actions)


if __name__ == "__main__":
    sys.stdout.write(reference())
