"""A model of what each account's contacts should be, compared with the real functions after any history.

Hypothesis chooses what happens: messages, time, faults of AWS, changes of the configuration and of the organization.
The model keeps every value that each contact may have by then. After a backfill without faults, that is one.
"""

from contextlib import ExitStack
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from alternate_contacts.backfill.message import account_message_body
from alternate_contacts.backfill.protocol import Mode, Trigger
from tests.campaign.organization import ACTIVE, CONTACT_TYPES, ROOT, Account, Contact
from tests.campaign.simulation import FILLED, Simulation
from tests.fakes.contact_data import api_contact
from tests.profiles import examples

OUTER, INNER, OTHER = "ou-camp-00000001", "ou-camp-00000002", "ou-camp-00000003"
ACCOUNTS = ("000000000000", *(str(100_000_000_000 + number) for number in range(4)))
SETS = ("payments", "platform")
CONTACTS = [(account_id, contact_type) for account_id in ACCOUNTS for contact_type in CONTACT_TYPES]
CONFIGURATION_REASONS = ("invalid_target", "unknown_contact_set", "invalid_contact_set")

accounts = st.sampled_from(ACCOUNTS)
members = st.sampled_from(ACCOUNTS[1:])
contact_types = st.sampled_from(CONTACT_TYPES)
contacts = st.integers(100, 999).map(api_contact)
choices = st.sampled_from([*SETS, "no-such-set", "default", "ignore"])
targets = st.dictionaries(st.sampled_from([name.lower() for name in CONTACT_TYPES]), choices) | st.just("not JSON")
modes = st.sampled_from(Mode)
exclusions = st.fixed_dictionaries({"exclude": st.booleans()})


