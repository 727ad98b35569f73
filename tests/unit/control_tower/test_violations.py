"""A manifest that CfCT would reject or change is a violation, in one message without contact data."""

import re
from collections.abc import Callable

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from control_tower.errors import PackagingError
from control_tower.manifest import FORWARDER, MAIN, Manifest
from control_tower.package import FORWARDER_TEMPLATE, TEMPLATE
from control_tower.template import Template
from control_tower.violations import account_violations, find_violations
from tests.template.cfct import pipeline
from tests.template.cfct.samples import CONTACTS, filled, shipped, with_values

Templates = dict[str, Template]

TEMPLATES = {MAIN: Template.read(TEMPLATE), FORWARDER: Template.read(FORWARDER_TEMPLATE)}


def violations(text: str, templates: Templates) -> list[str]:
    return find_violations(Manifest.parse(text), templates)


def replaced(old: str, new: str) -> str:
    text = filled()
    assert text.count(old) == 1, old
    return text.replace(old, new)


def test_a_filled_manifest_has_no_violations(templates: Templates) -> None:
    assert violations(filled(), templates) == []


def test_placeholders_are_one_violation(templates: Templates) -> None:
    [violation] = violations(shipped(), templates)
    assert violation.startswith(f"REPLACE_ME is still the value of {', '.join(CONTACTS)}. ")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("SecurityName", '"John Doe"', "SecurityName is missing or a placeholder"),
        ("SecurityName", '"Jane Doe"', "SecurityName is missing or a placeholder"),
        ("SecurityName", '"none"', "SecurityName is missing or a placeholder"),
        ("SecurityEmailAddress", '"soc@example.com"', "SecurityEmailAddress must be an e"),
        ("SecurityEmailAddress", '"soc at acme"', "SecurityEmailAddress must be an e"),
        ("SecurityPhoneNumber", '"+1 206 ext 5"', "SecurityPhoneNumber must be a phone number"),
        ("SecurityName", '" Sam"', "SecurityName must be 1 to 64 characters"),
        ("SecurityName", '""', "SecurityName must be 1 to 64 characters"),
        ("SecurityPolicy", '"replace"', "SecurityPolicy must be one of overwrite, fill, ignore."),
        ("QuotaShare", '"49"', "QuotaShare must be a percentage from 50 to 100"),
        ("SecurityTitle", '"Security, EMEA"', "SecurityTitle contains a comma, at which CfCT splits values."),
        ("SecurityPhoneNumber", "+12065550103", "Put the value of SecurityPhoneNumber in quotes"),
        ("SecurityPhoneNumber", "02065550103", "Put the value of SecurityPhoneNumber in quotes"),
        ("QuotaShare", "100", "Put the value of QuotaShare in quotes"),
        ("SecurityName", "on", "Put the value of SecurityName in quotes"),
        ("SecurityName", "", "Put the value of SecurityName in quotes"),
        ("SecurityName", "[Sam]", "Give each of the parameters of alternate-contacts one parameter_key, one"),
        ("SecurityName", '"$[alfred_genpass_12]"', "SecurityName begins with $[ but is not an SSM look-up"),
        ("SecurityName", '"$[alfred_ssm_]"', "SecurityName begins with $[ but is not an SSM look-up"),
        ("SecurityName", '"$[alfred_ssm_/a] or so"', "SecurityName begins with $[ but is not an SSM look-up"),
        ("SecurityName", '"$[Sam]"', "SecurityName begins with $[ but is not an SSM look-up"),
    ],
)
def test_a_value_that_would_not_arrive_as_written_is_a_violation(
    templates: Templates, name: str, value: str, message: str
) -> None:
    [violation] = violations(with_values(filled(), {name: value}), templates)
    assert violation.startswith(message)
    assert violation.endswith(".")


def test_a_look_up_is_accepted_and_its_value_is_left_to_cloudformation(templates: Templates) -> None:
    for name in CONTACTS:
        assert violations(with_values(filled(), {name: '"$[alfred_ssm_/contacts/Some_one.x-1]"'}), templates) == []
    assert violations(with_values(filled(), {"SecurityPolicy": '"$[alfred_ssm_/policy]"'}), templates) == []


