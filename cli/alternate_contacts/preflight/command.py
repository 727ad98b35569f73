"""The verb `preflight`."""

from typing import Annotated

import typer

from alternate_contacts import terminal
from alternate_contacts.options import AsJson
from alternate_contacts.preflight import report
from alternate_contacts.preflight.aws import AwsSurroundings
from alternate_contacts.preflight.examination import Wanted, examine
from alternate_contacts.preflight.finding import exit_code
from backfill.aws import AwsOrganization


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
    subject = AwsOrganization(
        session.client("organizations"),
        session.client("account"),
        region=session.region,
        account_id=session.account_id,
    )
    wanted = Wanted(bucket, home_region, control_tower)
    with terminal.notes().status("Looking at the organization and at this account"):
        examination = examine(subject, AwsSurroundings(session.client), wanted)
    if as_json:
        terminal.answer(report.document(examination, account_id=session.account_id, region=session.region))
    else:
        report.show(examination, terminal.results())
    raise typer.Exit(exit_code(examination.findings))
