"""What the candidates share: the task, the desired contacts, and the output."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from alternate_contacts.worker.contacts import Contact, ContactType
from emulation import deploy


@dataclass(frozen=True)
class Task:
    """Set the three contacts of ``accounts`` at ``endpoint``, whose quotas are ``speed`` times those of AWS.

    ``with_targets``: OUs are targets of a contact configuration, which only the worker has.
    """

    endpoint: str
    accounts: Sequence[str]
    speed: float
    with_targets: bool = False


def desired_contact(contact_type: ContactType) -> Contact:
    """Return the contact that every account should have."""
    return Contact.from_parameters(deploy.parameters(), contact_type)


def put_parameters(contact_type: ContactType) -> dict[str, str]:
    """Return the parameters of PutAlternateContact without the account."""
    return {"AlternateContactType": contact_type.value, **desired_contact(contact_type).to_api()}


def measure(candidate: Callable[[Task], tuple[float, int]]) -> None:
    """Run a candidate on the task of the command line. Print its seconds and how many accounts it gave up."""
    parser = argparse.ArgumentParser()
    parser.add_argument("endpoint")
    parser.add_argument("--accounts", type=int, required=True)
    parser.add_argument("--speed", type=float, required=True)
    parser.add_argument("--with-targets", action="store_true")
    options = parser.parse_args()
    accounts = [str(100_000_000_000 + number) for number in range(options.accounts)]
    seconds, given_up = candidate(Task(options.endpoint, accounts, options.speed, options.with_targets))
    sys.stdout.write(json.dumps({"seconds": seconds, "given_up": given_up}) + "\n")
