"""CloudFormation: parameter patterns, rules, and the rollback of a custom resource.

The change sets of the checks are of the deployed stack, with one changed parameter: none is ever executed.
"""

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.live.aws import Aws, skip
from tests.live.cleanup import PREFIX, Cleanup

MINIMAL = {
    "Rules": {"Region": {"Assertions": [{"Assert": {"Fn::Equals": [{"Ref": "AWS::Region"}, "nowhere"]}}]}},
    "Resources": {"Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"}},
}


@pytest.mark.fact(
    "CloudFormation rejects a parameter that violates its pattern or a rule, before it changes anything.",
    otherwise="AWS rejects the Put of each account instead, as invalid_contact: patterns and Rules of template.yaml.",
)
@pytest.mark.writes("change sets of the stack that are never executed")
@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("SecurityEmailAddress", "jdoe@example.com"),
        ("SecurityEmailAddress", "not an address"),
        ("SecurityPhoneNumber", "+31 6xxx"),
        ("SecurityName", " padded "),
        ("SecurityName", "REPLACE_ME"),
        ("ContactsPath", "/aws/contacts"),
    ],
)
def test_an_invalid_parameter_is_rejected(aws: Aws, cleanup: Cleanup, parameter: str, value: str) -> None:
    if parameter.startswith("Security") and aws.parameters["SecurityPolicy"] == "ignore":
        skip("SecurityPolicy is ignore")
    status, reason = _change_parameter(aws, cleanup, parameter, value)
    assert status == "FAILED"
    assert parameter in reason


@pytest.mark.fact(
    "CloudFormation accepts what the patterns are meant to accept: words of any language, commas, slashes.",
    otherwise="A valid contact is rejected with a message: the patterns of template.yaml.",
)
@pytest.mark.writes("a change set of the stack that is never executed")
def test_a_valid_parameter_is_accepted(aws: Aws, cleanup: Cleanup) -> None:
    status, _ = _change_parameter(aws, cleanup, "SecurityName", "Zoë Ångström, 24/7")
    assert status == "CREATE_COMPLETE"


@pytest.mark.fact(
    "Rules may use AWS::Region, and reject a stack before a resource is created.",
    otherwise="A deployment in another region creates a stack that gets no events: RegionOfOrganizations.",
)
@pytest.mark.writes("a stack of its own in REVIEW_IN_PROGRESS, without a resource")
def test_a_rule_may_use_the_region(aws: Aws, cleanup: Cleanup) -> None:
    name = f"{PREFIX}{uuid.uuid4()}"
    cleanup.add("delete_stack", region=aws.region, name=name)
    status, _ = _create_change_set(aws, name, name, ChangeSetType="CREATE", TemplateBody=json.dumps(MINIMAL))
    assert status == "FAILED"


@pytest.mark.fact(
    "After a failed Update, CloudFormation sends a second one during UPDATE_ROLLBACK_IN_PROGRESS.",
    otherwise="The stack ends in UPDATE_ROLLBACK_FAILED: rollback.py, and ADR 6.",
)
def test_a_rollback_is_recognized(aws: Aws) -> None:
    pages = aws.client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=aws.stack)
    events = [event for page in pages for event in page["StackEvents"]]
    failed = [
        event
        for event in events
        if event["LogicalResourceId"] == "Backfill" and event["ResourceStatus"] == "UPDATE_FAILED"
    ]
    ended = {event["ResourceStatus"] for event in events if event["PhysicalResourceId"] == event["StackId"]}
    if not failed:
        skip("no Update of the backfill has failed")
    assert "UPDATE_ROLLBACK_FAILED" not in ended
    assert "UPDATE_ROLLBACK_COMPLETE" in ended


@pytest.mark.fact(
    "GetParametersByPath is authorized on the path in ContactsPath alone.",
    otherwise="No deployment with a contact configuration: the policies `contact-configuration` of template.yaml.",
)
def test_the_backfill_reads_the_path(aws: Aws) -> None:
    if aws.parameters["ContactsPath"] == "none":
        skip("ContactsPath is none")
    failed = [line for line in aws.backfill_lines("backfill failed") if "GetParametersByPath" in line["failure"]]
    assert failed == []
    if not aws.backfill_lines("backfill completed"):
        skip("no backfill was completed within 14 days")


def _change_parameter(aws: Aws, cleanup: Cleanup, parameter: str, value: str) -> tuple[str, str]:
    """Create a change set of the stack with one changed parameter; return its status and reason."""
    [stack] = aws.client("cloudformation").describe_stacks(StackName=aws.stack)["Stacks"]
    keys = [each["ParameterKey"] for each in stack["Parameters"]]
    parameters = [{"ParameterKey": key, "UsePreviousValue": True} for key in keys if key != parameter]
    name = f"{PREFIX}{uuid.uuid4()}"
    cleanup.add("delete_change_set", region=aws.region, stack=aws.stack, name=name)
    return _create_change_set(
        aws,
        aws.stack,
        name,
        UsePreviousTemplate=True,
        Parameters=[*parameters, {"ParameterKey": parameter, "ParameterValue": value}],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )


def _create_change_set(aws: Aws, stack: str, name: str, **request: Any) -> tuple[str, str]:
    """Create a change set; return its status and reason. CloudFormation may reject it at once or later."""
    cloudformation = aws.client("cloudformation")
    try:
        cloudformation.create_change_set(StackName=stack, ChangeSetName=name, **request)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        return "FAILED", error.response["Error"]["Message"]

    def ended() -> dict[str, Any] | None:
        described: dict[str, Any] = cloudformation.describe_change_set(StackName=stack, ChangeSetName=name)
        return described if described["Status"] in ("CREATE_COMPLETE", "FAILED") else None

    described = aws.wait_for(ended, 300)
    return described["Status"], described.get("StatusReason", "")
