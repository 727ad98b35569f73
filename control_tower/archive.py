"""The configuration package: a folder, and a zip of it whose bytes depend on its content only."""

import shutil
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import BinaryIO

from control_tower.errors import PackagingError
from control_tower.manifest import FORWARDER, MAIN, Manifest

NAME = "custom-control-tower-configuration"
"""The name of the zip that starts CfCT's pipeline, or of a folder inside it."""

_NO_TIME = (1980, 1, 1, 0, 0, 0)
_READABLE = 0o644 << 16


class Output:
    """The folder that packages are written to.

    Attributes:
        folder: the folder of the package.
        zip: its zip.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.folder = path / NAME
        self.zip = path / f"{NAME}.zip"
        self._new = path / f".{NAME}.new"
        self._old = path / f".{NAME}.old"

    def check(self, reads: Iterable[Path] = ()) -> None:
        """Check that a package can be written, before anything is uploaded.

        Args:
            reads: the files that the package is made from.

        Raises:
            PackagingError: the folder is not writable, or the package would replace files of another origin.
        """
        for file in reads:
            if file.resolve().is_relative_to(self.folder.resolve()):
                raise PackagingError(
                    f"{file} is in {self.folder}, which is replaced by the package. Use a copy elsewhere."
                )
        try:
            self._new.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(self._new)
            others = self._files_of_another_origin()
        except OSError as error:
            raise PackagingError(f"Writing to {self.path} failed: {error.strerror}.") from None
        if others:
            raise PackagingError(
                f"{self.folder} would be replaced, but has files that no earlier run has written, such as {others[0]}. "
                "Move them, or choose another --output."
            )

    def write(self, files: Mapping[str, str], *, with_zip: bool) -> None:
        """Write files, given by their path in the configuration, in place of those of an earlier run.

        A run that is killed leaves neither a folder nor a zip with a part of the files.

        Raises:
            PackagingError: a file could not be written.
        """
        try:
            for leftover in (self._new, self._old):
                shutil.rmtree(leftover, ignore_errors=True)
            for path, text in files.items():
                file = self._new / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(text.encode())
            self.zip.unlink(missing_ok=True)
            if self.folder.exists():
                self.folder.rename(self._old)
            self._new.rename(self.folder)
            shutil.rmtree(self._old, ignore_errors=True)
            if with_zip:
                new = self.zip.with_name(f".{NAME}.zip.new")
                with new.open("wb") as file_of_zip:
                    write_zip(file_of_zip, {path: text.encode() for path, text in files.items()})
                new.replace(self.zip)
        except OSError as error:
            raise PackagingError(f"Writing to {self.path} failed: {error.strerror}.") from None

    def _files_of_another_origin(self) -> list[str]:
        if self.folder.is_symlink() or self.folder.is_file():
            return [self.folder.name]
        paths = {path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if not path.is_dir()}
        try:
            manifest = Manifest.parse((self.folder / "manifest.yaml").read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, PackagingError):
            return sorted(paths)
        return sorted(paths - {"manifest.yaml", manifest.path(MAIN), manifest.path(FORWARDER)})


def write_zip(target: BinaryIO, files: Mapping[str, bytes]) -> None:
    """Write a zip of files, given by their path. It is not compressed: zlib's output differs between versions."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _NO_TIME)
            entry.create_system, entry.external_attr = 3, _READABLE
            archive.writestr(entry, files[name])
