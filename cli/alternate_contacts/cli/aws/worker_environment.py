"""The environment variables of the deployed WorkerFunction. They hold contact data."""

from collections.abc import Mapping

from botocore.exceptions import ClientError

from alternate_contacts.cli.aws.session import Session
from alternate_contacts.cli.aws.stack import Stack
from alternate_contacts.cli.terminal.errors import is_access_denied


def read_worker_environment(session: Session, stack: Stack) -> Mapping[str, str]:
    """Return the variables; empty if these credentials may not read or decrypt them.

    Raises:
        botocore.exceptions.BotoCoreError, ClientError: the call failed for another reason.
    """
    try:
        configuration = session.client("lambda").get_function_configuration(FunctionName=stack.worker_function)
    except ClientError as error:
        if not is_access_denied(error):
            raise
        return {}
    # Without `Variables` where a KMS key encrypts them that these credentials may not use.
    return configuration.get("Environment", {}).get("Variables", {})
