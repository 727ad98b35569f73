"""The options before the verb, and what follows from them."""

from dataclasses import dataclass
from functools import cached_property

from alternate_contacts.cli.aws import stack as stacks
from alternate_contacts.cli.aws.session import Session


@dataclass
class CommandContext:
    """``context.obj`` of every verb. Calls AWS at the first use of an attribute, and once."""

    profile: str | None = None
    stack_name: str | None = None
    region: str | None = None

    @cached_property
    def session(self) -> Session:
        """The session with the operator's credentials and the region of the stack."""
        return Session(self.profile, self.region)

    @cached_property
    def stack(self) -> stacks.Stack:
        """The deployed stack.

        Raises:
            CliError: no stack, or more than one, was found.
        """
        return stacks.find_stack(self.session, self.stack_name)
