"""Whatever CfCT would make something else of is refused, in one sentence that holds no contact data."""

import re
from collections.abc import Callable

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from control_tower.complaints import account_complaints, complaints
from control_tower.manifest import FORWARDER, MAIN, Manifest
from control_tower.package import FORWARDER_TEMPLATE, TEMPLATE
from control_tower.refusal import RefusalError
from control_tower.template import Template
from tests.template.cfct import pipeline
from tests.template.cfct.samples import CONTACTS, filled, shipped, with_values

Templates = dict[str, Template]

TEMPLATES = {MAIN: Template.read(TEMPLATE), FORWARDER: Template.read(FORWARDER_TEMPLATE)}


def said(text: str, templates: Templates) -> list[str]:
    return complaints(Manifest.parse(text), templates)


def changed(old: str, new: str) -> str:
    text = filled()
    assert text.count(old) == 1, old
    return text.replace(old, new)


def test_a_filled_manifest_is_accepted(templates: Templates) -> None:
    assert said(filled(), templates) == []


def test_what_is_still_to_be_filled_in_is_said_in_one_sentence(templates: Templates) -> None:
    [sentence] = said(shipped(), templates)
    assert sentence.startswith(f"Still REPLACE_ME: {', '.join(CONTACTS)}. ")


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("SecurityName", '"John Doe"', "SecurityName is missing or a placeholder"),
        ("SecurityName", '"Jane Doe"', "SecurityName is missing or a placeholder"),
        ("SecurityName", '"none"', "SecurityName is missing or a placeholder"),
        ("SecurityEmailAddress", '"soc@example.com"', "SecurityEmailAddress is not what the stack takes: an e-mail"),
        ("SecurityEmailAddress", '"soc at acme"', "SecurityEmailAddress is not what the stack takes: an e-mail"),
        ("SecurityPhoneNumber", '"+1 206 ext 5"', "SecurityPhoneNumber is not what the stack takes: a phone number"),
        ("SecurityName", '" Sam"', "SecurityName is not what the stack takes: 1 to 64 characters"),
        ("SecurityName", '""', "SecurityName is not what the stack takes: 1 to 64 characters"),
        ("SecurityPolicy", '"replace"', "SecurityPolicy must be one of overwrite, fill, ignore."),
        ("QuotaShare", '"49"', "QuotaShare is not what the stack takes: a percentage from 50 to 100"),
        ("SecurityTitle", '"Security, EMEA"', "SecurityTitle has a comma, at which CfCT would take it apart."),
        ("SecurityPhoneNumber", "+12065550103", "Put the value of SecurityPhoneNumber in quotes"),
        ("SecurityPhoneNumber", "02065550103", "Put the value of SecurityPhoneNumber in quotes"),
        ("QuotaShare", "100", "Put the value of QuotaShare in quotes"),
        ("SecurityName", "on", "Put the value of SecurityName in quotes"),
        ("SecurityName", "", "Put the value of SecurityName in quotes"),
        ("SecurityName", "[Sam]", "Give each of the parameters of alternate-contacts one parameter_key, one"),
        ("SecurityName", '"$[alfred_genpass_12]"', "SecurityName begins with $[ but is no look-up in SSM"),
        ("SecurityName", '"$[alfred_ssm_]"', "SecurityName begins with $[ but is no look-up in SSM"),
        ("SecurityName", '"$[alfred_ssm_/a] or so"', "SecurityName begins with $[ but is no look-up in SSM"),
        ("SecurityName", '"$[Sam]"', "SecurityName begins with $[ but is no look-up in SSM"),
    ],
)
def test_a_value_that_would_not_arrive_as_written_is_refused(
    templates: Templates, name: str, value: str, sentence: str
) -> None:
    [complaint] = said(with_values(filled(), {name: value}), templates)
    assert complaint.startswith(sentence)
    assert complaint.endswith(".")


def test_a_look_up_is_accepted_and_what_it_finds_is_cloudformations_to_judge(templates: Templates) -> None:
    for name in CONTACTS:
        assert said(with_values(filled(), {name: '"$[alfred_ssm_/contacts/Some_one.x-1]"'}), templates) == []
    assert said(with_values(filled(), {"SecurityPolicy": '"$[alfred_ssm_/policy]"'}), templates) == []


