"""Systems Manager through boto3: the quota on request, and the permission for a path."""

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
