"""The configuration package: a folder, and a zip of it whose bytes depend on its content only."""

import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path

NAME = "custom-control-tower-configuration"
"""The name of the zip that starts CfCT's pipeline, or of a folder inside it."""

_NO_TIME = (1980, 1, 1, 0, 0, 0)
_READABLE = 0o644 << 16


def write_folder(output: Path, files: Mapping[str, str]) -> Path:
    """Write files, given by their path in the configuration, in place of those of an earlier run."""
    folder = output / NAME
    shutil.rmtree(folder, ignore_errors=True)
    zip_path(output).unlink(missing_ok=True)
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())
    return folder


def write_zip(output: Path, files: Mapping[str, str]) -> Path:
    """Write the same files as a zip. It is not compressed, because zlib's output differs between versions."""
    path = zip_path(output)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _NO_TIME)
            entry.create_system, entry.external_attr = 3, _READABLE
            archive.writestr(entry, files[name].encode())
    return path


def zip_path(output: Path) -> Path:
    """Return the path of the zip."""
    return output / f"{NAME}.zip"
