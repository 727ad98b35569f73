"""The parameters of the contact configuration, as Parameter Store has them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from alternate_contacts.cli.aws.session import Session
from alternate_contacts.worker.contact_configuration import ContactConfiguration, parse_configuration


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
