"""What is said once for all verbs: before the verb, who calls and which stack; after it, how to answer."""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import typer

from alternate_contacts.cli.aws import stack
from alternate_contacts.cli.aws.session import Session
from alternate_contacts.cli.aws.stack import Stack

AsJson = Annotated[bool, typer.Option("--json", help="Answer with one JSON document on stdout and nothing else there.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the plan, and change nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Act on the plan without asking.")]


@dataclass
class CommandContext:
    """The options before the verb: ``context.obj`` of every verb. Asks AWS once, when somebody first wants to know."""

    profile: str | None = None
    stack_name: str | None = None
    region: str | None = None

    def session(self) -> Session:
        """Who calls AWS, and where."""
        return self._session

    def stack(self) -> Stack:
        """The deployed package.

        Raises:
            Trouble: it is not there, or not the only one.
        """
        return self._stack

    @cached_property
    def _session(self) -> Session:
        return Session(self.profile, self.region)

    @cached_property
    def _stack(self) -> Stack:
        return stack.find_stack(self.session(), self.stack_name)
