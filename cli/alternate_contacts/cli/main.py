"""The command: its verbs, the options before the verb, error messages and exit codes.

Exit codes: 0 healthy; 1 problems found; 2 command failed; 130 interrupted.
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
    """Prints the error of any verb as one message on stderr, never as a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except CliError as error:
            exit_code = _print_error(error)
        except (BotoCoreError, ClientError) as error:
            exit_code = _print_error(describe_aws_error(error))
        except (KeyboardInterrupt, typer.Abort):
            exit_code = _print_error(CliError("Interrupted.", exit_code=INTERRUPTED))
        raise typer.Exit(exit_code)


app = typer.Typer(
    name="alternate-contacts",
    cls=_Verbs,
    help="Find and fix problems with the alternate contacts of the accounts in your organization.",
    no_args_is_help=True,
    # Typer's own tracebacks show local variables, and these may hold contact data.
    pretty_exceptions_enable=False,
)


@app.callback()
def set_context(
    context: typer.Context,
    profile: Annotated[str | None, typer.Option(help="AWS profile of the management account.")] = None,
    stack_name: Annotated[
        str | None,
        typer.Option(
            help="Name of the deployed stack. Required only if the command does not find the stack.",
            envvar="ALTERNATE_CONTACTS_STACK_NAME",
        ),
    ] = None,
    region: Annotated[
        str | None, typer.Option(help="Region of the stack. Default: us-east-1 (China: cn-northwest-1).")
    ] = None,
) -> None:
    context.obj = CommandContext(profile, stack_name, region)


for verb in (status, failures, replay, discard, backfill, audit, preflight):
    app.command()(verb)


def main() -> None:
    """Run the command: the entry point `alternate-contacts`."""
    # A closed terminal or a `kill` ends a verb as Ctrl-C does, so that leased messages return to their queue.
    for name in ("SIGTERM", "SIGHUP"):
        if number := getattr(signal, name, None):
            signal.signal(number, signal.default_int_handler)
    app()


def _print_error(error: CliError) -> int:
    """Print the error on stderr without wrapping or markup, because scripts read it; return the exit code."""
    typer.echo(str(error), err=True)
    return error.exit_code
