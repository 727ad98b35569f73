"""Waiting for what happens in another process: until it has, and no longer."""

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")

_PAUSE = 0.02


def eventually(predicate: Callable[[], Value | None], within: float = 10.0) -> Value:
    """Ask again and again until the answer is true, and return it.

    Raises:
        TimeoutError: it was not within that many seconds; says what the last answer was.
    """
    deadline = time.monotonic() + within
    while not (value := predicate()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {within} s; the last answer was {value!r}")
        time.sleep(_PAUSE)
    return value
