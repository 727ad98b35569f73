"""Time that passes only when the code under test sleeps."""

import threading
from collections.abc import Callable

_SHORTEST = 1e-6
"""Seconds. A real sleep takes some time, too. Without this minimum a wait of 1e-17 s would never end."""


class FakeClock:
    """Both the ``clock``, when called, and its `sleep`."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now
        self.sleeps: list[float] = []
        self._lock = threading.Lock()

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.sleeps.append(seconds)
            self.now += max(seconds, _SHORTEST)


class FakeStop(threading.Event):
    """An event whose waits return at once: it keeps their timeouts, and ``when_waiting`` may set it."""

    def __init__(self, when_waiting: Callable[["FakeStop"], None] = lambda _: None) -> None:
        super().__init__()
        self.waits: list[float] = []
        self._when_waiting = when_waiting

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0)
        self._when_waiting(self)
        return self.is_set()
