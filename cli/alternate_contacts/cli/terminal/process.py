"""The process of the command: its streams, its signals and its end, whatever happens.

Imports only the standard library and `streams`, because Ctrl-C must also end the import of everything else.
"""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType, TracebackType
from typing import NoReturn

from alternate_contacts.cli.terminal import streams
from alternate_contacts.cli.terminal.streams import StreamError

FAILED = 2
INTERRUPTED = 130
_CLOSED_PIPE = 141
"""128 + SIGPIPE, as a shell reports a program that a closed pipe ended."""


def run(load: Callable[[], Callable[[], object]]) -> NoReturn:
    """Load and run the command; end the process with its exit code.

    Args:
        load: imports the command, and returns a function that runs it and raises SystemExit.
    """
    sys.excepthook = _end_after_uncaught
    _on_interrupt(_end_at_once)
    try:
        streams.prepare()
        command = load()
        _on_interrupt(signal.default_int_handler)
        exit_code = _run(command)
    except ImportError as error:
        exit_code = _print(
            f"The installation is incomplete: {error.name} cannot be imported. Install the command again."
        )
    # Nothing is left to do that an interruption could spare.
    _on_interrupt(_end_at_once)
    sys.exit(_flush(exit_code))


def _run(command: Callable[[], object]) -> int:
    try:
        command()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else FAILED if end.code else 0
    except StreamError as error:
        return _describe_stream_error(error)
    return 0


def _flush(exit_code: int) -> int:
    try:
        streams.flush()
    except StreamError as error:
        return _describe_stream_error(error)
    return exit_code


def _describe_stream_error(error: StreamError) -> int:
    with suppress(StreamError):
        # Drops what cannot be written.
        streams.flush()
    if error.is_closed_pipe:
        return _CLOSED_PIPE
    return _print(f"The output cannot be written: {error}. Check where it goes, then run the command again.")


def _print(message: str) -> int:
    with suppress(StreamError):
        sys.stderr.write(f"{message}\n")
    return FAILED


def _on_interrupt(handler: Callable[[int, FrameType | None], object]) -> None:
    """Let Ctrl-C, a closed terminal and a `kill` call ``handler``.

    The default handler raises KeyboardInterrupt, so that a verb returns leased messages to their queue. A signal that
    the parent process ignores, as `nohup` does, stays ignored.
    """
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def _end_at_once(_: int, __: FrameType | None) -> NoReturn:
    os._exit(INTERRUPTED)


def _end_after_uncaught(error_type: type[BaseException], _: BaseException, __: TracebackType | None) -> NoReturn:
    """End without a traceback after an exception that arrived between two of the handlers above."""
    os._exit(
        INTERRUPTED
        if issubclass(error_type, KeyboardInterrupt)
        else _print(f"Unexpected error: {error_type.__name__}.")
    )
