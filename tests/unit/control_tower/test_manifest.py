"""Our resources are added to a manifest, and no other byte of it changes."""

import re

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from control_tower.document import entries, items, scalar
from control_tower.errors import PackagingError
from control_tower.manifest import EXAMPLE_ACCOUNT, FORWARDER, MAIN, Manifest
from control_tower.template import Template
from control_tower.violations import find_violations
from tests.template.cfct.samples import EXISTING, filled, shipped

Templates = dict[str, Template]


def merged(existing: str, templates: Templates, ours: str | None = None) -> str:
    return Manifest.parse(ours or filled()).merged_into(Manifest.parse(existing), templates[MAIN]).text


def without(text: str, part: str) -> str:
    """Return a text without a part that it contains once."""
    assert text.count(part) == 1
    return text.replace(part, "")


def our_lines(text: str) -> str:
    manifest = Manifest.parse(text)
    nodes = items(entries(manifest.document.root)["resources"])
    [ours] = [node for node in nodes if scalar(entries(node)["name"]) == MAIN]
    return "\n".join(manifest.document.lines(ours)) + "\n"


# ---- into an existing manifest --------------------------------------------------------------------------------------


def test_an_existing_manifest_gains_our_resource_and_keeps_every_byte(templates: Templates) -> None:
    result = merged(EXISTING, templates)
    assert without(result, our_lines(result)) == EXISTING
    names = [resource["name"] for resource in yaml.safe_load(result)["resources"]]
    assert names == ["guardrails", "network", MAIN]


def test_our_resource_is_the_same_except_for_the_path_of_its_template(templates: Templates) -> None:
    [ours] = yaml.safe_load(filled())["resources"]
    theirs = yaml.safe_load(merged(EXISTING, templates))["resources"][-1]
    assert theirs == {**ours, "resource_file": "alternate-contacts/template.yaml"}
    comments = re.findall(r" #.*", our_lines(filled()))
    assert comments == re.findall(r" #.*", our_lines(merged(EXISTING, templates)))
    assert comments


def test_the_result_has_no_violations(templates: Templates) -> None:
    assert find_violations(Manifest.parse(merged(EXISTING, templates)), templates) == []


@pytest.mark.parametrize(
    "resources",
    [
        "",
        "resources:\n",
        "resources: []  # none yet\n",
        "resources: ~\n",
        "resources:\n      - name: a\n        resource_file: b\n",
        "resources:\n- name: a\n  parameters: []\n",
        "resources:\n  - name: a\n    description: |\n      two\n\n      lines\n\n",
        "resources:\n  - name: a\n# end\nenable_stack_set_deletion: false\n",
        "resources:\n  - {name: a, resource_file: b}",
        "resources:\n  -\n    name: a\n...\n",
    ],
)
def test_resources_may_be_written_in_many_ways(templates: Templates, resources: str) -> None:
    text = f"region: eu-west-1 # home\nversion: 2021-03-15\n{resources}"
    result = yaml.safe_load(merged(text, templates))
    before = yaml.safe_load(text)
    assert [resource["name"] for resource in result["resources"]] == ["a"] * bool(before.get("resources")) + [MAIN]
    assert result["resources"][:-1] == (before.get("resources") or [])
    assert {**result, "resources": None} == {**before, "resources": None}
    assert "# home" in merged(text, templates)


@settings(max_examples=30)
@given(
    indent=st.integers(0, 9),
    blank=st.sampled_from(["", "\n", "# c\n", "   # c\n"]),
    newline=st.sampled_from(["\n", "\r\n"]),
)
def test_our_resource_fits_into_any_indentation(indent: int, blank: str, newline: str) -> None:
    template = Template("Parameters: {BillingName: {Type: String}}")
    pad = " " * indent
    text = f"region: a\nresources:\n{blank}{pad}- name: a\n{pad}  x: y # z\n{blank}{pad}- name: b\n{blank}version: 1\n"
    existing = Manifest.parse(text.replace("\n", newline))
    result = Manifest.parse(filled()).merged_into(existing, template)
    assert [resource["name"] for resource in result.document.data["resources"]] == ["a", "b", MAIN]
    assert "\n" not in result.text.replace(newline, "")
    assert result.document.data["version"] == 1


def test_our_own_resource_keeps_its_position_values_and_comments(templates: Templates) -> None:
    theirs = merged(EXISTING, templates).replace("Bea Security", "Sam Security")
    theirs = theirs.replace("- parameter_key: SecurityName", "- parameter_key: SecurityName # agreed in March")
    theirs += "- name: after\n  resource_file: after.yaml\n"
    assert merged(theirs, templates) == theirs


