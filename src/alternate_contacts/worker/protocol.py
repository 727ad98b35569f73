"""What the two functions and the command agree on.

This file stands in the worker and in the backfill, the same to the byte: each function ships alone, and the two share
no behavior but this. A test in tests/contract compares the two files.
"""

from collections.abc import Mapping
from enum import StrEnum

MESSAGE_VERSION = 1
"""The version of account messages that this release writes. The worker also reads `READABLE_MESSAGE_VERSIONS`."""
READABLE_MESSAGE_VERSIONS = frozenset({1, 2})
"""Version 2 is what a later release will write: version 1 without ``reason``."""

SERVICE_PRINCIPAL = "account.amazonaws.com"
"""AWS Account Management, for trusted access.

https://docs.aws.amazon.com/accounts/latest/reference/using-orgs-trusted-access.html
"""

METRIC_NAMESPACE = "AlternateContacts"

ACTIVE = "ACTIVE"
PENDING_ACTIVATION = "PENDING_ACTIVATION"


class Mode(StrEnum):
    """``enforce`` sets contacts; ``report`` only logs and counts what it would set."""

    ENFORCE = "enforce"
    REPORT = "report"

    def stricter(self, other: "Mode") -> "Mode":
        """Return the one of the two modes that changes less."""
        return Mode.REPORT if Mode.REPORT in (self, other) else Mode.ENFORCE


class Trigger(StrEnum):
    """What caused an account message that the package wrote itself: CloudFormation, the schedule, or an operator.

    A message that EventBridge delivered has the event's name as its trigger.
    """

    BACKFILL = "backfill"
    RECONCILE = "reconcile"
    MANUAL = "manual"


def account_state(account: Mapping[str, object]) -> str:
    """Return the state of an account as ListAccounts or DescribeAccount describes it, such as ``SUSPENDED``.

    ``State`` is the newer field. A botocore that does not know it still returns ``Status``. Where both are absent the
    account counts as ACTIVE, so that it is processed rather than forgotten.

    https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_accounts_account_state.html
    """
    return str(account.get("State") or account.get("Status") or ACTIVE)
