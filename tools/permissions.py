"""What each verb asks of AWS: the policy of an operator who may do no more than that.

The verbs that read accounts or look at prerequisites have lists of their own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

STACK = "stack"
ACCOUNT_QUEUE = "AccountQueue"
FAILED_ACCOUNT_QUEUE = "FailedAccountQueue"
UNDELIVERED_QUEUE = "UndeliveredQueue"
BACKFILL_FUNCTION = "BackfillFunction"
BACKFILL_LOG_GROUP = "BackfillLogGroup"


@dataclass(frozen=True)
class Permission:
    """Actions on one resource, and what they are for."""

    resource: str
    actions: tuple[str, ...]
    because: str


_FIND = Permission(
    STACK, ("cloudformation:DescribeStacks",), "to find queues and functions; without --stack-name on every stack (*)"
)
_READ = ("sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:ChangeMessageVisibility")
_TAKE = (*_READ, "sqs:DeleteMessage")

PERMISSIONS: Mapping[str, tuple[Permission, ...]] = MappingProxyType(
    {
        "status": (
            _FIND,
            Permission(ACCOUNT_QUEUE, ("sqs:GetQueueAttributes",), "to count letters"),
            Permission(FAILED_ACCOUNT_QUEUE, ("sqs:GetQueueAttributes",), "to count failed accounts"),
            Permission(UNDELIVERED_QUEUE, ("sqs:GetQueueAttributes",), "to count what is undelivered"),
            Permission(BACKFILL_LOG_GROUP, ("logs:FilterLogEvents",), "to find the last backfill and reconcile"),
        ),
        "failures": (
            _FIND,
            Permission(FAILED_ACCOUNT_QUEUE, _READ, "to read messages and give them back"),
            Permission(UNDELIVERED_QUEUE, _READ, "to read messages and give them back"),
        ),
        "replay": (
            _FIND,
            Permission(ACCOUNT_QUEUE, ("sqs:GetQueueAttributes", "sqs:SendMessage"), "where the letters go"),
            Permission(
                FAILED_ACCOUNT_QUEUE,
                (*_TAKE, "sqs:StartMessageMoveTask", "sqs:ListMessageMoveTasks"),
                "to have SQS move all, or to move those chosen",
            ),
        ),
        "replay --undelivered": (
            _FIND,
            Permission(ACCOUNT_QUEUE, ("sqs:SendMessage",), "where the events go"),
            Permission(UNDELIVERED_QUEUE, _TAKE, "to move what lies there"),
            Permission(BACKFILL_FUNCTION, ("lambda:InvokeFunction",), "to make up for failed invocations"),
        ),
        "discard": (_FIND, Permission(FAILED_ACCOUNT_QUEUE, _TAKE, "to delete those chosen")),
        "backfill": (_FIND, Permission(BACKFILL_FUNCTION, ("lambda:InvokeFunction",), "it lists the accounts")),
        "backfill --account": (_FIND, Permission(ACCOUNT_QUEUE, ("sqs:SendMessage",), "where the letters go")),
    }
)
"""By verb. Who the caller is (sts:GetCallerIdentity) everybody may ask."""


def statements(verbs: Iterable[str], arns: Mapping[str, str]) -> list[dict[str, object]]:
    """The statements of an IAM policy for these verbs; ``arns`` by the names of the resources above."""
    merged: dict[str, set[str]] = {}
    for verb in verbs:
        for permission in PERMISSIONS[verb]:
            merged.setdefault(permission.resource, set()).update(permission.actions)
    return [
        {"Effect": "Allow", "Action": sorted(actions), "Resource": arns[resource]}
        for resource, actions in sorted(merged.items())
    ]