class ContactsMachine(RuleBasedStateMachine):
    """One organization of five accounts, and the model of its contacts."""

    def __init__(self) -> None:
        super().__init__()
        self.simulation = Simulation(0)
        self.organization = self.simulation.organization
        self.configuration = self.organization.configuration
        self._context = ExitStack()
        self._context.enter_context(self.simulation.running())
        self.organization.trusted_access = True
        self.organization.parents |= {OUTER: ROOT, INNER: OUTER, OTHER: ROOT}
        for account_id, parent in zip(ACCOUNTS[1:], (ROOT, OUTER, INNER, OTHER), strict=True):
            self.organization.accounts[account_id] = Account(ACTIVE, parent)
        self.set_by_hand: dict[tuple[str, str], list[Contact | None]] = {key: [None] for key in CONTACTS}
        """What each contact was at the last backfill without faults, or was set to by hand since."""
        self.desired: dict[tuple[str, str], list[Contact]] = {}
        """What the configuration selected since the last backfill without faults."""
        self.sent: set[str] = set()
        """Accounts with a message since then that may set a contact."""
        self.was_missing = set(CONTACTS)
        """The contacts that were not set then: the policy ``fill`` sets only those."""
        self.note_desired()

    def teardown(self) -> None:
        self._context.close()

    def note_desired(self) -> None:
        """Add what the configuration selects now. A worker may use it up to a minute after the next change."""
        for account_id in ACCOUNTS:
            for contact_type, contact in self.organization.desired(account_id).contacts.items():
                self.desired.setdefault((account_id, contact_type), []).append(contact)

    # The configuration and the organization change.

    @rule(name=st.sampled_from(SETS), contact=contacts | st.just("not a contact"), arrives=st.booleans())
    def put_set(self, name: str, contact: Contact | str, arrives: bool) -> None:
        self.configuration.sets[name] = contact
        self.note_change(f"sets/{name}", arrives=arrives)

    @rule(
        resource_id=accounts | st.sampled_from([OUTER, INNER, OTHER, ROOT]),
        value=targets | exclusions,
        arrives=st.booleans(),
    )
    def put_target(self, resource_id: str, value: dict[str, Any] | str, arrives: bool) -> None:
        self.configuration.targets[resource_id] = value
        self.note_change(f"targets/{resource_id}", arrives=arrives)

    @precondition(lambda self: self.configuration.targets)
    @rule(data=st.data(), arrives=st.booleans())
    def delete_target(self, data: st.DataObject, arrives: bool) -> None:
        resource_id = data.draw(st.sampled_from(sorted(self.configuration.targets)))
        del self.configuration.targets[resource_id]
        self.note_change(f"targets/{resource_id}", arrives=arrives)

    @rule(version=st.sampled_from([None, "1", "2"]), arrives=st.booleans())
    def put_version(self, version: str | None, arrives: bool) -> None:
        self.configuration.version = version
        self.note_change("version", arrives=arrives)

    def note_change(self, parameter: str, *, arrives: bool) -> None:
        """Add what the configuration selects now, and send the event of the change if it ``arrives``."""
        self.note_desired()
        if arrives:
            self.sent.update(ACCOUNTS)  # another change of the same minute may concern every account
            self.simulation.report_change(parameter)

    @rule(account_id=members, parent=st.sampled_from([ROOT, OUTER, INNER, OTHER]), arrives=st.booleans())
    def move_account(self, account_id: str, parent: str, arrives: bool) -> None:
        self.organization.accounts[account_id].parent = parent
        self.note_desired()
        if arrives:
            self.sent.add(account_id)
            self.simulation.report_move(account_id)

    @rule(account_id=members, state=st.sampled_from([ACTIVE, ACTIVE, "PENDING_ACTIVATION", "SUSPENDED"]))
    def change_state(self, account_id: str, state: str) -> None:
        self.organization.accounts[account_id].state = state

    @rule(account_id=accounts, contact_type=contact_types, contact=contacts)
    def set_contact(self, account_id: str, contact_type: str, contact: Contact) -> None:
        self.simulation.set_contact(account_id, contact_type, contact)
        self.set_by_hand[account_id, contact_type].append(contact)

    # Messages and time

    @rule(account_id=accounts, mode=modes)
    def send_message(self, account_id: str, mode: Mode) -> None:
        self.simulation.account_queue.add(account_message_body(account_id, trigger=Trigger.MANUAL, mode=mode))
        if mode is Mode.ENFORCE:
            self.sent.add(account_id)

    @rule(mode=modes)
    def backfill(self, mode: Mode) -> None:
        if mode is Mode.ENFORCE:
            self.sent.update(ACCOUNTS)
        event = {"trigger": "manual", "mode": mode.value}
        self.simulation.run(lambda: self.simulation.functions.invoke_async(event))

    @rule(seconds=st.sampled_from([1, 30, 200, 2000]))
    def pass_time(self, seconds: int) -> None:
        self.simulation.run(lambda: self.simulation.time.sleep(seconds))

    # Faults

    @rule(share=st.sampled_from([0.0, 0.2, 0.5]))
    def fail_calls(self, share: float) -> None:
        self.simulation.faults.share = share

    @rule(account_id=members)
    def deny_account(self, account_id: str) -> None:
        self.simulation.faults.denied_accounts.add(account_id)

    @rule(is_down=st.booleans())
    def reject_failed_messages(self, is_down: bool) -> None:
        self.simulation.faults.failed_account_queue_is_down = is_down

    @rule(share=st.sampled_from([0.0, 0.3]))
    def kill_workers(self, share: float) -> None:
        self.simulation.kills.share_of_batches = self.simulation.faults.kill_after_puts = share

    @rule()
    def kill_backfill(self) -> None:
        self.simulation.faults.kill_at_page = 1

    @rule(share=st.sampled_from([0.0, 0.3]))
    def deliver_twice(self, share: float) -> None:
        self.simulation.deliveries.duplicates = self.simulation.deliveries.rejected_entries = share

    # What must hold

    @rule(after_change=st.booleans())
    def backfill_without_faults(self, after_change: bool) -> None:
        """Let every message end, run a backfill, and compare each account with the model.

        An operator starts the backfill, or it runs ``after_change`` of a parameter.
        """
        self.simulation.stop_faults()
        self.configuration.version = "1"
        self.note_desired()
        self.simulation.run(self.simulation.drain)
        self.simulation.failed_account_queue.purge()
        before = {key: self.simulation.contact(*key) for key in CONTACTS}
        self.each_contact_was_desired_or_set_by_hand()
        self._backfill_and_drain(after_change=after_change)
        reasons = {failure.account_id: failure.reason for failure in self.simulation.read_failures()}
        for account_id in ACCOUNTS:
            self._compare(account_id, before, reasons.get(account_id))
        self._messages_of_compliant_accounts_put_nothing()
        self.set_by_hand = {key: [self.simulation.contact(*key)] for key in CONTACTS}
        self.was_missing = {key for key in CONTACTS if self.simulation.contact(*key) is None}
        self.sent.clear()
        self.desired.clear()
        self.note_desired()

    def _backfill_and_drain(self, *, after_change: bool) -> None:
        if after_change:
            self.simulation.report_change("version")
        else:
            assert self.simulation.run(lambda: self.simulation.functions.invoke_async({"trigger": "manual"}))
        self.simulation.run(self.simulation.drain)

    def _compare(
        self, account_id: str, before: dict[tuple[str, str], Contact | None], failure_reason: str | None
    ) -> None:
        desired = self.organization.desired(account_id)
        is_processed = self.organization.accounts[account_id].state == ACTIVE and not desired.excluded
        assert (failure_reason in CONFIGURATION_REASONS) == bool(is_processed and desired.unknown)
        for contact_type in CONTACT_TYPES:
            expected = present = before[account_id, contact_type]
            if is_processed and not (contact_type == FILLED and present is not None):
                expected = desired.contacts.get(contact_type, present)
            assert self.simulation.contact(account_id, contact_type) == expected

    def _messages_of_compliant_accounts_put_nothing(self) -> None:
        puts = self.simulation.accounts.counts["PutAlternateContact"]
        for account_id in ACCOUNTS:
            is_active = self.organization.accounts[account_id].state == ACTIVE
            if is_active and not self.organization.desired(account_id).unknown:
                self.send_message(account_id, Mode.ENFORCE)
        self.simulation.run(self.simulation.drain)
        assert self.simulation.accounts.counts["PutAlternateContact"] == puts

    @invariant()
    def each_contact_was_desired_or_set_by_hand(self) -> None:
        for account_id, contact_type in CONTACTS:
            key = account_id, contact_type
            allowed = list(self.set_by_hand[key])
            if account_id in self.sent and (contact_type != FILLED or key in self.was_missing):
                allowed += self.desired.get(key, [])
            assert self.simulation.contact(account_id, contact_type) in allowed

    @invariant()
    def no_line_no_put_and_no_response_is_wrong(self) -> None:
        assert self.simulation.leaks() == []
        assert self.simulation.aws.needless_puts == []
        assert self.simulation.functions.rejected_responses == []


def test_contacts_are_those_of_the_model_after_any_history() -> None:
    chosen = settings(max_examples=examples(4), stateful_step_count=25)
    run_state_machine_as_test(ContactsMachine, settings=chosen)
