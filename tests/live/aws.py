"""The organization and the stack that the checks are about: clients, log lines, metrics and accounts."""

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from typing import Any, TypeVar

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from alternate_contacts.backfill.protocol import ACTIVE, account_state
from alternate_contacts.worker.contacts import CONTACT_FIELDS

Found = TypeVar("Found")

EVIDENCE = timedelta(days=14)
"""How far back the checks read logs and metrics."""
NOT_MY_ACCOUNT = "000000000001"
"""An account ID that belongs to no organization."""
CONTACT_TYPES = ("BILLING", "OPERATIONS", "SECURITY")
_PAGES = 50
"""Pages of log lines that a check reads at most."""


@dataclass(frozen=True)
class Aws:
    """A management account and the stack in it. ``delay_speed`` is 1 on AWS; the emulation divides its delays by it."""

    session: boto3.Session
    account: str
    stack: str
    delay_speed: float = 1

    @property
    def region(self) -> str:
        """The region of Organizations' events, in which the stack is."""
        return "cn-northwest-1" if (self.session.region_name or "").startswith("cn-") else "us-east-1"

    @cache  # noqa: B019 - the checks have one
    def client(self, service: str, region: str | None = None, *, attempts: int = 5) -> Any:
        """Return a client; ``attempts`` counts the first call."""
        config = Config(
            retries={"total_max_attempts": attempts, "mode": "standard"}, connect_timeout=5, max_pool_connections=50
        )
        return self.session.client(service, region_name=region or self.region, config=config)  # type: ignore[call-overload]

    # ---- the stack ----------------------------------------------------------------------------------------------

    @cached_property
    def outputs(self) -> Mapping[str, str]:
        """The outputs of the stack."""
        [stack] = self.client("cloudformation").describe_stacks(StackName=self.stack)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    @cached_property
    def parameters(self) -> Mapping[str, str]:
        """The stack parameters that hold no contact data."""
        [stack] = self.client("cloudformation").describe_stacks(StackName=self.stack)["Stacks"]
        return {
            parameter["ParameterKey"]: parameter["ParameterValue"]
            for parameter in stack["Parameters"]
            if not parameter["ParameterKey"].endswith((*(field.api_name for field in CONTACT_FIELDS), "AlarmEmail"))
        }

    @property
    def is_older_than_evidence(self) -> bool:
        """Whether the stack was created before `EVIDENCE`."""
        [stack] = self.client("cloudformation").describe_stacks(StackName=self.stack)["Stacks"]
        return bool(stack["CreationTime"] < datetime.now(UTC) - EVIDENCE)

    def physical_id(self, logical_id: str) -> str:
        """Return the name that CloudFormation gave to a resource of the template."""
        response = self.client("cloudformation").describe_stack_resource(
            StackName=self.stack, LogicalResourceId=logical_id
        )
        return str(response["StackResourceDetail"]["PhysicalResourceId"])

    # ---- accounts -----------------------------------------------------------------------------------------------

    @cached_property
    def accounts(self) -> list[dict[str, Any]]:
        """Every account as ListAccounts returns it."""
        pages = self.client("organizations").get_paginator("list_accounts").paginate()
        return [account for page in pages for account in page["Accounts"]]

    @property
    def members(self) -> list[str]:
        """The active accounts without the management account."""
        active = [account["Id"] for account in self.accounts if account_state(account) == ACTIVE]
        return [account_id for account_id in active if account_id != self.account] or skip("no active member")

    def get_contact(self, account: str | None, contact_type: str = "SECURITY") -> str:
        """Call GetAlternateContact once; return the error code, or ``success``, also for a contact that is not set."""
        target = {} if account is None else {"AccountId": account}
        try:
            self.client("account", attempts=1).get_alternate_contact(AlternateContactType=contact_type, **target)
        except ClientError as error:
            code = str(error.response["Error"]["Code"])
            return "success" if code == "ResourceNotFoundException" else code
        return "success"

    # ---- evidence -----------------------------------------------------------------------------------------------

    def log_lines(self, group: str, pattern: str, since: datetime | None = None) -> list[dict[str, Any]]:
        """Return the JSON log lines that match, oldest first, each with its ``at`` in seconds.

        Args:
            group: the output with the name of the log group.
            since: the time of the first line; None: `EVIDENCE` ago.
            pattern: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
        """
        pages = self.client("logs").get_paginator("filter_log_events")
        found = pages.paginate(
            logGroupName=self.outputs[group],
            startTime=round((since or datetime.now(UTC) - EVIDENCE).timestamp() * 1000),
            filterPattern=pattern,
            PaginationConfig={"MaxItems": _PAGES * 1000},
        )
        events = [event for page in found for event in page["events"]]
        return [json.loads(event["message"]) | {"at": event["timestamp"] / 1000} for event in events]

    def worker_lines(self, message: str, since: datetime | None = None) -> list[dict[str, Any]]:
        """Return the log lines of the worker with a message."""
        return self.log_lines("WorkerLogGroupName", f'{{ $.message = "{message}" }}', since)

    def backfill_lines(self, message: str, since: datetime | None = None) -> list[dict[str, Any]]:
        """Return the log lines of the backfill with a message."""
        return self.log_lines("BackfillLogGroupName", f'{{ $.message = "{message}" }}', since)

    def metric(self, namespace: str, name: str, statistic: str, **dimensions: str) -> list[float]:
        """Return the values of a metric in `EVIDENCE` by the hour, without hours that have none."""
        response = self.client("cloudwatch").get_metric_statistics(
            Namespace=namespace,
            MetricName=name,
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
            StartTime=datetime.now(UTC) - EVIDENCE,
            EndTime=datetime.now(UTC),
            Period=3600,
            Statistics=[statistic],
        )
        return [point[statistic] for point in response["Datapoints"]]

    # ---- checks that write --------------------------------------------------------------------------------------

    def report(self, account: str) -> None:
        """Have the worker process an account in mode report, which changes no contact."""
        body = {"version": 1, "accountId": account, "trigger": "manual", "reason": "manual", "mode": "report"}
        self.client("sqs").send_message(QueueUrl=self.outputs["AccountQueueUrl"], MessageBody=json.dumps(body))

    def wait_for(self, find: Callable[[], Found | None], seconds: float, *, or_skip: bool = False) -> Found:
        """Return what ``find`` returns as soon as it is true; after ``seconds`` the check fails, or is skipped."""
        deadline = time.monotonic() + seconds
        while not (found := find()):
            if time.monotonic() > deadline:
                (skip if or_skip else pytest.fail)(f"nothing was observed within {seconds:.0f} s")
            time.sleep(0.2 if self.delay_speed > 1 else 5)
        return found


def confirm_account(account: str, session: boto3.Session) -> str | None:
    """Ask STS whether the credentials are of ``account``; return why the checks must not run, or None."""
    if not re.fullmatch("[0-9]{12}", account):
        return f"{account!r} is not an account ID of 12 digits. Nothing was called."
    try:
        sts = session.client("sts", region_name=session.region_name or "us-east-1")
        caller = sts.get_caller_identity()["Account"]
    except (BotoCoreError, ClientError) as error:
        return f"GetCallerIdentity failed: {type(error).__name__}. Nothing else was called."
    if caller != account:
        return f"The credentials are of account {caller}, not {account}. Nothing else was called."
    return None


def skip(reason: str) -> Any:
    """End the check: its fact remains unknown.

    Raises:
        pytest.skip.Exception: always.
    """
    pytest.skip(reason)
