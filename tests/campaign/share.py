"""How far calls were above the workers' share of a quota."""

from collections.abc import Iterable


def bursts_above_rate(calls: Iterable[tuple[float, str]], rate: float, burst: float) -> float:
    """Return how many bursts the calls of the worst window were above the rate.

    A worker is a token bucket that starts full, with a part of the rate. Two workers run at a time, so a window has at
    most ``rate x seconds`` calls and one burst for each worker that runs in it. The bursts of workers that started
    within the window are subtracted: the result is at most 2.

    Args:
        calls: time and worker of each call, in the order of time.
        rate: calls per second of all workers together.
        burst: calls at once of one worker.
    """
    started: set[str] = set()
    worst, lowest = 0.0, float("inf")
    for number, (time, worker) in enumerate(calls):
        started.add(worker)
        level = number - rate * time - burst * len(started)
        lowest = min(lowest, level)
        worst = max(worst, level - lowest + 1)
    return worst / burst
