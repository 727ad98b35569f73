"""Which calls find the desired contacts of an account, and which accounts wait."""

import json
from collections.abc import Mapping

import pytest

from alternate_contacts.worker.ancestry import AncestryReader
from alternate_contacts.worker.configuration_cache import ConfigurationCache
from alternate_contacts.worker.contact_selection import Assignment, select_defaults
from alternate_contacts.worker.contacts import CONTACT_FIELDS, ContactType
from alternate_contacts.worker.decision import Policy
from alternate_contacts.worker.desired_contacts import ConfiguredContacts, DesiredContacts, StackContacts
from alternate_contacts.worker.errors import BelowRoot, ConfigurationUnreadable
from alternate_contacts.worker.message import NEW_ACCOUNT_EVENTS, AccountMessage
from alternate_contacts.worker.pacing import Pacer
from alternate_contacts.worker.protocol import Trigger
from tests.fakes.clock import FakeClock
from tests.fakes.configuration import FakeAncestrySource, FakeParameterStore
from tests.fakes.worker import DESIRED, MANAGEMENT, MEMBER, PRESENT

BILLING, OPERATIONS, SECURITY = ContactType
ROOT, OU = "r-ab12", "ou-ab12-12345678"
DEFAULTS = dict.fromkeys(ContactType, Assignment(Policy.OVERWRITE, DESIRED))
PRESENT_SET = json.dumps({field.json_key: field.value_of(PRESENT) for field in CONTACT_FIELDS})


class Bench:
    """`ConfiguredContacts` with its fakes: one account below an OU, and the management account below the root."""

    def __init__(self) -> None:
        self.clock = clock = FakeClock()
        self.store = FakeParameterStore({"version": "1", "sets/present": PRESENT_SET})
        self.tree = FakeAncestrySource({MEMBER: OU, OU: ROOT, MANAGEMENT: ROOT})
        fast = Pacer(1e6, 1e6, clock=clock, sleep=clock.sleep)
        self.contacts = ConfiguredContacts(
            ConfigurationCache(self.store, clock=clock),
            AncestryReader(self.tree, descriptions=fast, parents=fast),
            DEFAULTS,
        )

    def set_targets(self, targets: Mapping[str, object]) -> None:
        self.store.parameters.update({f"targets/{name}": json.dumps(target) for name, target in targets.items()})

    def find(
        self, account_id: str = MEMBER, *, trigger: str = "CreateAccountResult", may_wait: bool = True
    ) -> DesiredContacts:
        return self.contacts.find(AccountMessage(account_id, trigger), deadline=100, may_wait=may_wait)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_without_a_configuration_every_account_has_the_contacts_of_the_stack() -> None:
    found = StackContacts(DEFAULTS).find(AccountMessage(MEMBER, "manual"), deadline=0, may_wait=True)
    assert found == DesiredContacts(select_defaults(DEFAULTS))


@pytest.mark.parametrize("targets", [{}, {MEMBER: {"billing": "present"}}], ids=["no target", "account"])
def test_organizations_is_not_called_if_no_parent_is_a_target(bench: Bench, targets: dict[str, object]) -> None:
    bench.set_targets(targets)
    found = bench.find()
    assert found.selection.contacts[BILLING].choice == ("present" if targets else "default")
    assert bench.tree.calls == []


@pytest.mark.parametrize("target", [OU, ROOT])
def test_one_call_finds_the_parents_of_an_account(bench: Bench, target: str) -> None:
    bench.set_targets({target: {"security": "present"}})
    found = bench.find()
    assert found.selection.contacts[SECURITY].result == Assignment(Policy.OVERWRITE, PRESENT)
    assert found.selection.contacts[BILLING].result == DEFAULTS[BILLING]
    assert found.account.state == "ACTIVE"
    assert bench.tree.calls == [("DescribeAccount", MEMBER)]


def test_the_management_account_may_be_a_target(bench: Bench) -> None:
    bench.set_targets({MANAGEMENT: {"exclude": True}, OU: {}})
    assert bench.find(MANAGEMENT, trigger="backfill").selection.excluded_by == MANAGEMENT
    assert bench.find(MEMBER).selection.excluded_by is None


def test_the_default_is_never_set_without_a_readable_configuration(bench: Bench) -> None:
    del bench.store.parameters["version"]
    with pytest.raises(ConfigurationUnreadable):
        bench.find()
    assert bench.tree.calls == []


@pytest.mark.parametrize("trigger", [*Trigger])
def test_only_a_moved_account_needs_a_configuration_that_is_newer_than_its_message(
    bench: Bench, trigger: Trigger
) -> None:
    """The messages of a backfill wait until every cache has expired."""
    bench.find()
    bench.set_targets({MEMBER: {"exclude": True}})
    bench.clock.now = 1
    excluded_by = bench.find(trigger=trigger.value).selection.excluded_by
    assert excluded_by == (MEMBER if trigger is Trigger.ACCOUNT_MOVED else None)


# ---- new accounts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", sorted(NEW_ACCOUNT_EVENTS))
def test_a_new_account_below_the_root_waits_until_it_may_not_wait_longer(bench: Bench, event: str) -> None:
    bench.set_targets({OU: {"exclude": True}})
    bench.tree.parents[MEMBER] = ROOT
    with pytest.raises(BelowRoot) as caught:
        bench.find(trigger=event)
    assert (caught.value.code, caught.value.operation) == ("below_root", "DescribeAccount")
    assert bench.find(trigger=event, may_wait=False).selection.excluded_by is None
    bench.tree.parents[MEMBER] = OU
    assert bench.find(trigger=event).selection.excluded_by == OU


@pytest.mark.parametrize("trigger", [*Trigger])
def test_an_account_of_a_backfill_does_not_wait(bench: Bench, trigger: Trigger) -> None:
    bench.set_targets({OU: {"exclude": True}})
    bench.tree.parents[MEMBER] = ROOT
    assert bench.find(trigger=trigger.value).selection.excluded_by is None


@pytest.mark.parametrize("target", [ROOT, MEMBER])
def test_no_account_waits_while_no_ou_is_a_target(bench: Bench, target: str) -> None:
    bench.set_targets({target: {"billing": "present"}})
    bench.tree.parents[MEMBER] = ROOT
    assert bench.find().selection.contacts[BILLING].choice == "present"
