"""No action is granted to a role that no code calls, and none is called that is not granted: found from the code."""

import ast
from collections.abc import Iterator
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name

from tests.permissions.plan import VARIANTS, policies
from tests.template.conftest import ROOT, Resources, actions

ADAPTERS = {
    "WorkerRole": ROOT / "src/alternate_contacts/worker/aws.py",
    "BackfillRole": ROOT / "custom-resources/alternate_contacts/backfill/aws.py",
}
"""The one module of each function that calls AWS. Import contracts in pyproject.toml forbid boto3 everywhere else."""

POLLER = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
"""Lambda receives the messages of a queue with the role of the function.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html#events-sqs-permissions
"""
LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}
"""Lambda writes the log: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html."""
KEY = {"kms:Decrypt", "kms:GenerateDataKey"}
"""SQS uses the key for the caller: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/
sqs-key-management.html."""
BY_AWS_SERVICES = {
    "WorkerRole": POLLER | LOGS | KEY,
    # SendMessage: Lambda sends a failed invocation to UndeliveredQueue, as the code does.
    "BackfillRole": POLLER | LOGS | KEY | {"sqs:SendMessage"},
    # EventBridge Scheduler: https://docs.aws.amazon.com/scheduler/latest/UserGuide/setting-up.html
    "ScheduleRole": {"lambda:InvokeFunction", "sqs:SendMessage"} | KEY,
}
"""Actions that AWS services call with a role."""


SESSION = botocore.session.Session()


def operations(service: str) -> dict[str, str]:
    """Return the action of each operation of a service by its name in boto3.

    A batch call of SQS needs the action of the single call (service authorization reference: list_amazonsqs.html).
    """
    names = SESSION.get_service_model(service).operation_names
    return {xform_name(name): f"{service}:{name.removesuffix('Batch') if service == 'sqs' else name}" for name in names}


def services(tree: ast.AST) -> set[str]:
    """Return the services that a module opens a client of."""
    return {
        str(call.args[0].value)
        for call in calls(tree)
        if name_of(call) == "client" and call.args and isinstance(call.args[0], ast.Constant)
    }


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node


def name_of(call: ast.Call) -> str:
    assert isinstance(call.func, ast.Attribute)
    return call.func.attr


def is_on_self(call: ast.Call) -> bool:
    """Return whether a call is of a method of the class itself, not of a client."""
    assert isinstance(call.func, ast.Attribute)
    return isinstance(call.func.value, ast.Name) and call.func.value.id == "self"


def called_actions(module: Path) -> set[str]:
    """Return the actions that a module calls: methods of clients, and operations that a paginator gets."""
    tree = ast.parse(module.read_text())
    by_name: dict[str, set[str]] = {}
    for service in services(tree):
        for name, action in operations(service).items():
            by_name.setdefault(name, set()).add(action)
    names = {name_of(call) for call in calls(tree) if not is_on_self(call)}
    names |= {
        str(call.args[0].value)
        for call in calls(tree)
        if name_of(call) == "get_paginator" and isinstance(call.args[0], ast.Constant)
    }
    called = [by_name[name] for name in names & by_name.keys()]
    assert all(len(found) == 1 for found in called), f"an operation of two services: {called}"
    return set().union(*called)


@pytest.fixture(scope="module")
def granted(resources: Resources) -> dict[str, set[str]]:
    """The actions of each role in any variant of the stack; those of the key belong to each."""
    found: dict[str, set[str]] = {}
    for variant in VARIANTS:
        for name, statements in policies(resources, variant.conditions):
            for statement in statements:
                found.setdefault(name, set()).update(actions(statement))
    return {role: found[role] | found["KmsKeyPolicy"] for role in BY_AWS_SERVICES}


@pytest.mark.parametrize("role", BY_AWS_SERVICES)
def test_a_role_has_exactly_the_actions_that_are_called_with_it(granted: dict[str, set[str]], role: str) -> None:
    called = called_actions(ADAPTERS[role]) if role in ADAPTERS else set()
    assert granted[role] == called | BY_AWS_SERVICES[role]


def test_a_call_of_a_client_is_found(tmp_path: Path) -> None:
    module = tmp_path / "aws.py"
    module.write_text(
        "client = boto3.client('sqs')\n"
        "session.client('organizations').get_paginator('list_accounts').paginate()\n"
        "self._client.send_message_batch()\n"
        "self.list_roots()\n"
        "client.purge()\n"
    )
    assert called_actions(module) == {"sqs:SendMessage", "organizations:ListAccounts"}
