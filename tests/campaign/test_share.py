"""The calls above the share of a quota, compared with a count of every window."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.campaign.share import bursts_above_rate

calls = st.lists(st.tuples(st.floats(0, 20), st.sampled_from("abcd")), min_size=1, max_size=25).map(sorted)


@given(calls, st.floats(0.5, 10), st.floats(1, 8))
def test_the_worst_window(calls: list[tuple[float, str]], rate: float, burst: float) -> None:
    first_call = {worker: min(time for time, caller in calls if caller == worker) for _, worker in calls}
    order = [next(i for i, (_, caller) in enumerate(calls) if caller == worker) for worker in first_call]
    worst = max(
        (last - first + 1 - rate * (calls[last][0] - calls[first][0])) / burst
        - sum(first < start <= last for start in order)
        for first in range(len(calls))
        for last in range(first, len(calls))
    )
    assert bursts_above_rate(calls, rate, burst) == pytest.approx(worst, abs=1e-6)


def test_two_workers_at_their_share_and_two_that_start_later() -> None:
    two = [(0.0, "a"), (0.0, "b"), *((10.0, worker) for worker in ("a", "b") for _ in range(3))]
    assert bursts_above_rate(two, 5, 3) == pytest.approx(2)
    replaced = [(10.5, worker) for worker in ("c", "d") for _ in range(3)]
    assert bursts_above_rate([*two, *replaced], 5, 3) == pytest.approx(2)
    assert bursts_above_rate([*two, (10.1, "a")], 5, 3) > 2
