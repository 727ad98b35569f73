"""The parameters of the contact configuration, as Parameter Store has them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from alternate_contacts.cli.aws.session import Session
from alternate_contacts.worker.contact_configuration import (
    ConfigurationProblem,
    ContactConfiguration,
    parse_configuration,
)


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


def read_contact_parameters(session: Session, path: str) -> ContactParameters:
    """Return all parameters below ``path``, or none if it does not exist.

    Raises:
        botocore.exceptions.BotoCoreError, ClientError: a call failed.
    """
    below = f"{path}/"
    pages = session.client("ssm").get_paginator("get_parameters_by_path").paginate(Path=path, Recursive=True)
    return ContactParameters(
        path,
        {
            parameter["Name"].removeprefix(below): ContactParameter(
                parameter["Value"] if parameter["Type"] == "String" else None, parameter["Version"]
            )
            for page in pages
            for parameter in page["Parameters"]
        },
    )


def describe_problem(problem: ConfigurationProblem) -> str:
    """Return a text such as ``targets/ou-ab12-12345678: unknown_contact_set (payments)``."""
    return f"{problem.parameter}: {problem.reason} ({problem.detail})"


def problem_document(problem: ConfigurationProblem) -> dict[str, str]:
    """Return a problem for JSON documents."""
    return {"parameter": problem.parameter, "reason": problem.reason, "detail": problem.detail}
