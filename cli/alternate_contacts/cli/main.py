"""The command: its verbs, what is said before them, and how it ends.

Exit codes: 0 all is well; 1 it did what it should, and something is not well; 2 it could not do it; 130 Ctrl-C.
"""

import signal
from typing import Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError
from typer.core import TyperGroup

from alternate_contacts.cli.audit.command import audit
from alternate_contacts.cli.aws.context import CommandContext
from alternate_contacts.cli.backfill.command import backfill
from alternate_contacts.cli.failures.command import failures
from alternate_contacts.cli.preflight import preflight
from alternate_contacts.cli.replay.command import discard, replay
from alternate_contacts.cli.status.command import status
from alternate_contacts.cli.terminal.errors import CliError, describe_aws_error

INTERRUPTED = 130


class _Verbs(TyperGroup):
    """Ends every verb alike: trouble is one sentence on stderr, never a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except CliError as trouble:
            code = _told(trouble)
        except (BotoCoreError, ClientError) as error:
            code = _told(describe_aws_error(error))
        except (KeyboardInterrupt, typer.Abort):
            code = _told(CliError("Stopped.", exit_code=INTERRUPTED))
        raise typer.Exit(code)


app = typer.Typer(
    name="alternate-contacts",
    cls=_Verbs,
    help="Says what is wrong with the alternate contacts of your organization's accounts, why, and mends it.",
    no_args_is_help=True,
    # A traceback of typer's own would show local variables, and with them contact data.
    pretty_exceptions_enable=False,
)


@app.callback()
def before_the_verb(
    context: typer.Context,
    profile: Annotated[str | None, typer.Option(help="AWS profile of the management account.")] = None,
    stack_name: Annotated[
        str | None,
        typer.Option(
            help="The package's stack, where it cannot be found by itself.", envvar="ALTERNATE_CONTACTS_STACK_NAME"
        ),
    ] = None,
    region: Annotated[
        str | None, typer.Option(help="Where the stack is, if not in us-east-1 (China: cn-northwest-1).")
    ] = None,
) -> None:
    context.obj = CommandContext(profile, stack_name, region)


for verb in (status, failures, replay, discard, backfill, audit, preflight):
    app.command()(verb)


def main() -> None:
    """The entry point `alternate-contacts`."""
    # A closed terminal or a `kill` ends a verb like Ctrl-C does, so that it gives back what it holds.
    for name in ("SIGTERM", "SIGHUP"):
        if number := getattr(signal, name, None):
            signal.signal(number, signal.default_int_handler)
    app()


def _told(trouble: CliError) -> int:
    """Say it on stderr, unwrapped and without markup, because scripts read it; the exit code."""
    typer.echo(str(trouble), err=True)
    return trouble.exit_code
