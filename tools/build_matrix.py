"""Run the functions' build recipe with old and new Pythons and pips: `make build-matrix`.

Needs no environment of this project, because a user's machine has none either. It uses the interpreters named
``python3.X`` on the PATH and those that pyenv installed, and names the ones that it lacks.

Exit code: 0 every build passed; 1 a build failed; 2 no interpreter was found.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTHONS = ("3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14")
PIPS = ("20.0.2", "21.3.1", "22.0.4", "23.0.1", "24.0", "25.3")
"""20.0.2 is Ubuntu 20.04's, 22.0.4 the last bundled with Python 3.7, 23.0.1 Debian 12's, 24.0 Ubuntu 24.04's."""
TARGETS = (("src", "build-WorkerFunction"), ("custom-resources", "build-BackfillFunction"))
CONFIGURATION = """\
[global]
require-virtualenv = true
no-binary = :all:
[install]
user = true
prefix = {folder}/elsewhere
root = {folder}/elsewhere
"""
"""Settings of a pip.conf that move or forbid an installation."""


def main() -> int:
    """Build with every combination and print one line for each."""
    interpreters = {version: path for version in PYTHONS if (path := _interpreter(version))}
    failed = 0
    for version, python in interpreters.items():
        for pip in PIPS:
            result = _build(python, pip)
            failed += result.startswith("FAILED")
            sys.stdout.write(f"python {version:5} pip {pip:7} {result}\n")
            sys.stdout.flush()
    lacking = [version for version in PYTHONS if version not in interpreters]
    if lacking:
        sys.stdout.write(f"not tested, because it is not installed here: Python {', '.join(lacking)}\n")
    return 2 if not interpreters else min(failed, 1)


def _interpreter(version: str) -> str | None:
    for candidate in _candidates(version):
        asked = [candidate, "-c", "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"]
        try:
            done = subprocess.run(asked, capture_output=True, text=True, check=False)  # noqa: S603
        except OSError:
            continue
        if done.returncode == 0 and done.stdout.strip() == version:
            return candidate
    return None


def _candidates(version: str) -> Iterator[str]:
    if found := shutil.which(f"python{version}"):
        yield found
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from (str(path) for path in sorted(pyenv.glob(f"versions/{version}.*/bin/python"), reverse=True))


def _build(python: str, pip: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        venv = Path(folder) / "venv"
        subprocess.run([python, "-m", "venv", venv], check=True, capture_output=True)  # noqa: S603
        python_of_venv = str(venv / "bin" / "python")
        installer = [python_of_venv, "-m", "pip"]
        subprocess.run([*installer, "install", "--quiet", f"pip=={pip}"], capture_output=True, check=False)  # noqa: S603
        # pip itself starts where this part of it, which every installation needs, does not.
        probe = [python_of_venv, "-c", "import pip, pip._vendor.pkg_resources; print(pip.__version__)"]
        if subprocess.run(probe, capture_output=True, text=True, check=False).stdout.strip() != pip:  # noqa: S603
            return "skipped: this pip does not run on this Python"
        settings = Path(folder) / "pip.conf"
        settings.write_text(CONFIGURATION.format(folder=folder))
        environment = {**os.environ, "PATH": f"{venv / 'bin'}{os.pathsep}{os.environ['PATH']}"}
        # The file comes last in pip's order, before the environment only: the machine's own index settings stay.
        hostile = {**environment, "PIP_USER": "1", "PIP_REQUIRE_VIRTUALENV": "1", "PIP_PREFIX": str(Path(folder) / "x")}
        for name, each in (
            ("", environment),
            (" with PIP_USER, PIP_PREFIX and PIP_REQUIRE_VIRTUALENV", hostile),
            (" with the same in pip.conf", {**environment, "PIP_CONFIG_FILE": str(settings)}),
        ):
            if failure := _make(Path(folder) / f"artifacts{len(name)}", each):
                return f"FAILED{name}: {failure}"
    return "ok"


def _make(artifacts: Path, environment: dict[str, str]) -> str | None:
    """Return the last line of a failed build, or None."""
    for folder, target in TARGETS:
        each = artifacts / target
        each.mkdir(parents=True)
        command = ["make", "-C", str(ROOT / folder), target, f"ARTIFACTS_DIR={each}"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            return next((line for line in done.stderr.splitlines() if "ERROR" in line), done.stderr[-300:])
        missing = {"alternate_contacts", "aws_lambda_powertools", "typing_extensions.py"} - {
            path.name for path in each.iterdir()
        }
        if missing:
            return f"the artifact lacks {', '.join(sorted(missing))}"
    return None


if __name__ == "__main__":
    sys.exit(main())
