"""The verb `preflight`."""

import re
from collections.abc import Iterator
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError

from alternate_contacts.backfill.aws import AwsAccountDirectory
from alternate_contacts.cli.preflight import protection, report
from alternate_contacts.cli.preflight.aws import AwsEnvironment, AwsProtectionView
from alternate_contacts.cli.preflight.result import CheckResult, exit_code, unknown
from alternate_contacts.cli.preflight.run import PreflightOptions, run_preflight
from alternate_contacts.cli.terminal import output
from alternate_contacts.cli.terminal.errors import CliError, describe_aws_error
from alternate_contacts.cli.terminal.options import AsJson

TARGET_ID = r"r-[0-9a-z]{4,32}|ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}"
"""https://docs.aws.amazon.com/organizations/latest/APIReference/API_AttachPolicy.html"""


def _target_id(value: str | None) -> str | None:
    if value is not None and not re.fullmatch(TARGET_ID, value):
        raise typer.BadParameter(f"{value} is not the ID of a root or OU, such as r-ab12 or ou-ab12-12345678")
    return value


def preflight(
    context: typer.Context,
    bucket: Annotated[
        str | None, typer.Option(help="The bucket for the code of the functions, as in make package BUCKET=...")
    ] = None,
    home_region: Annotated[
        str | None, typer.Option(help="The home region of Control Tower, if the command does not find it.")
    ] = None,
    control_tower: Annotated[
        bool | None,
        typer.Option(
            "--control-tower/--no-control-tower",
            help="Check the prerequisites of a deployment through CfCT, or leave them out. Default: check them if CfCT "
            "is found.",
        ),
    ] = None,
    protected_target_id: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            callback=_target_id,
            help="The root or OU for the parameter ProtectedTargetId. Default: that of the deployed stack.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check the prerequisites of a deployment, and print commands that fix what is missing. Changes nothing.

    Exit codes: 0 healthy; 1 problems found; 2 command failed or a check could not be completed; 130 interrupted.
    """
    session = context.obj.session
    view = AwsAccountDirectory(
        session.client("organizations"),
        session.client("account"),
        region=session.region,
        account_id=session.account_id,
        contact_type="SECURITY",
    )
    options = PreflightOptions(bucket, home_region, control_tower)
    with output.notes().status("checking the organization and this account"):
        preflight_report = run_preflight(
            view, AwsEnvironment(session.client), options, lambda: _check_protection(context, protected_target_id)
        )
    if as_json:
        output.print_json(report.document(preflight_report, account_id=session.account_id, region=session.region))
    else:
        report.print_report(preflight_report, output.results())
    raise typer.Exit(exit_code(preflight_report.results))


def _check_protection(context: typer.Context, target: str | None) -> Iterator[CheckResult]:
    """Check the service control policy for the target, or for that of the stack; without both there is none."""
    try:
        stack = context.obj.stack
    except CliError:
        stack = None  # not deployed yet, for example
    except (ClientError, BotoCoreError) as error:
        yield unknown(protection.ATTACHABLE, str(describe_aws_error(error)))
        return
    target = target or (stack.protected_target if stack else None)
    if target:
        yield from protection.run_checks(AwsProtectionView(context.obj.session), target, stack)
