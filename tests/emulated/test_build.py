"""The result of `sam build`, and of the same recipe in a release."""

import os
from pathlib import Path

import pytest

from emulation.settings import ROOT
from tools import release

FOLDERS = {"WorkerFunction": "src", "BackfillFunction": "custom-resources"}
OTHER_SETTINGS = {
    "TZ": "Pacific/Kiritimati",
    "LC_ALL": "C",
    "SOURCE_DATE_EPOCH": "1",
    "PYTHONOPTIMIZE": "2",
    "PYTHONPYCACHEPREFIX": "/nowhere",
    "PYTHONHASHSEED": "1",
    "PIP_NO_CACHE_DIR": "1",
    "MAKEFLAGS": "--no-print-directory",
}
"""Settings of another machine, none of which may change a byte."""


@pytest.fixture(scope="module")
def functions(sam_build: Path) -> dict[str, dict[str, bytes]]:
    """The files of each function by their path."""
    return {name: release.read_files(sam_build / "build" / name) for name in FOLDERS}


def test_a_release_has_the_same_bytes_in_another_folder_with_other_settings(
    functions: dict[str, dict[str, bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in OTHER_SETTINGS.items():
        monkeypatch.setenv(name, value)
    before = os.umask(0o077)
    try:
        built = release.build_functions(ROOT, tmp_path / "another folder")
    finally:
        os.umask(before)
    zips = {name: release.zipped(built[folder]) for name, folder in FOLDERS.items()}
    assert zips == {name: release.zipped(dict(reversed(files.items()))) for name, files in functions.items()}


def test_each_zip_has_its_own_package_and_powertools_only(functions: dict[str, dict[str, bytes]]) -> None:
    for name, package in (("WorkerFunction", "worker"), ("BackfillFunction", "backfill")):
        paths = [Path(path).parts for path in functions[name]]
        modules = {parts[0] for parts in paths if "." not in parts[0] and parts[0] != "__pycache__"}
        assert modules == {"alternate_contacts", "aws_lambda_powertools"}
        assert {parts[1] for parts in paths if parts[0] == "alternate_contacts"} == {package}


@pytest.mark.parametrize("name", FOLDERS)
def test_the_zips_contain_no_compiled_code(name: str, functions: dict[str, dict[str, bytes]]) -> None:
    """They run on any architecture."""
    assert [path for path in functions[name] if path.endswith((".so", ".pyd", ".dylib"))] == []
