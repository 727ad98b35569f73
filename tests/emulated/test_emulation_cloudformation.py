"""CloudFormation through boto3: custom resources as AWS treats them, and a stack's own checks."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulation.organization import Emulation
from emulation.waiting import eventually

Stack = Callable[..., str]

# What a custom resource's function must do; the tests add what it answers, and when.
RESPOND = """
import json, os, pathlib, time, urllib.error, urllib.request

folder = pathlib.Path(os.environ["TMPDIR"])

def respond(event, status, data=None, **changes):
    response = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
    response |= {"Status": status, "Reason": "because", "PhysicalResourceId": "physical", "Data": data or {}, **changes}
    request = urllib.request.Request(event["ResponseURL"], json.dumps(response).encode(), method="PUT")
    request.add_header("content-type", "")
    urllib.request.urlopen(request)

def tell(event):
    with (folder / "requests").open("a") as requests:
        print(event["RequestType"], event.get("PhysicalResourceId", "-"), file=requests)

"""


@pytest.fixture
def requests(emulation: Emulation) -> Iterator[Callable[[], list[str]]]:
    """What the function was asked: request type and physical id."""
    told = emulation.log.parent / "requests"
    yield lambda: told.read_text().splitlines()
    told.unlink()


@pytest.fixture
def stack(emulation: Emulation) -> Stack:
    """Deploy a custom resource with a function of this body; returns the stack's status."""

    def deploy(body: str, *, timeout: int = 10, service_timeout: int = 20, retries: int = 2, value: str = "1") -> str:
        source = RESPOND + body
        cloudformation = emulation.client("cloudformation")
        template = json.dumps(_template(source, timeout, service_timeout, retries, value))
        exists = any(each["StackName"] == "stack" for each in cloudformation.describe_stacks()["Stacks"])
        change = cloudformation.update_stack if exists else cloudformation.create_stack
        change(StackName="stack", TemplateBody=template, Capabilities=["CAPABILITY_IAM"])
        return eventually(lambda: _finished(emulation), within=20)

    return deploy


def test_a_custom_resource_answers(emulation: Emulation, stack: Stack) -> None:
    body = "def handler(event, context): respond(event, 'SUCCESS', {'Answer': event['ResourceProperties']['Value']})"
    assert stack(body, value="42") == "CREATE_COMPLETE"
    [described] = emulation.client("cloudformation").describe_stacks(StackName="stack")["Stacks"]
    assert described["Outputs"][0]["OutputValue"] == "42"


def test_a_killed_function_is_invoked_again(stack: Stack, requests: Callable[[], list[str]]) -> None:
    # The first invocation is killed; its retry finds the mark that it left.
    body = """
def handler(event, context):
    tell(event)
    mark = folder / event["RequestId"]
    if not mark.exists():
        mark.touch()
        time.sleep(60)
    respond(event, "SUCCESS", {"Answer": "late"})
"""
    assert stack(body, timeout=1) == "CREATE_COMPLETE"
    assert requests() == ["Create -", "Create -"]


def test_without_retries_a_killed_function_is_a_failure_after_service_timeout(
    emulation: Emulation, stack: Stack, requests: Callable[[], list[str]]
) -> None:
    body = """
def handler(event, context):
    tell(event)
    if event["RequestType"] == "Create":
        time.sleep(60)
    respond(event, "SUCCESS")
"""
    assert stack(body, timeout=1, service_timeout=4, retries=0) == "ROLLBACK_COMPLETE"
    assert "did not receive a response" in _reason(emulation)
    create, delete = requests()
    assert create == "Create -"
    assert delete.startswith("Delete stack-Resource-")


def test_a_failed_create_is_deleted_with_the_id_it_answered(
    emulation: Emulation, stack: Stack, requests: Callable[[], list[str]]
) -> None:
    body = """
def handler(event, context):
    tell(event)
    respond(event, "FAILED" if event["RequestType"] == "Create" else "SUCCESS")
"""
    assert stack(body) == "ROLLBACK_COMPLETE"
    assert "Received response status [FAILED] from custom resource. Message returned: because" in _reason(emulation)
    assert requests() == ["Create -", "Delete physical"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ("data={'Answer': 'a' * 4096}", "Response object is too long"),
        ("PhysicalResourceId=''", "PhysicalResourceId"),
        ("RequestId='another'", "RequestId"),
    ],
)
def test_responses_that_are_refused(emulation: Emulation, stack: Stack, changes: str, reason: str) -> None:
    body = f"""
def handler(event, context):
    if event["RequestType"] == "Create":
        respond(event, "SUCCESS", {changes})
    else:
        respond(event, "SUCCESS")
"""
    assert stack(body) == "ROLLBACK_COMPLETE"
    assert reason in _reason(emulation)


