"""Parameters: never wider than the limits of the account API, described, and the same for every contact type."""

import ast
import json
import re
import tomllib
from typing import Any

import botocore.session
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alternate_contacts.worker import contacts
from tests.template.conftest import ROOT

CONTACT_FIELDS = [field.api_name for field in contacts.CONTACT_FIELDS]
CONTACT_TYPES = ["Billing", "Operations", "Security"]


@pytest.fixture(scope="session")
def api() -> dict[str, Any]:
    """The limits of the account API by field, from the service model of botocore."""
    model = botocore.session.get_session().get_service_model("account").operation_model("PutAlternateContact")
    assert model.input_shape is not None
    return {name: shape.metadata for name, shape in model.input_shape.members.items()}


def accepts(parameter: dict[str, Any], value: str) -> bool:
    # Python's $ also matches before a final newline; that of CloudFormation does not.
    matches = re.search(parameter["AllowedPattern"], value, re.ASCII) is not None and not value.endswith("\n")
    return matches and len(value) <= parameter["MaxLength"]


@pytest.mark.parametrize("field", CONTACT_FIELDS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@given(data=st.data())
def test_the_account_api_accepts_every_value_that_a_parameter_accepts(
    template: dict[str, Any], api: dict[str, Any], field: str, data: st.DataObject
) -> None:
    parameter = template["Parameters"][f"Security{field}"]
    value = data.draw(st.from_regex(re.compile(parameter["AllowedPattern"], re.ASCII)).map(lambda v: v.rstrip("\n")))
    if not accepts(parameter, value) or value == "none":
        return
    limits = api[field]
    assert limits["min"] <= len(value) <= limits["max"]
    if "pattern" in limits:
        assert re.fullmatch(limits["pattern"], value, re.ASCII)
    assert value == value.strip(" \t\n\r\f\v")


@pytest.mark.parametrize("field", CONTACT_FIELDS)
def test_a_value_may_be_as_long_as_the_account_api_allows(
    template: dict[str, Any], api: dict[str, Any], field: str
) -> None:
    assert template["Parameters"][f"Security{field}"]["MaxLength"] == api[field]["max"]


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
def test_a_parameter_accepts(template: dict[str, Any], field: str, value: str) -> None:
    assert accepts(template["Parameters"][f"Security{field}"], value)


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
def test_a_parameter_rejects(template: dict[str, Any], field: str, value: str) -> None:
    assert not accepts(template["Parameters"][f"Security{field}"], value)


@pytest.mark.parametrize("path", ["none", "/contacts", "/teams/alternate-contacts", "/a.b_c-D/1", "/x" * 13])
def test_contacts_path_accepts(template: dict[str, Any], path: str) -> None:
    assert accepts(template["Parameters"]["ContactsPath"], path)


@pytest.mark.parametrize(
    "path",
    [
        *("", "/", "contacts", "/contacts/", "//contacts", "/a//b", "/x" * 14, "/a b", "/a*", "/a?", "/${a}", "/a\n"),
        *("None", "/aws", "/aws/contacts", "/AWSx", "/ssm", "/Ssm-contacts", "/" + "x" * 512),
    ],
)
def test_contacts_path_rejects(template: dict[str, Any], path: str) -> None:
    assert not accepts(template["Parameters"]["ContactsPath"], path)


def test_a_restricted_parameter_has_an_anchored_pattern_and_describes_its_values(template: dict[str, Any]) -> None:
    for name, parameter in template["Parameters"].items():
        assert parameter["Description"], name
        pattern = parameter.get("AllowedPattern", "^$")
        assert (pattern[0], pattern[-1]) == ("^", "$"), name
        if "AllowedPattern" in parameter or "MinValue" in parameter:
            assert parameter["ConstraintDescription"], name


def test_every_parameter_has_a_group_and_a_label(template: dict[str, Any]) -> None:
    interface = template["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]
    assert sorted(grouped) == sorted(interface["ParameterLabels"]) == sorted(template["Parameters"])


@pytest.mark.parametrize("contact_type", CONTACT_TYPES)
def test_a_managed_contact_type_requires_every_field(template: dict[str, Any], contact_type: str) -> None:
    rule = template["Rules"][f"{contact_type}Contact"]
    assert rule["RuleCondition"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": f"{contact_type}Policy"}, "ignore"]}]}
    for field, assertion in zip(CONTACT_FIELDS, rule["Assertions"], strict=True):
        name = f"{contact_type}{field}"
        [contains] = assertion["Assert"]["Fn::Not"]
        rejected, reference = contains["Fn::Contains"]
        assert reference == {"Ref": name}
        assert "none" in rejected
        assert name in assertion["AssertDescription"]
        # The placeholder of manifest.yaml, where the pattern of the parameter accepts it
        assert ("REPLACE_ME" in rejected) == accepts(template["Parameters"][name], "REPLACE_ME")


@pytest.mark.parametrize("contact_type", CONTACT_TYPES)
@pytest.mark.parametrize("field", contacts.CONTACT_FIELDS, ids=lambda field: field.key)
def test_a_contact_set_has_the_limits_of_the_parameters(
    template: dict[str, Any], contact_type: str, field: contacts.ContactField
) -> None:
    parameter = template["Parameters"][f"{contact_type}{field.api_name}"]
    assert (field.max_length, field.pattern) == (parameter["MaxLength"], parameter["AllowedPattern"])
    asserted = str(template["Rules"][f"{contact_type}Contact"]["Assertions"])
    [placeholders] = re.findall(rf"\[(\[[^]]*\]), {{'Ref': '{contact_type}{field.api_name}'}}", asserted)
    assert ast.literal_eval(placeholders) == list(field.placeholders)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@given(data=st.data(), field=st.sampled_from(contacts.CONTACT_FIELDS))
def test_a_contact_set_accepts_no_value_that_a_parameter_rejects(
    template: dict[str, Any], field: contacts.ContactField, data: st.DataObject
) -> None:
    value = data.draw(st.from_regex(field.pattern) | st.text())
    if field.accepts(value):
        assert accepts(template["Parameters"][f"Security{field.api_name}"], value)


# ---- the three contact types --------------------------------------------------------------------------------------


def of_contact_type(section: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in section.items() if key.startswith(name)}


def in_template(template: dict[str, Any], name: str) -> object:
    interface = template["Metadata"]["AWS::CloudFormation::Interface"]
    resources = template["Resources"]
    return [
        of_contact_type(template["Parameters"], name),
        of_contact_type(interface["ParameterLabels"], name),
        [group for group in interface["ParameterGroups"] if group["Label"]["default"].startswith(f"{name} ")],
        of_contact_type(template["Rules"], name),
        resources["Backfill"]["Properties"][name],
        of_contact_type(resources["WorkerFunction"]["Properties"]["Environment"]["Variables"], f"{name.upper()}_"),
    ]


def in_manifest(_: dict[str, Any], name: str) -> object:
    [resource] = yaml.safe_load((ROOT / "manifest.yaml").read_text())["resources"]
    return [each for each in resource["parameters"] if each["parameter_key"].startswith(name)]


def in_samconfig(_: dict[str, Any], name: str) -> object:
    """Names only: the emulation needs three different contacts."""
    overrides = tomllib.loads((ROOT / "samconfig.toml").read_text())["emulation"]["deploy"]["parameters"]
    return [each.split("=")[0] for each in overrides["parameter_overrides"] if each.startswith(name)]


@pytest.mark.parametrize("source", [in_template, in_manifest, in_samconfig])
def test_the_three_contact_types_differ_only_in_their_name(template: dict[str, Any], source: Any) -> None:
    billing, operations, security = (
        json.dumps(source(template, name)).replace(name, "Type").replace(name.upper(), "TYPE") for name in CONTACT_TYPES
    )
    assert billing == operations == security
    assert all(f"Type{field}" in billing for field in CONTACT_FIELDS)
