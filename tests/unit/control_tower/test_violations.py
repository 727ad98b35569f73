"""A manifest that CfCT would reject or change is a violation, in one message without contact data."""

import re
from collections.abc import Callable

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from control_tower.configuration import read_templates
from control_tower.errors import PackagingError
from control_tower.manifest import FORWARDER, MAIN, Manifest
from control_tower.violations import (
    account_violations,
    file_violations,
    find_violations,
    format_violations,
    look_ups,
)
from tests.profiles import examples
from tests.template.cfct import pipeline
from tests.template.cfct.samples import CONTACTS, EXISTING, filled, shipped, with_values

TEMPLATES = read_templates()


def violations(text: str) -> list[str]:
    manifest = Manifest.parse(text)
    return format_violations(manifest) or find_violations(manifest, TEMPLATES)


def replaced(old: str, new: str) -> str:
    text = filled()
    assert text.count(old) == 1, old
    return text.replace(old, new)


def with_forwarder(home_region: str = "eu-west-1") -> Manifest:
    return Manifest.parse(filled()).with_home_region(home_region).with_forwarder(TEMPLATES[FORWARDER])


def test_a_filled_manifest_has_no_violations() -> None:
    assert violations(filled()) == []


def test_placeholders_are_one_violation() -> None:
    [violation] = violations(shipped())
    assert violation.startswith(f"REPLACE_ME is still the value of {', '.join(CONTACTS)}. ")
    assert find_violations(Manifest.parse(shipped()), TEMPLATES, placeholders=True) == []


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
        ("SecurityName", '"Sam\\u2028Security"', "SecurityName must be 1 to 64 characters on one line"),
        ("SecurityPolicy", '"replace"', "SecurityPolicy must be one of overwrite, fill, ignore."),
        ("QuotaShare", '"49"', "QuotaShare must be a percentage from 50 to 100"),
        ("QuotaShare", '"7_0"', "QuotaShare must be a percentage from 50 to 100"),
        ("SecurityTitle", '"Security, EMEA"', "SecurityTitle contains a comma, at which CfCT splits values."),
        ("SecurityPhoneNumber", "+12065550103", "Put the value of SecurityPhoneNumber in quotes"),
        ("SecurityPhoneNumber", "02065550103", "Put the value of SecurityPhoneNumber in quotes"),
        ("QuotaShare", "100", "Put the value of QuotaShare in quotes"),
        ("QuotaShare", "7_0", "Put the value of QuotaShare in quotes"),
        ("SecurityName", "on", "Put the value of SecurityName in quotes"),
        ("SecurityName", "Sam #1", "Put the value of SecurityName in quotes"),
        ("SecurityName", "&Sam Security", "Put the value of SecurityName in quotes"),
        ("BillingName", "", "resources[0] (alternate-contacts).parameters[1] (BillingName).parameter_value has no"),
        ("SecurityName", "[Sam]", "Give the parameter SecurityName of alternate-contacts one value"),
        ("SecurityName", '"$[alfred_genpass_12]"', "SecurityName begins with $[ but is not an SSM look-up"),
        ("SecurityName", '"$[alfred_ssm_]"', "SecurityName begins with $[ but is not an SSM look-up"),
        ("SecurityName", '"$[alfred_ssm_a/b]"', "SecurityName begins with $[ but is not an SSM look-up"),
        ("SecurityName", '"$[alfred_ssm_/a] or so"', "SecurityName begins with $[ but is not an SSM look-up"),
        ("SecurityName", '"$[Sam]"', "SecurityName begins with $[ but is not an SSM look-up"),
    ],
)
def test_a_value_that_would_not_arrive_as_written_is_a_violation(name: str, value: str, message: str) -> None:
    [violation] = violations(with_values(filled(), {name: value}))
    assert violation.startswith(message)
    assert violation.endswith(".")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SecurityName", '"Sam #1 & Co"'),
        ("SecurityName", '"Sam Security" # agreed in March'),
        ("SecurityName", "Sam Security"),
        ("SecurityPolicy", "fill # for now"),
        ("SecurityTitle", '&title "Head of Security"'),
    ],
)
def test_a_value_that_arrives_as_written_is_accepted(name: str, value: str) -> None:
    assert violations(with_values(filled(), {name: value})) == []


def test_a_look_up_is_accepted_and_returned() -> None:
    for name in (*CONTACTS, "SecurityPolicy"):
        for parameter in ("/contacts/Some_one.x-1", "contact"):
            text = with_values(filled(), {name: f'"$[alfred_ssm_{parameter}]"'})
            assert violations(text) == []
            assert look_ups(Manifest.parse(text)) == [(MAIN, name, parameter)]


