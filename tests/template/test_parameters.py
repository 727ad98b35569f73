"""The parameters: never wider than the API's own limits, and clear about what they refuse."""

import re
from typing import Any

import botocore.session
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

CONTACT_FIELDS = ["Name", "Title", "EmailAddress", "PhoneNumber"]
TYPES = ["Billing", "Operations", "Security"]


@pytest.fixture(scope="session")
def api() -> dict[str, Any]:
    """The API's limits by field, from botocore's service model."""
    model = botocore.session.get_session().get_service_model("account").operation_model("PutAlternateContact")
    assert model.input_shape is not None
    return {name: shape.metadata for name, shape in model.input_shape.members.items()}


def matches(parameter: dict[str, Any], value: str) -> bool:
    return re.search(parameter["AllowedPattern"], value, re.ASCII) is not None and len(value) <= parameter.get(
        "MaxLength", 10**9
    )


@pytest.mark.parametrize("field", CONTACT_FIELDS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@given(data=st.data())
def test_whatever_a_parameter_takes_the_api_takes(
    template: dict[str, Any], api: dict[str, Any], field: str, data: st.DataObject
) -> None:
    parameter = template["Parameters"][f"Security{field}"]
    value = data.draw(st.from_regex(re.compile(parameter["AllowedPattern"], re.ASCII)).map(lambda v: v.rstrip("\n")))
    if not matches(parameter, value) or value == "none":
        return
    limits = api[field]
    assert limits["min"] <= len(value) <= limits["max"]
    if "pattern" in limits:
        assert re.fullmatch(limits["pattern"], value, re.ASCII)
    assert value == value.strip(" \t\n\r\f\v")


@pytest.mark.parametrize("field", CONTACT_FIELDS)
def test_a_parameter_is_as_long_as_the_api_allows(template: dict[str, Any], api: dict[str, Any], field: str) -> None:
    for kind in TYPES:
        assert template["Parameters"][f"{kind}{field}"]["MaxLength"] == api[field]["max"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("Name", "Bea Billing"),
        ("Name", "Zoë Ångström-O'Neill"),
        ("Name", "x"),
        ("Title", "Head of Security, EMEA"),
        ("EmailAddress", "aws+security@your-company.co.uk"),
        ("EmailAddress", "a.b#c|d!e&f=g_h-i@sub.domain.io"),
        ("PhoneNumber", "+44 20 7946 0018"),
        ("PhoneNumber", "+1 (206) 555-0100"),
        ("PhoneNumber", "112"),
    ],
)
def test_takes(template: dict[str, Any], field: str, value: str) -> None:
    for kind in TYPES:
        assert matches(template["Parameters"][f"{kind}{field}"], value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("Name", ""),
        ("Name", " Bea"),
        ("Name", "Bea "),
        ("Name", "Bea\nBilling"),
        ("Name", "x" * 65),
        ("Title", "x" * 51),
        ("EmailAddress", ""),
        ("EmailAddress", "REPLACE_ME"),
        ("EmailAddress", "security"),
        ("EmailAddress", "security@localhost"),
        ("EmailAddress", "jdoe@example.com"),
        ("EmailAddress", "jdoe@mail.example.org"),
        ("EmailAddress", " security@your-company.com"),
        ("EmailAddress", "security@your-company.com\n"),
        ("EmailAddress", "a@b.c, d@e.f"),
        ("EmailAddress", "x" * 250 + "@y.com"),
        ("PhoneNumber", ""),
        ("PhoneNumber", "REPLACE_ME"),
        ("PhoneNumber", "+316xxxx"),
        ("PhoneNumber", "()"),
        ("PhoneNumber", "+44 20 7946 0018 "),
        ("PhoneNumber", "+44 20 7946 0018 ext 5"),
        ("PhoneNumber", "1" * 26),
    ],
)
def test_refuses(template: dict[str, Any], field: str, value: str) -> None:
    for kind in TYPES:
        # Python's $ also matches before a final newline; CloudFormation's does not.
        assert "\n" in value[-1:] or not matches(template["Parameters"][f"{kind}{field}"], value)


def test_every_restriction_says_what_is_right(template: dict[str, Any]) -> None:
    for name, parameter in template["Parameters"].items():
        assert parameter["Description"], name
        if "AllowedPattern" in parameter or "MinValue" in parameter:
            assert parameter["ConstraintDescription"], name


def test_every_pattern_is_anchored(template: dict[str, Any]) -> None:
    for name, parameter in template["Parameters"].items():
        pattern = parameter.get("AllowedPattern")
        assert pattern is None or (pattern[0], pattern[-1]) == ("^", "$"), name


def test_every_parameter_stands_in_a_group_with_a_label(template: dict[str, Any]) -> None:
    interface = template["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]
    assert sorted(grouped) == sorted(template["Parameters"])
    assert sorted(interface["ParameterLabels"]) == sorted(template["Parameters"])


def test_every_field_of_a_managed_contact_is_asked_for(template: dict[str, Any]) -> None:
    for kind in TYPES:
        rule = template["Rules"][f"{kind}Contact"]
        assert rule["RuleCondition"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": f"{kind}Policy"}, "ignore"]}]}
        for field, assertion in zip(CONTACT_FIELDS, rule["Assertions"], strict=True):
            [refused] = assertion["Assert"]["Fn::Not"]
            words, reference = refused["Fn::Contains"]
            assert reference == {"Ref": f"{kind}{field}"}
            assert "none" in words
            assert f"{kind}{field}" in assertion["AssertDescription"]
            # What the parameter's pattern lets through and manifest.yaml ships has to be refused here.
            assert "REPLACE_ME" in words or not matches(template["Parameters"][f"{kind}{field}"], "REPLACE_ME")
