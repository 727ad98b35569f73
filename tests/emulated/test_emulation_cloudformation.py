"""CloudFormation through boto3: the protocol of custom resources, and the checks of a template."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulation.organization import Emulation
from emulation.waiting import eventually

Stack = Callable[..., str]

QUEUE = json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}})

# The part of a custom resource's function that all tests share; each test adds its handler.
RESPOND = """
import json, os, pathlib, time, urllib.error, urllib.request

folder = pathlib.Path(os.environ["TMPDIR"])

def respond(event, status, data=None, **changes):
    response = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
    response |= {"Status": status, "Reason": "because", "PhysicalResourceId": "physical", "Data": data or {}, **changes}
    request = urllib.request.Request(event["ResponseURL"], json.dumps(response).encode(), method="PUT")
    request.add_header("content-type", "")
    urllib.request.urlopen(request)

def record(event):
    with (folder / "requests").open("a") as requests:
        print(event["RequestType"], event.get("PhysicalResourceId", "-"), file=requests)

"""


@pytest.fixture
def requests(emulation: Emulation) -> Iterator[Callable[[], list[str]]]:
    """The requests that the function received: request type and physical ID."""
    recorded = emulation.log.parent / "requests"
    yield lambda: recorded.read_text().splitlines()
    recorded.unlink()


@pytest.fixture
def stack(emulation: Emulation) -> Stack:
    """Deploy a custom resource with this function body; returns the stack's final status."""

    def deploy(body: str, *, timeout: int = 10, service_timeout: int = 20, retries: int = 2, value: str = "1") -> str:
        source = RESPOND + body
        return _deploy(emulation, _template(source, timeout, service_timeout, retries, value))

    return deploy


def test_a_custom_resource_returns_its_attributes_to_an_https_url_that_functions_trust(
    emulation: Emulation, stack: Stack
) -> None:
    body = """
def handler(event, context):
    scheme = event["ResponseURL"].partition(":")[0]
    respond(event, "SUCCESS", {"Result": scheme + " " + event["ResourceProperties"]["Value"]})
"""
    assert stack(body, value="42") == "CREATE_COMPLETE"
    [described] = emulation.client("cloudformation").describe_stacks(StackName="stack")["Stacks"]
    assert described["Outputs"][0]["OutputValue"] == "https 42"


def test_an_invocation_that_timed_out_is_retried(stack: Stack, requests: Callable[[], list[str]]) -> None:
    # The first invocation times out; its retry finds the marker file.
    body = """
def handler(event, context):
    record(event)
    marker = folder / event["RequestId"]
    if not marker.exists():
        marker.touch()
        time.sleep(60)
    respond(event, "SUCCESS", {"Result": "late"})
"""
    assert stack(body, timeout=1) == "CREATE_COMPLETE"
    assert requests() == ["Create -", "Create -"]


def test_without_retries_a_timeout_fails_the_stack_after_service_timeout(
    emulation: Emulation, stack: Stack, requests: Callable[[], list[str]]
) -> None:
    body = """
def handler(event, context):
    record(event)
    if event["RequestType"] == "Create":
        time.sleep(60)
    respond(event, "SUCCESS")
"""
    assert stack(body, timeout=1, service_timeout=2, retries=0) == "ROLLBACK_COMPLETE"
    assert "did not receive a response" in _reason(emulation)
    create, delete = requests()
    assert create == "Create -"
    assert delete.startswith("Delete stack-Resource-")


def test_a_failed_create_is_deleted_with_the_id_of_its_response(
    emulation: Emulation, stack: Stack, requests: Callable[[], list[str]]
) -> None:
    body = """
def handler(event, context):
    record(event)
    respond(event, "FAILED" if event["RequestType"] == "Create" else "SUCCESS")
"""
    assert stack(body) == "ROLLBACK_COMPLETE"
    assert "Received response status [FAILED] from custom resource. Message returned: because" in _reason(emulation)
    assert requests() == ["Create -", "Delete physical"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ("data={'Result': 'a' * 4096}", "Response object is too long"),
        ("PhysicalResourceId=''", "PhysicalResourceId"),
        ("RequestId='another'", "RequestId"),
    ],
)
def test_an_invalid_response_fails_the_stack(emulation: Emulation, stack: Stack, changes: str, reason: str) -> None:
    body = f"""
def handler(event, context):
    if event["RequestType"] == "Create":
        respond(event, "SUCCESS", {changes})
    else:
        respond(event, "SUCCESS")
"""
    assert stack(body) == "ROLLBACK_COMPLETE"
    assert reason in _reason(emulation)