def test_ignoring_all_contact_types_is_a_violation() -> None:
    policies = {f"{contact_type}Policy": '"ignore"' for contact_type in ("Billing", "Operations", "Security")}
    [violation] = violations(with_values(filled(), {**policies, **dict.fromkeys(CONTACTS, '"none"')}))
    assert violation.startswith("All three contact types have the policy ignore")


PATH = "resource_file: template.yaml"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("parameter_key: QuotaShare", "parameter_key: Quota", "The template of alternate-contacts has no parameter"),
        ("parameter_key: QuotaShare", "parameter_key: PutRate", "alternate-contacts has the parameter PutRate twice."),
        ("    deploy_method: stack_set\n", "    deploy_method: scp\n", "Write deploy_method: stack_set in"),
        ("    deploy_method: stack_set\n", "    <<: {deploy_method: stack_set}\n", "Write the keys of"),
        ("    parameters:\n", "    parameter_file: p.json\n    parameters:\n", "Move the values of alternate-contacts"),
        ("      - us-east-1 #", "      - eu-west-1 #", "Write the list regions with the one entry"),
        ("      - us-east-1 #", "      - us-east-1\n      - eu-west-1 #", "Write the list regions with the one entry"),
        ("    regions:\n      - us-east-1", "    export_outputs:", "Write the list regions with the one entry"),
        ("    parameters:", "    export_outputs: [{name: a, value: b}]\n    parameters:", "Write each of the"),
        ('"111122223333"', "111122223333", "Put the account ID of alternate-contacts in quotes"),
        ('"111122223333"', "012345670123", "Put the account ID of alternate-contacts in quotes"),
        ('"111122223333"', '"management"', "Write the account of alternate-contacts as its ID of 12 digits"),
        ('        - "111122223333"', "        []", "Write the management account alone"),
        ('"111122223333"', '"111122223333"\n        - "1"', "Write the management account alone"),
        ("      accounts:", "      organizational_units: []\n      accounts:", "Write the management account alone"),
        (PATH, "resource_file: /template.yaml", "Give alternate-contacts a resource_file"),
        (PATH, "resource_file: ../t.yaml", "Give alternate-contacts a resource_file"),
        (PATH, "resource_file: ./t.yaml", "Give alternate-contacts a resource_file"),
        (PATH, "resource_file: a//t.yaml", "Give alternate-contacts a resource_file"),
        (PATH, "resource_file: s3://b/t.yaml", "Give alternate-contacts a resource_file"),
        (PATH, "resource_file: s3/t.yaml", "Give alternate-contacts a resource_file"),
        (PATH, "resource_file: https://b/t.yaml", "Give alternate-contacts a resource_file"),
        (PATH, "resource_file: my template.yaml", "Give alternate-contacts a resource_file"),
        (PATH, "resource_file: template*.yaml", "Give alternate-contacts a resource_file"),
        (PATH, "resource_file: template.json", "Give alternate-contacts a resource_file"),
        (PATH, "resource_file: manifest.yaml", "Give alternate-contacts a resource_file"),
        (PATH, "resource_file: cfct/template.yaml", "Give alternate-contacts a resource_file in another folder"),
        (PATH, "resource_file: parameters/t.yaml", "Give alternate-contacts a resource_file in another folder"),
        (
            "resources:\n",
            "resources:\n  - {name: b, resource_file: template.yaml, deploy_method: scp, deployment_targets: {}}\n",
            "Another resource has the resource_file template.yaml too",
        ),
        ("name: alternate-contacts\n", "name: contacts\n", "The resource contacts deploys this package under another"),
        ("version: 2021-03-15", "version: 2020-01-01", "Convert the manifest from version 2020-01-01 to 2021-03-15"),
        ("version: 2021-03-15", 'version: "2020-01-01"', "Convert the manifest from version 2020-01-01 to 2021-03-15"),
        ("resources:\n", "organization_policies: []\nresources:\n", "Convert the manifest from version 2020-01-01"),
        ("version: 2021-03-15", 'version: "2021-03-15"', "version must be 2021-03-15, without quotes."),
        ("region: us-east-1", "region:", "region has no value."),
    ],
)  # fmt: skip
def test_a_manifest_that_cfct_would_reject_or_misread_is_one_violation(old: str, new: str, message: str) -> None:
    [violation] = violations(replaced(old, new))
    assert violation.startswith(message)


def test_a_manifest_without_our_resource_or_its_parameters_is_one_violation() -> None:
    [violation] = violations("region: us-east-1\nversion: 2021-03-15\nresources: []\n")
    assert violation.startswith("The manifest has no resource alternate-contacts")
    [violation] = violations(filled().partition("    parameters:")[0])
    assert violation.startswith("alternate-contacts has no parameters")


