"""Whether the root, OU or account of a target is in the organization."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from alternate_contacts.cli.terminal.errors import CliError, error_code
from alternate_contacts.worker.error_codes import ACCESS_DENIED, THROTTLED, UNAVAILABLE

if TYPE_CHECKING:
    from mypy_boto3_organizations import OrganizationsClient

_NOT_CHECKED = ACCESS_DENIED | THROTTLED | UNAVAILABLE
"""AWS error codes after which the target is written unchecked: the check is a help, and no condition of the write."""
_NOT_FOUND = frozenset({"AccountNotFoundException", "OrganizationalUnitNotFoundException"})


def describe_target(client: "OrganizationsClient", target_id: str) -> str:
    """Return a sentence with the name of the root, OU or account, or why that is not known.

    Raises:
        CliError: it is not in the organization.
        botocore.exceptions.BotoCoreError, ClientError: a call failed for another reason than a permission or
            throttling.
    """
    try:
        name = _name(client, target_id)
    except ClientError as error:
        code = error_code(error)
        if code in _NOT_CHECKED:
            return (
                f"{error.operation_name} failed: {code}. So it is not known whether {target_id} is in the organization."
            )
        if code not in _NOT_FOUND:
            raise
        name = None
    if name is None:
        raise CliError(
            f"{target_id} is not in the organization, so no account would use this target. Correct the ID: it is in "
            "the console of AWS Organizations."
        )
    return f"The name of {target_id} is {name}."


def _name(client: "OrganizationsClient", target_id: str) -> str | None:
    """Return the name; None if the organization has another root."""
    if target_id.startswith("r-"):
        roots = client.list_roots()["Roots"]
        return next((root.get("Name", "") for root in roots if root.get("Id") == target_id), None)
    if target_id.startswith("ou-"):
        unit = client.describe_organizational_unit(OrganizationalUnitId=target_id)["OrganizationalUnit"]
        return unit.get("Name", "")
    return client.describe_account(AccountId=target_id)["Account"].get("Name", "")
