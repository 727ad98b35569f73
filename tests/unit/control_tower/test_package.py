"""`make package` up to its first call to AWS: no socket can be opened here."""

from collections.abc import Callable
from pathlib import Path

import pytest

from control_tower import package
from control_tower.errors import PackagingError
from control_tower.manifest import FORWARDER, MAIN
from tests.template.cfct.samples import EXISTING, filled, shipped

Save = Callable[[str], Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Write each manifest to its own file."""

    def write(text: str) -> Path:
        path = tmp_path / f"manifest-{len(list(tmp_path.iterdir()))}.yaml"
        path.write_bytes(text.encode())
        return path

    return write


def test_a_manifest_that_was_not_filled_in_fails_before_anything_is_written(
    save: Save, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest, output = save(shipped().replace("111122223333", "one")), tmp_path / "output"
    assert package.main(["--manifest", str(manifest), "--output", str(output), "--bucket", "code"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert [line[:20] for line in printed.err.splitlines()] == ["Write the account of", "REPLACE_ME is still "]
    assert not output.exists()


def test_no_forwarder_is_added_for_the_home_region_us_east_1(save: Save) -> None:
    manifest = package.prepare(save(filled()))
    assert manifest.text == filled()
    assert package.package_files(manifest, "the template") == {
        "manifest.yaml": filled(),
        "template.yaml": "the template",
    }


def test_the_forwarder_is_added_for_another_home_region(save: Save) -> None:
    manifest = package.prepare(save(filled()), "eu-west-1")
    assert manifest.resource(FORWARDER)
    files = package.package_files(manifest, "the template")
    assert list(files) == ["manifest.yaml", "template.yaml", "home_region.yaml"]
    assert files["home_region.yaml"] == package.FORWARDER_TEMPLATE.read_text(encoding="utf-8")
    written = save(filled().replace("region: us-east-1", "region: eu-west-1"))
    assert package.prepare(written).text == manifest.text


def test_the_files_for_an_existing_configuration_have_the_paths_in_its_manifest(save: Save) -> None:
    manifest = package.prepare(save(filled()), merge=save(EXISTING))
    files = package.package_files(manifest, "the template")
    assert list(files) == [
        "manifest.yaml",
        "alternate-contacts/template.yaml",
        "alternate-contacts/home_region.yaml",
    ]
    moved = manifest.text.replace("alternate-contacts/template.yaml", "templates/contacts.yaml")
    files = package.package_files(package.prepare(save(shipped()), merge=save(moved)), "the template")
    assert list(files) == ["manifest.yaml", "templates/contacts.yaml", "alternate-contacts/home_region.yaml"]
    assert files["manifest.yaml"] == moved


def test_the_home_region_of_an_existing_configuration_is_not_changed(save: Save) -> None:
    assert package.prepare(save(filled()), "eu-central-1", save(EXISTING)).home_region == "eu-central-1"
    with pytest.raises(PackagingError, match="is eu-central-1, not eu-west-1"):
        package.prepare(save(filled()), "eu-west-1", save(EXISTING))


def test_an_older_manifest_is_an_error(save: Save) -> None:
    older = "region: us-east-1\nversion: 2020-01-01\ncloudformation_resources: []\n"
    with pytest.raises(PackagingError, match="Write version: 2021-03-15 in the manifest"):
        package.prepare(save(filled()), merge=save(older))


@pytest.mark.parametrize("content", [None, b"\xff"])
def test_a_manifest_that_cannot_be_read_is_an_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "manifest.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PackagingError, match=r"Reading the manifest .*manifest\.yaml failed"):
        package.prepare(path)


def test_line_breaks_of_an_existing_configuration_are_kept(save: Save) -> None:
    manifest = package.prepare(save(filled()), merge=save(EXISTING.replace("\n", "\r\n")))
    assert manifest.text.count("\n") == manifest.text.count("\r\n")
    assert manifest.resource(MAIN)
