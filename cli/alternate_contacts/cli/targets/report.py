"""What `targets list` and `targets show` print."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

from alternate_contacts.cli.aws.contact_parameters import (
    ContactParameters,
    format_keys,
    problem_document,
    problems_by_parameter,
    target_document,
)
from alternate_contacts.cli.aws.problem_details import describe_reason
from alternate_contacts.cli.terminal import output
from alternate_contacts.worker.contact_configuration import (
    TARGETS,
    ConfigurationProblem,
    Invalid,
    Target,
)
from alternate_contacts.worker.contacts import ContactType


@dataclass(frozen=True)
class TargetRow:
    """One target. ``target`` is None if it is invalid."""

    target_id: str
    version: int
    target: Target | None
    problems: Sequence[ConfigurationProblem]

    @property
    def problem_text(self) -> str:
        return "; ".join(describe_reason(problem) for problem in self.problems)

    def document(self) -> dict[str, object]:
        """Return the target for ``--json``; ``target`` is what `targets put` reads."""
        return {
            "id": self.target_id,
            "version": self.version,
            "problems": [problem_document(problem) for problem in self.problems],
            "target": self.target and target_document(self.target),
        }


def target_rows(parameters: ContactParameters) -> list[TargetRow]:
    """Return all targets in the order of their IDs."""
    configuration = parameters.configuration
    problems = problems_by_parameter(configuration)
    return [
        TargetRow(
            target_id,
            parameters.parameters[f"{TARGETS}{target_id}"].version,
            None if isinstance(target, Invalid) else target,
            problems.get(f"{TARGETS}{target_id}", []),
        )
        for target_id, target in sorted(configuration.targets.items())
    ]


def target_table(rows: Sequence[TargetRow]) -> Table:
    """Return a table with one line for each target."""
    keys = [*(contact_type.lower() for contact_type in ContactType), "exclude"]
    has_problems = any(row.problems for row in rows)
    table = output.table(output.Exact("target"), *keys, "version", *(["problem"] if has_problems else []))
    for row in rows:
        stated = format_keys(row.target)
        table.add_row(
            row.target_id,
            *(stated.get(key, "-") for key in keys),
            str(row.version),
            *([row.problem_text or "-"] if has_problems else []),
        )
    return table


def target_lines(row: TargetRow, parameter: str) -> list[str]:
    """Return one target as lines; ``parameter`` is the complete name of its parameter."""
    lines = [f"{parameter}, version {row.version}"]
    lines += [f"Problem: {row.problem_text}"] if row.problems else []
    if row.target:
        stated = format_keys(row.target)
        lines += [f"{key}: {value}" for key, value in stated.items()] or ["This target states nothing."]
    return lines
