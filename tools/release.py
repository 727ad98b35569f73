"""`make release`: the bundle of a release, in dist/release/. The AWS CLI deploys it; see docs/install-bundle.md.

The bundle is made from the commit that is checked out, twice and in two folders. It is written only if both have the
same bytes, so anyone can make it again from that commit and compare.
"""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from control_tower.archive import write_zip
from control_tower.bundle import (
    CHECKSUMS,
    COMMIT,
    FUNCTIONS,
    TEMPLATE,
    bundle_name,
    bundle_template,
    checksums,
    version_of,
    zip_name,
)
from control_tower.manifest import MAIN, Manifest

ROOT = Path(__file__).resolve().parents[1]
OUTPUT = ROOT / "dist" / "release"

NOTES = "NOTES.md"
"""The notes of the release, beside the bundle."""

_RUNTIME = "python3.13"
"""The interpreter of Lambda's runtime, the only one that can write its byte code."""
_BYTE_CODE = ".cpython-313.pyc"
_TARGETS = {"src": "build-WorkerFunction", "custom-resources": "build-BackfillFunction"}
_COPIES = {
    "INSTALL.md": "docs/install-bundle.md",
    "CHANGELOG.md": "CHANGELOG.md",
    "LICENSE": "LICENSE",
    "manifest.yaml": "manifest.yaml",
    "home_region.yaml": "control_tower/home_region.yaml",
}
"""Files of the bundle that are copies, and of what."""
_TAIL = 3000


class ReleaseError(Exception):
    """Why no bundle was made; the text says what to do."""


def main() -> int:
    """Make the bundle. Returns 1 after printing what has to change first, and 130 if interrupted."""
    try:
        python = runtime_version()
        commit = committed_state(ROOT)
        with TemporaryDirectory() as first, TemporaryDirectory(prefix="a folder with another name ") as second:
            bundles = [make_bundle(ROOT, commit, python, Path(folder)) for folder in (first, second)]
        check_equal(*bundles)
        notes = release_notes(bundles[0])
        written = write_bundle(bundles[0], OUTPUT)
        (OUTPUT / NOTES).write_text(notes, encoding="utf-8")
    except ReleaseError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    sys.stdout.write(f"Made twice from commit {commit}, with the same bytes. Byte code of Python {python}.\n")
    sys.stdout.write("".join(f"{path.relative_to(ROOT)}\n" for path in written))
    return 0


def runtime_version() -> str:
    """Return the version of the interpreter that writes the byte code, such as 3.13.0.

    Raises:
        ReleaseError: it is not installed, or is another Python.
    """
    program = "import platform, sys; print(platform.python_implementation(), platform.python_version())"
    try:
        process = subprocess.run([_RUNTIME, "-c", program], capture_output=True, text=True, check=False)  # noqa: S603
        implementation, version = process.stdout.split()
    except (OSError, ValueError):
        implementation, version = "", ""
    if implementation != "CPython" or not version.startswith("3.13."):
        raise ReleaseError(
            f"{_RUNTIME} does not run on this machine. A release has the byte code of Lambda's runtime, which only "
            f"CPython 3.13 can write. Install it, and put {_RUNTIME} on your PATH."
        )
    return version


def committed_state(project: Path) -> str:
    """Return the commit that is checked out.

    Raises:
        ReleaseError: there is no commit, or files differ from it.
    """
    try:
        commit = _git(project, "rev-parse", "HEAD").decode().strip()
        changes = _git(project, "status", "--porcelain").decode(errors="replace").splitlines()
    except (OSError, subprocess.CalledProcessError):
        raise ReleaseError("A release is made from a commit. Run make release in a git clone.") from None
    if changes:
        more = f" and {len(changes) - 5} more" if len(changes) > 5 else ""
        raise ReleaseError(
            f"Files differ from the commit: {', '.join(line[3:] for line in changes[:5])}{more}. "
            "A release is made from a commit. Commit or remove these changes."
        )
    return commit


def make_bundle(project: Path, commit: str, python: str, folder: Path) -> dict[str, bytes]:
    """Make the bundle of a commit, and return its files by their path.

    Args:
        project: the clone.
        commit: what to release.
        python: the version of the interpreter that writes the byte code.
        folder: empty, for the files of the commit and of the build.

    Raises:
        ReleaseError: a function could not be built.
    """
    # autocrlf would convert line ends.
    archive = _git(project, "-c", "core.autocrlf=false", "archive", "--format=tar", commit)
    with tarfile.open(fileobj=BytesIO(archive)) as files:
        files.extractall(folder / "commit", filter="data")
    code = build_functions(folder / "commit", folder / "build")
    for function, content in code.items():
        check_byte_code(function, content)
    return bundle_files(folder / "commit", code, {"commit": commit, "python": python})


