"""Files that the command reads and writes."""

import os
import sys
import tempfile
from pathlib import Path

from alternate_contacts.cli.terminal import output
from alternate_contacts.cli.terminal.errors import CliError

STANDARD_INPUT = "-"


def read_text(file: str, *, content: str, max_bytes: int) -> str:
    """Return the text of a file, or of standard input for ``-``, in UTF-8 with or without a byte order mark.

    Args:
        content: what the file holds, for messages, such as ``a contact set as JSON``.
        max_bytes: no such file is larger.

    Raises:
        CliError: it is empty, too large or no text in UTF-8.
        OSError: the file cannot be read.
    """
    source = source_name(file)
    if file == STANDARD_INPUT:
        if sys.stdin.isatty():
            output.print_error(f"Type or paste {content}. A line with only Ctrl-D (Windows: Ctrl-Z) ends it.")
        encoded = sys.stdin.buffer.read(max_bytes + 1)
    else:
        with Path(file).open("rb") as opened:
            encoded = opened.read(max_bytes + 1)
    if len(encoded) > max_bytes:
        raise CliError(f"{source} is larger than {max_bytes:,} bytes, too large for {content}. Name another file.")
    try:
        text = encoded.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CliError(f"{source} is no text in UTF-8. Save {content} as UTF-8.") from None
    if not text.strip():
        raise CliError(f"{source} is empty. Write {content}.")
    return text


def source_name(file: str) -> str:
    """Return the name of the file for messages."""
    return "Standard input" if file == STANDARD_INPUT else file


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
