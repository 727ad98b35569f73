"""Files that the command writes."""

import os
import tempfile
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Write ``text`` to a new file that only the user can read, then rename it to ``path``.

    An existing file or symbolic link at ``path`` is replaced, never written through, so that its mode and target do not
    matter. A pipe or device is written as it is.

    Raises:
        OSError: the file cannot be written. An existing file then stays as it is.
    """
    if is_stream(path):
        path.write_text(text, encoding="utf-8", newline="")
        return
    # The mode of a file of mkstemp is 0600.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    new = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def is_stream(path: Path) -> bool:
    """Return whether ``path`` is a pipe, a device, or a name of an open file such as ``/dev/stdout``."""
    is_open_file = path.absolute().parts[:2] in (("/", "dev"), ("/", "proc")) and path.is_symlink()
    return is_open_file or (path.exists() and not path.is_file() and not path.is_dir())
