"""The folder and the zip of a package."""

import os
import zipfile
from pathlib import Path

import pytest

from control_tower.archive import NAME, Output
from control_tower.errors import PackagingError
from tests.template.cfct.samples import filled

FILES = {"manifest.yaml": filled(), "template.yaml": "Zoë\r\n"}


@pytest.fixture
def output(tmp_path: Path) -> Output:
    return Output(tmp_path / "dist" / "cfct")


def test_the_folder_holds_the_files_and_none_of_an_earlier_run(output: Output) -> None:
    output.write({**FILES, "old.yaml": "old"}, with_zip=True)
    (output.path / "mine.txt").write_text("not ours")
    output.write(FILES, with_zip=False)
    paths = [path for path in output.folder.rglob("*") if path.is_file()]
    content = {str(path.relative_to(output.folder)): path.read_bytes() for path in paths}
    assert content == {path: text.encode() for path, text in FILES.items()}
    # Without a zip there is none of an earlier run either.
    assert sorted(path.name for path in output.path.iterdir()) == [NAME, "mine.txt"]


def test_the_zip_has_the_manifest_at_its_root_and_the_same_content(output: Output) -> None:
    output.write(FILES, with_zip=True)
    with zipfile.ZipFile(output.zip) as zipped:
        assert zipped.testzip() is None
        assert {name: zipped.read(name).decode() for name in zipped.namelist()} == FILES
    assert output.zip.name == "custom-control-tower-configuration.zip"


def test_the_same_files_make_the_same_zip_at_any_time_and_in_any_order(output: Output) -> None:
    output.write(FILES, with_zip=True)
    first = output.zip.read_bytes()
    os.utime(output.path, (0, 0))
    output.write(dict(reversed(FILES.items())), with_zip=True)
    assert output.zip.read_bytes() == first
    output.write({**FILES, "x": ""}, with_zip=True)
    assert output.zip.read_bytes() != first


def test_a_run_that_is_killed_leaves_the_earlier_package_whole(output: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    output.write(FILES, with_zip=True)
    before = output.zip.read_bytes()
    write = Path.write_bytes

    def kill(path: Path, data: bytes) -> int:
        if path.name == "template.yaml":
            raise KeyboardInterrupt
        return write(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", kill)
        with pytest.raises(KeyboardInterrupt):
            output.write({"manifest.yaml": "new", "template.yaml": "new"}, with_zip=True)
    assert output.zip.read_bytes() == before
    assert (output.folder / "manifest.yaml").read_text(encoding="utf-8") == FILES["manifest.yaml"]
    output.check()
    output.write(FILES, with_zip=True)
    assert sorted(path.name for path in output.path.iterdir()) == [NAME, output.zip.name]


# ---- before anything is uploaded ------------------------------------------------------------------------------------


def test_an_empty_folder_and_an_earlier_package_may_be_replaced(output: Output) -> None:
    output.check()
    output.check()
    output.write(FILES, with_zip=True)
    output.check()


def test_a_file_in_the_place_of_a_folder_is_an_error(output: Output) -> None:
    output.path.parent.write_text("a file")
    with pytest.raises(PackagingError, match=r"Writing to .*cfct failed: "):
        output.check()


def test_a_file_in_the_place_of_the_package_is_an_error(output: Output) -> None:
    output.path.mkdir(parents=True)
    output.folder.write_text("a file")
    with pytest.raises(PackagingError, match="files that no earlier run has written"):
        output.check()


@pytest.mark.parametrize("path", [".git/HEAD", "templates/network.template", "notes.txt"])
def test_a_configuration_of_the_user_is_not_replaced(output: Output, path: str) -> None:
    output.write(FILES, with_zip=False)
    (output.folder / path).parent.mkdir(exist_ok=True)
    (output.folder / path).write_text("mine")
    with pytest.raises(PackagingError, match=f"no earlier run has written, such as {path}"):
        output.check()
    assert (output.folder / path).read_text() == "mine"


def test_a_manifest_that_would_be_replaced_is_not_read(output: Output, tmp_path: Path) -> None:
    output.write(FILES, with_zip=False)
    (tmp_path / "link").symlink_to(output.folder)
    for manifest in (output.folder / "manifest.yaml", tmp_path / "link" / "manifest.yaml"):
        with pytest.raises(PackagingError, match="which is replaced by the package"):
            output.check(reads=[manifest])
    output.check(reads=[tmp_path / NAME / "manifest.yaml"])
