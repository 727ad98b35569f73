"""The wheel in an environment that has nothing but the dependencies that it declares."""

import subprocess
import sys
import tomllib
import venv
import zipfile
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from control_tower.template import Template
from emulation.settings import ROOT

PARTS = ("src", "custom-resources", "cli")


class Environment:
    """A virtual environment that contains nothing at first, not even pip."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, with_pip=False)
        self.commands = folder / "bin"
        [self.site_packages] = folder.glob("lib/python*/site-packages")

    def run(self, command: str, *arguments: str) -> str:
        """Run a command of the environment without any variable, and return what it printed."""
        process = subprocess.run(  # noqa: S603
            [str(self.commands / command), *arguments], cwd=ROOT, env={}, stdout=subprocess.PIPE, text=True, check=True
        )
        return process.stdout

    def install(self, requirements: Iterable[str], *wheels: Path) -> None:
        """Install wheels, and what is required: as links to what is installed here, and the rest with pip."""
        to_install = [str(wheel) for wheel in wheels]
        for requirement in closure(requirements):
            try:
                installed = distribution(requirement.name)
            except PackageNotFoundError:
                to_install.append(f"{requirement.name}{requirement.specifier}")
                continue
            assert installed.version in requirement.specifier
            for name in {path.parts[0] for path in installed.files or []} - {"..", "__pycache__"}:
                if not (self.site_packages / name).exists():
                    (self.site_packages / name).symlink_to(str(installed.locate_file(name)))
        if to_install:
            pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
            python = str(self.commands / "python")
            # With dependencies, pip would replace what is behind a link.
            options = ["--python", python, "install", "--no-deps", "--no-compile"]
            subprocess.run([*pip, *options, *to_install], check=True)  # noqa: S603


def closure(requirements: Iterable[str], extras: Iterable[str] = ("",)) -> Iterator[Requirement]:
    """Yield requirements, and those of what is installed here for them. Some come several times."""
    for requirement in map(Requirement, requirements):
        if not requirement.marker or any(requirement.marker.evaluate({"extra": extra}) for extra in extras):
            yield requirement
            for installed in Distribution.discover(name=requirement.name):
                yield from closure(installed.requires or [], requirement.extras or ("",))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built as pip builds it: by the backend, beside what pyproject.toml requires for it."""
    build_system = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]
    environment = Environment(tmp_path_factory.mktemp("build"))
    environment.install(build_system["requires"])
    backend, folder = build_system["build-backend"], tmp_path_factory.mktemp("wheel")
    environment.run("python", "-c", f"import {backend}; {backend}.build_wheel({str(folder)!r})")
    [wheel] = folder.iterdir()
    return wheel


@pytest.fixture(scope="module")
def version() -> str:
    """The output `Version` of the stack."""
    return str(Template.read(ROOT / "template.yaml").content["Outputs"]["Version"]["Value"])


def test_the_wheel_adds_one_name_to_site_packages(wheel: Path, version: str) -> None:
    with zipfile.ZipFile(wheel) as archive:
        files = archive.namelist()
    sources = {
        path.relative_to(ROOT / part).as_posix()
        for part in PARTS
        for path in (ROOT / part).glob("alternate_contacts/**/*.*")
        if path.suffix != ".pyc"
    }
    assert {name for name in files if not name.startswith(f"alternate_contacts-{version}.dist-info/")} == sources


def test_the_command_starts_with_the_dependencies_that_the_wheel_declares(
    wheel: Path, version: str, tmp_path: Path
) -> None:
    environment = Environment(tmp_path)
    [declared] = Distribution.discover(name="alternate-contacts", path=[str(wheel)])
    environment.install(declared.requires or [], wheel)
    assert "preflight" in environment.run("alternate-contacts", "--help")
    assert environment.run("alternate-contacts", "--version") == f"alternate-contacts {version}\n"
    environment.run("python", "-c", "import awscrt")