def test_our_resource_twice_is_one_violation() -> None:
    [violation] = violations(filled() + filled().partition("resources:\n")[2])
    assert violation == "The manifest has the resource alternate-contacts 2 times. Keep one."


def test_an_export_of_an_output_is_accepted() -> None:
    outputs = "    export_outputs: [{name: /a, value: '$[output_BackfillSummary]'}]\n"
    assert violations(replaced("    parameters:", f"{outputs}    parameters:")) == []


def test_the_forwarder_is_checked_like_the_main_resource() -> None:
    manifest = with_forwarder()
    assert find_violations(manifest, TEMPLATES) == []
    found = violations(with_values(manifest.text, {"AlarmEmail": "1"}))
    assert len(found) == 2
    assert all(message.startswith("Put the value of AlarmEmail in quotes") for message in found)
    [violation] = violations(manifest.text.replace("    - eu-west-1\n", "    - us-east-1\n"))[:1]
    assert violation == f"Write the list regions with the one entry eu-west-1 in {FORWARDER}."


def test_our_two_templates_need_two_paths() -> None:
    found = violations(with_forwarder().text.replace("home_region.yaml", "template.yaml"))
    assert len(found) == 2
    assert all("Another resource has the resource_file template.yaml too" in message for message in found)


def test_the_forwarder_in_the_region_of_the_main_stack_is_one_violation() -> None:
    found = find_violations(with_forwarder("us-east-1"), TEMPLATES)
    assert found == [f"Remove {FORWARDER}: the home region is us-east-1, which already receives the events."]


def test_another_account_than_the_management_account_is_a_violation() -> None:
    manifest = with_forwarder()
    assert account_violations(manifest, "012345670123") == []
    edited = manifest.with_account("999999999999")
    assert account_violations(edited, "999999999999") == []
    assert account_violations(edited, "012345670123") == [
        f"{name} is deployed to account 999999999999, but the management account of the organization is 012345670123."
        for name in (MAIN, FORWARDER)
    ]


# ---- files ----------------------------------------------------------------------------------------------------------


def test_a_missing_file_and_a_line_that_is_read_as_a_path_are_different_violations() -> None:
    text = EXISTING.replace("  deploy_method: scp\n", "  deploy_method: scp # no parameter_file: needed\n")
    unreadable, missing = file_violations(Manifest.parse(text), lambda path: path.startswith("templates/"))
    assert missing == ["Line 9: the configuration has no file policies/guardrails.json."]
    [violation] = unreadable
    assert violation.startswith("Line 10: CfCT's script reads the third word")


@pytest.mark.parametrize(
    "line",
    [
        '  resource_file: "policies/guardrails.json"',
        "  resource_file: policies/guard rails.json",
        "  - resource_file: policies/guardrails.json",
        "  description: see resource_file: here",
    ],
)
def test_a_path_that_the_script_does_not_find_is_a_violation_without_the_text(line: str) -> None:
    manifest = Manifest.parse("region: us-east-1\nresources: |\n" + line)
    [violation], missing = file_violations(manifest, lambda path: path == "policies/guardrails.json")
    assert violation.startswith("Line 3: CfCT's script reads the third word")
    assert missing == []


# ---- every accepted value arrives unchanged -------------------------------------------------------------------------

TRICKY = st.sampled_from(
    [
        *("+12065550101", "012345670123", "1:30", "off", "y", "~", "2021-03-15", "1_000", "0x1f", "none", "null"),
        *("$[x]", "$[alfred_ssm_/a]", "a, b", "a,b", " a", "#a", "a #b", "a: b", "'a", '"a', "*a", "&a", "!a", "&a b"),
        *("[a]", "{a}", "|", ">-", "a_file: b", "0o7", "1e3", "=", "<<"),
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


@settings(max_examples=examples(20), deadline=None)
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
    assume(not violations(text) and not any(file_violations(manifest, {"template.yaml"}.__contains__)))
    looked_up = {"/a": "Zoë, of Acme"}
    arrived = pipeline.parameters(text, MAIN, looked_up)
    assert arrived[name] == (
        "Zoë, of Acme" if value == "$[alfred_ssm_/a]" else value.strip() if write is str else value
    )
    assert pipeline.schema_violations(text) == []


@settings(max_examples=examples(20), deadline=None)
@given(value=VALUES, write=STYLES)
def test_no_violation_quotes_a_value(value: str, write: Callable[[str], str]) -> None:
    secret = f"q7{value}7q"
    assume(secret.isprintable())
    try:
        text = with_values(filled(), dict.fromkeys(CONTACTS, write(secret)))
        found = [*violations(text), *file_violations(Manifest.parse(text), {"template.yaml"}.__contains__)[0]]
    except PackagingError as error:
        found = list(error.messages)
    assert "q7" not in "".join(found)
