"""Whether a policy allows an action."""

from typing import Any

import pytest

from alternate_contacts.cli.preflight.policy import Statement, find_statements, is_allowed

ROLE = "arn:aws:iam::111122223333:role/AWSControlTowerExecution"
WITHOUT_TLS = {"Bool": {"aws:SecureTransport": "false"}}
ELSEWHERE = {"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}


def may_read(*statements: dict[str, Any]) -> bool | None:
    policy = {"Version": "2012-10-17", "Statement": list(statements)}
    return is_allowed(list(find_statements(policy, "s3:GetObject", (ROLE,), "arn:aws:s3:::code/key")))


def allow(**changes: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": {"AWS": ROLE}, "Action": "s3:GetObject", "Resource": "*", **changes}


def deny(**changes: Any) -> dict[str, Any]:
    return allow(Effect="Deny", **changes)


@pytest.mark.parametrize(
    "statement",
    [
        allow(),
        allow(Action="s3:*"),
        allow(Action="*"),
        allow(Action=["s3:PutObject", "S3:getobject"]),
        allow(Principal="*"),
        allow(Principal={"AWS": "*"}),
        allow(Principal={"AWS": ["arn:aws:iam::999999999999:root", ROLE]}),
        allow(Resource="arn:aws:s3:::code/*"),
        allow(Resource=["arn:aws:s3:::other/*", "arn:aws:s3:::code/*"]),
    ],
)
def test_a_statement_allows(statement: dict[str, Any]) -> None:
    assert may_read(statement) is True


@pytest.mark.parametrize(
    "statement",
    [
        allow(Action="s3:PutObject"),
        allow(Principal={"AWS": "arn:aws:iam::111122223333:role/Other"}),
        allow(Principal={"Service": "lambda.amazonaws.com"}),
        allow(Resource="arn:aws:s3:::code"),
        allow(NotPrincipal={"AWS": "arn:aws:iam::999999999999:root"}, Principal=None),
    ],
)
def test_a_statement_does_not_apply(statement: dict[str, Any]) -> None:
    assert may_read(statement) is False


@pytest.mark.parametrize(
    ("statements", "allowed"),
    [
        ([], False),
        ([allow(), deny()], False),
        ([deny(), allow()], False),
        ([allow(Condition=ELSEWHERE)], None),
        ([allow(), allow(Condition=ELSEWHERE)], True),
        ([allow(), deny(Condition=ELSEWHERE)], None),
        ([allow(), deny(Condition=ELSEWHERE), deny()], False),
        ([allow(), deny(Condition=WITHOUT_TLS)], True),
        ([allow(), deny(Condition={"Bool": {"AWS:securetransport": [False]}})], True),
        ([allow(), deny(Condition={**WITHOUT_TLS, **ELSEWHERE})], None),
        ([allow(), deny(Condition={"Bool": {"aws:SecureTransport": "true"}})], None),
        ([allow(), deny(NotAction="s3:GetObject", Action=None)], True),
        ([allow(), deny(NotPrincipal={"AWS": ROLE}, Principal=None)], True),
        ([allow(), deny(NotPrincipal={"AWS": "arn:aws:iam::999999999999:root"}, Principal=None)], False),
        ([allow(), deny(Resource="arn:aws:s3:::code/secret/*")], True),
    ],
)
def test_a_deny_overrides_an_allow_and_a_condition_leaves_it_open(
    statements: list[dict[str, Any]], allowed: bool | None
) -> None:
    present = [{key: value for key, value in statement.items() if value is not None} for statement in statements]
    assert may_read(*present) is allowed


def test_a_trust_policy_has_no_resource_and_may_have_a_single_statement() -> None:
    trust = {"Statement": {"Effect": "Allow", "Principal": {"AWS": ROLE}, "Action": "sts:AssumeRole", "Sid": "In"}}
    assert list(find_statements(trust, "sts:AssumeRole", (ROLE,))) == [Statement(True, False, "In")]