def test_a_response_with_a_content_type_is_not_the_one_that_was_signed(emulation: Emulation, stack: Stack) -> None:
    body = """
def handler(event, context):
    request = urllib.request.Request(event["ResponseURL"], b"{}", {"content-type": "application/json"}, method="PUT")
    try:
        urllib.request.urlopen(request)
    except urllib.error.HTTPError as error:
        respond(event, "SUCCESS", {"Answer": str(error.code)})
"""
    assert stack(body) == "CREATE_COMPLETE"
    [described] = emulation.client("cloudformation").describe_stacks(StackName="stack")["Stacks"]
    assert described["Outputs"][0]["OutputValue"] == "403"


def test_a_failed_update_is_followed_by_one_back(stack: Stack, requests: Callable[[], list[str]]) -> None:
    body = """
def handler(event, context):
    tell(event)
    bad = event["ResourceProperties"]["Value"] == "bad"
    respond(event, "FAILED" if bad else "SUCCESS", {"Answer": "any"})
"""
    assert stack(body, value="good") == "CREATE_COMPLETE"
    assert stack(body, value="bad") == "UPDATE_ROLLBACK_COMPLETE"
    assert requests() == ["Create -", "Update physical", "Update physical"]


def test_a_mapping_that_lambda_refuses_fails_the_stack(emulation: Emulation) -> None:
    template = _template("def handler(event, context): pass", 3, 20, 2, "1")
    del template["Resources"]["Resource"], template["Outputs"]
    template["Resources"]["Queue"] = {"Type": "AWS::SQS::Queue"}
    template["Resources"]["Mapping"] = {
        "Type": "AWS::Lambda::EventSourceMapping",
        "Properties": {
            "FunctionName": {"Ref": "Function"},
            "EventSourceArn": {"Fn::GetAtt": ["Queue", "Arn"]},
            "BatchSize": 100,
        },
    }
    emulation.client("cloudformation").create_stack(
        StackName="stack", TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"]
    )
    assert eventually(lambda: _finished(emulation)) == "ROLLBACK_COMPLETE"
    assert "Maximum batch window" in _reason(emulation)


def test_parameters_and_rules_are_checked_before_anything_is_made(emulation: Emulation) -> None:
    template = {
        "Parameters": {
            "Email": {
                "Type": "String",
                "AllowedPattern": "[a-z]+@[a-z.]+",
                "ConstraintDescription": "must be an e-mail address",
            }
        },
        "Rules": {
            "NoPlaceholder": {
                "Assertions": [
                    {
                        "Assert": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Email"}, "you@example.com"]}]},
                        "AssertDescription": "Name somebody who reads it",
                    }
                ]
            }
        },
        "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
    }
    cloudformation = emulation.client("cloudformation")

    def create(email: str) -> None:
        parameters = [{"ParameterKey": "Email", "ParameterValue": email}]
        cloudformation.create_stack(StackName="stack", TemplateBody=json.dumps(template), Parameters=parameters)

    with pytest.raises(ClientError, match="must be an e-mail address"):
        create("nobody")
    with pytest.raises(ClientError, match="Name somebody who reads it"):
        create("you@example.com")
    create("me@acme.test")


def _template(source: str, timeout: int, service_timeout: int, retries: int, value: str) -> dict[str, Any]:
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    return {
        "Resources": {
            "Role": {
                "Type": "AWS::IAM::Role",
                "Properties": {"AssumeRolePolicyDocument": {"Statement": [trust]}},
            },
            "Function": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "Runtime": "python3.13",
                    "Handler": "index.handler",
                    "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                    "Code": {"ZipFile": source},
                    "Timeout": timeout,
                },
            },
            "Retries": {
                "Type": "AWS::Lambda::EventInvokeConfig",
                "Properties": {
                    "FunctionName": {"Ref": "Function"},
                    "Qualifier": "$LATEST",
                    "MaximumRetryAttempts": retries,
                },
            },
            "Resource": {
                "Type": "Custom::Resource",
                "DependsOn": "Retries",
                "Properties": {
                    "ServiceToken": {"Fn::GetAtt": ["Function", "Arn"]},
                    "ServiceTimeout": service_timeout,
                    "Value": value,
                },
            },
        },
        "Outputs": {"Answer": {"Value": {"Fn::GetAtt": ["Resource", "Answer"]}}},
    }


def _finished(emulation: Emulation) -> str:
    [described] = emulation.client("cloudformation").describe_stacks(StackName="stack")["Stacks"]
    status: str = described["StackStatus"]
    return "" if status.endswith("_IN_PROGRESS") else status


def _reason(emulation: Emulation) -> str:
    events = emulation.client("cloudformation").describe_stack_events(StackName="stack")["StackEvents"]
    return "\n".join(event.get("ResourceStatusReason", "") for event in events)
