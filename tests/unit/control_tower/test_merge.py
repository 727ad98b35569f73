"""Our resources are added to an existing manifest and updated there, and no other byte of it changes."""

import re

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from control_tower.configuration import read_templates
from control_tower.errors import PackagingError
from control_tower.manifest import FORWARDER, MAIN, Manifest
from control_tower.merge import merge
from control_tower.template import Template
from control_tower.violations import find_violations
from tests.profiles import examples
from tests.template.cfct.samples import CONTACTS, EXISTING, filled, shipped, with_values

Templates = dict[str, Template]

TEMPLATES = read_templates()

HEADER = "region: us-east-1 # home\nversion: 2021-03-15\n"


def merged(existing: str, ours: str | None = None) -> str:
    return merge(Manifest.parse(ours or filled()), Manifest.parse(existing), TEMPLATES)[0].text


def notes(existing: str, ours: str | None = None) -> list[str]:
    return merge(Manifest.parse(ours or filled()), Manifest.parse(existing), TEMPLATES)[1]


def without(text: str, part: str) -> str:
    """Return a text without a part that it contains once."""
    assert text.count(part) == 1
    return text.replace(part, "")


def lines(text: str, name: str = MAIN) -> str:
    return "\n".join(Manifest.parse(text).lines(name)) + "\n"


def parameters(text: str) -> dict[str, str]:
    return Manifest.parse(text).parameters(MAIN)


def configuration(parameters: str = "") -> str:
    """Return a manifest for us-east-1 with our resource, and other parameters if given."""
    resource = lines(filled().replace("resource_file: template", "resource_file: alternate-contacts/template"))
    return (
        HEADER
        + "resources:\n"
        + (resource[: resource.index("    parameters:")] + parameters if parameters else resource)
    )


# ---- added ----------------------------------------------------------------------------------------------------------


def test_an_existing_manifest_gains_our_resources_and_keeps_every_byte() -> None:
    result = merged(EXISTING)
    assert without(without(result, lines(result)), lines(result, FORWARDER)) == EXISTING
    names = [resource["name"] for resource in yaml.safe_load(result)["resources"]]
    assert names == ["guardrails", "network", MAIN, FORWARDER]


def test_our_resource_is_the_same_except_for_the_path_of_its_template() -> None:
    [ours] = yaml.safe_load(filled())["resources"]
    theirs = yaml.safe_load(merged(EXISTING))["resources"][-2]
    assert theirs == {**ours, "resource_file": "alternate-contacts/template.yaml"}
    comments = re.findall(r" #.*", lines(filled()))
    assert comments == re.findall(r" #.*", lines(merged(EXISTING)))
    assert comments


def test_the_result_has_no_violations(templates: Templates) -> None:
    assert find_violations(Manifest.parse(merged(EXISTING)), templates) == []