def test_a_response_with_a_content_type_is_rejected(emulation: Emulation, stack: Stack) -> None:
    body = """
def handler(event, context):
    request = urllib.request.Request(event["ResponseURL"], b"{}", {"content-type": "application/json"}, method="PUT")
    try:
        urllib.request.urlopen(request)
    except urllib.error.HTTPError as error:
        respond(event, "SUCCESS", {"Result": str(error.code)})
"""
    assert stack(body) == "CREATE_COMPLETE"
    [described] = emulation.client("cloudformation").describe_stacks(StackName="stack")["Stacks"]
    assert described["Outputs"][0]["OutputValue"] == "403"


def test_a_failed_update_is_followed_by_an_update_back(stack: Stack, requests: Callable[[], list[str]]) -> None:
    body = """
def handler(event, context):
    record(event)
    bad = event["ResourceProperties"]["Value"] == "bad"
    respond(event, "FAILED" if bad else "SUCCESS", {"Result": "any"})
"""
    assert stack(body, value="good") == "CREATE_COMPLETE"
    assert stack(body, value="bad") == "UPDATE_ROLLBACK_COMPLETE"
    assert requests() == ["Create -", "Update physical", "Update physical"]


def test_a_mapping_that_lambda_rejects_fails_the_stack(emulation: Emulation) -> None:
    assert _deploy(emulation, _mappings("Mapping", BatchSize=100)) == "ROLLBACK_COMPLETE"
    assert "Maximum batch window" in _reason(emulation)


def test_a_second_mapping_of_one_function_and_queue_fails_the_stack(emulation: Emulation) -> None:
    assert _deploy(emulation, _mappings("Mapping", "Another")) == "ROLLBACK_COMPLETE"
    assert "already exists. Please update or delete the existing mapping with UUID" in _reason(emulation)


def test_renaming_a_mapping_fails_the_update_because_create_comes_before_delete(emulation: Emulation) -> None:
    assert _deploy(emulation, _mappings("Mapping")) == "CREATE_COMPLETE"

    assert _deploy(emulation, _mappings("Renamed")) == "UPDATE_ROLLBACK_COMPLETE"

    assert "already exists" in _reason(emulation)
    assert len(emulation.client("lambda").list_event_source_mappings()["EventSourceMappings"]) == 1


def test_a_mapping_can_be_updated(emulation: Emulation) -> None:
    assert _deploy(emulation, _mappings("Mapping")) == "CREATE_COMPLETE"
    assert _deploy(emulation, _mappings("Mapping", BatchSize=5)) == "UPDATE_COMPLETE"


