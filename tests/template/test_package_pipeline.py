"""Our manifests pass the checks of CfCT's pipeline, and their values arrive unchanged.

The model of the pipeline is in tests/template/cfct/. The second half of this file tests the model.
"""

from pathlib import Path

import pytest

from control_tower import archive, package
from control_tower.manifest import FORWARDER, MAIN, Manifest
from control_tower.template import Template
from tests.template.cfct import pipeline
from tests.template.cfct.samples import CONTACTS, EXISTING, ROOT, filled, shipped, with_values

ACCOUNT = "012345670123"
"""Without quotes, YAML reads this as an octal number: 1402433619."""


def packaged_manifest(home_region: str | None, merge: Path | None, folder: Path) -> Manifest:
    source = folder / "filled.yaml"
    source.write_text(filled(), encoding="utf-8")
    return package.prepare(source, home_region, merge).with_account(ACCOUNT)


@pytest.fixture(params=["us-east-1", "eu-west-1", "merged"])
def manifest(request: pytest.FixtureRequest, tmp_path: Path) -> Manifest:
    """Every kind of manifest that `make package` writes."""
    if request.param == "merged":
        existing = tmp_path / "existing.yaml"
        existing.write_text(EXISTING, encoding="utf-8")
        return packaged_manifest(None, existing, tmp_path)
    return packaged_manifest(request.param, None, tmp_path)


# ---- our manifests --------------------------------------------------------------------------------------------------


def test_our_manifest_matches_the_schema(manifest: Manifest) -> None:
    assert pipeline.schema_violations(manifest.text) == []


def test_the_manifest_of_the_repository_matches_the_schema_and_its_file_exists() -> None:
    assert pipeline.schema_violations(shipped()) == []
    assert pipeline.files_missing(ROOT) == []


def test_every_file_is_found_by_the_script(manifest: Manifest, tmp_path: Path) -> None:
    folder = archive.write_folder(tmp_path, package.package_files(manifest, "Resources: {}\n"))
    theirs = {"policies/guardrails.json", "templates/network.template"} if "guardrails" in manifest.text else set()
    assert set(pipeline.files_missing(folder)) == theirs  # which the package does not contain


def test_the_parameters_arrive_at_cloudformation_as_written(manifest: Manifest) -> None:
    template = Template.read(package.TEMPLATE)
    assert pipeline.parameters(manifest.text, MAIN) == {**template.defaults(), **CONTACTS}
    assert pipeline.accounts(manifest.text, MAIN) == [ACCOUNT]


def test_the_parameters_of_the_forwarder_arrive_as_written(tmp_path: Path) -> None:
    text = packaged_manifest("eu-west-1", None, tmp_path).text
    assert pipeline.parameters(text, FORWARDER) == Template.read(package.FORWARDER_TEMPLATE).defaults()
    assert pipeline.accounts(text, FORWARDER) == [ACCOUNT]


def test_a_look_up_returns_the_value_with_a_comma() -> None:
    text = with_values(filled(), {"SecurityTitle": '"$[alfred_ssm_/contacts/title]"'})
    arrived = pipeline.parameters(text, MAIN, {"/contacts/title": "Security, EMEA"})
    assert arrived["SecurityTitle"] == "Security, EMEA"


def test_no_example_lets_cfct_delete_stack_sets() -> None:
    """With this key CfCT deletes every StackSet of its own that a manifest does not name."""
    for text in (shipped(), (ROOT / "README.md").read_text(encoding="utf-8")):
        assert "enable_stack_set_deletion" not in text


# ---- the model -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "violation"),
    [
        ("version: 2021-03-15", 'version: "2021-03-15"', "version: is not an allowed value"),
        ("region: us-east-1 #", "# region: us-east-1 #", "region: is missing"),
        ("    deploy_method: stack_set\n", "", "resources: [0] deploy_method: is missing"),
        ("deploy_method: stack_set", "deploy_method: sam", "resources: [0] deploy_method: is not an allowed value"),
        ("    regions:", "    tags: []\n    regions:", "resources: [0] tags: is unknown"),
        ("      - us-east-1 #", "      - a\n      - a #", "resources: [0] regions: has an item twice"),
        ("    description:", "    description: 1 #", "resources: [0] description: is not a string"),
        ("      accounts:", "      account_ids:", "resources: [0] deployment_targets: account_ids: is unknown"),
        ("resources:", "enable_stack_set_deletion: 1\nresources:", "enable_stack_set_deletion: is not a Boolean"),
        ("  - name: alternate-contacts", "  - x\n  - name: alternate-contacts", "resources: [0] is not a mapping"),
        (
            "      - parameter_key: QuotaShare",
            "      - parameter_value: 1\n      - parameter_key: QuotaShare",
            "resources: [0] parameters: [21] parameter_key: is missing",
        ),
    ],
)  # fmt: skip
def test_the_schema_check_finds(old: str, new: str, violation: str) -> None:
    assert filled().count(old) == 1
    violations = pipeline.schema_violations(filled().replace(old, new))
    assert [message for message in violations if message.startswith(violation)], violations


@pytest.mark.parametrize(
    ("line", "missing"),
    [
        ("    resource_file: template.yaml", []),
        ("    resource_file:    template.yaml # packaged", []),
        ("    # another_file: gone.yaml", []),
        ("    resource_file: template.yaml\r", []),
        ("    resource_file: gone.yaml", ["gone.yaml"]),
        ("  - resource_file: template.yaml", ["resource_file:"]),
        ('    resource_file: "template.yaml"', ['"template.yaml"']),
        ("    resource_file: my template.yaml", ["my"]),
        ("    description: the resource_file: of ours", ["the"]),
        ("resource_file: template.yaml", []),  # there is no third field, so there is no file to check
    ],
)
def test_the_file_check_finds(tmp_path: Path, line: str, missing: list[str]) -> None:
    (tmp_path / "template.yaml").touch()
    (tmp_path / "manifest.yaml").write_text(line + "\n")
    assert pipeline.files_missing(tmp_path) == missing


@pytest.mark.parametrize(
    ("written", "arrived"),
    [
        ("+12065550101", "12065550101"),
        ("012345670123", "1402433619"),
        ("off", "false"),
        ("true", "true"),
        ("1:30", "90"),
        ("7", "7"),
        ("", ""),
        ('"Doe, Jane"', "Doe,Jane"),
        ("[a, b]", "a,b"),
        ('"$[Jane]"', "Jane"),
    ],
)
def test_an_unquoted_value_is_converted(written: str, arrived: str) -> None:
    """Each of these was run through CfCT's own code."""
    text = with_values(filled(), {"SecurityName": written})
    assert pipeline.parameters(text, MAIN)["SecurityName"] == arrived


def test_a_generated_value_is_not_supported() -> None:
    text = with_values(filled(), {"SecurityName": '"$[alfred_genpass_8]"'})
    with pytest.raises(NotImplementedError):
        pipeline.parameters(text, MAIN)


def test_with_a_parameter_file_and_parameters_cfct_uses_neither() -> None:
    text = filled().replace("    parameters:\n", "    parameter_file: p.json\n    parameters:\n")
    assert pipeline.parameters(text, MAIN) == {}
