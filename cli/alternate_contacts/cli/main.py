"""The command: its verbs, the options before the verb, error messages and exit codes.

Exit codes: 0 healthy; 1 problems found; 2 command failed; 130 interrupted; 141 the output was a closed pipe.
"""

import sys
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from alternate_contacts.cli.audit.command import audit
from alternate_contacts.cli.aws.context import CommandContext
from alternate_contacts.cli.aws.version import command_version
from alternate_contacts.cli.backfill.command import backfill
from alternate_contacts.cli.check.command import check
from alternate_contacts.cli.explain.command import explain
from alternate_contacts.cli.failures.command import failures
from alternate_contacts.cli.preflight import preflight
from alternate_contacts.cli.replay.command import discard, replay
from alternate_contacts.cli.sets.command import sets
from alternate_contacts.cli.status.command import status
from alternate_contacts.cli.targets.command import targets
from alternate_contacts.cli.terminal import output
from alternate_contacts.cli.terminal.errors import CliError, describe_error
from alternate_contacts.cli.terminal.process import INTERRUPTED
from alternate_contacts.cli.terminal.streams import StreamError

_UsageError: Any = typer.BadParameter.__base__
"""The error of arguments that the parser rejects. It has no public name in every release of typer."""


class _Verbs(TyperGroup):
    """Prints every error as one line on stderr, never as a traceback, and ends with its exit code."""

    def main(self, *arguments: Any, **options: Any) -> NoReturn:
        try:
            # A verb that ends by itself returns None.
            exit_code = super().main(*arguments, **options | {"standalone_mode": False}) or 0
        except _UsageError as error:
            exit_code = _print_error(_describe_usage_error(error))
        except StreamError:
            raise
        except Exception as error:  # noqa: BLE001 - the last place that can report it
            exit_code = _print_error(describe_error(error))
        sys.exit(exit_code)

    def invoke(self, context: Any) -> Any:
        try:
            return super().invoke(context)
        except (KeyboardInterrupt, EOFError, typer.Abort):
            raise CliError("Interrupted.", exit_code=INTERRUPTED) from None


app = typer.Typer(
    name="alternate-contacts",
    cls=_Verbs,
    help="Find and fix problems with the alternate contacts of the accounts in your organization.",
    # Plain help: typer's boxes fold options and commands in a narrow terminal.
    rich_markup_mode=None,
    # Typer's own tracebacks show local variables, and these may hold contact data.
    pretty_exceptions_enable=False,
)


def _print_version(requested: bool) -> None:
    if requested:
        output.print_line(f"alternate-contacts {command_version()}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
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
    version: Annotated[  # noqa: ARG001 - the callback prints it
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    context.obj = CommandContext(profile, stack_name, region)
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(2)


for verb in (status, failures, replay, discard, backfill, audit, explain, preflight, check):
    app.command()(verb)
app.add_typer(sets, name="sets")
app.add_typer(targets, name="targets")


def _describe_usage_error(error: Any) -> CliError:
    command = error.ctx.command_path if error.ctx else "alternate-contacts"
    return CliError(f"{error.format_message().rstrip('.')}. Run `{command} --help` for the options.")


def _print_error(error: CliError) -> int:
    output.print_error(str(error))
    return error.exit_code
