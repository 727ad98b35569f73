"""The configuration is read as a whole, once a minute, and never used in part."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from alternate_contacts.worker.configuration_cache import ConfigurationCache
from alternate_contacts.worker.errors import (
    AccessDenied,
    ConfigurationUnreadable,
    OutOfTime,
    Throttled,
    Unavailable,
    WorkerError,
)
from tests.fakes.clock import FakeClock
from tests.fakes.configuration import FakeParameterStore

NEVER = float("inf")
OUS = {f"targets/ou-ab12-{number:08}": "{}" for number in range(25)}
READ = "GetParametersByPath"


class Bench:
    """A cache with its fakes: 26 parameters on three pages."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = FakeParameterStore({**OUS, "version": "1"})
        self.cache = ConfigurationCache(self.store, clock=self.clock)

    def get(self, deadline: float = NEVER) -> set[str]:
        return {*self.cache.get(deadline).targets}

    def error(self, deadline: float = NEVER) -> WorkerError:
        with pytest.raises(WorkerError) as caught:
            self.cache.get(deadline)
        return caught.value


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_nothing_is_read_before_it_is_needed(bench: Bench) -> None:
    assert bench.store.tokens == []


def test_every_page_is_read(bench: Bench) -> None:
    assert len(bench.get()) == 25
    assert bench.store.tokens == [None, "10", "20"]


def test_an_empty_page_with_a_token_is_not_the_last(bench: Bench) -> None:
    pages = iter([({}, "1"), ({"version": "1"}, "2"), ({}, None)])
    bench.store.get_page = lambda _: next(pages)  # type: ignore[method-assign, assignment]
    assert bench.get() == set()


def test_the_configuration_is_kept_for_a_minute(bench: Bench) -> None:
    bench.get()
    bench.store.parameters["targets/r-ab12"] = "{}"
    bench.clock.now = 59.9
    assert "r-ab12" not in {each.removeprefix("targets/") for each in bench.get()}
    assert len(bench.store.tokens) == 3
    bench.clock.now = 60
    assert "r-ab12" in bench.get()


def test_a_fresh_configuration_is_read_although_another_is_kept(bench: Bench) -> None:
    bench.get()
    bench.store.parameters["targets/r-ab12"] = "{}"
    bench.clock.now = 1
    assert "r-ab12" in bench.cache.get(NEVER, fresh=True).targets
    bench.clock.now = 60
    bench.get()
    assert len(bench.store.tokens) == 6


def test_threads_that_need_it_at_the_same_time_read_it_once(bench: Bench) -> None:
    with ThreadPoolExecutor(15) as pool:
        results = [*pool.map(lambda _: bench.get(), range(30))]
    assert results == [results[0]] * 30
    assert bench.store.tokens == [None, "10", "20"]


def test_threads_that_need_a_fresh_one_at_the_same_time_read_it_once(bench: Bench) -> None:
    with ThreadPoolExecutor(5) as pool:
        results = [*pool.map(lambda _: bench.cache.get(NEVER, fresh=True), range(5))]
    assert {id(result) for result in results} == {id(results[0])}
    assert bench.store.tokens == [None, "10", "20"]


def test_a_fresh_one_that_is_not_read_in_time_does_not_end_the_use_of_the_other(bench: Bench) -> None:
    bench.get()
    bench.clock.now = 59
    with pytest.raises(OutOfTime):
        bench.cache.get(59, fresh=True)
    assert len(bench.get()) == 25
    assert len(bench.store.tokens) == 3


@pytest.mark.parametrize("page", [0, 1, 2])
@pytest.mark.parametrize(
    "error",
    [Throttled("ThrottlingException", READ), AccessDenied("AccessDeniedException", READ), Unavailable("x", READ)],
    ids=lambda error: type(error).__name__,
)
def test_an_error_on_any_page_leaves_no_configuration(bench: Bench, page: int, error: WorkerError) -> None:
    bench.store.errors = [*[None] * page, error]
    unreadable = bench.error()
    assert type(unreadable) is ConfigurationUnreadable
    assert (unreadable.code, unreadable.operation) == (error.code, READ)


def test_accounts_that_need_it_at_the_same_time_get_the_same_error(bench: Bench) -> None:
    bench.store.errors = [Throttled("ThrottlingException", READ)]
    with ThreadPoolExecutor(5) as pool:
        errors = [*pool.map(lambda _: bench.error(), range(5))]
    assert {type(error) for error in errors} == {ConfigurationUnreadable}
    assert len({id(error) for error in errors}) == 5
    assert bench.store.tokens == [None]


def test_the_first_retry_of_a_message_reads_again_after_an_error(bench: Bench) -> None:
    bench.store.errors = [Throttled("ThrottlingException", READ)]
    bench.error()
    bench.clock.now = 15
    assert len(bench.get()) == 25


def test_a_fresh_configuration_is_read_although_an_error_is_kept(bench: Bench) -> None:
    bench.store.errors = [Throttled("ThrottlingException", READ)]
    bench.error()
    bench.clock.now = 1
    assert len(bench.cache.get(NEVER, fresh=True).targets) == 25


def test_a_configuration_that_cannot_be_read_again_is_no_longer_used(bench: Bench) -> None:
    bench.get()
    bench.clock.now = 60
    bench.store.errors = [Unavailable("x", READ)]
    assert type(bench.error()) is ConfigurationUnreadable


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({}, "no_version"),
        ({"targets/r-ab12": '{"exclude": true}'}, "no_version"),
        ({"version": "2"}, "unknown_version"),
    ],
)
def test_a_deleted_or_unknown_configuration_is_an_error(
    bench: Bench, parameters: dict[str, str | None], code: str
) -> None:
    bench.get()
    bench.store.parameters = parameters
    bench.clock.now = 60
    error = bench.error()
    assert (type(error), error.code, error.operation) == (ConfigurationUnreadable, code, READ)


def test_no_page_is_read_after_the_deadline_and_that_is_no_error_of_the_configuration(bench: Bench) -> None:
    bench.clock.now = 10
    error = bench.error(deadline=10)
    assert (type(error), error.code, error.operation) == (OutOfTime, "not_tried", READ)
    assert bench.store.tokens == []
    assert len(bench.get(deadline=10.1)) == 25
    bench.clock.now = 69
    assert len(bench.get(deadline=0)) == 25
