"""Calls that Ctrl-C does not abandon halfway."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait

GRACE_SECONDS = 5.0
"""How long an interrupted operator waits for a call that is under way. SQS takes far less, unless it hangs."""


def start(function: Callable[[], None], future: "Future[None]") -> None:
    """Run ``function`` in a thread of its own, which the end of the program does not wait for, and end ``future``."""

    def run() -> None:
        try:
            function()
        except BaseException as error:  # noqa: BLE001 - raised again by the future
            future.set_exception(error)
        else:
            future.set_result(None)

    threading.Thread(target=run, name="uninterrupted", daemon=True).start()


def run_to_end(function: Callable[[], None]) -> None:
    """Run ``function``; a Ctrl-C meanwhile lets it end, for `GRACE_SECONDS` at most.

    ``function`` records what it did by itself, because an interrupt raises instead of returning.

    Raises:
        KeyboardInterrupt: the operator pressed Ctrl-C. ``function`` has ended, or hangs.
        Exception: what ``function`` raised.
    """
    future: Future[None] = Future()
    try:
        # Within the block, because Ctrl-C may come before the thread has returned.
        start(function, future)
        future.result()
    except KeyboardInterrupt:
        wait([future], timeout=GRACE_SECONDS)
        raise
