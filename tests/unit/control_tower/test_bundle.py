"""The bundle of a release: its template and its check."""

from pathlib import Path

import pytest

from control_tower.bundle import CHECKSUMS, TEMPLATE, bundle_template, check_bundle, checksums, version_of
from control_tower.configuration import TEMPLATE as OF_THIS_CHECKOUT
from control_tower.errors import PackagingError
from control_tower.template import Template

TEXT = OF_THIS_CHECKOUT.read_text()
VERSION = version_of(TEXT)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return written(tmp_path / "bundle", {TEMPLATE: bundle_template(TEXT).encode(), "code.zip": b"code"})


def written(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir()
    for path, content in files.items():
        (folder / path).write_bytes(content)
    (folder / CHECKSUMS).write_text(checksums(files))
    return folder


def test_the_template_differs_from_that_of_the_repository_in_the_places_of_code_and_version_only() -> None:
    text = bundle_template(TEXT)
    assert Template(text).content["Metadata"]["Version"] == Template(text).content["Outputs"]["Version"]["Value"]
    pairs = [(old, new) for old, new in zip(TEXT.splitlines(), text.splitlines(), strict=True) if old != new]
    assert [new.strip() for _, new in pairs] == [
        f"Version: {VERSION}",
        f"CodeUri: alternate-contacts-worker-{VERSION}.zip",
        f"CodeUri: alternate-contacts-backfill-{VERSION}.zip",
        f"Value: {VERSION}",
    ]


def test_a_template_without_a_place_for_the_code_is_an_error() -> None:
    with pytest.raises(ValueError, match="CodeUri: src/"):
        bundle_template(TEXT.replace("CodeUri: src/", "CodeUri: source/"))


def test_a_whole_bundle_of_this_release_is_accepted(bundle: Path) -> None:
    assert check_bundle(bundle, TEXT) == bundle / TEMPLATE


def test_a_changed_file_is_named(bundle: Path) -> None:
    (bundle / "code.zip").write_bytes(b"other code")
    with pytest.raises(PackagingError, match=r"differ from SHA256SUMS: code.zip\."):
        check_bundle(bundle, TEXT)


@pytest.mark.parametrize("path", ["code.zip", CHECKSUMS])
def test_a_missing_file_is_named(bundle: Path, path: str) -> None:
    (bundle / path).unlink()
    with pytest.raises(PackagingError, match=rf"not a complete bundle.*{path}"):
        check_bundle(bundle, TEXT)


def test_checksums_that_are_no_text_are_an_error(bundle: Path) -> None:
    (bundle / CHECKSUMS).write_bytes(b"\xff")
    with pytest.raises(PackagingError, match="not a complete bundle"):
        check_bundle(bundle, TEXT)


def test_a_bundle_of_another_release_is_an_error(bundle: Path) -> None:
    with pytest.raises(PackagingError, match=r"whose version is 9\.9\.9\. Check out the commit"):
        check_bundle(bundle, TEXT.replace(VERSION, "9.9.9"))


def test_a_bundle_without_a_template_is_an_error(tmp_path: Path) -> None:
    folder = written(tmp_path / "bundle", {"code.zip": b"code"})
    with pytest.raises(PackagingError, match="is not that of this checkout"):
        check_bundle(folder, TEXT)
