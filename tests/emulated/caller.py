"""Who calls the emulation when the command runs: the root user, or a role with few permissions."""

import json
from collections.abc import Sequence

import pytest

from emulation.organization import Emulation
from emulation.settings import MANAGEMENT_ACCOUNT


def use_root_user(emulation: Emulation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the environment variables of the root user of the management account."""
    for name, value in emulation.environment.items():
        if name.startswith("AWS_") or name == "NO_PROXY":
            monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)


def use_role(
    emulation: Emulation, monkeypatch: pytest.MonkeyPatch, statements: Sequence[object], role: str = "operator"
) -> None:
    """Create or change a role with these policy statements, and set the environment variables of its credentials."""
    iam = emulation.client("iam")
    trust = {"Effect": "Allow", "Principal": {"AWS": MANAGEMENT_ACCOUNT}, "Action": "sts:AssumeRole"}
    if role not in [existing["RoleName"] for existing in iam.list_roles()["Roles"]]:
        iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))
    policy = {"Version": "2012-10-17", "Statement": statements}
    iam.put_role_policy(RoleName=role, PolicyName="policy", PolicyDocument=json.dumps(policy))
    arn = iam.get_role(RoleName=role)["Role"]["Arn"]
    keys = emulation.assume_role(arn)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys["SecretAccessKey"])
    monkeypatch.setenv("AWS_SESSION_TOKEN", keys["SessionToken"])
