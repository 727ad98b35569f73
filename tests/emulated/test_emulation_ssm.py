"""Systems Manager through boto3: the quota on request, the permission for a path, and the events of changes."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulation.organization import Emulation


def test_parameters_are_throttled_on_request(emulation: Emulation) -> None:
    ssm = emulation.client("ssm")

    def call() -> None:
        ssm.get_parameters_by_path(Path="/path")

    for _ in range(50):
        call()
    emulation.enforce_quotas(speed=0.01)
    for _ in range(40):
        call()
    with pytest.raises(ClientError, match="ThrottlingException"):
        call()


def test_a_path_needs_its_own_permission(emulation: Emulation, caller: Callable[..., Any]) -> None:
    emulation.client("ssm").put_parameter(Name="/allowed/parameter", Value="value", Type="String")
    resource = f"arn:aws:ssm:us-east-1:{emulation.management_account}:parameter/allowed"
    ssm = caller({"Action": "ssm:GetParametersByPath", "Resource": resource})("ssm")

    [parameter] = ssm.get_parameters_by_path(Path="/allowed/")["Parameters"]

    assert parameter["Value"] == "value"
    with pytest.raises(ClientError, match="AccessDenied"):
        ssm.get_parameters_by_path(Path="/other")


def test_each_change_emits_an_event_without_the_value(emulation: Emulation, event_queue: str) -> None:
    ssm = emulation.client("ssm")
    ssm.put_parameter(Name="/path/one", Value="secret", Type="String", Description="of the team")
    ssm.put_parameter(Name="/path/one", Value="secret", Overwrite=True)
    ssm.label_parameter_version(Name="/path/one", Labels=["label"])
    ssm.put_parameter(Name="/path/two", Value="secret", Type="StringList")
    ssm.delete_parameter(Name="/path/one")
    ssm.delete_parameters(Names=["/path/two", "/path/missing"])
    with pytest.raises(ClientError):
        ssm.delete_parameter(Name="/path/missing")

    messages = emulation.client("sqs").receive_message(QueueUrl=event_queue, MaxNumberOfMessages=10)["Messages"]

    bodies = [message["Body"] for message in messages]
    assert "secret" not in str(bodies)
    events = list(map(json.loads, bodies))
    assert {(event["source"], event["detail-type"]) for event in events} == {("aws.ssm", "Parameter Store Change")}
    one = {"name": "/path/one", "type": "String", "description": "of the team"}
    two = {"name": "/path/two", "type": "StringList"}
    assert [event["detail"] for event in events] == [
        {"operation": "Create", **one},
        {"operation": "Update", **one},
        {"operation": "LabelParameterVersion", **one},
        {"operation": "Create", **two},
        {"operation": "Delete", **one},
        {"operation": "Delete", **two},
    ]
    account = emulation.management_account
    assert events[0]["resources"] == [f"arn:aws:ssm:us-east-1:{account}:parameter/path/one"]


def test_a_change_is_emitted_in_the_region_of_the_parameter(emulation: Emulation, event_queue: str) -> None:
    emulation.client("ssm", region="eu-west-1").put_parameter(Name="/path/one", Value="value", Type="String")
    assert "Messages" not in emulation.client("sqs").receive_message(QueueUrl=event_queue)
