"""Poll for something that happens in another process."""

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")

_PAUSE = 0.05


def eventually(predicate: Callable[[], Value | None], within: float = 10.0) -> Value:
    """Call the predicate until its value is true, and return that value.

    Raises:
        TimeoutError: the value was false for ``within`` seconds; the text has the last one.
    """
    deadline = time.monotonic() + within
    while not (value := predicate()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {within} s; the last value was {value!r}")
        time.sleep(_PAUSE)
    return value
