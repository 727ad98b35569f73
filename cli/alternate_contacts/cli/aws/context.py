"""The options before the verb, and what follows from them."""

from dataclasses import dataclass
from functools import cached_property

from alternate_contacts.cli.aws import stack
from alternate_contacts.cli.aws.session import Session
from alternate_contacts.cli.aws.stack import Stack


@dataclass
class CommandContext:
    """``context.obj`` of every verb. Calls AWS at the first use of a method, and once."""

    profile: str | None = None
    stack_name: str | None = None
    region: str | None = None

    def session(self) -> Session:
        """Return the session with the operator's credentials and the region of the stack."""
        return self._session

    def stack(self) -> Stack:
        """Return the deployed stack.

        Raises:
            CliError: no stack, or more than one, was found.
        """
        return self._stack

    @cached_property
    def _session(self) -> Session:
        return Session(self.profile, self.region)

    @cached_property
    def _stack(self) -> Stack:
        return stack.find_stack(self.session(), self.stack_name)
