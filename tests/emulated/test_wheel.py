"""The wheel of a release, installed into an empty environment as pipx does."""

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from control_tower.template import Template
from emulation.settings import ROOT

PARTS = ("src", "custom-resources", "cli")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    python("hatchling", "build", "--target", "wheel", "--directory", str(folder))
    [wheel] = folder.iterdir()
    return wheel


@pytest.fixture(scope="module")
def version() -> str:
    """The output `Version` of the stack."""
    return str(Template.read(ROOT / "template.yaml").content["Outputs"]["Version"]["Value"])


def python(module: str, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", module, *arguments], cwd=ROOT, check=True)  # noqa: S603


def test_the_wheel_adds_one_name_to_site_packages(wheel: Path, version: str) -> None:
    with zipfile.ZipFile(wheel) as archive:
        files = {name for name in archive.namelist() if not name.startswith(f"alternate_contacts-{version}.dist-info/")}
    sources = {
        path.relative_to(ROOT / part).as_posix()
        for part in PARTS
        for path in (ROOT / part).glob("alternate_contacts/**/*.*")
        if path.suffix != ".pyc"
    }
    assert files == sources


@pytest.mark.timeout(300)  # pip downloads the dependencies
def test_it_starts_in_an_environment_that_was_empty(wheel: Path, version: str, tmp_path: Path) -> None:
    venv.create(tmp_path, with_pip=False)
    commands = tmp_path / "bin"
    pip = ("pip", "--quiet", "--disable-pip-version-check", "--python", str(commands / "python"))
    python(*pip, "install", "--no-compile", str(wheel))

    def run(command: str, *arguments: str) -> str:
        process = subprocess.run(  # noqa: S603
            [str(commands / command), *arguments], env={}, stdout=subprocess.PIPE, text=True, check=True
        )
        return process.stdout

    assert "preflight" in run("alternate-contacts", "--help")
    assert run("alternate-contacts", "--version") == f"alternate-contacts {version}\n"
    run("python", "-c", "import awscrt")
