"""The result of `sam build`."""

import hashlib
from pathlib import Path

import pytest

from emulation import deploy


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    """Two builds: the hash of each file by its path."""
    builds = []
    for _ in range(2):
        folder = tmp_path_factory.mktemp("build")
        deploy.build(folder)
        root = folder / "build"
        files = (path for path in root.rglob("*") if path.is_file())
        builds.append({str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files})
    return builds


def test_a_second_build_has_the_same_bytes(builds: list[dict[str, str]]) -> None:
    first, second = builds
    assert first == second


def test_each_zip_has_its_own_package_and_powertools_only(builds: list[dict[str, str]]) -> None:
    for function, package in (("WorkerFunction", "worker"), ("BackfillFunction", "backfill")):
        paths = [Path(path).parts[1:] for path in builds[0] if path.startswith(f"{function}/")]
        modules = {parts[0] for parts in paths if "." not in parts[0] and parts[0] != "__pycache__"}
        assert modules == {"alternate_contacts", "aws_lambda_powertools"}
        assert {parts[1] for parts in paths if parts[0] == "alternate_contacts"} == {package}


def test_the_zips_contain_no_compiled_code(builds: list[dict[str, str]]) -> None:
    """They run on any architecture."""
    assert [path for path in builds[0] if path.endswith((".so", ".pyd", ".dylib"))] == []
