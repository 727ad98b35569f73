"""`sam deploy` and `sam delete` against the emulation, with a small project. `sam build` is a fixture of most tests."""

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from emulation import deploy
from emulation.organization import Emulation

TEMPLATE = """
    AWSTemplateFormatVersion: "2010-09-09"
    Transform: AWS::Serverless-2016-10-31
    Parameters:
      Greeting:
        Type: String
        AllowedPattern: "[A-Z].*"
        ConstraintDescription: begins with a capital letter
      Visibility:
        Type: Number
    Resources:
      AccountQueue:
        Type: AWS::SQS::Queue
        Properties:
          VisibilityTimeout: !Ref Visibility
      EchoFunction:
        Type: AWS::Serverless::Function
        Properties:
          CodeUri: EchoFunction
          Handler: echo.handler
          Runtime: python3.13
          Timeout: 5
          Environment:
            Variables:
              GREETING: !Ref Greeting
          Policies:
            - SQSPollerPolicy:
                QueueName: !GetAtt AccountQueue.QueueName
          EventInvokeConfig:
            MaximumRetryAttempts: 1
          Events:
            Messages:
              Type: SQS
              Properties:
                Queue: !GetAtt AccountQueue.Arn
                FunctionResponseTypes: [ReportBatchItemFailures]
    Outputs:
      Function:
        Value: !Ref EchoFunction
"""
CONFIGURATION = """
    version = 0.1
    [emulation.global.parameters]
    stack_name = "echo"
    [emulation.deploy.parameters]
    capabilities = "CAPABILITY_IAM"
    resolve_s3 = true
    confirm_changeset = false
    parameter_overrides = ["Greeting=Good morning", "Visibility=30"]
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a samconfig.toml."""
    root = tmp_path_factory.mktemp("project")
    (root / "samconfig.toml").write_text(dedent(CONFIGURATION))
    return root


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with what `sam build` would write."""
    folder = tmp_path_factory.mktemp("build")
    function = folder / "build" / "EchoFunction"
    function.mkdir(parents=True)
    (folder / "build" / "template.yaml").write_text(dedent(TEMPLATE))
    (function / "echo.py").write_text("import os\ndef handler(event, context): return os.environ['GREETING']\n")
    return folder


def test_deploy_returns_the_outputs_and_delete_removes_everything(
    emulation: Emulation, project: Path, built: Path
) -> None:
    outputs = deploy.deploy(emulation, built, project=project, parameters={"Greeting": 'Say "hello", \\ you'})

    functions = emulation.client("lambda")
    response = functions.invoke(FunctionName=outputs["Function"])
    assert response["Payload"].read() == b'"Say \\"hello\\", \\\\ you"'
    configuration = functions.get_function_event_invoke_config(FunctionName=outputs["Function"], Qualifier="$LATEST")
    assert configuration["MaximumRetryAttempts"] == 1

    deploy.delete(emulation, project=project)

    assert functions.list_functions()["Functions"] == []
    assert emulation.client("sqs").list_queues().get("QueueUrls", []) == []
    assert not (project / ".aws-sam").exists()


@pytest.mark.parametrize(
    ("deployed", "parameters", "reason"),
    [
        (deploy.deploy_without_sam, {"Greeting": "good morning"}, "begins with a capital letter"),
        (
            deploy.deploy,
            {"Visibility": "4"},
            "Queue visibility timeout: 4 seconds is less than Function timeout: 5 seconds",
        ),
    ],
)
def test_a_failure_has_its_reason(
    emulation: Emulation,
    project: Path,
    built: Path,
    deployed: Callable[..., dict[str, str]],
    parameters: dict[str, str],
    reason: str,
) -> None:
    """The other failure of each function is in test_deployments.py and test_backfill.py."""
    with pytest.raises(deploy.DeploymentError, match=reason) as failed:
        deployed(emulation, built, project=project, parameters=parameters)
    # A stack that cannot be created has to be deleted first; invalid parameters create none.
    stacks = emulation.client("cloudformation").describe_stacks()["Stacks"]
    has_stack = any(stack["StackName"] == "echo" for stack in stacks)
    assert ("ROLLBACK_COMPLETE" in str(failed.value)) is has_stack
