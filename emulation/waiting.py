"""Poll for something that happens in another process."""

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")

_SHORTEST_PAUSE = 0.02
_PAUSE_SHARE = 0.05
"""The pause as a part of the time waited, because each call costs processor time."""


def eventually(predicate: Callable[[], Value | None], within: float = 10.0) -> Value:
    """Call the predicate until its value is true, and return that value.

    Raises:
        TimeoutError: the value was false for ``within`` seconds; the text has the last one.
    """
    start = time.monotonic()
    while not (value := predicate()):
        waited = time.monotonic() - start
        if waited > within:
            raise TimeoutError(f"not within {within} s; the last value was {value!r}")
        time.sleep(max(_SHORTEST_PAUSE, _PAUSE_SHARE * waited))
    return value
