"""`make package` up to the point where it would ask AWS: no socket can be opened here."""

from collections.abc import Callable
from pathlib import Path

import pytest

from control_tower import package
from control_tower.manifest import FORWARDER, MAIN
from control_tower.refusal import RefusalError
from tests.template.cfct.samples import EXISTING, filled, shipped

Save = Callable[[str], Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Write a manifest to a file of its own."""

    def write(text: str) -> Path:
        path = tmp_path / f"manifest-{len(list(tmp_path.iterdir()))}.yaml"
        path.write_bytes(text.encode())
        return path

    return write


def test_a_manifest_that_was_not_filled_in_is_refused_before_anything_else(
    save: Save, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest, output = save(shipped().replace("111122223333", "one")), tmp_path / "output"
    assert package.main(["--manifest", str(manifest), "--output", str(output), "--bucket", "code"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert [line[:20] for line in said.err.splitlines()] == ["Name the account of ", "Still REPLACE_ME: Bi"]
    assert not output.exists()


def test_where_home_is_the_functions_region_there_is_nothing_to_forward(save: Save) -> None:
    manifest = package.prepared(save(filled()))
    assert manifest.text == filled()
    assert package.configuration(manifest, "the template") == {
        "manifest.yaml": filled(),
        "template.yaml": "the template",
    }


def test_where_home_is_elsewhere_the_forwarder_goes_with_it(save: Save) -> None:
    manifest = package.prepared(save(filled()), "eu-west-1")
    assert manifest.resource(FORWARDER)
    files = package.configuration(manifest, "the template")
    assert list(files) == ["manifest.yaml", "template.yaml", "home_region.yaml"]
    assert files["home_region.yaml"] == package.FORWARDER_TEMPLATE.read_text(encoding="utf-8")
    written = save(filled().replace("region: us-east-1", "region: eu-west-1"))
    assert package.prepared(written).text == manifest.text


def test_an_existing_configuration_gets_files_where_its_manifest_expects_them(save: Save) -> None:
    manifest = package.prepared(save(filled()), merge=save(EXISTING))
    files = package.configuration(manifest, "the template")
    assert list(files) == [
        "manifest.yaml",
        "alternate-contacts/template.yaml",
        "alternate-contacts/home_region.yaml",
    ]
    moved = manifest.text.replace("alternate-contacts/template.yaml", "templates/contacts.yaml")
    files = package.configuration(package.prepared(save(shipped()), merge=save(moved)), "the template")
    assert list(files) == ["manifest.yaml", "templates/contacts.yaml", "alternate-contacts/home_region.yaml"]
    assert files["manifest.yaml"] == moved


def test_the_home_region_of_an_existing_configuration_is_not_changed(save: Save) -> None:
    assert package.prepared(save(filled()), "eu-central-1", save(EXISTING)).home_region == "eu-central-1"
    with pytest.raises(RefusalError, match="is of a Control Tower in eu-central-1, not eu-west-1"):
        package.prepared(save(filled()), "eu-west-1", save(EXISTING))


def test_an_older_manifest_is_refused(save: Save) -> None:
    older = "region: us-east-1\nversion: 2020-01-01\ncloudformation_resources: []\n"
    with pytest.raises(RefusalError, match="Write version: 2021-03-15 in the manifest"):
        package.prepared(save(filled()), merge=save(older))


@pytest.mark.parametrize("content", [None, b"\xff"])
def test_a_manifest_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "manifest.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RefusalError, match=r"manifest\.yaml could not be read"):
        package.prepared(path)


def test_line_breaks_of_an_existing_configuration_are_kept(save: Save) -> None:
    manifest = package.prepared(save(filled()), merge=save(EXISTING.replace("\n", "\r\n")))
    assert manifest.text.count("\n") == manifest.text.count("\r\n")
    assert manifest.resource(MAIN)
