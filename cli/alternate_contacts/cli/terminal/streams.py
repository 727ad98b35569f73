"""The standard streams: what they cannot encode is replaced, and a failed write is a `StreamError`."""

import errno
import io
import os
import re
import sys
from typing import TextIO


class StreamError(Exception):
    """Standard output or standard error cannot be written.

    Not an OSError: the libraries that print end the process themselves after some of those.
    """

    def __init__(self, error: OSError) -> None:
        super().__init__(error.strerror or type(error).__name__)
        self.is_closed_pipe = error.errno == errno.EPIPE


class _Stream(io.TextIOWrapper):
    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError as error:
            raise StreamError(error) from None

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            raise StreamError(error) from None


def prepare() -> None:
    """Prepare the three streams, and the variables of the terminal's size, for any environment."""
    _open_closed_descriptors()
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - for the whole run
    sys.stdout, sys.stderr = _stream(sys.stdout, 1), _stream(sys.stderr, 2)
    for name in ("COLUMNS", "LINES"):
        if not re.fullmatch("[1-9][0-9]{0,3}", os.environ.get(name, "1"), re.ASCII):
            del os.environ[name]


def flush() -> None:
    """Write what is buffered.

    Raises:
        StreamError: it cannot be written. It is then dropped, so that the end of the process does not try again.
    """
    failed: StreamError | None = None
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except StreamError as error:
            failed = failed or error
            _drop(stream)
    if failed:
        raise failed


def _open_closed_descriptors() -> None:
    """Open the null device for every closed standard descriptor, so that no other file or socket gets its number.

    A read from a closed standard input then ends at once, and a write to a closed standard output fails.
    """
    for descriptor, flags in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, flags)


def _stream(stream: TextIO | None, descriptor: int) -> TextIO:
    """Return the stream with these properties; ``stream`` is None if its descriptor was closed."""
    if stream is None:
        return _Stream(io.BufferedWriter(io.FileIO(descriptor, "w", closefd=False)), "utf-8", "backslashreplace")
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    encoding, is_terminal = stream.encoding, stream.isatty()
    return _Stream(stream.detach(), encoding, "backslashreplace", line_buffering=is_terminal or descriptor == 2)


def _drop(stream: TextIO) -> None:
    """Let what the stream still holds go to the null device."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)
    stream.flush()
