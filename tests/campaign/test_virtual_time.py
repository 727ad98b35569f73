"""Virtual time: tasks wait as threads do, in an order that is always the same, and a kill ends them."""

import pytest

from tests.campaign.virtual_time import DeadlockError, Process, VirtualTime


def run(time: VirtualTime, scenario: object) -> object:
    assert callable(scenario)
    return time.run(time.start(scenario, Process("test")), time_limit=1e6)


def test_an_executor_runs_as_many_tasks_at_a_time_as_it_has_workers() -> None:
    time = VirtualTime()

    def work() -> float:
        time.sleep(10)
        return time.monotonic()

    def scenario() -> list[float]:
        with time.executor(2) as pool:
            futures = [pool.submit(work) for _ in range(4)]
        assert time.monotonic() == futures[-1].result()  # leaving the pool waits for all
        return [future.result() for future in futures]

    assert run(time, scenario) == [10, 10, 20, 20]


def test_a_lock_admits_one_task_at_a_time() -> None:
    time = VirtualTime()
    lock = time.lock()

    def hold() -> float:
        with lock:
            time.sleep(5)
            return time.monotonic()

    assert run(time, lambda: list(time.executor(3).map(lambda _: hold(), range(3)))) == [5, 10, 15]


def test_an_event_wakes_those_that_wait_and_a_timeout_the_others() -> None:
    time = VirtualTime()
    event = time.event()

    def scenario() -> tuple[list[bool], float]:
        waits = [time.executor(1).submit(event.wait, timeout) for timeout in (3, 60, None)]
        time.sleep(10)
        event.set()
        return [wait.result() for wait in waits], time.monotonic()

    assert run(time, scenario) == ([False, True, True], 10)


def test_a_killed_process_does_nothing_more() -> None:
    time = VirtualTime()
    process, done = Process("killed"), []

    def work() -> None:
        try:
            time.sleep(5)
            done.append("first")
            time.sleep(5)
            done.append("second")
        except Exception:  # noqa: BLE001 - code under test that catches everything does not survive either
            done.append("survived")

    def scenario() -> bool:
        future = time.start(work, process)
        time.wait([future], timeout=7)
        time.kill(process)
        time.sleep(100)
        return future.done()

    assert run(time, scenario) is False
    assert done == ["first"]
    assert process.tasks == {}


def test_an_error_is_raised_by_the_future() -> None:
    time = VirtualTime()

    def fail() -> None:
        time.sleep(1)
        raise KeyError

    with pytest.raises(KeyError):
        run(time, lambda: time.executor(1).submit(fail).result())


def test_tasks_that_wait_forever_are_an_error() -> None:
    time = VirtualTime()
    with pytest.raises(DeadlockError):
        run(time, lambda: time.event().wait())
