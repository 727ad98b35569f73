"""Plan, then apply: the one way in which a verb changes anything."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from alternate_contacts.cli.terminal import output


class Plan(Protocol):
    """What a verb is about to do, told before it is done."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""

    @property
    def sentences(self) -> Sequence[str]:
        """For people."""

    def document(self) -> Mapping[str, object]:
        """For ``--json``."""


@dataclass(frozen=True)
class ApplyResult:
    """What came of a plan; not ``complete`` if any of it was left undone."""

    sentences: Sequence[str]
    document: Mapping[str, object]
    complete: bool = True


@dataclass(frozen=True)
class ApplyOptions:
    """What the operator wants of every change: only the plan; no question; one JSON document."""

    dry_run: bool
    yes: bool
    as_json: bool

    @property
    def thinking(self) -> int:
        """Seconds that somebody may take to read a plan and agree to it."""
        return 0 if self.dry_run or self.yes else 600


def apply(plan: Plan, act: Callable[[], ApplyResult], how: ApplyOptions) -> bool:
    """Print the plan, ask, act, and tell what came of it; whether all of the plan is done.

    Raises:
        Trouble: nobody agreed to the plan.
    """
    out = output.notes() if how.as_json else output.results()
    for sentence in plan.sentences:
        out.print(sentence)
    done = ApplyResult((), {})
    if not (how.dry_run or plan.is_empty):
        output.confirm(yes=how.yes)
        done = act()
        for sentence in done.sentences:
            out.print(sentence)
    if how.as_json:
        output.answer({"plan": plan.document(), **({"done": done.document} if done.document else {})})
    return done.complete