def test_a_change_set_lists_no_resource_whose_condition_is_false(emulation: Emulation) -> None:
    cloudformation = emulation.client("cloudformation")
    template = {
        "Parameters": {"Value": {"Type": "String", "Default": "none"}},
        "Conditions": {"HasValue": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Value"}, "none"]}]}},
        "Resources": {
            "Queue": {"Type": "AWS::SQS::Queue"},
            "Other": {"Type": "AWS::SQS::Queue", "Condition": "HasValue"},
        },
    }

    def changes(change_set: str, value: str, **options: str) -> list[tuple[str, str]]:
        name = {"StackName": "stack", "ChangeSetName": change_set}
        values = [{"ParameterKey": "Value", "ParameterValue": value}]
        cloudformation.create_change_set(**name, TemplateBody=json.dumps(template), Parameters=values, **options)
        described = cloudformation.describe_change_set(**name)["Changes"]
        return [(each["ResourceChange"]["Action"], each["ResourceChange"]["LogicalResourceId"]) for each in described]

    assert changes("create", "none", ChangeSetType="CREATE") == [("Add", "Queue")]
    cloudformation.execute_change_set(StackName="stack", ChangeSetName="create")
    eventually(lambda: cloudformation.describe_stacks()["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE")
    assert changes("update", "x") == [("Add", "Other")]


def test_a_stack_in_rollback_complete_can_only_be_deleted(emulation: Emulation) -> None:
    cloudformation = emulation.client("cloudformation")
    assert _deploy(emulation, _mappings("Mapping", BatchSize=100)) == "ROLLBACK_COMPLETE"
    valid = {"StackName": "stack", "TemplateBody": QUEUE}

    with pytest.raises(ClientError, match="is in ROLLBACK_COMPLETE state and can not be updated"):
        cloudformation.update_stack(**valid)
    with pytest.raises(ClientError, match="is in ROLLBACK_COMPLETE state and can not be updated"):
        cloudformation.create_change_set(**valid, ChangeSetName="set")
    with pytest.raises(ClientError, match="already exists"):
        cloudformation.create_change_set(**valid, ChangeSetName="set", ChangeSetType="CREATE")
    with pytest.raises(cloudformation.exceptions.AlreadyExistsException):
        cloudformation.create_stack(**valid)

    cloudformation.delete_stack(StackName="stack")
    eventually(lambda: not cloudformation.describe_stacks()["Stacks"])
    assert _deploy(emulation, json.loads(QUEUE)) == "CREATE_COMPLETE"


@pytest.mark.parametrize(
    ("resource", "reason"),
    [
        ("Function", "The role defined for the function cannot be assumed by Lambda"),
        ("Schedule", "must allow AWS EventBridge Scheduler to assume the role"),
    ],
)
def test_a_role_that_the_service_may_not_assume_fails_the_stack(
    emulation: Emulation, resource: str, reason: str
) -> None:
    template = _template("def handler(event, context): pass", 3, 20, 2, "1")
    function, role = template["Resources"]["Function"], template["Resources"]["Role"]
    [statement] = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    statement["Condition"] = {"StringEquals": {"aws:SourceAccount": "111111111111"}}
    schedule = {
        "Type": "AWS::Scheduler::Schedule",
        "Properties": {
            "ScheduleExpression": "rate(1 day)",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {"Arn": "arn:aws:sqs:us-east-1:000000000000:any", "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]}},
        },
    }
    resources = {"Role": role, resource: {"Function": function, "Schedule": schedule}[resource]}

    assert _deploy(emulation, {"Resources": resources}) == "ROLLBACK_COMPLETE"

    assert reason in _reason(emulation)


@pytest.mark.parametrize(
    "url",
    [
        "https://templates.s3.amazonaws.com/folder/queue.json",
        "https://templates.s3.us-east-1.amazonaws.com/folder/queue.json",
        "https://s3.us-east-1.amazonaws.com/templates/folder/queue.json",
    ],
)
def test_a_template_url_may_be_virtual_hosted_or_path_style(emulation: Emulation, url: str) -> None:
    s3, cloudformation = emulation.client("s3"), emulation.client("cloudformation")
    s3.create_bucket(Bucket="templates")
    s3.put_object(Bucket="templates", Key="folder/queue.json", Body=QUEUE)

    cloudformation.create_stack(StackName="stack", TemplateURL=url)

    assert eventually(lambda: _final_status(emulation)) == "CREATE_COMPLETE"
    with pytest.raises(ClientError, match="Template not found"):
        cloudformation.create_stack(StackName="other", TemplateURL=url.replace("queue", "missing"))


def test_parameters_and_rules_are_checked_before_the_deployment(emulation: Emulation) -> None:
    template = {
        "Parameters": {
            "Email": {
                "Type": "String",
                "AllowedPattern": "[a-z]+@[a-z.]+",
                "ConstraintDescription": "must be an email address",
            }
        },
        "Rules": {
            "NoPlaceholder": {
                "Assertions": [
                    {
                        "Assert": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Email"}, "you@example.com"]}]},
                        "AssertDescription": "Set an address that is read",
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

    with pytest.raises(ClientError, match="must be an email address"):
        create("not-an-address")
    with pytest.raises(ClientError, match="Set an address that is read"):
        create("you@example.com")
    create("me@acme.test")


def _deploy(emulation: Emulation, template: dict[str, Any]) -> str:
    """Create or update the stack; returns its final status."""
    cloudformation = emulation.client("cloudformation")
    exists = any(stack["StackName"] == "stack" for stack in cloudformation.describe_stacks()["Stacks"])
    change = cloudformation.update_stack if exists else cloudformation.create_stack
    change(StackName="stack", TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"])
    return eventually(lambda: _final_status(emulation), within=20)


def _mappings(*names: str, **properties: Any) -> dict[str, Any]:
    """A function, a queue, and event source mappings between them with these logical IDs."""
    template = _template("def handler(event, context): pass", 3, 20, 2, "1")
    del template["Resources"]["Resource"], template["Outputs"]
    poll = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": poll, "Resource": "*"}]}
    template["Resources"]["Role"]["Properties"]["Policies"] = [{"PolicyName": "poll", "PolicyDocument": policy}]
    template["Resources"]["Queue"] = {"Type": "AWS::SQS::Queue"}
    for name in names:
        template["Resources"][name] = {
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {
                "FunctionName": {"Ref": "Function"},
                "EventSourceArn": {"Fn::GetAtt": ["Queue", "Arn"]},
                **properties,
            },
        }
    return template


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
        "Outputs": {"Result": {"Value": {"Fn::GetAtt": ["Resource", "Result"]}}},
    }


def _final_status(emulation: Emulation) -> str:
    [described] = emulation.client("cloudformation").describe_stacks(StackName="stack")["Stacks"]
    status: str = described["StackStatus"]
    return "" if status.endswith("_IN_PROGRESS") else status


def _reason(emulation: Emulation) -> str:
    events = emulation.client("cloudformation").describe_stack_events(StackName="stack")["StackEvents"]
    return "\n".join(event.get("ResourceStatusReason", "") for event in events)
