"""docs/permissions.md: its tables, and the key policy for KmsKeyArn."""

import json
import re
from typing import Any

import pytest

from tests.permissions.flows import FLOWS
from tests.permissions.page import read_results, updated_page
from tests.permissions.plan import plan
from tests.permissions.reasons import UNNOTICED, WHY
from tests.template.conftest import ROOT, Resources, of_type

PAGE = (ROOT / "docs" / "permissions.md").read_text()
[POLICY] = [json.loads(text) for text in re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)]


def test_the_tables_are_those_of_the_template_and_of_the_last_run() -> None:
    """After a change of a policy, run `make permissions`."""
    assert updated_page(PAGE, read_results()) == PAGE


def test_every_change_of_a_policy_was_made_and_noticed_or_has_a_reason() -> None:
    planned = {change.key for change in plan()}
    assert planned == read_results().keys() | UNNOTICED.keys()
    assert set(WHY) == {(change.policy, change.statement) for change in plan()}


def test_every_flow_notices_a_change() -> None:
    assert set(read_results().values()) == {flow.name for flow in FLOWS}


def statement(principal: str) -> dict[str, Any]:
    [found] = [each for each in POLICY["Statement"] if principal in each["Principal"].values()]
    assert (found["Effect"], found["Resource"]) == ("Allow", "*")  # in a key policy: this key
    return dict(found)


@pytest.mark.parametrize("policy", ["AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy"])
def test_every_service_that_a_queue_or_the_topic_admits_may_use_the_key(resources: Resources, policy: str) -> None:
    services = {
        each["Principal"]["Service"]
        for properties in of_type(resources, policy).values()
        for each in properties["PolicyDocument"]["Statement"]
        if each["Effect"] == "Allow"
    }
    assert services
    for service in services:
        actions = {action.rstrip("*") for action in statement(service)["Action"]}
        assert actions == {"kms:Decrypt", "kms:GenerateDataKey"}


def test_cloudwatch_logs_may_use_the_key_for_log_groups_of_the_account() -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html"""
    logs = statement("logs.us-east-1.amazonaws.com")
    names = {"Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", "Describe"}
    assert set(logs["Action"]) == {f"kms:{name}*" for name in names}
    assert logs["Condition"]["ArnLike"].keys() == {"kms:EncryptionContext:aws:logs:arn"}


def test_the_policies_of_the_account_count_which_the_roles_of_the_stack_need() -> None:
    assert statement("arn:aws:iam::111122223333:root")["Action"] == "kms:*"
