"""The service control policy: attached after the backfill, and only for contact types with the policy overwrite."""

import json
import re
from typing import Any

import pytest

from alternate_contacts.cli.aws.protection import policy_name
from alternate_contacts.cli.preflight.command import TARGET_ID
from alternate_contacts.worker.contacts import ContactType
from tests.fakes.cli import STACK
from tests.template.conftest import Resources, resolve, statements

MAX_POLICY_CHARACTERS = 5_120
"""The quota before May 2026, which is the smaller one (orgs_reference_limits.html)."""
ALL_PROTECTED = {f"Protects{contact_type.title()}": True for contact_type in ContactType}


@pytest.fixture
def policy(resources: Resources) -> dict[str, Any]:
    properties: dict[str, Any] = resources["ProtectionPolicy"]["Properties"]
    return properties


def denied_types(policy: dict[str, Any], conditions: dict[str, bool]) -> list[str]:
    [statement] = resolve(policy["Content"], conditions)["Statement"]
    types: list[str] = statement["Condition"]["ForAnyValue:StringEquals"]["account:AlternateContactTypes"]
    return types


def test_it_exists_only_in_mode_enforce_and_with_a_target(template: dict[str, Any], resources: Resources) -> None:
    assert resources["ProtectionPolicy"]["Condition"] == "Protects"
    target = {"Fn::Not": [{"Fn::Equals": [{"Ref": "ProtectedTargetId"}, "none"]}]}
    assert template["Conditions"]["Protects"] == {"Fn::And": [{"Condition": "Enforces"}, target]}


def test_it_is_attached_to_the_target_alone_after_the_preflight_of_the_stack(
    resources: Resources, policy: dict[str, Any]
) -> None:
    assert resources["ProtectionPolicy"]["DependsOn"] == "Backfill"
    assert policy["TargetIds"] == [{"Ref": "ProtectedTargetId"}]


def test_it_has_the_name_by_which_the_command_finds_it(policy: dict[str, Any]) -> None:
    assert policy["Name"]["Fn::Sub"].replace("${AWS::StackName}", STACK.name) == policy_name(STACK)


def test_it_denies_changes_of_own_contacts_and_of_those_that_the_worker_sets(
    resources: Resources, policy: dict[str, Any]
) -> None:
    [statement] = policy["Content"]["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Action"] == ["account:PutAlternateContact", "account:DeleteAlternateContact"]
    [set_contacts] = [each for each in statements(resources, "WorkerRole") if each["Sid"] == "SetContacts"]
    members, management = set_contacts["Resource"]
    own = {"Fn::Sub": management["Fn::Sub"].replace("${AWS::AccountId}", "*")}
    assert statement["Resource"] == [own, members]


def test_it_denies_exactly_the_contact_types_with_the_policy_overwrite(
    template: dict[str, Any], policy: dict[str, Any]
) -> None:
    assert denied_types(policy, ALL_PROTECTED) == [*ContactType]
    for contact_type in ContactType:
        condition = f"Protects{contact_type.title()}"
        overwrite = {"Fn::Equals": [{"Ref": f"{contact_type.title()}Policy"}, "overwrite"]}
        assert template["Conditions"][condition] == overwrite
        only = {name: name == condition for name in ALL_PROTECTED}
        assert denied_types(policy, only) == [contact_type]


def test_without_a_type_to_protect_the_deployment_is_rejected(template: dict[str, Any]) -> None:
    rule = template["Rules"]["ProtectedContactType"]
    assert rule["RuleCondition"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "ProtectedTargetId"}, "none"]}]}
    [assertion] = rule["Assertions"]
    conditions = [template["Conditions"][name] for name in ALL_PROTECTED]
    assert assertion["Assert"] == {"Fn::Or": conditions}


def test_it_is_smaller_than_every_quota(policy: dict[str, Any]) -> None:
    document = json.dumps(resolve(policy["Content"], ALL_PROTECTED))
    assert len(document) < MAX_POLICY_CHARACTERS


@pytest.mark.parametrize("value", ["r-ab12", "ou-ab12-12345678", f"ou-{'a' * 32}-{'b' * 32}", f"r-{'0' * 32}"])
def test_a_root_or_an_ou_can_be_protected(template: dict[str, Any], value: str) -> None:
    parameter = template["Parameters"]["ProtectedTargetId"]
    assert re.fullmatch(parameter["AllowedPattern"], value)
    assert len(value) <= parameter["MaxLength"]
    assert re.fullmatch(TARGET_ID, value)


@pytest.mark.parametrize(
    "value", ["111122223333", "r-", "r-AB12", "ou-ab12", "ou-ab12-1234567", "o-ab12345678", "None"]
)
def test_nothing_else_can_be_protected(template: dict[str, Any], value: str) -> None:
    assert not re.fullmatch(template["Parameters"]["ProtectedTargetId"]["AllowedPattern"], value)
    assert not re.fullmatch(TARGET_ID, value)