@pytest.mark.parametrize(
    "resources",
    [
        "",
        "resources:\n",
        "resources: []  # none yet\n",
        "resources: [\n  # none yet\n]\n",
        "resources: ~\n",
        "resources:\n      - name: a\n        resource_file: b\n",
        "resources:\n- name: a\n  parameters: []\n",
        "resources:\n  - name: a\n    description: |\n      two\n\n      lines\n\n",
        "resources:\n  - name: a\n# end\nenable_stack_set_deletion: false\n",
        "resources:\n  - {name: a, resource_file: b}",
        "resources:\n  -\n    name: a\n...\n",
        "resources: &all\n  - name: a\n",
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("start", ["", "\ufeff", "---\n"])
def test_resources_may_be_written_in_many_ways(resources: str, newline: str, start: str) -> None:
    text = f"{start}{HEADER}{resources}".replace("\n", newline)
    result = merged(text)
    before, after = yaml.safe_load(text), yaml.safe_load(result)
    assert [resource["name"] for resource in after["resources"]] == ["a"] * bool(before.get("resources")) + [MAIN]
    assert after["resources"][:-1] == (before.get("resources") or [])
    assert {**after, "resources": None} == {**before, "resources": None}
    assert re.findall("#.*", text) == [comment for comment in re.findall("#.*", result) if comment in text]
    assert result.startswith(start.replace("\n", newline))
    assert "\n" not in result.replace(newline, "")
    assert merged(result) == result


@settings(max_examples=examples(15), deadline=None)
@given(
    indent=st.integers(0, 9),
    blank=st.sampled_from(["", "\n", "# c\n", "   # c\n"]),
    newline=st.sampled_from(["\n", "\r\n"]),
)
def test_our_resource_fits_into_any_indentation(indent: int, blank: str, newline: str) -> None:
    pad = " " * indent
    resources = f"{blank}{pad}- name: a\n{pad}  x: y # z\n{blank}{pad}- name: b\n{blank}"
    text = f"region: us-east-1\nresources:\n{resources}version: 1\n"
    result = Manifest.parse(merged(text.replace("\n", newline)))
    assert result.names == ["a", "b", MAIN]
    assert "\n" not in result.text.replace(newline, "")
    assert result.document.data["version"] == 1


@pytest.mark.parametrize("resources", ["[{name: a}]", "here", "{a: b}"])
def test_a_manifest_that_our_resource_does_not_fit_into_is_an_error(resources: str) -> None:
    with pytest.raises(PackagingError, match="does not fit into this manifest"):
        merged(f"{HEADER}resources: {resources}")


# ---- updated --------------------------------------------------------------------------------------------------------


def test_merging_again_changes_nothing() -> None:
    assert merged(merged(EXISTING)) == merged(EXISTING)
    assert notes(merged(EXISTING)) == []


def test_a_changed_contact_and_mode_are_changed_in_place_and_reported() -> None:
    commented = configuration().replace(
        "- parameter_key: SecurityName", "- parameter_key: SecurityName # agreed in March"
    )
    ours = with_values(filled(), {"SecurityName": '"Sam Security"', "Mode": '"report"'})
    changed = commented.replace('"Bea Security"', '"Sam Security"').replace('"enforce"', '"report"')
    assert merged(commented, ours) == changed
    assert notes(commented, ours) == [f"Changed in {MAIN}: SecurityName, Mode (enforce to report)"]
    assert merged(changed) == commented


def test_a_manifest_without_contacts_keeps_the_values_of_the_configuration() -> None:
    existing = configuration().replace('"enforce"', '"report"').replace('"weekly"', '"daily"')
    assert merged(existing, shipped()) == existing
    ours = with_values(shipped(), {"Mode": '"report"'})
    assert merged(configuration(), ours) == configuration().replace('"enforce"', '"report"')


def test_a_placeholder_never_replaces_a_value() -> None:
    ours = with_values(filled(), {"SecurityName": '"REPLACE_ME"', "BillingName": '"Sam Billing"'})
    assert merged(configuration(), ours) == configuration().replace("Bea Billing", "Sam Billing")


def test_our_own_resource_gains_the_parameters_of_a_newer_release() -> None:
    parameter = '      - parameter_key: QuotaShare\n        parameter_value: "100"\n'
    older = without(configuration(), parameter)
    result = merged(older)
    assert without(result, parameter) == older
    assert list(parameters(result))[-1] == "QuotaShare"
    assert notes(older) == [f"Added in {MAIN}: QuotaShare"]


ITEMS = [f'{{parameter_key: {key}, parameter_value: "{value}"}}' for key, value in CONTACTS.items()]
PAIRS = ", ".join(ITEMS)


@pytest.mark.parametrize(
    "theirs",
    [
        f"    parameters: [{PAIRS}] # all\n",
        f"    parameters: [{PAIRS},\n      # more to come\n    ]\n",
        "    parameters:\n" + "".join(f"      - {item}\n" for item in ITEMS),
        "    parameters: [ ] # none\n",
        "    parameters: [\n      # none\n    ]\n",
        "    parameters: # none\n",
        "    # none\n",
    ],
)
def test_a_resource_in_any_style_gains_the_parameters_that_it_lacks(theirs: str) -> None:
    ours = with_values(filled(), {"Mode": '"report"'})
    existing = configuration(theirs)
    result = merged(existing, ours)
    assert parameters(result) == parameters(ours)
    assert re.findall("#.*", result) == re.findall("#.*", existing)
    assert merged(result, ours) == result


def test_a_resource_in_flow_style_gains_the_parameters_that_it_lacks() -> None:
    existing = (
        f"{HEADER}resources:\n- {{name: {MAIN}, deploy_method: stack_set, parameters: [{PAIRS}],\n"
        "   resource_file: alternate-contacts/template.yaml\n  }\n"
    )
    ours = with_values(filled(), {"Mode": '"report"'})
    assert parameters(merged(existing, ours)) == {**CONTACTS, **parameters(ours)}


def test_an_alias_is_not_edited() -> None:
    """The edit would change the value of the anchor too."""
    existing = configuration().replace('"Bea Security"', '&bea "Bea Security"').replace('"Head of Security"', "*bea")
    with pytest.raises(PackagingError, match="without anchors and aliases"):
        merged(existing)
    assert merged(existing, with_values(filled(), {"SecurityTitle": '"Bea Security"'})) == existing


def test_the_forwarder_follows_the_main_resource_where_it_had_the_same_value() -> None:
    existing = merged(EXISTING)
    ours = with_values(filled(), {"AlarmEmail": '"alarms@acme.test"'})
    result = Manifest.parse(merged(existing, ours))
    assert result.parameters(FORWARDER) == {"AlarmEmail": "alarms@acme.test"}
    assert notes(existing, ours) == [f"Changed in {MAIN}: AlarmEmail", f"Changed in {FORWARDER}: AlarmEmail"]
    own = Manifest.parse(existing).with_parameters(FORWARDER, {"AlarmEmail": "team@acme.test"}).text
    assert Manifest.parse(merged(own, ours)).parameters(FORWARDER) == {"AlarmEmail": "team@acme.test"}


def test_what_is_not_merged_is_reported() -> None:
    ours = filled().replace("    parameters:", "    export_outputs: [{name: /a, value: b}]\n    parameters:")
    ours += "  - name: other\n    resource_file: other.yaml\n"
    assert notes(configuration(), ours) == [f"Not merged: the resource other, export_outputs of {MAIN}"]


# ---- not ours -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "resource",
    [
        "deploy_method: scp",
        "deploy_method: stack_set",
        "deploy_method: stack_set\n    parameters: [{parameter_key: LogRetentionInDays, parameter_value: '1'}]",
    ],
)
def test_another_resource_of_our_name_is_an_error(resource: str) -> None:
    text = f"{HEADER}resources:\n  - name: {MAIN}\n    resource_file: sra.yaml\n    {resource}\n"
    with pytest.raises(PackagingError, match="another resource with the name alternate-contacts"):
        merged(text)


def test_a_resource_with_a_parameter_file_is_an_error_that_fits_both_cases() -> None:
    text = configuration("    parameter_file: parameters/contacts.json\n")
    with pytest.raises(PackagingError, match=r"move the values to parameters.*If it is not, rename it"):
        merged(text)


def test_the_shipped_manifest_is_recognized_as_ours() -> None:
    assert merged(shipped(), shipped()) == shipped()
