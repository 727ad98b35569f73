"""The verb `preflight`."""

from typing import Annotated

import typer

from alternate_contacts.backfill.aws import AwsAccountDirectory
from alternate_contacts.cli.preflight import report
from alternate_contacts.cli.preflight.aws import AwsEnvironment
from alternate_contacts.cli.preflight.examination import PreflightOptions, run_preflight
from alternate_contacts.cli.preflight.finding import exit_code
from alternate_contacts.cli.terminal import output
from alternate_contacts.cli.terminal.options import AsJson


def preflight(
    context: typer.Context,
    bucket: Annotated[
        str | None, typer.Option(help="The bucket for the functions' code, as make package BUCKET=... has it.")
    ] = None,
    home_region: Annotated[
        str | None, typer.Option(help="Control Tower's home region, where it cannot be found by itself.")
    ] = None,
    control_tower: Annotated[
        bool | None,
        typer.Option(
            "--control-tower/--no-control-tower",
            help="Look at what a deployment through CfCT needs, or leave it out. By default: where CfCT is found.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look at what would stop a deployment, before there is one, and say what mends it. Changes nothing.

    Ends with 0 if all is there, 1 if something is missing, 2 if something could not be looked at.
    """
    session = context.obj.session()
    subject = AwsAccountDirectory(
        session.client("organizations"),
        session.client("account"),
        region=session.region,
        account_id=session.account_id,
    )
    wanted = PreflightOptions(bucket, home_region, control_tower)
    with output.notes().status("Looking at the organization and at this account"):
        examination = run_preflight(subject, AwsEnvironment(session.client), wanted)
    if as_json:
        output.print_json(report.document(examination, account_id=session.account_id, region=session.region))
    else:
        report.show(examination, output.results())
    raise typer.Exit(exit_code(examination.findings))
