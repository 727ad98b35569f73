"""How long a message waits: longer with each try, at most a quarter of an hour, over an hour in total."""

from pathlib import Path

import pytest
from cfnlint.decode.cfn_yaml import load
from hypothesis import given
from hypothesis import strategies as st

from alternate_contacts.worker.retry import below_root_delay, retry_delay

TEMPLATE = Path(__file__).parents[3] / "template.yaml"
SQS_MAXIMUM = 43_200


@pytest.fixture(scope="module")
def max_tries() -> int:
    resources = load(str(TEMPLATE))["Resources"]
    return int(resources["WorkerFunction"]["Properties"]["Environment"]["Variables"]["MAX_TRIES"])


def test_the_first_waits_are_short_and_double_up_to_the_longest() -> None:
    assert [retry_delay(tries) for tries in range(1, 10)] == [15, 30, 60, 120, 240, 480, 900, 900, 900]


@given(st.integers(1, 10**9))
def test_sqs_accepts_the_wait_after_any_number_of_tries(tries: int) -> None:
    assert 0 < retry_delay(tries) <= SQS_MAXIMUM


def test_the_waits_before_the_last_try_are_an_hour(max_tries: int) -> None:
    assert sum(retry_delay(tries) for tries in range(1, max_tries)) >= 3600


def test_a_new_account_waits_ten_minutes_below_the_root_and_then_has_tries_left(max_tries: int) -> None:
    waits = [below_root_delay(tries) for tries in range(1, max_tries + 1)]
    assert sum(waits) == 600
    assert all(wait <= retry_delay(tries) for tries, wait in enumerate(waits, 1))
    assert waits[6:] == [0, 0, 0, 0]
