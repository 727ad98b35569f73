"""The verbs `targets list`, `targets show`, `targets put` and `targets delete`."""

import json
from collections.abc import Sequence
from typing import Annotated

import typer

from alternate_contacts.cli.aws.contact_parameters import (
    contacts_path,
    format_keys,
    general_problems,
    problem_document,
    read_contact_parameters,
    target_document,
)
from alternate_contacts.cli.aws.context import CommandContext
from alternate_contacts.cli.aws.organization import RETRIES
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
from alternate_contacts.cli.targets.organization import describe_target
from alternate_contacts.cli.targets.report import (
    TargetRow,
    target_lines,
    target_rows,
    target_table,
)
from alternate_contacts.cli.terminal import output
from alternate_contacts.cli.terminal.errors import CliError
from alternate_contacts.cli.terminal.options import AsJson, CreateVersion, DryRun, InputFile, Yes
from alternate_contacts.cli.terminal.plan import ApplyOptions, apply
from alternate_contacts.worker.contact_configuration import (
    TARGETS,
    UNKNOWN_CONTACT_SET,
    ContactConfiguration,
    Invalid,
    Target,
    parse_configuration,
)

targets = typer.Typer(
    help="Targets: which contact sets the root, an OU or an account selects, and whether it is excluded.",
    rich_markup_mode=None,
)
TargetId = Annotated[
    str,
    typer.Argument(metavar="ID", help="ID of the root (r-...), an OU (ou-...) or an account.", show_default=False),
]


@targets.command("list")
def list_targets(context: typer.Context, as_json: AsJson = False) -> None:
    """List the targets with what they select, and with their problems.

    Exit codes: 0 healthy; 1 a target or the whole configuration has a problem; 2 command failed.
    """
    options: CommandContext = context.obj
    parameters = read_contact_parameters(options.session, contacts_path(options.stack))
    rows = target_rows(parameters)
    general = general_problems(parameters.configuration)
    if as_json:
        output.print_json(
            {
                "path": parameters.path,
                "problems": [problem_document(problem) for problem in general],
                "targets": [row.document() for row in rows],
            }
        )
    else:
        console = output.results()
        console.print(f"{output.count(len(rows), 'target')} below {parameters.path}.")
        if rows:
            console.print(target_table(rows))
        for problem in general:
            console.print(f"Problem: {describe_problem(problem)}")
    if general or any(row.problems for row in rows):
        raise typer.Exit(1)


@targets.command("show")
def show_target(context: typer.Context, target_id: TargetId, as_json: AsJson = False) -> None:
    """Print what a target selects. With --json, the key target is the value that `targets put` reads.

    Exit codes: 0 healthy; 1 the target has a problem; 2 command failed.
    """
    options: CommandContext = context.obj
    parameters = read_contact_parameters(options.session, contacts_path(options.stack))
    row = _find(target_rows(parameters), target_id, parameters.path)
    if as_json:
        output.print_json(row.document())
    else:
        console = output.results()
        for line in target_lines(row, parameters.full_name(f"{TARGETS}{target_id}")):
            console.print(line)
    if row.problems:
        raise typer.Exit(1)


@targets.command("put")
def put_target(
    context: typer.Context,
    target_id: TargetId,
    file: InputFile,
    create_version: CreateVersion = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Create or change a target, for example with the value {"billing": "payments"}.

    The keys are billing, operations and security (the name of a contact set, default or ignore),
    and exclude (true or false). The contact set may follow later: the plan then says so.
    Parameter Store compares nothing: a change that another program makes between the plan and
    the write is overwritten. The command then says so.

    Exit codes: 0 written, or nothing to change; 1 you declined; 2 command failed.
    """
    options: CommandContext = context.obj
    target = _read_target(target_id, file)
    session = options.session
    parameters = read_contact_parameters(session, contacts_path(options.stack))
    configuration = parameters.configuration
    plan = plan_put(
        parameters,
        f"{TARGETS}{target_id}",
        _differences(configuration.targets.get(target_id), target),
        [
            describe_target(session.client("organizations", config=RETRIES), target_id),
            *_remarks(configuration, target),
        ],
        create_version=create_version,
    )
    value = json.dumps(target_document(target))
    apply(plan, PutParameter(session.client("ssm"), plan, value), ApplyOptions(dry_run, yes, as_json))


@targets.command("delete")
def delete_target(
    context: typer.Context, target_id: TargetId, dry_run: DryRun = False, yes: Yes = False, as_json: AsJson = False
) -> None:
    """Delete a target. Its accounts use the next target above them, or the contacts of the stack.

    Exit codes: 0 deleted; 1 you declined; 2 command failed.
    """
    options: CommandContext = context.obj
    session = options.session
    parameters = read_contact_parameters(session, contacts_path(options.stack))
    check_version(parameters)
    row = _find(target_rows(parameters), target_id, parameters.path)
    plan = ParameterPlan(
        parameters.full_name(f"{TARGETS}{target_id}"),
        Action.DELETE,
        differences=[f"{key} {value} -> not stated" for key, value in format_keys(row.target).items()],
    )
    apply(plan, DeleteParameter(session.client("ssm"), plan), ApplyOptions(dry_run, yes, as_json))


def _read_target(target_id: str, file: str) -> Target:
    return read_parameter_file(
        target_id,
        file,
        noun="target",
        parse=lambda text: parse_configuration({f"{TARGETS}{target_id}": text}).targets[target_id],
    )


def _differences(current: Target | Invalid | None, target: Target) -> list[str]:
    if current is None:
        return []
    if isinstance(current, Invalid):
        return [f"the existing value is invalid, {describe_detail(current.detail)}"]
    before, after = format_keys(current), format_keys(target)
    return [
        f"{key} {before.get(key, 'not stated')} -> {after.get(key, 'not stated')}"
        for key in {**before, **after}
        if before.get(key) != after.get(key)
    ]


def _remarks(configuration: ContactConfiguration, target: Target) -> list[str]:
    remarks = []
    for choice in sorted({*target.choices.values()}):
        if problem := configuration.problem_of_choice(choice):
            reason, name = problem
            state = "does not exist" if reason == UNKNOWN_CONTACT_SET else "is invalid"
            remarks.append(
                f"Contact set {name} {state}. Correct that within an hour: until then the accounts of this target keep "
                "the contact that they have, and after it they fail."
            )
    if not (target.choices or target.exclude is not None):
        remarks.append("The target states nothing, so it has no effect.")
    return remarks


def _find(rows: Sequence[TargetRow], target_id: str, path: str) -> TargetRow:
    for row in rows:
        if row.target_id == target_id:
            return row
    raise CliError(
        f"Target {target_id} does not exist below {path}. `alternate-contacts targets list` prints all targets."
    )
