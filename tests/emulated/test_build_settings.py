"""The build and the set-up work with pip settings that move or forbid an installation, and with pyenv."""

import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from emulation.settings import ROOT, RUNTIME

FUNCTIONS = {"WorkerFunction": ("src", "worker"), "BackfillFunction": ("custom-resources", "backfill")}
MAXIMUM_ZIP_BYTES = 600_000
CONFIGURATION = """\
[global]
require-virtualenv = true
no-binary = :all:
constraint = {folder}/no-such-file.txt
[install]
user = true
prefix = {folder}/elsewhere
root = {folder}/elsewhere
target = {folder}/elsewhere
"""
PYENV = """\
#!/bin/sh
case "$*" in "-m pip "*) "{python}" "$@"; echo "pyenv: cannot rehash" >&2; exit 1;; esac
exec "{python}" "$@"
"""
"""A `python3` like pyenv's where the user may not write its shims."""


@pytest.fixture
def user(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """The environment of a user whose pip settings and `python3` would break an installation."""
    shims = tmp_path / "shims"
    shims.mkdir()
    (shims / "python3").write_text(PYENV.format(python=shutil.which("python3")))
    (shims / "python3").chmod(0o755)
    environment = {**os.environ, "PATH": f"{shims}{os.pathsep}{os.environ['PATH']}"}
    if request.param == "environment":
        elsewhere = str(tmp_path / "elsewhere")
        return {
            **environment,
            "PIP_USER": "1",
            "PIP_REQUIRE_VIRTUALENV": "1",
            "PIP_NO_BINARY": ":all:",
            "PIP_PREFIX": elsewhere,
            "PIP_ROOT": elsewhere,
            "PIP_TARGET": elsewhere,
        }
    file = tmp_path / "pip.conf"
    file.write_text(CONFIGURATION.format(folder=tmp_path))
    return {**environment, "PIP_CONFIG_FILE": str(file)}


def make(*arguments: str, environment: dict[str, str]) -> None:
    done = subprocess.run(["make", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)  # noqa: S603, S607
    assert done.returncode == 0, done.stderr


def test_the_makefiles_of_the_functions_differ_in_the_name_only() -> None:
    texts = {
        (ROOT / folder / "Makefile").read_text().replace(f"build-{function}", "build")
        for function, (folder, _) in FUNCTIONS.items()
    }
    assert len(texts) == 1


# The Makefiles are the same, so each shows one way of a user's settings.
@pytest.mark.parametrize(
    ("function", "user"),
    [("WorkerFunction", "environment"), ("BackfillFunction", "configuration file")],
    indirect=["user"],
)
def test_a_function_is_built_all_the_same(function: str, user: dict[str, str], tmp_path: Path) -> None:
    folder, package = FUNCTIONS[function]
    artifacts = tmp_path / "artifacts"
    make("-C", folder, f"build-{function}", f"ARTIFACTS_DIR={artifacts}", environment=user)
    assert (artifacts / "aws_lambda_powertools").is_dir()
    assert (artifacts / "alternate_contacts" / package / "handler.py").is_file()
    assert not (tmp_path / "elsewhere").exists()


# A variable of make replaces the user's variable and is stronger than the file, and an option is stronger than both.
@pytest.mark.parametrize("user", ["configuration file"], indirect=True)
def test_the_set_up_installs_into_its_own_environment_all_the_same(user: dict[str, str], tmp_path: Path) -> None:
    """With one requirement instead of all."""
    pinned = (ROOT / "requirements" / "runtime.txt").read_text()
    [six] = re.findall(r"^six==.*\n(?: .*\n)+", pinned, re.MULTILINE)
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "runtime.txt").write_text(six)
    make("-C", str(tmp_path), "--file", str(ROOT / "Makefile"), ".venv/runtime/.done", environment=user)
    python = tmp_path / ".venv" / "runtime" / "bin" / "python"
    subprocess.run([python, "-c", "import six"], check=True, env={"PATH": os.environ["PATH"]})  # noqa: S603
    assert not (tmp_path / "elsewhere").exists()


def test_processes_compile_a_module_once_although_the_environment_forbids_byte_code() -> None:
    print_variable = 'variable:\n\t@echo "[$$PYTHONDONTWRITEBYTECODE]"\n'
    command = ["make", "--silent", "--file", "Makefile", "--file", "-", "variable"]
    environment = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(  # noqa: S603
        command, cwd=ROOT, input=print_variable, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_zip_is_small_runs_alone_and_holds_nothing_that_a_scanner_takes_for_a_secret(
    function: str, sam_build: Path, tmp_path: Path
) -> None:
    artifacts = sam_build / "build" / function
    with zipfile.ZipFile(tmp_path / "code.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in artifacts.rglob("*"):
            archive.write(path, path.relative_to(artifacts))
        names = archive.namelist()
    assert (tmp_path / "code.zip").stat().st_size <= MAXIMUM_ZIP_BYTES
    # Prowler 5.46, awslambda_function_no_secrets_in_code, reports findings in these.
    assert [name for name in names if name.endswith("/RECORD") or "secret" in name or "swagger" in name] == []
    # The other emulated tests run the flows; here every module of the function is imported, with nothing but the zip.
    program = f"import sys; sys.path.insert(0, {str(artifacts)!r}); import {_modules(artifacts)}"
    subprocess.run([RUNTIME, "-B", "-c", program], check=True, env={"AWS_DEFAULT_REGION": "us-east-1"})  # noqa: S603


def _modules(artifacts: Path) -> str:
    """Every module of the function but its handler, which needs the template's environment variables."""
    paths = sorted((artifacts / "alternate_contacts").rglob("*.py"))
    names = [".".join(path.relative_to(artifacts).with_suffix("").parts) for path in paths]
    return ", ".join(name for name in names if not name.endswith((".__init__", ".handler")))
