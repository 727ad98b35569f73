"""The constants and rules that both functions and the command share.

The worker and the backfill each have a copy of this file, because each function's zip has only its own code. The two
copies are byte-identical, which a test in tests/contract checks.
"""

from collections.abc import Mapping
from enum import StrEnum

MESSAGE_VERSION = 1
"""The version of account messages that this release writes. The worker also reads `READABLE_MESSAGE_VERSIONS`."""
READABLE_MESSAGE_VERSIONS = frozenset({1, 2})
"""A later release will write version 2, which is version 1 without ``reason``."""

SERVICE_PRINCIPAL = "account.amazonaws.com"
"""The service principal of AWS Account Management, for trusted access.

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
    """What caused an account message: CloudFormation, the schedule, an operator, or one of two reduced events.

    For any other event of EventBridge, which arrives as AWS sent it, the trigger is the event's name.
    """

    BACKFILL = "backfill"
    RECONCILE = "reconcile"
    MANUAL = "manual"
    CONFIGURATION_CHANGE = "configuration_change"
    """A parameter of the contact configuration has changed."""
    ACCOUNT_MOVED = "account_moved"
    """MoveAccount has moved the account. The rule in template.yaml reduces the event to this message."""


def account_state(account: Mapping[str, object]) -> str:
    """Return the state, such as ``SUSPENDED``, of an account as ListAccounts or DescribeAccount returns it.

    ``State`` is the newer field. A botocore that does not know it returns ``Status``. If both are absent, the account
    counts as ACTIVE, so that it is processed and not forgotten.

    https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_accounts_account_state.html
    """
    return str(account.get("State") or account.get("Status") or ACTIVE)
