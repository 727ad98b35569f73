"""The deployed stack of this package, as CloudFormation describes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from alternate_contacts.cli.aws.queues import CHANGE_QUEUE, QUEUES
from alternate_contacts.cli.aws.session import CHINA_REGION, REGION, Session
from alternate_contacts.cli.aws.version import UNKNOWN
from alternate_contacts.cli.terminal.errors import CliError, error_code, is_access_denied
from alternate_contacts.worker.contact_selection import Assignment
from alternate_contacts.worker.contacts import CONTACT_FIELDS, Contact, ContactType
from alternate_contacts.worker.decision import Policy
from alternate_contacts.worker.protocol import Mode

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackTypeDef

DESCRIPTION = "Alternate Contacts for AWS:"
"""Start of the Description in template.yaml. The name of the stack identifies nothing: CfCT chooses one."""

_OUTPUTS = frozenset(f"{queue}Url" for queue in QUEUES)
"""Outputs of a complete deployment."""


@dataclass(frozen=True)
class Stack:
    """A stack of this package. ``repr`` omits the parameters, because they hold contact data."""

    name: str
    parameters: Mapping[str, str] = field(repr=False)
    outputs: Mapping[str, str]
    arn: str = ""
    status: str = ""

    @property
    def region(self) -> str:
        return self.arn.split(":")[3]

    @property
    def partition(self) -> str:
        return self.arn.split(":")[1]

    @property
    def account_id(self) -> str:
        """The management account."""
        return self.arn.split(":")[4]

    @property
    def is_broken(self) -> bool:
        """Whether an operation on the stack failed, and AWS needs an operator to continue.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
        """
        return self.status.endswith("_FAILED") or self.status == "ROLLBACK_COMPLETE"

    @property
    def backfill_log_group(self) -> str:
        return self.output("BackfillLogGroupName")

    @property
    def worker_function(self) -> str:
        return self.output("WorkerFunctionName")

    @property
    def backfill_function(self) -> str:
        return self.output("BackfillFunctionName")

    @property
    def version(self) -> str:
        """The release of the package in the stack; ``unknown`` for a release without that output."""
        return self.outputs.get("Version", UNKNOWN)

    @property
    def mode(self) -> Mode:
        try:
            return Mode(self.parameters.get("Mode", Mode.ENFORCE))
        except ValueError:
            raise self._of_another_release("has an unknown value of parameter Mode") from None

    @property
    def enabled(self) -> bool:
        """Whether the worker receives messages."""
        return self.parameters.get("Enabled", "true") == "true"

    @property
    def contacts_path(self) -> str | None:
        """The path of the contact configuration in Parameter Store; None if every account has the stack's contacts."""
        path = self.parameters.get("ContactsPath", "none")
        return None if path == "none" else path

    @property
    def protected_target(self) -> str | None:
        """The root or OU below which members may not change contacts; None if there is none."""
        target = self.parameters.get("ProtectedTargetId", "none")
        return None if target == "none" else target

    @property
    def reconcile(self) -> str:
        """daily, weekly, monthly or off."""
        return self.parameters.get("Reconcile", "off")

    @property
    def desired(self) -> Mapping[ContactType, Assignment]:
        """Policy and desired contact by contact type. Contact data: never print it without --show-contacts."""
        return {contact_type: self._assignment(contact_type) for contact_type in ContactType}

    @property
    def queues(self) -> tuple[str, ...]:
        """The queues of this stack."""
        return (*QUEUES, CHANGE_QUEUE) if f"{CHANGE_QUEUE}Url" in self.outputs else QUEUES

    def queue_url(self, queue: str) -> str:
        """Return the URL of a queue, such as ``AccountQueue``."""
        return self.output(f"{queue}Url")

    def output(self, name: str) -> str:
        """Return the value of an output.

        Raises:
            CliError: the stack does not have it, so stack and command are of different releases.
        """
        value = self.outputs.get(name)
        if value is None:
            raise self._of_another_release(f"has no output {name}")
        return value

    def _assignment(self, contact_type: ContactType) -> Assignment:
        prefix = contact_type.capitalize()
        missing = [name for field in CONTACT_FIELDS if (name := f"{prefix}{field.api_name}") not in self.parameters]
        if missing:
            raise self._of_another_release(f"has no parameter {missing[0]}")
        try:
            policy = Policy(self.parameters.get(f"{prefix}Policy", Policy.OVERWRITE))
        except ValueError:
            raise self._of_another_release(f"has an unknown value of parameter {prefix}Policy") from None
        return Assignment(policy, Contact.from_parameters(self.parameters, contact_type))

    def _of_another_release(self, difference: str) -> CliError:
        return CliError(
            f"Stack {self.name} {difference}: stack and command are of different releases. "
            "Deploy the release of this command, or use the command of the stack's release."
        )


