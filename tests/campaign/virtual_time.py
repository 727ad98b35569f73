"""Virtual time: many tasks, of which one runs at a time, until it waits; time passes only when every task waits.

A task is a greenlet: it has a stack of its own, as a thread has, and code that would block its thread switches to
another task instead. The same tasks with the same waits run in the same order, so that a run is repeatable. An hour of
waiting takes no time. https://greenlet.readthedocs.io/en/latest/

`VirtualTime` has what the functions use of `time`, `threading` and `concurrent.futures`.
"""

import heapq
import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent import futures
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

from greenlet import getcurrent, greenlet

Result = TypeVar("Result")

_SHORTEST = 1e-6
"""Seconds. A real sleep takes some time, too. Without this minimum a wait of 1e-17 s would never end."""


class ProcessKilledError(BaseException):
    """The process of this task was killed. No code under test catches a BaseException."""


class DeadlockError(Exception):
    """Every task waits, and none of them for a time."""


@dataclass(eq=False)
class Process:
    """Tasks that a kill ends together, such as those of an execution environment of Lambda."""

    name: str
    is_killed: bool = False
    tasks: dict["_Task", None] = field(default_factory=dict)
    """Those that have not ended, in the order of their start."""


class _Task(greenlet):
    def __init__(self, function: Callable[[], None], process: Process, parent: greenlet) -> None:
        super().__init__(function, parent)
        self.process = process
        self.waits = 0
        """A wake-up is for one wait of the task, and does nothing once this wait has ended."""


