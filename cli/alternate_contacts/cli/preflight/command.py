"""The verb `preflight`."""

from typing import Annotated

import typer

from alternate_contacts.backfill.aws import AwsAccountDirectory
from alternate_contacts.cli.preflight import report
from alternate_contacts.cli.preflight.aws import AwsEnvironment
from alternate_contacts.cli.preflight.result import exit_code
from alternate_contacts.cli.preflight.run import PreflightOptions, run_preflight
from alternate_contacts.cli.terminal import output
from alternate_contacts.cli.terminal.options import AsJson


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
    as_json: AsJson = False,
) -> None:
    """Check the prerequisites of a deployment, and print commands that fix what is missing. Changes nothing.

    Exit codes: 0 healthy; 1 problems found; 2 command failed or a check could not be completed; 130 interrupted.
    """
    session = context.obj.session()
    view = AwsAccountDirectory(
        session.client("organizations"),
        session.client("account"),
        region=session.region,
        account_id=session.account_id,
    )
    options = PreflightOptions(bucket, home_region, control_tower)
    with output.notes().status("checking the organization and this account"):
        preflight_report = run_preflight(view, AwsEnvironment(session.client), options)
    if as_json:
        output.print_json(report.document(preflight_report, account_id=session.account_id, region=session.region))
    else:
        report.print_report(preflight_report, output.results())
    raise typer.Exit(exit_code(preflight_report.results))