def test_ignoring_all_contact_types_is_a_violation(templates: Templates) -> None:
    policies = {f"{contact_type}Policy": '"ignore"' for contact_type in ("Billing", "Operations", "Security")}
    [violation] = violations(with_values(filled(), {**policies, **dict.fromkeys(CONTACTS, '"none"')}), templates)
    assert violation.startswith("All three contact types have the policy ignore")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("parameter_key: QuotaShare", "parameter_key: Quota", "The template of alternate-contacts has no parameter"),
        ("parameter_key: QuotaShare", "parameter_key: PutRate", "alternate-contacts has the parameter PutRate twice."),
        ("    deploy_method: stack_set\n", "    deploy_method: scp\n", "Write deploy_method: stack_set in"),
        ("    deploy_method: stack_set\n", "", "Write deploy_method: stack_set in"),
        ("    parameters:\n", "    parameter_file: p.json\n    parameters:\n", "Remove parameter_file from"),
        ("    description:", "    tags: []\n    description:", "alternate-contacts has a key that CfCT does not know"),
        ("      - us-east-1 #", "      - eu-west-1 #", "Write the list regions with the one entry"),
        ("      - us-east-1 #", "      - us-east-1\n      - eu-west-1 #", "Write the list regions with the one entry"),
        ("    regions:\n      - us-east-1", "    description: none", "Write the list regions with the one entry"),
        ('"111122223333"', "111122223333", "Put the account ID of alternate-contacts in quotes"),
        ('"111122223333"', "012345670123", "Put the account ID of alternate-contacts in quotes"),
        ('"111122223333"', '"management"', "Write the account of alternate-contacts as its ID of 12 digits"),
        ('        - "111122223333"', "        []", "Write the management account alone"),
        ('"111122223333"', '"111122223333"\n        - "1"', "Write the management account alone"),
        ("      accounts:", "      organizational_units: []\n      accounts:", "Write the management account alone"),
        ("resource_file: template.yaml", 'resource_file: "template.yaml"', "Write name: first in"),
        ("resource_file: template.yaml", "resource_file: my template.yaml", "Write name: first in"),
        ("resource_file: template.yaml", "resource_file:\n      template.yaml", "Write name: first in"),
        ("resource_file: template.yaml", "resource_file: /template.yaml", "Give alternate-contacts a resource_file"),
        ("resource_file: template.yaml", "resource_file: ../t.yaml", "Give alternate-contacts a resource_file"),
        ("resource_file: template.yaml", "resource_file: s3://b/k", "Give alternate-contacts a resource_file"),
        ("resource_file: template.yaml", "resource_file: https://b/k", "Give alternate-contacts a resource_file"),
        (
            "resources:\n",
            "resources:\n  - name: other\n    resource_file: template.yaml\n",
            "Another resource has the resource_file template.yaml too",
        ),
        ("name: alternate-contacts\n", "name: contacts\n", "The manifest has no resource alternate-contacts"),
        ("version: 2021-03-15", "version: 2020-01-01", "Write version: 2021-03-15 in the manifest, without quotes"),
        ("version: 2021-03-15", 'version: "2021-03-15"', "Write version: 2021-03-15 in the manifest, without quotes"),
        ("version: 2021-03-15", "description: x", "Write version: 2021-03-15 in the manifest, without quotes"),
        ("region: us-east-1", "region: REPLACE_ME", "Write Control Tower's home region"),
        ("region: us-east-1", "region:", "Write Control Tower's home region"),
        ("region: us-east-1 #", "home: us-east-1 #", "Write Control Tower's home region"),
    ],
)  # fmt: skip
def test_a_manifest_that_cfct_would_reject_or_misread_is_a_violation(
    templates: Templates, old: str, new: str, message: str
) -> None:
    [violation] = violations(replaced(old, new), templates)
    assert violation.startswith(message)


def test_a_path_on_the_line_with_the_dash_is_a_violation(templates: Templates) -> None:
    """CfCT's script would look for a file with the name ``resource_file:``."""
    text = replaced("    resource_file: template.yaml", "    #").replace(
        "  - name: alternate-contacts\n", "  - resource_file: t.yaml\n    name: alternate-contacts\n"
    )
    [violation] = violations(text, templates)
    assert violation.startswith("Write name: first in alternate-contacts")


