"""Create, change or delete one parameter of the contact configuration: the plan and its execution."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from alternate_contacts.cli.aws.contact_parameters import ContactParameters
from alternate_contacts.cli.aws.uninterrupted import run_to_end
from alternate_contacts.cli.terminal.errors import CliError, error_code
from alternate_contacts.cli.terminal.plan import ApplyResult
from alternate_contacts.worker.contact_configuration import VERSION, VERSION_PARAMETER

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

TAKES_EFFECT = (
    "It is applied without a deployment: the first accounts are processed about five minutes from now, or when the "
    "package is enabled again."
)
"""When the accounts get what a change of the configuration selects."""


class Action(StrEnum):
    """What happens to the parameter."""

    CREATE = "create"
    CHANGE = "change"
    NONE = "unchanged"
    DELETE = "delete"


@dataclass(frozen=True)
class ParameterPlan:
    """Create, change or delete one parameter. It has no contact data.

    Attributes:
        name: the complete name of the parameter.
        differences: what differs from the existing parameter, one text for each key.
        remarks: what the operator should know before the change.
        version: the version of the existing parameter, 0 if there is none.
        version_to_create: the complete name of the parameter ``version``, if it is created after this one.
        affects_accounts: whether the change can matter to an account.
    """

    name: str
    action: Action
    differences: Sequence[str] = ()
    remarks: Sequence[str] = ()
    version: int = 0
    version_to_create: str | None = None
    affects_accounts: bool = True

    @property
    def is_empty(self) -> bool:
        return self.action is Action.NONE and self.version_to_create is None

    @property
    def lines(self) -> list[str]:
        if self.action is Action.NONE:
            lines = [f"{self.name} is unchanged."]
        else:
            differences = f": {', '.join(self.differences)}" if self.differences else ""
            lines = [f"{self.action.capitalize()} {self.name}{differences}."]
        if self.version_to_create:
            lines.append(
                f"Then create {self.version_to_create}: the configuration is valid from then on. Accounts for which no "
                "target decides get the contacts of the stack."
            )
        return [*lines, *self.remarks]

    def document(self) -> dict[str, object]:
        """Return the plan for ``--json``."""
        return {
            "parameter": self.name,
            "action": self.action.value,
            "differences": list(self.differences),
            "createVersion": self.version_to_create is not None,
            "remarks": list(self.remarks),
        }


def check_version(parameters: ContactParameters) -> None:
    """Raise CliError if a release that this command does not know wrote the configuration."""
    if parameters.configuration.unreadable_detail == "unknown_version":
        raise CliError(
            f"The value of {parameters.full_name(VERSION_PARAMETER)} is not {VERSION}. Correct it, or use the command "
            "of the release that wrote the configuration."
        )


def plan_put(
    parameters: ContactParameters,
    parameter: str,
    differences: Sequence[str],
    remarks: Sequence[str],
    *,
    create_version: bool,
    is_used: bool = True,
) -> ParameterPlan:
    """Return the plan that writes ``parameter``, such as ``sets/payments``.

    Args:
        differences: what differs from the existing parameter; empty if nothing does, or if there is none.
        is_used: False for a contact set that no target selects.

    Raises:
        CliError: the configuration or the existing parameter cannot be changed.
    """
    check_version(parameters)
    name, existing = parameters.full_name(parameter), parameters.parameters.get(parameter)
    if existing is not None and existing.value is None:
        raise CliError(f"The type of {name} is not String, and Parameter Store changes no type. Delete it first.")
    version_is_missing = VERSION_PARAMETER not in parameters.parameters
    version_name = parameters.full_name(VERSION_PARAMETER)
    if version_is_missing and not create_version:
        remarks = [
            *remarks,
            f"{version_name} is missing, so no account is processed. When all sets and targets are there, run the "
            "last of these commands again with --create-version.",
        ]
    return ParameterPlan(
        name=name,
        action=Action.CREATE if existing is None else Action.CHANGE if differences else Action.NONE,
        differences=differences,
        remarks=remarks,
        version=existing.version if existing else 0,
        version_to_create=version_name if version_is_missing and create_version else None,
        affects_accounts=create_version or (is_used and not version_is_missing),
    )


class PutParameter:
    """Write the parameter, and after it ``version``.

    In the other order, an error between the two would leave a valid configuration that lacks the parameter: it would
    look as if no set or target had been meant.
    """

    def __init__(self, client: "SSMClient", plan: ParameterPlan, value: str) -> None:
        """``value`` may be contact data."""
        self._client = client
        self._plan = plan
        self._value = value
        self._version = 0
        self._is_version_created = False

    def run(self) -> None:
        if self._plan.action is not Action.NONE:
            run_to_end(self._put)
        if self._plan.version_to_create:
            run_to_end(partial(self._create_version, self._plan.version_to_create))

    def _put(self) -> None:
        plan = self._plan
        try:
            # Parameter Store has no compare-and-set: a change since this command read the parameter is overwritten.
            response = self._client.put_parameter(
                Name=plan.name, Value=self._value, Type="String", Overwrite=plan.action is Action.CHANGE
            )
        except ClientError as error:
            if error_code(error) != "ParameterAlreadyExists":
                raise
            raise CliError(
                f"PutParameter failed: ParameterAlreadyExists. {plan.name} was created after this command read the "
                "parameters. Run the command again to compare with it."
            ) from None
        self._version = response["Version"]

    def _create_version(self, name: str) -> None:
        try:
            self._client.put_parameter(Name=name, Value=VERSION, Type="String", Overwrite=False)
        except ClientError as error:
            # Another program created it.
            if error_code(error) != "ParameterAlreadyExists":
                raise
        self._is_version_created = True

    def result(self) -> ApplyResult:
        plan, lines = self._plan, []
        overwritten = plan.action is Action.CHANGE and self._version > plan.version + 1
        if self._version:
            past = "Created" if plan.action is Action.CREATE else "Changed"
            lines.append(f"{past} {plan.name}, version {self._version}.")
        if overwritten:
            lines.append(
                f"Version {self._version - 1}, which was written after this command read version {plan.version}, is "
                "overwritten. It is in the history of the parameter."
            )
        if self._is_version_created:
            lines.append(f"Created {plan.version_to_create}.")
        if lines and plan.affects_accounts:
            lines.append(TAKES_EFFECT)
        document: dict[str, object] = {"version": self._version or plan.version, "changed": bool(self._version)}
        if overwritten:
            document["overwrittenVersion"] = self._version - 1
        if plan.version_to_create:
            document["versionCreated"] = self._is_version_created
        return ApplyResult(lines, document)


class DeleteParameter:
    """Delete the parameter. ``version`` stays, so that the last deletion does not make the configuration unreadable."""

    def __init__(self, client: "SSMClient", plan: ParameterPlan) -> None:
        self._client = client
        self._plan = plan
        self._is_deleted = False

    def run(self) -> None:
        run_to_end(self._delete)

    def _delete(self) -> None:
        try:
            self._client.delete_parameter(Name=self._plan.name)
        except ClientError as error:
            # Another program deleted it.
            if error_code(error) != "ParameterNotFound":
                raise
        self._is_deleted = True

    def result(self) -> ApplyResult:
        lines = [f"Deleted {self._plan.name}."] if self._is_deleted else []
        if lines and self._plan.affects_accounts:
            lines.append(TAKES_EFFECT)
        return ApplyResult(lines, {"deleted": self._is_deleted})