class VirtualTime:
    """A clock and a scheduler of tasks."""

    def __init__(self) -> None:
        self._now = 0.0
        self._order = itertools.count()
        self._wake_ups: list[tuple[float, int, _Task, int, bool]] = []
        """A heap: time, order, task, wait, and what `_wait` returns."""
        self._scheduler = getcurrent()

    def monotonic(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        """Let the task wait. Outside of a task no time passes."""
        if self._task() is not None:
            self._wait(max(seconds, _SHORTEST))

    def process(self) -> Process | None:
        """Return the process of the current task; None outside of a task."""
        task = self._task()
        return task.process if task else None

    def start(self, function: Callable[[], Result], process: Process) -> "Future[Result]":
        """Run ``function`` in a new task. An Exception is the result of its future, as with an executor."""
        future: Future[Result] = _VirtualFuture(self)

        def run() -> None:
            try:
                result = function()
            except Exception as error:  # noqa: BLE001 - raised again by the future
                future.set_exception(error)
            except ProcessKilledError:
                return  # the future never ends, as that of a thread in a killed process
            else:
                future.set_result(result)
            finally:
                process.tasks.pop(task)

        task = _Task(run, process, self._scheduler)
        process.tasks[task] = None
        self._wake(task, task.waits)
        return future

    def kill(self, process: Process) -> None:
        """End all tasks of a process at once, wherever they wait."""
        process.is_killed = True
        for task in process.tasks:
            if task is not self._task():
                self._wake(task, task.waits)

    def run(self, until: "Future[Result]", *, time_limit: float) -> Result:
        """Run all tasks until the future is done, and return its result.

        Raises:
            DeadlockError: every task waits for ever, or ``time_limit`` seconds of virtual time have passed.
        """
        self._scheduler = getcurrent()
        while not until.done():
            if not self._wake_ups or self._wake_ups[0][0] > time_limit:
                raise DeadlockError(f"no task can run at {self._now:.0f} s")
            time, _, task, wait, result = heapq.heappop(self._wake_ups)
            if task.dead or task.waits != wait:
                continue
            self._now = max(self._now, time)
            task.parent = self._scheduler
            task.switch(*([result] if task else []))
        return until.result()

    def wait(self, fs: Iterable["Future[Any]"], timeout: float | None = None) -> Any:
        """Do what `concurrent.futures.wait` does, for all futures."""
        fs = list(fs)
        deadline = None if timeout is None else self._now + timeout
        for future in fs:
            self.wait_for(future, None if deadline is None else max(deadline - self._now, 0))
        return futures.wait(fs, timeout=0)

    def wait_for(self, future: "Future[Any]", timeout: float | None = None) -> None:
        """Let the task wait until the future is done or ``timeout`` seconds have passed."""
        task = self._task()
        if task is not None and not future.done():
            wait = task.waits
            future.add_done_callback(lambda _: self._wake(task, wait))
            self._wait(timeout)

    def wait_until(self, is_reached: Callable[[], bool], *, poll: float) -> None:
        """Let the task wait until the condition holds; it is checked every ``poll`` seconds."""
        while not is_reached():
            self.sleep(poll)

    def _task(self) -> _Task | None:
        current = getcurrent()
        return current if isinstance(current, _Task) else None

    def _wake(self, task: _Task, wait: int, after: float = 0.0, *, result: bool = True) -> None:
        heapq.heappush(self._wake_ups, (self._now + after, next(self._order), task, wait, result))

    def _wait(self, timeout: float | None) -> bool:
        """Return True if the task was woken, False after ``timeout`` seconds."""
        task = self._task()
        if task is None:
            raise DeadlockError("only a task can wait")
        if task.process.is_killed:
            raise ProcessKilledError
        if timeout is not None:
            self._wake(task, task.waits, timeout, result=False)
        result = bool(self._scheduler.switch())
        task.waits += 1
        if task.process.is_killed:
            raise ProcessKilledError
        return result

    def lock(self) -> "_Lock":
        """Do what `threading.Lock` does."""
        return _Lock(self)

    def event(self) -> "_VirtualEvent":
        """Do what `threading.Event` does."""
        return _VirtualEvent(self)

    def executor(self, max_workers: int, _thread_name_prefix: str = "") -> "_VirtualExecutor":
        """Do what `concurrent.futures.ThreadPoolExecutor` does."""
        return _VirtualExecutor(self, max_workers)


class _Waiters:
    """Tasks that wait for the same thing."""

    def __init__(self, time: VirtualTime) -> None:
        self._time = time
        self._waiting: deque[tuple[_Task, int]] = deque()

    def wait(self, timeout: float | None) -> None:
        task = self._time._task()
        if task is None:
            raise DeadlockError("only a task can wait")
        self._waiting.append((task, task.waits))
        self._time._wait(timeout)

    def wake_one(self) -> None:
        while self._waiting:
            task, wait = self._waiting.popleft()
            if not task.dead and task.waits == wait:
                self._time._wake(task, wait)
                return

    def wake_all(self) -> None:
        while self._waiting:
            self.wake_one()


class _Lock:
    def __init__(self, time: VirtualTime) -> None:
        self._is_locked = False
        self._waiters = _Waiters(time)

    def __enter__(self) -> Self:
        while self._is_locked:
            self._waiters.wait(None)
        self._is_locked = True
        return self

    def __exit__(self, *_: object) -> None:
        self._is_locked = False
        self._waiters.wake_one()


class _VirtualEvent(threading.Event):
    def __init__(self, time: VirtualTime) -> None:
        super().__init__()
        self._waiters = _Waiters(time)

    def set(self) -> None:
        super().set()
        self._waiters.wake_all()

    def wait(self, timeout: float | None = None) -> bool:
        if not self.is_set():
            self._waiters.wait(max(timeout, _SHORTEST) if timeout is not None else None)
        return self.is_set()


class _VirtualFuture(Future[Result]):
    def __init__(self, time: VirtualTime) -> None:
        super().__init__()
        self._time = time

    def result(self, timeout: float | None = None) -> Result:
        self._time.wait_for(self, timeout)
        return super().result(0)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        self._time.wait_for(self, timeout)
        return super().exception(0)


class _VirtualExecutor(futures.Executor):
    """Its tasks belong to the process of the task that submits them."""

    def __init__(self, time: VirtualTime, max_workers: int) -> None:
        self._time = time
        self._free = max_workers
        self._waiters = _Waiters(time)
        self._submitted: list[Future[Any]] = []

    def submit(self, fn: Callable[..., Result], /, *args: Any, **kwargs: Any) -> "Future[Result]":
        process = self._time.process()
        if process is None:
            raise DeadlockError("only a task can submit")

        def run() -> Result:
            while not self._free:
                self._waiters.wait(None)
            self._free -= 1
            try:
                return fn(*args, **kwargs)
            finally:
                self._free += 1
                self._waiters.wake_one()

        future = self._time.start(run, process)
        self._submitted = [each for each in self._submitted if not each.done()] + [future]
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        if wait and not cancel_futures:
            self._time.wait(self._submitted)
