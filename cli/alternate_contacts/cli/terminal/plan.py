"""Plan and apply: the one way in which a verb changes anything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from alternate_contacts.cli.terminal import output

_DECISION_SECONDS = 600


class Plan(Protocol):
    """What a verb will change, printed before it changes anything."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to change."""

    @property
    def lines(self) -> Sequence[str]:
        """The plan as text."""

    def document(self) -> Mapping[str, object]:
        """Return the plan for ``--json``."""


@dataclass(frozen=True)
class ApplyResult:
    """What was changed; not ``complete`` if a part of the plan failed."""

    lines: Sequence[str]
    document: Mapping[str, object]
    complete: bool = True


class Change(Protocol):
    """The execution of a plan, which knows at any time what it has done."""

    def run(self) -> None:
        """Change what the plan says."""

    def result(self) -> ApplyResult:
        """Return what was changed so far, also after an error or Ctrl-C."""


@dataclass(frozen=True)
class ApplyOptions:
    """The options of every verb that changes something."""

    dry_run: bool
    yes: bool
    as_json: bool

    @property
    def decision_seconds(self) -> int:
        """Time in which the operator can read the plan and confirm it."""
        return 0 if self.dry_run or self.yes else _DECISION_SECONDS


def apply(plan: Plan, change: Change, options: ApplyOptions) -> bool:
    """Print the plan, ask for confirmation, run the change, and print its result, also if it ends halfway.

    Returns:
        Whether the complete plan was applied; True if there was nothing to apply.

    Raises:
        CliError: the plan was not confirmed.
    """
    out = output.notes() if options.as_json else output.results()
    for line in plan.lines:
        out.print(line)
    if options.dry_run or plan.is_empty:
        if options.as_json:
            output.print_json({"plan": plan.document()})
        return True
    output.confirm(yes=options.yes)
    try:
        change.run()
    finally:
        result = change.result()
        for line in result.lines:
            out.print(line)
        if options.as_json:
            output.print_json({"plan": plan.document(), **({"result": result.document} if result.document else {})})
    return result.complete
