"""Our resources get into a manifest, and nothing else in it changes by a byte."""

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from control_tower.complaints import complaints
from control_tower.manifest import EXAMPLE_ACCOUNT, FORWARDER, MAIN, Manifest
from control_tower.refusal import RefusalError
from control_tower.template import Template
from tests.template.cfct.samples import EXISTING, filled, shipped

Templates = dict[str, Template]


def merged(existing: str, templates: Templates, ours: str | None = None) -> str:
    return Manifest.parse(ours or filled()).merged_into(Manifest.parse(existing), templates[MAIN]).text


def without(text: str, part: str) -> str:
    """What is left of a text when a part of it is cut out, which must be there once."""
    before, found, after = text.partition(part)
    assert found
    assert part not in after
    return before + after


def our_lines(text: str) -> str:
    manifest = Manifest.parse(text)
    node = next(each for each in manifest.document.root.value if each[0].value == "resources")[1].value
    [ours] = [each for each in node if each.value[0][1].value == MAIN]
    return "\n".join(manifest.document.lines(ours)) + "\n"


# ---- into an existing manifest --------------------------------------------------------------------------------------


def test_an_existing_manifest_gains_our_resource_and_loses_nothing(templates: Templates) -> None:
    result = merged(EXISTING, templates)
    assert without(result, our_lines(result)) == EXISTING
    names = [each["name"] for each in yaml.safe_load(result)["resources"]]
    assert names == ["guardrails", "network", MAIN]


def test_our_resource_is_the_same_there_but_for_the_place_of_its_template(templates: Templates) -> None:
    [ours] = yaml.safe_load(filled())["resources"]
    theirs = yaml.safe_load(merged(EXISTING, templates))["resources"][-1]
    assert theirs == {**ours, "resource_file": "alternate-contacts/template.yaml"}
    assert "# the events of AWS Organizations exist only here" in merged(EXISTING, templates)


def test_the_result_is_one_that_the_pipeline_takes(templates: Templates) -> None:
    assert complaints(Manifest.parse(merged(EXISTING, templates)), templates) == []


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
    assert [each["name"] for each in result["resources"]] == ["a"] * bool(before.get("resources")) + [MAIN]
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
    assert [each["name"] for each in result.document.data["resources"]] == ["a", "b", MAIN]
    assert "\n" not in result.text.replace(newline, "")
    assert result.document.data["version"] == 1


def test_our_own_resource_keeps_its_place_values_and_comments(templates: Templates) -> None:
    theirs = merged(EXISTING, templates).replace("Bea Security", "Somebody Else")
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
def test_somebody_elses_resource_of_our_name_is_left_alone(templates: Templates, resource: str) -> None:
    text = (
        f"region: a\nversion: 2021-03-15\nresources:\n  - name: {MAIN}\n    resource_file: sra.yaml\n    {resource}\n"
    )
    with pytest.raises(RefusalError, match="another resource with the name alternate-contacts"):
        merged(text, templates)


@pytest.mark.parametrize("resources", ["[{name: a}]", "here", "{a: b}", "&all\n  - name: a\n"])
def test_what_our_resource_does_not_fit_into_is_refused(templates: Templates, resources: str) -> None:
    with pytest.raises(RefusalError, match="does not fit into this manifest"):
        merged(f"region: a\nversion: 2021-03-15\nresources: {resources}", templates)


def test_there_has_to_be_a_resource_to_merge(templates: Templates) -> None:
    with pytest.raises(RefusalError, match="There is no resource alternate-contacts"):
        merged(EXISTING, templates, "region: us-east-1\n")


# ---- the account and the home region --------------------------------------------------------------------------------


def test_the_account_takes_the_place_of_the_example_in_quotes(templates: Templates) -> None:
    manifest = Manifest.parse(filled()).with_home_region("eu-west-1").with_forwarder(templates[FORWARDER])
    changed = manifest.with_account("012345670123")
    assert changed.text == manifest.text.replace(EXAMPLE_ACCOUNT, "012345670123")
    assert manifest.text.count(f'- "{EXAMPLE_ACCOUNT}"') == 2


def test_an_account_that_was_chosen_is_kept() -> None:
    chosen = Manifest.parse(filled().replace(EXAMPLE_ACCOUNT, "999999999999"))
    assert chosen.with_account("012345670123").text == chosen.text


def test_another_home_region_is_written_down() -> None:
    changed = Manifest.parse(filled()).with_home_region("eu-west-1")
    assert changed.text == filled().replace("region: us-east-1 #", "region: eu-west-1 #")
    assert changed.home_region == "eu-west-1"


def test_the_forwarder_goes_to_the_home_region_of_the_same_account(templates: Templates) -> None:
    manifest = Manifest.parse(filled()).with_home_region("eu-west-1").with_forwarder(templates[FORWARDER])
    main, forwarder = manifest.document.data["resources"]
    assert forwarder["deployment_targets"] == main["deployment_targets"]
    assert forwarder["regions"] == ["eu-west-1"]
    assert forwarder["resource_file"] == "home_region.yaml"
    assert [each["parameter_key"] for each in forwarder["parameters"]] == list(templates[FORWARDER].parameters)
    assert complaints(manifest, templates) == []


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


def test_the_forwarder_stands_beside_the_main_template_and_is_added_once(templates: Templates) -> None:
    manifest = Manifest.parse(merged(EXISTING, templates)).with_forwarder(templates[FORWARDER])
    assert manifest.path(FORWARDER) == "alternate-contacts/home_region.yaml"
    assert manifest.with_forwarder(templates[FORWARDER]) is manifest
    rest = yaml.safe_load(manifest.text)
    assert [each["name"] for each in rest["resources"]] == ["guardrails", "network", MAIN, FORWARDER]
    assert manifest.text.endswith("# Ask before you add something here.\n")


def test_the_shipped_manifest_is_one_of_ours(templates: Templates) -> None:
    assert merged(shipped(), templates) == shipped()
