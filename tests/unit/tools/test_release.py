"""`make release`: what stops it before a build, and what it writes."""

import json
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from alternate_contacts.worker.contacts import CONTACT_FIELDS
from control_tower.bundle import checksums
from control_tower.manifest import PLACEHOLDER
from control_tower.template import Template
from tools import release

ROOT = Path(__file__).parents[3]
Git = Callable[..., None]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A git clone with one commit."""
    folder = tmp_path / "a clone"
    folder.mkdir()
    (folder / "file").write_text("one\n")
    git(folder, "init", "--quiet")
    git(folder, "add", "file")
    git(folder, "-c", "user.name=x", "-c", "user.email=x", "commit", "--quiet", "--no-gpg-sign", "--message=one")
    return folder


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True)  # noqa: S603, S607


def python_that_prints(folder: Path, text: str) -> None:
    program = folder / "python3.13"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)


# ---- what stops it --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [None, "exit 127", "echo CPython 3.12.1", "echo PyPy 3.13.0", "echo"])
def test_without_python_3_13_there_is_no_release(
    text: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    if text:
        python_that_prints(tmp_path, text)
    assert release.main() == 1
    assert "python3.13 does not run on this machine" in capsys.readouterr().err


def test_the_version_of_python_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    python_that_prints(tmp_path, "echo CPython 3.13.7")
    assert release.runtime_version() == "3.13.7"


def test_a_clone_without_changes_has_a_commit(clone: Path) -> None:
    assert len(release.committed_state(clone)) == 40


@pytest.mark.parametrize("path", ["file", "another file"])
def test_a_changed_and_a_new_file_are_named(clone: Path, path: str) -> None:
    (clone / path).write_text("two\n")
    with pytest.raises(release.ReleaseError, match=f"differ from the commit: .?{path}"):
        release.committed_state(clone)


def test_a_folder_that_is_no_clone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(release.ReleaseError, match="git clone"):
        release.committed_state(tmp_path)


def test_a_machine_without_git_is_an_error(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(release.ReleaseError, match="git clone"):
        release.committed_state(clone)


def test_every_module_needs_byte_code_of_python_3_13() -> None:
    whole = {"a.py": b"", "__pycache__/a.cpython-313.pyc": b"", "b/c.py": b"", "b/__pycache__/c.cpython-313.pyc": b""}
    release.check_byte_code("src", {**whole, "b/METADATA": b""})
    for name in ("__pycache__/a.cpython-313.pyc", "b/__pycache__/c.cpython-313.pyc"):
        with pytest.raises(release.ReleaseError, match="missing for 1 of 2"):
            release.check_byte_code("src", {path: content for path, content in whole.items() if path != name})
    with pytest.raises(release.ReleaseError, match="missing for 0 of 0"):
        release.check_byte_code("src", {})


def test_two_builds_that_differ_are_no_release() -> None:
    release.check_equal({"a": b"1"}, {"a": b"1"})
    with pytest.raises(release.ReleaseError, match=r"differ: a, b\."):
        release.check_equal({"a": b"1"}, {"a": b"2", "b": b""})


# ---- what it writes -------------------------------------------------------------------------------------------------


@pytest.fixture
def files() -> dict[str, bytes]:
    return release.bundle_files(ROOT, {"src": {"a.py": b"1"}, "custom-resources": {"b.py": b"2"}}, {"commit": "c"})


def test_the_parameters_of_the_bundle_are_those_of_the_template(files: dict[str, bytes]) -> None:
    parameters = dict(text.split("=", 1) for text in json.loads(files["parameters.json"]))
    template = Template(files["template.yaml"].decode())
    assert parameters.keys() == template.parameters.keys()
    defaults = template.defaults()
    assert {name: value for name, value in parameters.items() if value != defaults[name]} == {
        name: PLACEHOLDER for name in defaults if name.endswith(tuple(field.api_name for field in CONTACT_FIELDS))
    }


@pytest.mark.parametrize(
    ("version", "notes"), [("0.2.0", "- Two.\n"), ("0.1.0", "- One.\n"), ("0.3.0.dev0", "- Three.\n")]
)
def test_the_notes_are_the_section_of_the_version(version: str, notes: str) -> None:
    assert release.release_notes(bundle_of(version)) == notes


def test_a_version_without_a_section_is_an_error() -> None:
    with pytest.raises(release.ReleaseError, match=r"no section \[0\.3\.0\]"):
        release.release_notes(bundle_of("0.3.0"))


def bundle_of(version: str) -> dict[str, bytes]:
    changelog = (
        "# Changelog\n\n## [Unreleased]\n\n- Three.\n\n## [0.2.0] - 2026-11-26\n\n- Two.\n\n## [0.1.0]\n\n- One.\n"
    )
    return {"CHANGELOG.md": changelog.encode(), "release.json": json.dumps({"version": version}).encode()}


def test_an_earlier_bundle_is_replaced(files: dict[str, bytes], tmp_path: Path) -> None:
    folder, archive, checksum = release.write_bundle(files, tmp_path)
    (folder / "old").touch()
    before = archive.read_bytes()
    release.write_bundle(dict(reversed(files.items())), tmp_path)
    assert release.read_files(folder) == files
    assert archive.read_bytes() == before
    assert checksum.read_text() == checksums({archive.name: before})
    with zipfile.ZipFile(archive) as zipped:
        assert zipped.namelist() == sorted(f"{folder.name}/{path}" for path in files)
        assert {entry.external_attr >> 16 for entry in zipped.infolist()} == {0o644}
    assert sorted(tmp_path.iterdir()) == sorted([folder, archive, checksum])


def test_a_folder_that_cannot_be_written_is_an_error(files: dict[str, bytes], tmp_path: Path) -> None:
    (tmp_path / "output").touch()
    with pytest.raises(release.ReleaseError, match=r"Writing to .*output failed"):
        release.write_bundle(files, tmp_path / "output")


def test_a_recipe_that_fails_is_an_error_with_its_output(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "src", tmp_path / "project" / "src")
    (tmp_path / "project" / "src" / "Makefile").write_text("build-WorkerFunction:\n\t@echo no pip; exit 1\n")
    with pytest.raises(release.ReleaseError, match="Building src failed: no pip"):
        release.build_functions(tmp_path / "project", tmp_path / "build")
