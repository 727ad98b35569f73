"""The verbs `sets list`, `sets show`, `sets put` and `sets delete`."""

import json
from collections.abc import Sequence
from typing import Annotated

import typer

from alternate_contacts.cli.aws.contact_parameters import (
    contact_document,
    contacts_path,
    general_problems,
    problem_document,
    read_contact_parameters,
    targets_by_set,
)
from alternate_contacts.cli.aws.context import CommandContext
from alternate_contacts.cli.aws.parameter_change import (
    Action,
    DeleteParameter,
    ParameterPlan,
    PutParameter,
    check_version,
    plan_put,
)
from alternate_contacts.cli.aws.parameter_file import read_parameter_file
from alternate_contacts.cli.aws.problem_details import describe_detail, describe_problem
from alternate_contacts.cli.sets.report import SetRow, set_lines, set_rows, set_table
from alternate_contacts.cli.terminal import output
from alternate_contacts.cli.terminal.errors import CliError
from alternate_contacts.cli.terminal.options import AsJson, CreateVersion, DryRun, InputFile, ShowContacts, Yes
from alternate_contacts.cli.terminal.plan import ApplyOptions, apply
from alternate_contacts.worker.contact_configuration import SETS, Invalid, parse_configuration
from alternate_contacts.worker.contacts import CONTACT_FIELDS, Contact

sets = typer.Typer(
    help="Contact sets: the contacts that OUs and accounts have in place of the contacts of the stack.",
    rich_markup_mode=None,
)
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the contact set.", show_default=False)]


@sets.command("list")
def list_sets(context: typer.Context, show_contacts: ShowContacts = False, as_json: AsJson = False) -> None:
    """List the contact sets with the number of targets that select them, and with their problems.

    Exit codes: 0 healthy; 1 a set or the whole configuration has a problem; 2 command failed.
    """
    options: CommandContext = context.obj
    parameters = read_contact_parameters(options.session, contacts_path(options.stack))
    rows = set_rows(parameters)
    general = general_problems(parameters.configuration)
    if as_json:
        output.print_json(
            {
                "path": parameters.path,
                "problems": [problem_document(problem) for problem in general],
                "sets": [row.document(show_contacts=show_contacts) for row in rows],
            }
        )
    else:
        console = output.results()
        console.print(f"{output.count(len(rows), 'contact set')} below {parameters.path}.")
        if rows:
            console.print(set_table(rows, show_contacts=show_contacts))
        for problem in general:
            console.print(f"Problem: {describe_problem(problem)}")
    if general or any(row.problems for row in rows):
        raise typer.Exit(1)


@sets.command("show")
def show_set(context: typer.Context, name: Name, show_contacts: ShowContacts = False, as_json: AsJson = False) -> None:
    """Print a contact set and the targets that select it.

    With --json and --show-contacts, the key contact is the value that `sets put` reads.

    Exit codes: 0 healthy; 1 the set has a problem; 2 command failed.
    """
    options: CommandContext = context.obj
    parameters = read_contact_parameters(options.session, contacts_path(options.stack))
    row = _find(set_rows(parameters), name, parameters.path)
    if as_json:
        output.print_json(row.document(show_contacts=show_contacts))
    else:
        console = output.results()
        for line in set_lines(row, parameters.full_name(f"{SETS}{name}"), show_contacts=show_contacts):
            console.print(line)
    if row.problems:
        raise typer.Exit(1)


@sets.command("put")
def put_set(
    context: typer.Context,
    name: Name,
    file: InputFile,
    create_version: CreateVersion = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Create or change a contact set. The value comes from a file, never from an option.

    The value is JSON with exactly the keys name, title, emailAddress and phoneNumber.
    Parameter Store compares nothing: a change that another program makes between the plan and
    the write is overwritten. The command then says so.

    Exit codes: 0 written, or nothing to change; 1 you declined; 2 command failed.
    """
    options: CommandContext = context.obj
    contact = _read_contact(name, file)
    session = options.session
    parameters = read_contact_parameters(session, contacts_path(options.stack))
    configuration = parameters.configuration
    is_used = name in targets_by_set(configuration)
    plan = plan_put(
        parameters,
        f"{SETS}{name}",
        _differences(configuration.sets.get(name), contact),
        [] if is_used else ["No target selects this contact set yet."],
        create_version=create_version,
        is_used=is_used,
    )
    value = json.dumps(contact_document(contact), ensure_ascii=False)
    apply(plan, PutParameter(session.client("ssm"), plan, value), ApplyOptions(dry_run, yes, as_json))


@sets.command("delete")
def delete_set(
    context: typer.Context, name: Name, dry_run: DryRun = False, yes: Yes = False, as_json: AsJson = False
) -> None:
    """Delete a contact set that no target selects.

    Exit codes: 0 deleted; 1 you declined; 2 a target selects the set, or the command failed.
    """
    options: CommandContext = context.obj
    session = options.session
    parameters = read_contact_parameters(session, contacts_path(options.stack))
    check_version(parameters)
    row = _find(set_rows(parameters), name, parameters.path)
    if row.used_by:
        raise CliError(
            f"Contact set {name} is in use: {output.count(len(row.used_by), 'target selects', 'targets select')} it "
            f"({output.list_some(row.used_by)}). Change or delete them first."
        )
    targets = parameters.configuration.targets
    invalid = sorted(target_id for target_id, target in targets.items() if isinstance(target, Invalid))
    remarks = [f"These targets are invalid and may select the set: {output.list_some(invalid)}."] if invalid else []
    plan = ParameterPlan(parameters.full_name(f"{SETS}{name}"), Action.DELETE, remarks=remarks, affects_accounts=False)
    apply(plan, DeleteParameter(session.client("ssm"), plan), ApplyOptions(dry_run, yes, as_json))


def _read_contact(name: str, file: str) -> Contact:
    return read_parameter_file(
        name,
        file,
        noun="contact set",
        parse=lambda text: parse_configuration({f"{SETS}{name}": text}).sets[name],
    )


def _differences(current: Contact | Invalid | None, contact: Contact) -> list[str]:
    """Return the names of the fields that differ, without their values."""
    if current is None:
        return []
    if isinstance(current, Invalid):
        return [f"the existing value is invalid, {describe_detail(current.detail)}"]
    return [field.label for field in CONTACT_FIELDS if field.value_of(current) != field.value_of(contact)]


def _find(rows: Sequence[SetRow], name: str, path: str) -> SetRow:
    for row in rows:
        if row.name == name:
            return row
    raise CliError(
        f"Contact set {name} does not exist below {path}. `alternate-contacts sets list` prints all contact sets."
    )
