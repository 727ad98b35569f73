"""The wheel, installed into an empty environment as `pipx install .` does."""

import subprocess
import sys
import venv
from pathlib import Path

import pytest
from cfnlint.decode.cfn_yaml import load

from emulation.settings import ROOT

PARTS = ("src", "custom-resources", "cli")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment that contains nothing, not even pip."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    return folder


def template_version() -> str:
    """The output `Version` of the stack."""
    content = load(str(ROOT / "template.yaml"))
    version: str = content["Outputs"]["Version"]["Value"]
    return version


def pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    subprocess.run(command, check=True)  # noqa: S603


@pytest.mark.timeout(300)  # pip downloads the dependencies
def test_the_wheel_adds_one_name_to_site_packages_and_starts(environment: Path, tmp_path: Path) -> None:
    [site_packages] = environment.glob("lib/python*/site-packages")
    assert list(site_packages.iterdir()) == []
    install = ("--python", str(environment / "bin" / "python"), "install", "--no-compile")

    pip("wheel", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT))
    [wheel] = tmp_path.iterdir()
    pip(*install, "--no-deps", str(wheel))
    names = {path.name for path in site_packages.iterdir() if path.suffix != ".dist-info"}
    assert names == {"alternate_contacts"}
    installed = {path.relative_to(site_packages) for path in site_packages.glob("alternate_contacts/**/*.*")}
    sources = {
        path.relative_to(ROOT / part) for part in PARTS for path in (ROOT / part).glob("alternate_contacts/**/*.*")
    }
    assert installed == {path for path in sources if path.suffix != ".pyc"}

    pip(*install, str(wheel))
    command = [str(environment / "bin" / "alternate-contacts"), "--help"]
    started = subprocess.run(command, capture_output=True, text=True, check=True, env={})  # noqa: S603
    assert "preflight" in started.stdout
    command = [str(environment / "bin" / "alternate-contacts"), "--version"]
    version = subprocess.run(command, capture_output=True, text=True, check=True, env={})  # noqa: S603
    assert version.stdout == f"alternate-contacts {template_version()}\n"
    crt = subprocess.run([str(environment / "bin" / "python"), "-c", "import awscrt"], check=False)  # noqa: S603
    assert crt.returncode == 0
