"""The deployed package: found in CloudFormation, and read for what it says of itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from alternate_contacts.cli.aws.session import HOME, HOME_IN_CHINA, Session
from alternate_contacts.cli.terminal.errors import CliError, error_code, is_access_denied
from alternate_contacts.worker.account_processor import Assignment
from alternate_contacts.worker.contacts import Contact, ContactType
from alternate_contacts.worker.decision import Policy
from alternate_contacts.worker.protocol import Mode

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackTypeDef

DESCRIPTION = "Alternate Contacts for AWS:"
"""How the Description of template.yaml begins: the stack's own name may be anything, CfCT chooses one."""

_OUTPUTS = frozenset({"AccountQueueUrl", "FailedAccountQueueUrl", "UndeliveredQueueUrl"})

_QUOTA = {"aws": {"PutRate": 5.0, "GetRate": 10.0}, "aws-cn": {"PutRate": 1.0, "GetRate": 3.0}}
"""Calls a second by partition, as in the template's mapping ``AccountApiQuota``.

https://docs.aws.amazon.com/accounts/latest/reference/quotas.html
"""


@dataclass(frozen=True)
class Stack:
    """A stack of this package as DescribeStacks shows it. Parameters hold contact data: ``repr`` leaves them out."""

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
    def account_queue_url(self) -> str:
        return self.output("AccountQueueUrl")

    @property
    def failed_account_queue_url(self) -> str:
        return self.output("FailedAccountQueueUrl")

    @property
    def undelivered_queue_url(self) -> str:
        return self.output("UndeliveredQueueUrl")

    @property
    def worker_log_group(self) -> str:
        return self.output("WorkerLogGroupName")

    @property
    def backfill_log_group(self) -> str:
        return self.output("BackfillLogGroupName")

    @property
    def backfill_function(self) -> str:
        return self.output("BackfillFunctionName")

    @property
    def mode(self) -> Mode:
        return Mode(self.parameters.get("Mode", Mode.ENFORCE))

    @property
    def enabled(self) -> bool:
        """Whether the worker reads letters."""
        return self.parameters.get("Enabled", "true") == "true"

    @property
    def reconcile(self) -> str:
        """daily, weekly, monthly or off."""
        return self.parameters.get("Reconcile", "off")

    @property
    def get_rate(self) -> float:
        """The quota for GetAlternateContact, calls a second."""
        return self._rate("GetRate")

    @property
    def put_rate(self) -> float:
        """The quota for PutAlternateContact, calls a second."""
        return self._rate("PutRate")

    @property
    def quota_share(self) -> float:
        """The part of these quotas that the worker may use, from 0.5 to 1."""
        return float(self.parameters.get("QuotaShare", "100")) / 100

    @property
    def desired(self) -> Mapping[ContactType, Assignment]:
        """What the parameters say of each contact type. Contact data: not to be shown unless asked for."""
        return {kind: self._assignment(kind) for kind in ContactType}

    def output(self, name: str) -> str:
        """The output of that name.

        Raises:
            CliError: the stack has none: it is of another release than this command.
        """
        value = self.outputs.get(name)
        if value is None:
            raise CliError(
                f"Stack {self.name} has no output {name}, so it is of another release than this command: "
                "deploy the package of this release, or use the command of that one."
            )
        return value

    def _rate(self, name: str) -> float:
        value = self.parameters.get(name, "default")
        return _QUOTA.get(self.partition, _QUOTA["aws"])[name] if value == "default" else float(value)

    def _assignment(self, kind: ContactType) -> Assignment:
        policy = Policy(self.parameters.get(f"{kind.capitalize()}Policy", Policy.OVERWRITE))
        return Assignment(policy, Contact.from_parameters(self.parameters, kind))


def find_stack(session: Session, stack_name: str | None = None) -> Stack:
    """The stack of that name, or else the one stack of this package in the account and region.

    Raises:
        CliError: there is none, more than one, or it was never completed.
        botocore.exceptions.BotoCoreError, ClientError: AWS could not be asked.
    """
    found = _named(session, stack_name) if stack_name else _described(session)
    ready = [stack for stack in found if stack.outputs.keys() >= _OUTPUTS]
    if len(ready) == 1:
        return ready[0]
    if ready:
        names = ", ".join(sorted(stack.name for stack in ready))
        raise CliError(f"Several stacks of this package are here ({names}): choose one with --stack-name.")
    if found:
        told = ", ".join(sorted(f"{stack.name} is {stack.status}" for stack in found))
        raise CliError(
            f"The package is not completely deployed ({told}): wait for it, or look at the stack's events for "
            "what went wrong."
        )
    raise CliError(_nowhere(session))


def _named(session: Session, stack_name: str) -> list[Stack]:
    try:
        answer = session.client("cloudformation").describe_stacks(StackName=stack_name)
    except ClientError as error:
        # CloudFormation says ValidationError where other services have a code of their own for what is not there.
        if error_code(error) != "ValidationError":
            raise
        raise CliError(
            f"There is no stack {stack_name} in account {session.account_id}, region {session.region}: "
            "without --stack-name the command looks for it by itself."
        ) from None
    stacks = [_stack(each) for each in answer["Stacks"]]
    if not any(_is_ours(each.get("Description", "")) for each in answer["Stacks"]):
        raise CliError(f"Stack {stack_name} is not one of this package: leave out --stack-name to have it found.")
    return stacks


def _described(session: Session) -> list[Stack]:
    pages = session.client("cloudformation").get_paginator("describe_stacks").paginate()
    try:
        return [_stack(each) for page in pages for each in page["Stacks"] if _is_ours(each.get("Description", ""))]
    except ClientError as error:
        if is_access_denied(error):
            raise CliError(
                "These credentials may not cloudformation:DescribeStacks on every stack, which looking for ours takes: "
                "name it with --stack-name, or ask for that permission."
            ) from None
        raise


def _is_ours(description: str) -> bool:
    return description.startswith(DESCRIPTION)


def _stack(described: "StackTypeDef") -> Stack:
    return Stack(
        name=described["StackName"],
        parameters={
            each.get("ParameterKey", ""): each.get("ParameterValue", "") for each in described.get("Parameters", [])
        },
        outputs={each.get("OutputKey", ""): each.get("OutputValue", "") for each in described.get("Outputs", [])},
        arn=described.get("StackId", ""),
        status=described["StackStatus"],
    )


def _nowhere(session: Session) -> str:
    """Why the stack is not here, as far as can be found out."""
    here = f"The package is not deployed in account {session.account_id}, region {session.region}"
    if session.region not in (HOME, HOME_IN_CHINA):
        return f"{here}: it lives in {HOME} (China: {HOME_IN_CHINA}) only, so leave out --region."
    management = _management_account(session)
    if management not in (None, session.account_id):
        return f"{here}: use credentials of the organization's management account, {management}."
    return f"{here}: deploy it as the README says, or name another profile with --profile."


def _management_account(session: Session) -> str | None:
    """The management account of the caller's organization, if the caller may know."""
    try:
        organization = session.client("organizations").describe_organization()["Organization"]
    except (BotoCoreError, ClientError):
        # Only an explanation gets poorer: what went wrong is that the stack is not here.
        return None
    return organization.get("MasterAccountId")