def build_functions(project: Path, folder: Path) -> dict[str, dict[str, bytes]]:
    """Run the recipe of `sam build` for each function, and return the files of its zip by the folder of its code.

    Raises:
        ReleaseError: a recipe failed; with the end of its output.
    """
    # Settings of Python move byte code or change it, and those of an outer make change the recipe.
    environment = {name: text for name, text in os.environ.items() if not name.startswith(("PYTHON", "MAKE", "MFLAGS"))}
    code = {}
    for function, target in _TARGETS.items():
        artifacts = folder / function
        artifacts.mkdir(parents=True)
        process = subprocess.run(  # noqa: S603
            ["make", "--no-print-directory", "-C", str(project / function), target, f"ARTIFACTS_DIR={artifacts}"],  # noqa: S607
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if process.returncode:
            raise ReleaseError(f"Building {function} failed: {process.stdout[-_TAIL:].strip()}")
        code[function] = read_files(artifacts)
    return code


def read_files(folder: Path) -> dict[str, bytes]:
    """Return the content of the files below a folder, by their path there."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def check_byte_code(function: str, files: Mapping[str, bytes]) -> None:
    """Check that each module has the byte code of Lambda's runtime beside it.

    Raises:
        ReleaseError: byte code is missing.
    """
    modules = [Path(path) for path in files if path.endswith(".py")]
    missing = [
        path for path in modules if (path.parent / "__pycache__" / f"{path.stem}{_BYTE_CODE}").as_posix() not in files
    ]
    if missing or not modules:
        raise ReleaseError(f"{function}: byte code is missing for {len(missing)} of {len(modules)} modules.")


def bundle_files(
    project: Path, code: Mapping[str, Mapping[str, bytes]], provenance: Mapping[str, str]
) -> dict[str, bytes]:
    """Return the files of the bundle by their path.

    Args:
        project: the files of the commit.
        code: what `build_functions` returned.
        provenance: what else `release.json` says about the release.
    """
    text = (project / TEMPLATE).read_text(encoding="utf-8")
    version = version_of(text)
    zips = {zip_name(function, version): zipped(code[function]) for function in FUNCTIONS}
    files = {path: (project / source).read_bytes() for path, source in _COPIES.items()}
    files |= {f"terraform/{path}": content for path, content in read_files(project / "terraform").items()}
    files |= zips
    files[TEMPLATE] = bundle_template(text).encode()
    files["parameters.json"] = parameters(project)
    files[COMMIT] = _json({"version": version, **provenance})
    return files | {CHECKSUMS: checksums(files).encode()}


def release_notes(files: Mapping[str, bytes]) -> str:
    """Return the section of the release in CHANGELOG.md: of its version, or of what is unreleased if it is none.

    Raises:
        ReleaseError: there is no such section.
    """
    version = json.loads(files[COMMIT])["version"]
    name = "Unreleased" if ".dev" in version else version
    for section in files["CHANGELOG.md"].decode().split("\n## ")[1:]:
        heading, _, text = section.partition("\n")
        if heading.startswith(f"[{name}]"):
            return f"{text.strip()}\n"
    raise ReleaseError(f"CHANGELOG.md has no section [{name}]. Rename [Unreleased], as docs/release.md describes.")


def parameters(project: Path) -> bytes:
    """Return the parameters of the manifest for CfCT as `aws cloudformation deploy` reads them from a file.

    Versions 1 and 2 of the AWS CLI read a list of texts, and only version 2 reads ParameterKey and ParameterValue:
    https://docs.aws.amazon.com/cli/v1/reference/cloudformation/deploy/
    """
    manifest = Manifest.parse((project / "manifest.yaml").read_text(encoding="utf-8"))
    return _json([f"{key}={value}" for key, value in manifest.parameters(MAIN).items()])


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Return a zip of files, whose bytes depend on the files only."""
    content = BytesIO()
    write_zip(content, files)
    return content.getvalue()


def check_equal(first: Mapping[str, bytes], second: Mapping[str, bytes]) -> None:
    """Check that two bundles have the same bytes.

    Raises:
        ReleaseError: they have not.
    """
    differing = [path for path in sorted({*first, *second}) if first.get(path) != second.get(path)]
    if differing:
        raise ReleaseError(f"Two builds of one commit differ: {', '.join(differing)}. No bundle was written.")


def write_bundle(files: Mapping[str, bytes], output: Path) -> Sequence[Path]:
    """Write the bundle as a folder, as a zip of the folder, and the checksum of the zip, in place of earlier ones.

    Returns:
        The three paths.

    Raises:
        ReleaseError: a file could not be written.
    """
    name = bundle_name(json.loads(files[COMMIT])["version"])
    folder, archive, checksum = output / name, output / f"{name}.zip", output / f"{name}.zip.sha256"
    content = zipped({f"{name}/{path}": each for path, each in files.items()})
    try:
        shutil.rmtree(folder, ignore_errors=True)
        for path, each in files.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(each)
        archive.write_bytes(content)
        checksum.write_text(checksums({archive.name: content}))
    except OSError as error:
        raise ReleaseError(f"Writing to {output} failed: {error.strerror}.") from None
    return folder, archive, checksum


def _json(value: object) -> bytes:
    return f"{json.dumps(value, indent=2)}\n".encode()


def _git(project: Path, *arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=project, capture_output=True, check=True).stdout  # noqa: S603, S607


if __name__ == "__main__":
    sys.exit(main())
