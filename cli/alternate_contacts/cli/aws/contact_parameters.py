"""The parameters of the contact configuration, as Parameter Store has them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from alternate_contacts.backfill.aws import pace_calls
from alternate_contacts.backfill.pacing import CallRate
from alternate_contacts.cli.aws.organization import RETRIES
from alternate_contacts.cli.aws.session import Session
from alternate_contacts.cli.aws.stack import Stack
from alternate_contacts.cli.terminal import output
from alternate_contacts.cli.terminal.errors import CliError
from alternate_contacts.worker.contact_configuration import (
    SETS,
    TARGETS,
    ConfigurationProblem,
    ContactConfiguration,
    Invalid,
    Target,
    parse_configuration,
)
from alternate_contacts.worker.contacts import CONTACT_FIELDS, Contact, ContactType

READ_RATE = CallRate(20, 20)
"""AWS allows 40 calls per second for all that read parameters in the account and region. The worker is one of them.

https://docs.aws.amazon.com/general/latest/gr/ssm.html
"""


@dataclass(frozen=True)
class ContactParameter:
    """One parameter below the path of the contact configuration. ``repr`` omits the value, because it is contact data.

    Attributes:
        value: None if the type of the parameter is not String.
        version: Parameter Store counts the changes of a parameter, from 1.
    """

    value: str | None = field(repr=False)
    version: int


@dataclass(frozen=True)
class ContactParameters:
    """Every parameter below ``path``, by its name below the path, such as ``sets/payments``."""

    path: str
    parameters: Mapping[str, ContactParameter]

    @property
    def configuration(self) -> ContactConfiguration:
        """The configuration in these parameters. It may be unreadable, see `ContactConfiguration.unreadable_detail`."""
        return parse_configuration({name: parameter.value for name, parameter in self.parameters.items()})

    def document(self) -> dict[str, object]:
        """Return path and versions for JSON documents, without contact data."""
        return {
            "path": self.path,
            "versions": {name: self.parameters[name].version for name in sorted(self.parameters)},
        }

    def full_name(self, parameter: str) -> str:
        """Return the name that Parameter Store has for ``sets/payments``."""
        return f"{self.path}/{parameter}"


def contacts_path(stack: Stack) -> str:
    """Return the path of the contact configuration of the stack.

    Raises:
        CliError: the stack has none.
    """
    if stack.contacts_path is None:
        raise CliError(
            f"Stack {stack.name} has no contact configuration: its parameter ContactsPath is none. Run "
            "`aws ssm put-parameter --name /alternate-contacts/version --type String --value 1 "
            f"--region {stack.region}`, then deploy the stack with ContactsPath=/alternate-contacts "
            "(docs/own-contacts.md)."
        )
    return stack.contacts_path


def read_contact_parameters(session: Session, path: str) -> ContactParameters:
    """Return all parameters below ``path``, or none if it does not exist.

    Raises:
        botocore.exceptions.BotoCoreError, ClientError: a call failed.
    """
    below = f"{path}/"
    client = session.client("ssm", config=RETRIES)
    pace_calls(client, "GetParametersByPath", READ_RATE)
    parameters: dict[str, ContactParameter] = {}
    with output.notes().status("reading the contact configuration") as status:
        for page in client.get_paginator("get_parameters_by_path").paginate(Path=path, Recursive=True):
            for parameter in page["Parameters"]:
                parameters[parameter["Name"].removeprefix(below)] = ContactParameter(
                    parameter["Value"] if parameter["Type"] == "String" else None, parameter["Version"]
                )
            status.update(f"reading the contact configuration: {output.count(len(parameters), 'parameter')}")
    return ContactParameters(path, parameters)


def targets_by_set(configuration: ContactConfiguration) -> dict[str, list[str]]:
    """Return the IDs of the valid targets that select each contact set, by its name, also `default` and `ignore`."""
    targets: dict[str, list[str]] = {}
    for target_id, target in sorted(configuration.targets.items()):
        if not isinstance(target, Invalid):
            for choice in {*target.choices.values()}:
                targets.setdefault(choice, []).append(target_id)
    return targets


def problems_by_parameter(configuration: ContactConfiguration) -> dict[str, list[ConfigurationProblem]]:
    """Return the problems of each parameter that has one, by its name below the path."""
    problems: dict[str, list[ConfigurationProblem]] = {}
    for problem in configuration.validate():
        problems.setdefault(problem.parameter, []).append(problem)
    return problems


def general_problems(configuration: ContactConfiguration) -> list[ConfigurationProblem]:
    """Return the problems that are not of one set or target: of ``version``, and parameters with an unknown path."""
    return [problem for problem in configuration.validate() if not problem.parameter.startswith((SETS, TARGETS))]


def problem_document(problem: ConfigurationProblem) -> dict[str, str]:
    """Return the problem for ``--json``."""
    return {"parameter": problem.parameter, "reason": problem.reason, "detail": problem.detail}


def contact_document(contact: Contact) -> dict[str, str]:
    """Return the contact as the value of a contact set has it. It is contact data."""
    return {field.json_key: field.value_of(contact) for field in CONTACT_FIELDS}


def target_document(target: Target) -> dict[str, str | bool]:
    """Return the target as the value of its parameter has it."""
    document: dict[str, str | bool] = {
        contact_type.lower(): target.choices[contact_type]
        for contact_type in ContactType
        if contact_type in target.choices
    }
    if target.exclude is not None:
        document["exclude"] = target.exclude
    return document


def format_keys(target: Target | None) -> Mapping[str, str]:
    """Return what a target states as texts, by key; nothing if there is no target."""
    document = target_document(target) if target else {}
    return {key: str(value).lower() for key, value in document.items()}