def find_stack(session: Session, stack_name: str | None) -> Stack:
    """Return the stack with that name, or else the only stack of this package in the account and region.

    Raises:
        CliError: there is no such stack, more than one, or its deployment is not complete.
        botocore.exceptions.BotoCoreError, ClientError: a call to AWS failed.
    """
    stacks = [_stack_named(session, stack_name)] if stack_name else _stacks_of_this_package(session)
    deployed = [stack for stack in stacks if stack.outputs.keys() >= _OUTPUTS]
    if len(deployed) == 1:
        return deployed[0]
    if deployed:
        names = ", ".join(sorted(stack.name for stack in deployed))
        raise CliError(
            f"More than one stack of this package is in account {session.account_id}, region {session.region}: "
            f"{names}. Choose one with --stack-name."
        )
    complete = [stack for stack in stacks if stack.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE")]
    if complete:
        # Raises CliError for the first output that is missing.
        for name in sorted(_OUTPUTS):
            complete[0].output(name)
    if stacks:
        states = ", ".join(sorted(f"stack {stack.name} is {stack.status}" for stack in stacks))
        if any(stack.is_broken for stack in stacks):
            raise CliError(
                f"The deployment failed: {states}. Find the cause in the events of the stack. A stack in "
                "ROLLBACK_COMPLETE cannot be updated: delete it, then deploy again."
            )
        raise CliError(f"The deployment is not complete: {states}. Wait until it ends.")
    raise CliError(_explain_missing_stack(session))


def _stack_named(session: Session, stack_name: str) -> Stack:
    try:
        [description] = session.client("cloudformation").describe_stacks(StackName=stack_name)["Stacks"]
    except ClientError as error:
        # CloudFormation has no error code of its own for a stack that does not exist.
        if error_code(error) != "ValidationError":
            raise
        raise CliError(
            f"Stack {stack_name} does not exist in account {session.account_id}, region {session.region}. "
            "Omit --stack-name to search for the stack."
        ) from None
    if not _is_ours(description):
        raise CliError(f"Stack {stack_name} is not a stack of this package. Omit --stack-name to search for the stack.")
    return _stack(description)


def _stacks_of_this_package(session: Session) -> list[Stack]:
    pages = session.client("cloudformation").get_paginator("describe_stacks").paginate()
    try:
        return [_stack(description) for page in pages for description in page["Stacks"] if _is_ours(description)]
    except ClientError as error:
        if is_access_denied(error):
            raise CliError(
                f"DescribeStacks failed: {error_code(error)}. The search for the stack needs the permission "
                "cloudformation:DescribeStacks on every stack: use --stack-name, or ask for the permission."
            ) from None
        raise


def _is_ours(description: "StackTypeDef") -> bool:
    return description.get("Description", "").startswith(DESCRIPTION)


def _stack(description: "StackTypeDef") -> Stack:
    return Stack(
        name=description["StackName"],
        parameters={
            parameter.get("ParameterKey", ""): parameter.get("ParameterValue", "")
            for parameter in description.get("Parameters", [])
        },
        outputs={
            output.get("OutputKey", ""): output.get("OutputValue", "") for output in description.get("Outputs", [])
        },
        arn=description.get("StackId", ""),
        status=description["StackStatus"],
    )


def _explain_missing_stack(session: Session) -> str:
    """Return why the stack is not in this account and region, as far as AWS shows it."""
    missing = f"The package is not deployed in account {session.account_id}, region {session.region}."
    if session.region not in (REGION, CHINA_REGION):
        return f"{missing} Its region is always {REGION} (China: {CHINA_REGION}): omit --region."
    management_account = _management_account(session)
    if management_account not in (None, session.account_id):
        return f"{missing} Use credentials of the management account of the organization, {management_account}."
    return f"{missing} Deploy it as described in the README, or choose another profile with --profile."


def _management_account(session: Session) -> str | None:
    """Return the management account of the organization; None if these credentials may not read it."""
    try:
        organization = session.client("organizations").describe_organization()["Organization"]
    except (BotoCoreError, ClientError):
        # The account only makes the error message more helpful. The error itself is the missing stack.
        return None
    return organization.get("MasterAccountId")
