"""What `sam build` makes of the two functions."""

import hashlib
from pathlib import Path

import pytest

from emulation import deploy


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    """Two builds, each as path to content's hash."""
    found = []
    for _ in range(2):
        folder = tmp_path_factory.mktemp("build")
        deploy.build(folder)
        root = folder / "build"
        files = (path for path in root.rglob("*") if path.is_file())
        found.append({str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files})
    return found


def test_a_second_build_is_the_same_to_the_byte(builds: list[dict[str, str]]) -> None:
    first, second = builds
    assert first == second


def test_the_zips_hold_their_function_and_powertools_and_nothing_of_the_runtime(builds: list[dict[str, str]]) -> None:
    for function, package in (("WorkerFunction", "worker"), ("BackfillFunction", "backfill")):
        names = {Path(path).parts[1] for path in builds[0] if path.startswith(f"{function}/")}
        modules = {name for name in names if "." not in name and name != "__pycache__"}
        assert modules == {package, "aws_lambda_powertools"}


def test_the_zips_run_on_any_architecture(builds: list[dict[str, str]]) -> None:
    assert [path for path in builds[0] if path.endswith((".so", ".pyd", ".dylib"))] == []
