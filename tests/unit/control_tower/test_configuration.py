"""The files of a package, up to the first call to AWS: no socket can be opened here."""

from collections.abc import Callable
from pathlib import Path

import pytest

from control_tower.configuration import FORWARDER_TEMPLATE, merged_configuration, new_configuration
from control_tower.errors import PackagingError
from control_tower.manifest import FORWARDER, MAIN
from tests.template.cfct.samples import EXISTING, filled, shipped, with_values

Save = Callable[[str], Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Write each manifest to a folder of its own."""

    def write(text: str) -> Path:
        folder = tmp_path / f"configuration-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        (folder / "manifest.yaml").write_bytes(text.encode())
        return folder / "manifest.yaml"

    return write


def add_files(manifest: Path, *paths: str, text: str = "{}") -> Path:
    for path in paths:
        (manifest.parent / path).parent.mkdir(exist_ok=True)
        (manifest.parent / path).write_text(text)
    return manifest


# ---- new ------------------------------------------------------------------------------------------------------------


def test_no_forwarder_is_added_for_the_home_region_us_east_1(save: Save) -> None:
    configuration = new_configuration(save(filled()))
    assert configuration.files("the template") == {"manifest.yaml": filled(), "template.yaml": "the template"}
    assert configuration.notes == ()


def test_the_forwarder_is_added_for_another_home_region(save: Save) -> None:
    configuration = new_configuration(save(filled()), "eu-west-1")
    files = configuration.files("the template")
    assert list(files) == ["manifest.yaml", "template.yaml", "home_region.yaml"]
    assert files["home_region.yaml"] == FORWARDER_TEMPLATE.read_text(encoding="utf-8")
    written = save(filled().replace("region: us-east-1", "region: eu-west-1"))
    assert new_configuration(written).manifest.text == configuration.manifest.text


@pytest.mark.parametrize("region", ["us-east-9", "cn-north-1", "us-gov-west-1"])
def test_a_home_region_that_cannot_be_one_is_an_error(save: Save, region: str) -> None:
    written = save(filled().replace("region: us-east-1", f"region: {region}"))
    with pytest.raises(PackagingError, match=f"manifest.yaml: {region} is "):
        new_configuration(written)
    with pytest.raises(PackagingError, match=f"manifest.yaml: {region} is "):
        new_configuration(save(filled()), region)
    with pytest.raises(PackagingError, match=f"manifest.yaml: {region} is "):
        merged_configuration(save(filled()), written)


@pytest.mark.parametrize("value", ["true", "True", "TRUE"])
def test_a_package_that_would_delete_stack_sets_is_an_error(save: Save, value: str) -> None:
    """It replaces the whole configuration, so every other StackSet of CfCT would be deleted."""
    manifest = save(f"{filled()}enable_stack_set_deletion: {value}\n")
    with pytest.raises(PackagingError, match="Remove enable_stack_set_deletion"):
        new_configuration(manifest)
    assert new_configuration(save(f"{filled()}enable_stack_set_deletion: false\n"))
    theirs = EXISTING.replace("resources:", f"enable_stack_set_deletion: {value}\nresources:")
    assert merged_configuration(save(filled()), save(theirs)).manifest.names[-2:] == [MAIN, FORWARDER]


def test_a_resource_whose_file_is_not_in_the_package_is_an_error(save: Save) -> None:
    other = "  - {name: a, deploy_method: scp, deployment_targets: {},\n     resource_file: policies/a.json\n    }\n"
    manifest = add_files(save(filled() + other), "policies/a.json")
    with pytest.raises(PackagingError, match=r"has no file policies/a\.json\. Use MERGE"):
        new_configuration(manifest)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tags: []\n", "tags is not a key that CfCT accepts there."),
        ("resources: []\n", "The manifest has a key twice: see line "),
        ("enable_stack_set_deletion: yes\n", "enable_stack_set_deletion must be true or false"),
        ("    # parameter_file: gone.json\n", None),
        ("    regions: [] # not parameter_file: gone.json\n", "The manifest has a key twice"),
        ("    description: 12\n", "The manifest has a key twice"),
    ],
)
def test_what_the_build_stage_rejects_is_an_error(save: Save, text: str, message: str | None) -> None:
    manifest = save(filled() + text)
    if message is None:
        assert new_configuration(manifest)
    else:
        with pytest.raises(PackagingError, match=message):
            new_configuration(manifest)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "failed: No such file or directory"),
        (b"\xff", "failed: it is not encoded in UTF-8"),
        (filled().encode("utf-16"), "failed: it is not encoded in UTF-8"),
        (b"", "must have one key on each line"),
        ("folder", "failed: Is a directory"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_an_error(tmp_path: Path, save: Save, content: object, message: str) -> None:
    path = tmp_path / "manifest.yaml"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        path.mkdir()
    with pytest.raises(PackagingError, match=rf"{path}: .*{message}"):
        new_configuration(path)
    with pytest.raises(PackagingError, match=rf"{path}: .*{message}"):
        merged_configuration(save(filled()), path)


# ---- merged ---------------------------------------------------------------------------------------------------------

FILES = ("policies/guardrails.json", "templates/network.template")


def test_the_files_for_an_existing_configuration_have_the_paths_in_its_manifest(save: Save) -> None:
    configuration = merged_configuration(save(filled()), add_files(save(EXISTING), *FILES))
    paths = ["manifest.yaml", "alternate-contacts/template.yaml", "alternate-contacts/home_region.yaml"]
    assert list(configuration.files("the template")) == paths
    assert configuration.notes == []
    text = configuration.manifest.text.replace("alternate-contacts/template.yaml", "templates/contacts.yaml")
    files = merged_configuration(save(shipped()), add_files(save(text), *FILES)).files("the template")
    assert list(files) == ["manifest.yaml", "templates/contacts.yaml", "alternate-contacts/home_region.yaml"]
    assert files["manifest.yaml"] == text


def test_a_configuration_in_the_default_repository_of_cfct_is_merged(tmp_path: Path, save: Save) -> None:
    folder = tmp_path / "custom-control-tower-configuration"
    folder.mkdir()
    (folder / "manifest.yaml").write_text(EXISTING)
    assert merged_configuration(save(filled()), folder / "manifest.yaml").manifest.names[-2:] == [MAIN, FORWARDER]


def test_the_home_region_of_an_existing_configuration_is_not_changed(save: Save) -> None:
    existing = save(EXISTING)
    assert merged_configuration(save(filled()), existing, "eu-central-1").manifest.home_region == "eu-central-1"
    with pytest.raises(PackagingError, match="The home region is eu-central-1, not eu-west-1"):
        merged_configuration(save(filled()), existing, "eu-west-1")


def test_an_older_manifest_is_an_error_that_leads_to_the_guide(save: Save) -> None:
    older = "region: us-east-1\nversion: 2020-01-01\ncloudformation_resources: []\n"
    with pytest.raises(PackagingError, match=r"from version 2020-01-01 to 2021-03-15.*https://docs\.aws\.amazon\.com"):
        merged_configuration(save(filled()), save(older))


def test_a_violation_in_another_resource_is_an_error(save: Save) -> None:
    existing = save(EXISTING.replace("  deploy_method: scp\n", "  deploy_method: scp\n  description: 12\n"))
    with pytest.raises(PackagingError, match=rf"{existing}: resources\[0\] \(guardrails\)\.description must be text"):
        merged_configuration(save(filled()), existing)


def test_a_violation_in_our_manifest_is_an_error_before_it_is_merged(save: Save) -> None:
    """Merged as a quoted value, the cut name would look right."""
    source = save(with_values(filled(), {"SecurityName": "Sam #1"}))
    with pytest.raises(PackagingError, match=f"{source}: Put the value of SecurityName in quotes"):
        merged_configuration(source, save(EXISTING))


def test_a_file_of_another_resource_must_exist(save: Save) -> None:
    existing = add_files(save(EXISTING), FILES[0])
    with pytest.raises(PackagingError, match=rf"{existing}: Line 20: the configuration has no file {FILES[1]}"):
        merged_configuration(save(filled()), existing)


def test_the_files_of_a_manifest_without_its_configuration_are_not_checked(save: Save) -> None:
    existing = save(EXISTING)
    [note] = merged_configuration(save(filled()), existing).notes
    assert note == f"Not checked: the files of other resources. {existing.parent} has none of them."
    merged = merged_configuration(save(filled()), existing)
    for path, text in merged.files("Description: 'Alternate Contacts for AWS: …'").items():
        add_files(existing, path, text=text)
    assert merged_configuration(save(filled()), existing).notes == [note]


def test_a_file_of_the_configuration_is_not_replaced(save: Save) -> None:
    existing = add_files(save(EXISTING), *FILES, "alternate-contacts/template.yaml")
    with pytest.raises(PackagingError, match=r"would replace the file alternate-contacts/template\.yaml"):
        merged_configuration(save(filled()), existing)
    add_files(existing, "alternate-contacts/template.yaml", text="Description: 'Alternate Contacts for AWS: …'")
    assert merged_configuration(save(filled()), existing)


def test_our_resource_under_another_name_is_an_error(save: Save) -> None:
    existing = save(filled().replace(f"name: {MAIN}\n", "name: contacts\n"))
    with pytest.raises(PackagingError, match=f"The resource contacts deploys this package under another name.*{MAIN}"):
        merged_configuration(save(filled()), existing)
