"""Where an account is: one call for each account, however deep its OU is."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from alternate_contacts.worker.ancestry import AccountDescription, AncestryReader
from alternate_contacts.worker.errors import AccessDenied, NotInOrganization, OutOfTime, Throttled
from alternate_contacts.worker.pacing import Pacer
from tests.fakes.clock import FakeClock
from tests.fakes.configuration import FakeAncestrySource
from tests.fakes.worker import MEMBER, OTHER

ROOT = "r-ab12"
OUS = [f"ou-ab12-{number:08}" for number in range(5)]
PARENTS = dict(zip(OUS, [*OUS[1:], ROOT], strict=True)) | {MEMBER: OUS[0], OTHER: OUS[0]}


class Bench:
    """A reader with its fakes: two accounts below five OUs, and one call per second."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.tree = FakeAncestrySource(dict(PARENTS))
        pacers = [Pacer(1, 1, clock=self.clock, sleep=self.clock.sleep) for _ in range(2)]
        self.reader = AncestryReader(self.tree, descriptions=pacers[0], parents=pacers[1])

    def read(self, account_id: str = MEMBER, deadline: float = 1000) -> AccountDescription:
        return self.reader.read(account_id, deadline=deadline)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_one_call_describes_state_and_ancestry(bench: Bench) -> None:
    bench.tree.states[MEMBER] = "SUSPENDED"
    assert bench.read() == AccountDescription("SUSPENDED", (MEMBER, *OUS, ROOT))
    assert bench.tree.calls == [("DescribeAccount", MEMBER)]


@pytest.mark.parametrize("describes_ancestry", [True, False])
def test_an_account_may_be_directly_below_the_root(bench: Bench, describes_ancestry: bool) -> None:
    bench.tree.parents, bench.tree.describes_ancestry = {MEMBER: ROOT}, describes_ancestry
    assert bench.read().ancestry == (MEMBER, ROOT)
    assert len(bench.tree.calls) == 1


def test_with_an_older_botocore_the_parents_of_ous_are_read_once(bench: Bench) -> None:
    bench.tree.describes_ancestry = False
    assert bench.read() == AccountDescription(None, (MEMBER, *OUS, ROOT))
    assert bench.tree.calls == [("ListParents", child) for child in (MEMBER, *OUS)]
    bench.tree.calls.clear()
    assert bench.read(OTHER).ancestry == (OTHER, *OUS, ROOT)
    assert bench.read(MEMBER).ancestry == (MEMBER, *OUS, ROOT)
    assert bench.tree.calls == [("ListParents", OTHER), ("ListParents", MEMBER)]


def test_a_description_without_ancestry_still_has_the_state(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.tree, "describe_account", lambda _: AccountDescription("SUSPENDED"))
    assert bench.read() == AccountDescription("SUSPENDED", (MEMBER, *OUS, ROOT))


def test_threads_read_an_ou_once(bench: Bench) -> None:
    bench.tree.describes_ancestry = False
    with ThreadPoolExecutor(5) as pool:
        [*pool.map(bench.read, [MEMBER, OTHER] * 10)]
    assert [call for call in bench.tree.calls if call[1].startswith("ou-")] == [("ListParents", ou) for ou in OUS]


def test_an_account_that_was_moved_is_read_anew(bench: Bench) -> None:
    bench.read()
    bench.tree.parents[MEMBER] = OUS[3]
    assert bench.read().ancestry == (MEMBER, OUS[3], OUS[4], ROOT)


def test_an_account_outside_of_the_organization_is_an_error(bench: Bench) -> None:
    with pytest.raises(NotInOrganization) as caught:
        bench.read("999999999999")
    assert (caught.value.code, caught.value.operation) == ("AccountNotFoundException", "DescribeAccount")


def test_an_error_of_a_call_is_raised(bench: Bench) -> None:
    bench.tree.errors = [AccessDenied("AccessDeniedException", "DescribeAccount")]
    with pytest.raises(AccessDenied):
        bench.read()


@pytest.mark.parametrize(("describes_ancestry", "operation"), [(True, "DescribeAccount"), (False, "ListParents")])
def test_calls_are_paced_and_throttled_calls_repeated(bench: Bench, describes_ancestry: bool, operation: str) -> None:
    bench.tree.describes_ancestry = describes_ancestry
    bench.tree.parents = {MEMBER: ROOT}
    bench.tree.errors = [Throttled("TooManyRequestsException", operation)]
    for _ in range(3):
        bench.read()
    assert bench.tree.calls == [(operation, MEMBER)] * 4
    assert bench.clock.now >= 3
    with pytest.raises(OutOfTime) as caught:
        bench.read(deadline=bench.clock.now)
    assert caught.value.operation == operation
