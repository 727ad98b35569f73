"""Single edits of a manifest."""

import yaml

from control_tower.manifest import EXAMPLE_ACCOUNT, FORWARDER, MAIN, Manifest
from control_tower.template import Template
from tests.template.cfct.samples import EXISTING, filled

Templates = dict[str, Template]


def test_the_account_replaces_the_placeholder_in_quotes(templates: Templates) -> None:
    manifest = Manifest.parse(filled()).with_home_region("eu-west-1").with_forwarder(templates[FORWARDER])
    edited = manifest.with_account("012345670123")
    assert edited.text == manifest.text.replace(EXAMPLE_ACCOUNT, "012345670123")
    assert manifest.text.count(f'- "{EXAMPLE_ACCOUNT}"') == 2


def test_an_account_other_than_the_placeholder_is_kept() -> None:
    manifest = Manifest.parse(filled().replace(EXAMPLE_ACCOUNT, "999999999999"))
    assert manifest.with_account("012345670123").text == manifest.text


def test_another_home_region_replaces_the_one_in_the_manifest() -> None:
    edited = Manifest.parse(filled()).with_home_region("eu-west-1")
    assert edited.text == filled().replace("region: us-east-1 #", "region: eu-west-1 #")
    assert edited.home_region == "eu-west-1"


def test_parameters_are_set_in_place_and_others_are_appended() -> None:
    manifest = Manifest.parse(filled())
    edited = manifest.with_parameters(MAIN, {"Mode": "report", "SecurityName": 'a "b" \\', "New": "1"})
    assert edited.parameters(MAIN) == {
        **manifest.parameters(MAIN),
        "Mode": "report",
        "SecurityName": 'a "b" \\',
        "New": "1",
    }
    before, after = manifest.text.splitlines(), edited.text.splitlines()
    assert len([line for line in after if line not in before]) == 4
    assert after[-2:] == ["      - parameter_key: New", '        parameter_value: "1"']


def test_the_forwarder_is_deployed_to_the_home_region_of_the_same_account(templates: Templates) -> None:
    manifest = Manifest.parse(filled()).with_home_region("eu-west-1").with_forwarder(templates[FORWARDER])
    main, forwarder = manifest.document.data["resources"]
    assert forwarder["deployment_targets"] == main["deployment_targets"]
    assert forwarder["regions"] == ["eu-west-1"]
    assert forwarder["resource_file"] == "home_region.yaml"
    assert [pair["parameter_key"] for pair in forwarder["parameters"]] == list(templates[FORWARDER].parameters)


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
    main = Manifest.parse(filled()).with_path(MAIN, "alternate-contacts/template.yaml").lines(MAIN)
    manifest = Manifest.parse(EXISTING).with_resource(main).with_forwarder(templates[FORWARDER])
    assert manifest.path(FORWARDER) == "alternate-contacts/home_region.yaml"
    assert manifest.with_forwarder(templates[FORWARDER]) is manifest
    names = [resource["name"] for resource in yaml.safe_load(manifest.text)["resources"]]
    assert names == manifest.names == ["guardrails", "network", MAIN, FORWARDER]
    assert manifest.text.endswith("# Ask before you add something here.\n")


def test_without_a_main_resource_no_forwarder_is_added(templates: Templates) -> None:
    manifest = Manifest.parse(EXISTING)
    assert manifest.with_forwarder(templates[FORWARDER]) is manifest