def test_our_own_resource_gains_the_parameters_of_a_newer_release(templates: Templates) -> None:
    newer = merged(EXISTING, templates)
    parameter = '    - parameter_key: QuotaShare\n      parameter_value: "100"\n'
    older = without(newer, parameter)
    result = merged(older, templates)
    assert without(result, parameter) == older
    assert list(Manifest.parse(result).parameters(MAIN))[-1] == "QuotaShare"


@pytest.mark.parametrize(
    "resource",
    [
        "deploy_method: scp",
        "deploy_method: stack_set",
        "deploy_method: stack_set\n    parameters: [{parameter_key: LogRetentionInDays, parameter_value: '1'}]",
    ],
)
def test_another_resource_of_our_name_is_an_error(templates: Templates, resource: str) -> None:
    text = (
        f"region: a\nversion: 2021-03-15\nresources:\n  - name: {MAIN}\n    resource_file: sra.yaml\n    {resource}\n"
    )
    with pytest.raises(PackagingError, match="another resource with the name alternate-contacts"):
        merged(text, templates)


@pytest.mark.parametrize("resources", ["[{name: a}]", "here", "{a: b}", "&all\n  - name: a\n"])
def test_a_manifest_that_our_resource_does_not_fit_into_is_an_error(templates: Templates, resources: str) -> None:
    with pytest.raises(PackagingError, match="does not fit into this manifest"):
        merged(f"region: a\nversion: 2021-03-15\nresources: {resources}", templates)


def test_merging_needs_our_resource(templates: Templates) -> None:
    with pytest.raises(PackagingError, match="There is no resource alternate-contacts"):
        merged(EXISTING, templates, "region: us-east-1\n")


# ---- the account and the home region --------------------------------------------------------------------------------


def test_the_account_replaces_the_placeholder_in_quotes(templates: Templates) -> None:
    manifest = Manifest.parse(filled()).with_home_region("eu-west-1").with_forwarder(templates[FORWARDER])
    edited = manifest.with_account("012345670123")
    assert edited.text == manifest.text.replace(EXAMPLE_ACCOUNT, "012345670123")
    assert manifest.text.count(f'- "{EXAMPLE_ACCOUNT}"') == 2


def test_an_account_other_than_the_placeholder_is_kept() -> None:
    edited = Manifest.parse(filled().replace(EXAMPLE_ACCOUNT, "999999999999"))
    assert edited.with_account("012345670123").text == edited.text


def test_another_home_region_replaces_the_one_in_the_manifest() -> None:
    edited = Manifest.parse(filled()).with_home_region("eu-west-1")
    assert edited.text == filled().replace("region: us-east-1 #", "region: eu-west-1 #")
    assert edited.home_region == "eu-west-1"


def test_the_forwarder_is_deployed_to_the_home_region_of_the_same_account(templates: Templates) -> None:
    manifest = Manifest.parse(filled()).with_home_region("eu-west-1").with_forwarder(templates[FORWARDER])
    main, forwarder = manifest.document.data["resources"]
    assert forwarder["deployment_targets"] == main["deployment_targets"]
    assert forwarder["regions"] == ["eu-west-1"]
    assert forwarder["resource_file"] == "home_region.yaml"
    assert [pair["parameter_key"] for pair in forwarder["parameters"]] == list(templates[FORWARDER].parameters)
    assert find_violations(manifest, templates) == []


def test_the_forwarders_parameters_are_those_of_the_main_resource_or_their_defaults() -> None:
    template = Template(
        'Parameters: {SecurityName: {Type: String}, Other: {Type: String, Default: "a\\"b"}, Needed: {Type: String}}'
    )
    manifest = Manifest.parse(filled()).with_forwarder(template)
    assert manifest.parameters(FORWARDER) == {
        "SecurityName": "Bea Security",
        "Other": 'a"b',
        "Needed": "REPLACE_ME",
    }


def test_the_forwarder_is_beside_the_main_template_and_added_once(templates: Templates) -> None:
    manifest = Manifest.parse(merged(EXISTING, templates)).with_forwarder(templates[FORWARDER])
    assert manifest.path(FORWARDER) == "alternate-contacts/home_region.yaml"
    assert manifest.with_forwarder(templates[FORWARDER]) is manifest
    rest = yaml.safe_load(manifest.text)
    assert [resource["name"] for resource in rest["resources"]] == ["guardrails", "network", MAIN, FORWARDER]
    assert manifest.text.endswith("# Ask before you add something here.\n")


def test_the_shipped_manifest_is_recognized_as_ours(templates: Templates) -> None:
    assert merged(shipped(), templates) == shipped()
