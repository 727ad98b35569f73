"""What the CfCT pipeline checks, and what it does to values: our manifests come through as they were meant.

The checks are re-enacted in tests/template/cfct/, each shown here to find what it is there to find.
"""

from pathlib import Path

import pytest

from control_tower import archive, package
from control_tower.manifest import FORWARDER, MAIN, Manifest
from control_tower.template import Template
from tests.template.cfct import pipeline
from tests.template.cfct.samples import CONTACTS, EXISTING, ROOT, filled, shipped, with_values

ACCOUNT = "012345670123"
"""A number to YAML, unless it stands in quotes: 1402433619, because it is octal."""


def finished(home_region: str | None, merge: Path | None, folder: Path) -> Manifest:
    source = folder / "filled.yaml"
    source.write_text(filled(), encoding="utf-8")
    return package.prepared(source, home_region, merge).with_account(ACCOUNT)


@pytest.fixture(params=["at home", "elsewhere", "merged"])
def manifest(request: pytest.FixtureRequest, tmp_path: Path) -> Manifest:
    """Every kind of manifest that `make package` writes."""
    if request.param == "merged":
        existing = tmp_path / "existing.yaml"
        existing.write_text(EXISTING, encoding="utf-8")
        return finished(None, existing, tmp_path)
    return finished("eu-west-1" if request.param == "elsewhere" else None, None, tmp_path)


# ---- what we hand over ----------------------------------------------------------------------------------------------


def test_the_schema_has_nothing_against_it(manifest: Manifest) -> None:
    assert pipeline.schema_complaints(manifest.text) == []


def test_the_schema_has_nothing_against_what_the_repository_has() -> None:
    assert pipeline.schema_complaints(shipped()) == []
    assert pipeline.files_missing(ROOT) == []


def test_every_file_is_found_by_the_script(manifest: Manifest, tmp_path: Path) -> None:
    folder = archive.write_folder(tmp_path, package.configuration(manifest, "Resources: {}\n"))
    theirs = {"policies/guardrails.json", "templates/network.template"} if "guardrails" in manifest.text else set()
    assert set(pipeline.files_missing(folder)) == theirs  # which are in their repository, not in what we write


def test_what_arrives_at_cloudformation_is_what_was_written(manifest: Manifest) -> None:
    template = Template.read(package.TEMPLATE)
    assert pipeline.parameters(manifest.text, MAIN) == {**template.defaults(), **CONTACTS}
    assert pipeline.accounts(manifest.text, MAIN) == [ACCOUNT]


def test_the_forwarders_parameters_arrive_too(tmp_path: Path) -> None:
    text = finished("eu-west-1", None, tmp_path).text
    assert pipeline.parameters(text, FORWARDER) == Template.read(package.FORWARDER_TEMPLATE).defaults()
    assert pipeline.accounts(text, FORWARDER) == [ACCOUNT]


def test_a_look_up_brings_what_the_store_has_even_a_comma() -> None:
    text = with_values(filled(), {"SecurityTitle": '"$[alfred_ssm_/contacts/title]"'})
    arrived = pipeline.parameters(text, MAIN, {"/contacts/title": "Security, EMEA"})
    assert arrived["SecurityTitle"] == "Security, EMEA"


def test_no_example_asks_cfct_to_delete_stack_sets() -> None:
    """With this key CfCT deletes every StackSet of its own that a manifest does not name."""
    for text in (shipped(), (ROOT / "README.md").read_text(encoding="utf-8")):
        assert "enable_stack_set_deletion" not in text


# ---- what the checks are there to find ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("version: 2021-03-15", 'version: "2021-03-15"', "version: is none of what it may be"),
        ("region: us-east-1 #", "# region: us-east-1 #", "region: is missing"),
        ("    deploy_method: stack_set\n", "", "resources: [0] deploy_method: is missing"),
        ("deploy_method: stack_set", "deploy_method: sam", "resources: [0] deploy_method: is none of what it may be"),
        ("    regions:", "    tags: []\n    regions:", "resources: [0] tags: is unknown"),
        ("      - us-east-1 #", "      - a\n      - a #", "resources: [0] regions: has something twice"),
        ("    description: K", "    description: 1 #", "resources: [0] description: is no text"),
        ("      accounts:", "      account_ids:", "resources: [0] deployment_targets: account_ids: is unknown"),
        ("resources:", "enable_stack_set_deletion: 1\nresources:", "enable_stack_set_deletion: is neither true nor"),
        ("  - name: alternate-contacts", "  - x\n  - name: alternate-contacts", "resources: [0] is no mapping"),
        (
            "      - parameter_key: QuotaShare",
            "      - parameter_value: 1\n      - parameter_key: QuotaShare",
            "resources: [0] parameters: [20] parameter_key: is missing",
        ),
    ],
)  # fmt: skip
def test_the_schema_check_finds(old: str, new: str, complaint: str) -> None:
    assert filled().count(old) == 1
    found = pipeline.schema_complaints(filled().replace(old, new))
    assert [each for each in found if each.startswith(complaint)], found


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
        ("resource_file: template.yaml", []),  # cut finds nothing in the third field, and the shell no file to check
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
def test_what_becomes_of_a_careless_value(written: str, arrived: str) -> None:
    """Each of these was tried on CfCT's own code."""
    text = with_values(filled(), {"SecurityName": written})
    assert pipeline.parameters(text, MAIN)["SecurityName"] == arrived


def test_a_generated_password_is_no_contact() -> None:
    text = with_values(filled(), {"SecurityName": '"$[alfred_genpass_8]"'})
    with pytest.raises(NotImplementedError):
        pipeline.parameters(text, MAIN)


def test_given_parameters_twice_cfct_takes_none() -> None:
    text = filled().replace("    parameters:\n", "    parameter_file: p.json\n    parameters:\n")
    assert pipeline.parameters(text, MAIN) == {}
