"""The folder and the zip of a package."""

import os
import zipfile
from pathlib import Path

from control_tower import archive

FILES = {"manifest.yaml": "region: us-east-1\n", "below/template.yaml": "Zoë\r\n"}


def test_the_folder_holds_the_files_and_none_of_an_earlier_run(tmp_path: Path) -> None:
    archive.write_folder(tmp_path, {"old.yaml": "old"})
    archive.write_zip(tmp_path, {"old.yaml": "old"})
    (tmp_path / "mine.txt").write_text("not ours")
    folder = archive.write_folder(tmp_path, FILES)
    content = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert content == {path: text.encode() for path, text in FILES.items()}
    assert sorted(path.name for path in tmp_path.iterdir()) == [archive.NAME, "mine.txt"]


def test_the_zip_has_the_manifest_at_its_root_and_the_same_content(tmp_path: Path) -> None:
    with zipfile.ZipFile(archive.write_zip(tmp_path, FILES)) as zipped:
        assert zipped.testzip() is None
        assert {name: zipped.read(name).decode() for name in zipped.namelist()} == FILES
    assert archive.zip_path(tmp_path).name == "custom-control-tower-configuration.zip"


def test_the_same_files_make_the_same_zip_at_any_time_and_in_any_order(tmp_path: Path) -> None:
    first = archive.write_zip(tmp_path, FILES).read_bytes()
    os.utime(tmp_path, (0, 0))
    assert archive.write_zip(tmp_path, dict(reversed(FILES.items()))).read_bytes() == first
    assert archive.write_zip(tmp_path, {**FILES, "x": ""}).read_bytes() != first