def test_the_forwarder_is_checked_like_the_main_resource(templates: Templates) -> None:
    manifest = Manifest.parse(filled()).with_home_region("eu-west-1").with_forwarder(templates[FORWARDER])
    assert find_violations(manifest, templates) == []
    found = violations(with_values(manifest.text, {"AlarmEmail": "1"}), templates)
    assert len(found) == 2
    assert all(message.startswith("Put the value of AlarmEmail in quotes") for message in found)
    [violation] = violations(manifest.text.replace("    - eu-west-1\n", "    - us-east-1\n"), templates)[:1]
    assert violation == f"Write the list regions with the one entry eu-west-1 in {FORWARDER}."


def test_our_two_templates_need_two_paths(templates: Templates) -> None:
    manifest = Manifest.parse(filled()).with_home_region("eu-west-1").with_forwarder(templates[FORWARDER])
    found = violations(manifest.text.replace("home_region.yaml", "template.yaml"), templates)
    assert len(found) == 2
    assert all("Another resource has the resource_file template.yaml too" in message for message in found)


def test_the_forwarder_in_the_region_of_the_main_stack_is_a_violation(templates: Templates) -> None:
    found = find_violations(Manifest.parse(filled()).with_forwarder(templates[FORWARDER]), templates)
    assert f"Remove {FORWARDER}: the home region is us-east-1, which already receives the events." in found


def test_another_account_than_the_management_account_is_a_violation(templates: Templates) -> None:
    manifest = Manifest.parse(filled()).with_forwarder(templates[FORWARDER])
    assert account_violations(manifest, "012345670123") == []
    edited = manifest.with_account("999999999999")
    assert account_violations(edited, "999999999999") == []
    assert account_violations(edited, "012345670123") == [
        f"{name} is deployed to account 999999999999, but the management account of the organization is 012345670123."
        for name in (MAIN, FORWARDER)
    ]


# ---- every accepted value arrives unchanged --------------------------------------------------------------------------

TRICKY = st.sampled_from(
    [
        *("+12065550101", "012345670123", "1:30", "off", "y", "~", "2021-03-15", "1_000", "0x1f", "none", "null"),
        *("$[x]", "$[alfred_ssm_/a]", "a, b", "a,b", " a", "#a", "a #b", "a: b", "'a", '"a', "*a", "&a", "!a"),
        *("[a]", "{a}", "|", ">-"),
    ]
)
VALUES = (
    TRICKY | st.text(st.characters(codec="utf-8"), max_size=20) | st.from_regex(r"[0-9+ ()-]{1,25}", fullmatch=True)
)


def single_quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def double_quoted(value: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'


STYLES = st.sampled_from([str, single_quoted, double_quoted])


@given(name=st.sampled_from(sorted(CONTACTS)), value=VALUES, write=STYLES)
def test_an_accepted_value_arrives_at_cloudformation_as_it_is_written(
    name: str, value: str, write: Callable[[str], str]
) -> None:
    assume(value.isprintable())
    text = with_values(filled(), {name: write(value)})
    try:
        manifest = Manifest.parse(text)
    except PackagingError:
        assume(False)
    assume(not find_violations(manifest, TEMPLATES))
    looked_up = {"/a": "Zoë, of Acme"}
    arrived = pipeline.parameters(text, MAIN, looked_up)
    written = manifest.parameters(MAIN)[name]
    assert arrived[name] == ("Zoë, of Acme" if written == "$[alfred_ssm_/a]" else written)
    if write is not str:
        assert written == value


@settings(max_examples=50)
@given(value=VALUES, write=STYLES)
def test_no_violation_quotes_a_value(value: str, write: Callable[[str], str]) -> None:
    secret = f"q7{value}7q"
    assume(secret.isprintable())
    try:
        found = violations(with_values(filled(), dict.fromkeys(CONTACTS, write(secret))), TEMPLATES)
    except PackagingError as error:
        found = list(error.messages)
    assert "q7" not in "".join(found)
