"""What `sets list` and `sets show` print."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.table import Table

from alternate_contacts.cli.aws.contact_parameters import (
    ContactParameters,
    contact_document,
    problem_document,
    problems_by_parameter,
    targets_by_set,
)
from alternate_contacts.cli.aws.problem_details import describe_reason
from alternate_contacts.cli.terminal import output
from alternate_contacts.worker.contact_configuration import SETS, ConfigurationProblem
from alternate_contacts.worker.contacts import CONTACT_FIELDS, Contact


@dataclass(frozen=True)
class SetRow:
    """One contact set. ``contact`` is None if the set is invalid."""

    name: str
    version: int
    contact: Contact | None = field(repr=False)
    used_by: Sequence[str]
    problems: Sequence[ConfigurationProblem]

    @property
    def problem_text(self) -> str:
        return "; ".join(describe_reason(problem) for problem in self.problems)

    def document(self, *, show_contacts: bool) -> dict[str, object]:
        """Return the set for ``--json``; ``contact`` is what `sets put` reads."""
        document: dict[str, object] = {
            "name": self.name,
            "version": self.version,
            "usedBy": list(self.used_by),
            "problems": [problem_document(problem) for problem in self.problems],
        }
        if show_contacts:
            document["contact"] = self.contact and contact_document(self.contact)
        return document


def set_rows(parameters: ContactParameters) -> list[SetRow]:
    """Return all contact sets in the order of their names."""
    configuration = parameters.configuration
    users, problems = targets_by_set(configuration), problems_by_parameter(configuration)
    return [
        SetRow(
            name,
            parameters.parameters[f"{SETS}{name}"].version,
            contact if isinstance(contact, Contact) else None,
            users.get(name, []),
            problems.get(f"{SETS}{name}", []),
        )
        for name, contact in sorted(configuration.sets.items())
    ]


def set_table(rows: Sequence[SetRow], *, show_contacts: bool) -> Table:
    """Return a table with one line for each set."""
    fields = CONTACT_FIELDS if show_contacts else ()
    has_problems = any(row.problems for row in rows)
    table = output.table(
        output.Exact("set"),
        "used by",
        "version",
        *(field.label for field in fields),
        *(["problem"] if has_problems else []),
    )
    for row in rows:
        table.add_row(
            row.name,
            output.count(len(row.used_by), "target"),
            str(row.version),
            *(field.value_of(row.contact) if row.contact else "-" for field in fields),
            *([row.problem_text or "-"] if has_problems else []),
        )
    return table


def set_lines(row: SetRow, parameter: str, *, show_contacts: bool) -> list[str]:
    """Return one set as lines; ``parameter`` is the complete name of its parameter."""
    lines = [f"{parameter}, version {row.version}"]
    lines += [f"Problem: {row.problem_text}"] if row.problems else []
    if row.contact:
        lines += [
            f"{field.label}: {field.value_of(row.contact) if show_contacts else 'hidden'}" for field in CONTACT_FIELDS
        ]
        lines += [] if show_contacts else ["Use --show-contacts to print the contact."]
    lines.append(f"Used by {output.count(len(row.used_by), 'target')}{': ' if row.used_by else ''}")
    lines[-1] += ", ".join(row.used_by)
    return lines
