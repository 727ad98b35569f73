"""The verb `check`."""

from dataclasses import asdict
from typing import Annotated

import typer

from alternate_contacts.cli.aws.problem_details import describe_detail
from alternate_contacts.cli.check.configuration_file import FileProblem, check_text
from alternate_contacts.cli.terminal import output
from alternate_contacts.cli.terminal.files import read_text, source_name
from alternate_contacts.cli.terminal.options import AsJson
from alternate_contacts.cli.terminal.output import count

_MAX_BYTES = 10_000_000
"""More than 10,000 targets and sets, which Parameter Store allows in the standard tier."""


def check(
    file: Annotated[
        str,
        typer.Argument(metavar="FILE", help="File in YAML or JSON; - reads standard input.", show_default=False),
    ],
    as_json: AsJson = False,
) -> None:
    """Check a whole contact configuration in a file, without AWS: for a pull request.

    The file has the keys version, sets and targets, as docs/own-contacts.md shows, or it is a
    template of CloudFormation with resources of the type AWS::SSM::Parameter. No contact is
    printed.

    Exit codes: 0 valid; 1 problems found; 2 the file cannot be read.
    """
    checked = check_text(read_text(file, content="a contact configuration in YAML or JSON", max_bytes=_MAX_BYTES))
    if as_json:
        output.print_json(
            {
                "file": file,
                "sets": checked.sets,
                "targets": checked.targets,
                "problems": [asdict(problem) for problem in checked.problems],
            }
        )
    else:
        console = output.results()
        for problem in checked.problems:
            console.print(_describe(problem, source_name(file)))
        problems = count(len(checked.problems), "problem") if checked.problems else "no problem"
        console.print(f"{count(checked.sets, 'contact set')}, {count(checked.targets, 'target')}: {problems}.")
    if checked.problems:
        raise typer.Exit(1)


def _describe(problem: FileProblem, source: str) -> str:
    """Return a line in the form that compilers print, which editors and CI systems read."""
    parameter = f"{problem.parameter}: " if problem.parameter else ""
    return f"{source}:{problem.line}: {parameter}{problem.reason}: {describe_detail(problem.detail)}"
