"""The changes that `make permissions` makes, from the template alone."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cfnlint.decode.cfn_yaml import load

from tests.permissions.changes import Statement, changes, sid
from tests.template.conftest import ROOT, resolve

NONE = dict.fromkeys(("BillingName", "BillingTitle", "BillingEmailAddress", "BillingPhoneNumber"), "none")
KEY = "arn:aws:kms:us-east-1:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab"
PATH = "/teams/contacts"
ROOT_ID = "ID of the root"


@dataclass(frozen=True)
class Variant:
    """Parameters of the stack, and the values that the conditions of the template have with them."""

    name: str
    parameters: Mapping[str, str]
    conditions: Mapping[str, bool]


_EVERY_FEATURE = Variant(
    "every feature",
    {"BillingPolicy": "fill", "ContactsPath": PATH, "KmsKeyArn": KEY, "ProtectedTargetId": ROOT_ID},
    {
        "HasContactsPath": True,
        "HasKmsKey": True,
        "Enforces": True,
        "ManagesBilling": True,
        "ManagesOperations": True,
        "ManagesSecurity": True,
        "Protects": True,
        "ProtectsBilling": False,
        "ProtectsOperations": True,
        "ProtectsSecurity": True,
    },
)
_BILLING_IGNORED = Variant(
    "BILLING ignored",
    {"BillingPolicy": "ignore", "ContactsPath": "none", "KmsKeyArn": "none", "ProtectedTargetId": "none", **NONE},
    {**_EVERY_FEATURE.conditions, "HasContactsPath": False, "HasKmsKey": False, "Protects": False}
    | {"ManagesBilling": False},
)
_REPORT = Variant(
    "mode report",
    {**_BILLING_IGNORED.parameters, "Mode": "report"},
    {**_BILLING_IGNORED.conditions, "Enforces": False},
)
VARIANTS = (_EVERY_FEATURE, _BILLING_IGNORED, _REPORT)
"""In the order of the updates of the stack. A later one has the statements that no earlier one has."""


@dataclass(frozen=True)
class PlannedChange:
    """A change of a policy of the stack."""

    variant: str
    policy: str
    statement: str
    change: str

    @property
    def key(self) -> str:
        """A text that identifies the change."""
        return f"{self.variant} | {self.policy} | {self.statement} | {self.change}"


def template_resources() -> dict[str, Any]:
    """Return the resources of template.yaml, in plain types: those of the parser cannot be passed to a process."""
    resources: dict[str, Any] = json.loads(json.dumps(load(str(ROOT / "template.yaml"))["Resources"]))
    return resources


def policies(resources: Mapping[str, Any], conditions: Mapping[str, bool]) -> Iterator[tuple[str, list[Statement]]]:
    """Yield the name and the statements of each policy of the template, as CloudFormation sees them."""
    for name, resource in resources.items():
        if not conditions.get(resource.get("Condition", ""), True):
            continue
        properties = resolve(resource["Properties"], conditions) if _holds_a_policy(resource["Type"]) else {}
        if trust := properties.get("AssumeRolePolicyDocument"):
            yield f"{name} trust", trust["Statement"]
        if documents := [each["PolicyDocument"] for each in properties.get("Policies", [])]:
            yield name, [statement for document in documents for statement in document["Statement"]]
        for document in (properties.get("PolicyDocument"), properties.get("Content")):
            if document:
                yield name, document["Statement"]


def _holds_a_policy(resource_type: str) -> bool:
    return resource_type.endswith(("::Role", "Policy"))


def plan() -> list[PlannedChange]:
    """Return every change, each statement in the first variant that has it."""
    resources = template_resources()
    planned: list[PlannedChange] = []
    known: list[tuple[str, Statement]] = []
    for variant in VARIANTS:
        for policy, statements in policies(resources, variant.conditions):
            for statement in statements:
                if (policy, statement) not in known:
                    known.append((policy, statement))
                    planned += [
                        PlannedChange(variant.name, policy, sid(statement), change.name)
                        for change in changes(statement)
                    ]
    return planned
