"""The IAM permissions of each verb: the policy of an operator with least privilege.

`audit`, `explain` and `preflight` have modules of their own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

STACK = "stack"
ACCOUNT_QUEUE = "AccountQueue"
FAILED_ACCOUNT_QUEUE = "FailedAccountQueue"
UNDELIVERED_QUEUE = "UndeliveredQueue"
CHANGE_QUEUE = "ChangeQueue"
WORKER_FUNCTION = "WorkerFunction"
BACKFILL_FUNCTION = "BackfillFunction"
BACKFILL_LOG_GROUP = "BackfillLogGroup"
ALARM_TOPIC = "AlarmTopic"
CONTACTS_PATH = "path in ContactsPath"
CONTACT_PARAMETERS = "parameters below ContactsPath"
ORGANIZATION = "*"


@dataclass(frozen=True)
class Permission:
    """Actions on one resource, and their purpose."""

    resource: str
    actions: tuple[str, ...]
    purpose: str


_FIND = Permission(
    STACK,
    ("cloudformation:DescribeStacks",),
    "to find queues and functions; without --stack-name, allow it on every stack (*)",
)
QUOTA = Permission(
    WORKER_FUNCTION,
    ("lambda:GetFunctionConfiguration",),
    "to read the API quota; without it, the defaults of the template are used. The response contains the contacts",
)
_READ = ("sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:ChangeMessageVisibility")
_TAKE = (*_READ, "sqs:DeleteMessage")
READ_CONFIGURATION = Permission(
    CONTACTS_PATH, ("ssm:GetParametersByPath",), "to read all contact sets, with the contacts, and all targets"
)
_PUT = Permission(CONTACT_PARAMETERS, ("ssm:PutParameter",), "to write one parameter")
_DELETE = Permission(CONTACT_PARAMETERS, ("ssm:DeleteParameter",), "to delete one parameter")

PERMISSIONS: Mapping[str, tuple[Permission, ...]] = MappingProxyType(
    {
        "status": (
            _FIND,
            Permission(ACCOUNT_QUEUE, ("sqs:GetQueueAttributes",), "to count messages"),
            Permission(FAILED_ACCOUNT_QUEUE, ("sqs:GetQueueAttributes",), "to count failed accounts"),
            Permission(UNDELIVERED_QUEUE, ("sqs:GetQueueAttributes",), "to count undelivered messages"),
            Permission(
                CHANGE_QUEUE,
                ("sqs:GetQueueAttributes",),
                "to count changes of the contact configuration, if there is one",
            ),
            QUOTA,
            Permission(BACKFILL_LOG_GROUP, ("logs:FilterLogEvents",), "to find the last backfill and reconcile"),
            Permission(ALARM_TOPIC, ("sns:ListSubscriptionsByTopic",), "to count the receivers of alarms"),
            Permission(
                CONTACTS_PATH,
                READ_CONFIGURATION.actions,
                "to find problems of the contact configuration; without it, they are unknown",
            ),
        ),
        "failures": (
            _FIND,
            Permission(FAILED_ACCOUNT_QUEUE, _READ, "to read messages and return them"),
            Permission(UNDELIVERED_QUEUE, _READ, "to read messages and return them"),
        ),
        "replay": (
            _FIND,
            Permission(ACCOUNT_QUEUE, ("sqs:GetQueueAttributes", "sqs:SendMessage"), "to send messages"),
            Permission(
                FAILED_ACCOUNT_QUEUE,
                (*_TAKE, "sqs:StartMessageMoveTask", "sqs:ListMessageMoveTasks"),
                "to let SQS move all messages, or to move the selected ones",
            ),
        ),
        "replay --undelivered": (
            _FIND,
            Permission(ACCOUNT_QUEUE, ("sqs:SendMessage",), "to send events"),
            Permission(UNDELIVERED_QUEUE, _TAKE, "to move messages"),
            Permission(BACKFILL_FUNCTION, ("lambda:InvokeFunction",), "to replace failed invocations and changes"),
        ),
        "discard": (_FIND, Permission(FAILED_ACCOUNT_QUEUE, _TAKE, "to delete the selected messages")),
        "backfill": (
            _FIND,
            Permission(BACKFILL_FUNCTION, ("lambda:InvokeFunction",), "to list the accounts and send messages"),
        ),
        "backfill --account": (_FIND, Permission(ACCOUNT_QUEUE, ("sqs:SendMessage",), "to send messages")),
        "sets list": (_FIND, READ_CONFIGURATION),
        "sets show": (_FIND, READ_CONFIGURATION),
        "sets put": (_FIND, READ_CONFIGURATION, _PUT),
        "sets delete": (_FIND, READ_CONFIGURATION, _DELETE),
        "targets list": (_FIND, READ_CONFIGURATION),
        "targets show": (_FIND, READ_CONFIGURATION),
        "targets put": (
            _FIND,
            READ_CONFIGURATION,
            _PUT,
            Permission(
                ORGANIZATION,
                (
                    "organizations:DescribeAccount",
                    "organizations:DescribeOrganizationalUnit",
                    "organizations:ListRoots",
                ),
                "to check that the target is in the organization; without it, the plan says that this is not known",
            ),
        ),
        "targets delete": (_FIND, READ_CONFIGURATION, _DELETE),
    }
)
"""By verb. `check` calls no AWS service, and sts:GetCallerIdentity needs no permission."""


def statements(verbs: Iterable[str], arns: Mapping[str, str]) -> list[dict[str, object]]:
    """Return the statements of an IAM policy for these verbs; ``arns`` by the names of the resources above."""
    merged: dict[str, set[str]] = {}
    for verb in verbs:
        for permission in PERMISSIONS[verb]:
            merged.setdefault(permission.resource, set()).update(permission.actions)
    return [
        {"Effect": "Allow", "Action": sorted(actions), "Resource": arns[resource]}
        for resource, actions in sorted(merged.items())
    ]
