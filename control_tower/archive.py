"""The configuration package: a folder, and the same as a zip that depends on nothing but its content."""

import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path

NAME = "custom-control-tower-configuration"
"""What CfCT's pipeline wants the zip to be called, or a folder inside it."""

_NO_TIME = (1980, 1, 1, 0, 0, 0)
_READABLE = 0o644 << 16


def write_folder(output: Path, files: Mapping[str, str]) -> Path:
    """Write files, given by their path in the configuration, in the place of those of an earlier run."""
    folder = output / NAME
    shutil.rmtree(folder, ignore_errors=True)
    zip_path(output).unlink(missing_ok=True)
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())
    return folder


def write_zip(output: Path, files: Mapping[str, str]) -> Path:
    """Write the same as a zip. Not compressed: zlib's output differs from version to version."""
    path = zip_path(output)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _NO_TIME)
            entry.create_system, entry.external_attr = 3, _READABLE
            archive.writestr(entry, files[name].encode())
    return path


def zip_path(output: Path) -> Path:
    """Where the zip stands."""
    return output / f"{NAME}.zip"
