"""The bundle of a release (`make release`): its names, its template, and the check before its code is uploaded."""

import hashlib
import re
from pathlib import Path

from control_tower.errors import PackagingError

TEMPLATE, CHECKSUMS, COMMIT = "template.yaml", "SHA256SUMS", "release.json"

FUNCTIONS = {"src": "worker", "custom-resources": "backfill"}
"""The folders with the code of the functions, and what their zips are called."""

_VERSION = re.compile(r"^  Version: &version (\S+)$", re.MULTILINE)


def version_of(template: str) -> str:
    """Return the version that stands in the Metadata of this repository's template."""
    [version] = _VERSION.findall(template)
    return str(version)


def bundle_name(version: str) -> str:
    """Return the name of the bundle's folder, and of its zip without the ending."""
    return f"alternate-contacts-{version}"


def zip_name(folder: str, version: str) -> str:
    """Return the name of a function's zip.

    Args:
        folder: its code in this repository, a key of `FUNCTIONS`.
        version: of the release.
    """
    return f"alternate-contacts-{FUNCTIONS[folder]}-{version}.zip"


def bundle_template(template: str) -> str:
    """Return the template of the bundle: the code is a zip beside it, and the version is written out.

    Args:
        template: the text of this repository's template.yaml.
    """
    version = version_of(template)
    template = _VERSION.sub(f"  Version: {version}", template)
    replacements = {"Value: *version": f"Value: {version}"} | {
        f"CodeUri: {folder}/": f"CodeUri: {zip_name(folder, version)}" for folder in FUNCTIONS
    }
    for old, new in replacements.items():
        if template.count(f" {old}\n") != 1:
            raise ValueError(f"{TEMPLATE} has not exactly one line {old}")
        template = template.replace(f" {old}\n", f" {new}\n")
    return template


def checksums(files: dict[str, bytes]) -> str:
    """Return the checksums of files, given by their path, as `sha256sum --check` reads them."""
    return "".join(f"{hashlib.sha256(files[path]).hexdigest()}  {path}\n" for path in sorted(files))


def check_bundle(folder: Path, template: str) -> Path:
    """Check that a bundle is whole and of this checkout's release, and return its template.

    Args:
        folder: the unpacked bundle.
        template: the text of this checkout's template.yaml.

    Raises:
        PackagingError: files are missing, have other content than in the release, or are of another release.
    """
    try:
        expected = (folder / CHECKSUMS).read_text(encoding="utf-8")
        paths = [line.partition("  ")[2] for line in expected.splitlines()]
        files = {path: (folder / path).read_bytes() for path in paths}
    except (OSError, UnicodeDecodeError) as error:
        raise PackagingError(f"{folder} is not a complete bundle of a release: {error}. Unpack it again.") from None
    differing = sorted({*checksums(files).splitlines()} - {*expected.splitlines()})
    if differing:
        names = ", ".join(line.partition("  ")[2] for line in differing)
        raise PackagingError(f"{folder} has files that differ from {CHECKSUMS}: {names}. Unpack it again.")
    if files.get(TEMPLATE) != bundle_template(template).encode():
        raise PackagingError(
            f"The template in {folder} is not that of this checkout, whose version is {version_of(template)}. "
            f"Check out the commit that {folder / COMMIT} names."
        )
    return folder / TEMPLATE