def test_nothing_to_do_is_refused(templates: Templates) -> None:
    policies = {f"{kind}Policy": '"ignore"' for kind in ("Billing", "Operations", "Security")}
    [complaint] = said(with_values(filled(), {**policies, **dict.fromkeys(CONTACTS, '"none"')}), templates)
    assert complaint.startswith("All three contact types are ignored")


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("parameter_key: QuotaShare", "parameter_key: Quota", "The template of alternate-contacts has no parameter"),
        ("parameter_key: QuotaShare", "parameter_key: PutRate", "PutRate stands in alternate-contacts twice."),
        ("    deploy_method: stack_set\n", "    deploy_method: scp\n", "Write deploy_method: stack_set in"),
        ("    deploy_method: stack_set\n", "", "Write deploy_method: stack_set in"),
        ("    parameters:\n", "    parameter_file: p.json\n    parameters:\n", "Leave parameter_file out of"),
        ("    description:", "    tags: []\n    description:", "alternate-contacts has a key that CfCT does not know"),
        ("      - us-east-1 #", "      - eu-west-1 #", "Write the list regions with the one entry"),
        ("      - us-east-1 #", "      - us-east-1\n      - eu-west-1 #", "Write the list regions with the one entry"),
        ("    regions:\n      - us-east-1", "    description: none", "Write the list regions with the one entry"),
        ('"111122223333"', "111122223333", "Put the account id of alternate-contacts in quotes"),
        ('"111122223333"', "012345670123", "Put the account id of alternate-contacts in quotes"),
        ('"111122223333"', '"management"', "Name the account of alternate-contacts by its id of 12 digits"),
        ('        - "111122223333"', "        []", "Write the management account, and no"),
        ('"111122223333"', '"111122223333"\n        - "1"', "Write the management account, and no"),
        ("      accounts:", "      organizational_units: []\n      accounts:", "Write the management account, and no"),
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
        ("name: alternate-contacts\n", "name: contacts\n", "The manifest has no resource with the name"),
        ("version: 2021-03-15", "version: 2020-01-01", "Write version: 2021-03-15 in the manifest, without quotes"),
        ("version: 2021-03-15", 'version: "2021-03-15"', "Write version: 2021-03-15 in the manifest, without quotes"),
        ("version: 2021-03-15", "description: x", "Write version: 2021-03-15 in the manifest, without quotes"),
        ("region: us-east-1", "region: REPLACE_ME", "Write Control Tower's home region"),
        ("region: us-east-1", "region:", "Write Control Tower's home region"),
        ("region: us-east-1 #", "home: us-east-1 #", "Write Control Tower's home region"),
    ],
)  # fmt: skip
def test_a_manifest_that_cfct_would_not_take_as_meant_is_refused(
    templates: Templates, old: str, new: str, sentence: str
) -> None:
    found = said(changed(old, new), templates)
    assert [each for each in found if each.startswith(sentence)], found
    assert len(found) == 1


def test_a_path_on_the_line_with_the_dash_is_refused(templates: Templates) -> None:
    """CfCT's script would look for a file with the name ``resource_file:``."""
    below = changed("    resource_file: template.yaml", "    #")
    text = below.replace("  - name: alternate-contacts\n", "  - resource_file: t.yaml\n    name: alternate-contacts\n")
    [complaint] = said(text, templates)
    assert complaint.startswith("Write name: first in alternate-contacts")


def test_the_forwarder_is_looked_at_like_the_main_resource(templates: Templates) -> None:
    manifest = Manifest.parse(filled()).with_home_region("eu-west-1").with_forwarder(templates[FORWARDER])
    assert complaints(manifest, templates) == []
    found = said(with_values(manifest.text, {"AlarmEmail": "1"}), templates)
    assert len(found) == 2
    assert all(complaint.startswith("Put the value of AlarmEmail in quotes") for complaint in found)
    [complaint] = said(manifest.text.replace("    - eu-west-1\n", "    - us-east-1\n"), templates)[:1]
    assert complaint == f"Write the list regions with the one entry eu-west-1 in {FORWARDER}."


def test_our_two_templates_do_not_stand_in_one_place(templates: Templates) -> None:
    manifest = Manifest.parse(filled()).with_home_region("eu-west-1").with_forwarder(templates[FORWARDER])
    found = said(manifest.text.replace("home_region.yaml", "template.yaml"), templates)
    assert len(found) == 2
    assert all("Another resource has the resource_file template.yaml too" in each for each in found)


def test_the_forwarder_is_refused_where_there_is_nothing_to_forward(templates: Templates) -> None:
    found = complaints(Manifest.parse(filled()).with_forwarder(templates[FORWARDER]), templates)
    assert f"Leave {FORWARDER} out: the home region is us-east-1, where the events are already." in found


def test_another_account_than_the_organizations_is_refused(templates: Templates) -> None:
    manifest = Manifest.parse(filled()).with_forwarder(templates[FORWARDER])
    assert account_complaints(manifest, "012345670123") == []
    chosen = manifest.with_account("999999999999")
    assert account_complaints(chosen, "999999999999") == []
    assert account_complaints(chosen, "012345670123") == [
        f"{name} goes to account 999999999999, but the organization's management account is 012345670123."
        for name in (MAIN, FORWARDER)
    ]


# ---- whatever is accepted arrives -----------------------------------------------------------------------------------

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


WAYS = st.sampled_from([str, single_quoted, double_quoted])


@given(name=st.sampled_from(sorted(CONTACTS)), value=VALUES, write=WAYS)
def test_what_is_accepted_arrives_at_cloudformation_as_it_is_written(
    name: str, value: str, write: Callable[[str], str]
) -> None:
    assume(value.isprintable())
    text = with_values(filled(), {name: write(value)})
    try:
        manifest = Manifest.parse(text)
    except RefusalError:
        assume(False)
    assume(not complaints(manifest, TEMPLATES))
    looked_up = {"/a": "Zoë, of Acme"}
    arrived = pipeline.parameters(text, MAIN, looked_up)
    written = manifest.parameters(MAIN)[name]
    assert arrived[name] == ("Zoë, of Acme" if written == "$[alfred_ssm_/a]" else written)
    if write is not str:
        assert written == value


@settings(max_examples=50)
@given(value=VALUES, write=WAYS)
def test_no_complaint_quotes_a_value(value: str, write: Callable[[str], str]) -> None:
    secret = f"q7{value}7q"
    assume(secret.isprintable())
    try:
        found = said(with_values(filled(), dict.fromkeys(CONTACTS, write(secret))), TEMPLATES)
    except RefusalError as refused:
        found = list(refused.sentences)
    assert "q7" not in "".join(found)
