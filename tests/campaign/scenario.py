"""What happens while the stack is deployed: faults of AWS, and changes by people and other tools."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from tests.campaign.organization import ACTIVE, CONTACT_TYPES, MANAGEMENT_ACCOUNT, ROOT, Account, Contact
from tests.campaign.simulation import Simulation
from tests.campaign.virtual_time import Process
from tests.fakes.cli import STACK
from tests.fakes.contact_data import api_contact

_EVENTS = Path(__file__).parents[1] / "events"
_ACCOUNT_IN_EVENTS = "111122223333"

_OUS: Mapping[str, str] = {
    "ou-camp-00000001": ROOT,
    "ou-camp-00000002": ROOT,
    "ou-camp-00000003": ROOT,
    "ou-camp-00000004": "ou-camp-00000001",
    "ou-camp-00000005": "ou-camp-00000002",
    "ou-camp-00000006": "ou-camp-00000003",
    "ou-camp-00000007": "ou-camp-00000004",
    "ou-camp-00000008": "ou-camp-00000003",
}
"""Each with its parent."""
_TARGETS: Mapping[str, dict[str, Any] | str] = {
    "ou-camp-00000001": {"billing": "payments"},
    "ou-camp-00000002": {"exclude": True},
    "ou-camp-00000004": {"operations": "platform", "billing": "default"},
    "ou-camp-00000005": {"exclude": False, "security": "nights"},
    "ou-camp-00000006": {"security": "no-such-set"},
    "ou-camp-00000007": "Geheim, but not JSON",
    "ou-camp-00000008": {"billing": "broken"},
}
_FEW = ("ou-camp-00000002", "ou-camp-00000006", "ou-camp-00000007", "ou-camp-00000008")
"""OUs with few accounts: those of an account that is excluded or fails."""

_MOVES = ("ou-camp-00000001", "ou-camp-00000003")
"""OUs between which accounts are moved. A move out of an excluded OU would leave contacts that no target selects."""

_OTHER_TOOL = 2.5
"""Puts per second of another tool, half of the quota."""
_CREATE = {
    "RequestType": "Create",
    "StackId": STACK.arn,
    "RequestId": "request",
    "LogicalResourceId": "Backfill",
    "ResponseURL": "https://response.invalid/",
}


class Scenario:
    """The deployment with faults, and the operator's fixes."""

    def __init__(self, simulation: Simulation, accounts: int) -> None:
        """Create the organization: ``accounts`` members, two fifths of whose contacts are set already."""
        self.initial: dict[tuple[str, str], Contact] = {}
        """The contacts before the deployment, by account and contact type."""
        self.errors: list[str] = []
        """What the scenario could not do."""
        self._simulation = simulation
        self._dice = simulation.dice
        self._organization = simulation.organization
        self._members = accounts
        self._planned = 0
        self._organization.parents |= _OUS
        parents = [ROOT, *_OUS]
        weights = [1 if parent in _FEW else 15 for parent in parents]
        for number in range(accounts):
            account_id = str(100_000_000_000 + number)
            [state] = self._dice.choices([ACTIVE, "SUSPENDED", "PENDING_CLOSURE"], [98, 1, 1])
            self._organization.accounts[account_id] = Account(state, self._dice.choices(parents, weights)[0])
            for contact_type in CONTACT_TYPES:
                draw = self._dice.random()
                if draw < 0.25:
                    self._set(account_id, contact_type, api_contact(self._dice.randrange(1000, 9000)))
                elif draw < 0.4:
                    self._set(account_id, contact_type, simulation.stack_contacts[contact_type])
        configuration = self._organization.configuration
        configuration.sets |= {"payments": api_contact(11), "platform": api_contact(12), "nights": api_contact(13)}
        configuration.sets["broken"] = '{"name": "Geheim without a title"}'
        configuration.targets |= _TARGETS
        configuration.targets[str(100_000_000_000 + accounts // 3)] = {"exclude": True}
        configuration.targets[str(100_000_000_000 + accounts // 2)] = {"security": "ignore", "billing": "nights"}

    def deploy(self, *, fault_share: float) -> None:
        """Create the stack, with faults; return when AccountQueue is empty and everything planned has happened."""
        simulation, busy = self._simulation, 0.6 * self._members  # seconds: three Puts per account at 5/s
        simulation.faults.share = fault_share
        simulation.faults.kill_after_puts = 0.001
        simulation.faults.kill_at_page = self._dice.randrange(3, max(self._members // 20, 4))
        simulation.kills.share_of_batches, simulation.kills.replaced = max(0.02, 4 / self._members), 0.002
        simulation.deliveries.duplicates, simulation.deliveries.rejected_entries = 0.02, 0.03
        active = sorted(each for each, account in self._organization.accounts.items() if account.state == ACTIVE)
        simulation.faults.denied_accounts.update(self._dice.sample(active, max(len(active) // 100, 2)))
        for number in range(max(self._members // 100, 2)):
            self._plan(self._dice.uniform(0, busy), partial(self._create_account, str(200_000_000_000 + number)))
            self._plan(self._dice.uniform(0, busy), self._close_account)
            self._plan(self._dice.uniform(0, busy), self._send_invalid_message)
        for _ in range(2):
            self._plan(self._dice.uniform(0, busy), self._remove_account)
        self._plan(0.1 * busy, lambda: self._reject_failed_messages(600))
        self._plan(3700, lambda: self._reject_failed_messages(900))  # when the first accounts have had their last try
        self._plan(0.3 * busy, self._interrupt_account_api)
        self._plan(0.4 * busy, lambda: self._run_other_tool(0.2 * busy))
        self._plan(0.5 * busy, self._change_configuration)
        # When the backfill of that change has ended, so that no other message processes these accounts.
        for _ in range(max(self._members // 200, 2)):
            self._plan(self._dice.uniform(2, 2.5) * busy + 7200, self._move_account)
            self._plan(self._dice.uniform(2, 2.5) * busy + 7200, self._change_account)
        if not simulation.functions.invoke_async(_CREATE) or simulation.responses[-1].status != "SUCCESS":
            self._backfill()
        simulation.time.wait_until(lambda: not self._planned, poll=60)
        simulation.drain()
        while simulation.undelivered_queue.messages:  # changes that five backfills could not apply
            simulation.undelivered_queue.purge()
            self._backfill()
            simulation.drain()

    def fix(self) -> None:
        """End all faults, and correct the configuration as an operator does."""
        self._simulation.stop_faults()
        configuration = self._organization.configuration
        configuration.sets |= {"broken": api_contact(31), "no-such-set": api_contact(32)}
        configuration.targets["ou-camp-00000007"] = {"billing": "nights"}

    def _set(self, account_id: str, contact_type: str, contact: Contact) -> None:
        self.initial[account_id, contact_type] = contact
        self._simulation.set_contact(account_id, contact_type, contact)

    def _plan(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something that many seconds from now, while the rest goes on."""

        def run() -> None:
            self._simulation.time.sleep(seconds)
            try:
                action()
            finally:
                self._planned -= 1

        self._planned += 1
        future = self._simulation.time.start(run, Process("scenario"))
        future.add_done_callback(lambda done: self.errors.extend([repr(done.exception())] if done.exception() else []))

    def _sleep(self, low: float, high: float) -> None:
        self._simulation.time.sleep(self._dice.uniform(low, high))

    def _create_account(self, account_id: str) -> None:
        """Create an account as AWS does: at the root, not ready, with two events; it is moved to its OU later."""
        self._organization.accounts[account_id] = Account("PENDING_ACTIVATION", ROOT)
        for name in ("create-account-result", "account-joined-organization"):
            body = (_EVENTS / f"{name}.json").read_text().replace(_ACCOUNT_IN_EVENTS, account_id)
            self._simulation.account_queue.add(body, delay=self._dice.uniform(0, 30))
        self._sleep(0, 300)
        self._organization.accounts[account_id].state = ACTIVE
        self._sleep(0, 200)
        self._move(account_id, self._dice.choice(_MOVES))

    def _move_account(self) -> None:
        """Move a member between two OUs with different contacts."""
        account_id = self._draw_member_of_moves()
        [other] = set(_MOVES) - {self._organization.accounts[account_id].parent}
        self._move(account_id, other)

    def _move(self, account_id: str, parent: str) -> None:
        self._organization.accounts[account_id].parent = parent
        self._simulation.report_move(account_id)

    def _change_account(self) -> None:
        """Give an account a contact of its own."""
        account_id = self._draw_member_of_moves()
        self._organization.configuration.targets[account_id] = {"security": "nights"}
        self._simulation.report_change(f"targets/{account_id}")

    def _draw_member_of_moves(self) -> str:
        """Return an active member of these two OUs that is no target."""
        configured, accounts = self._organization.configuration.targets, self._organization.accounts
        return self._dice.choice(
            [
                account_id
                for account_id, account in accounts.items()
                if account.parent in _MOVES and account.state == ACTIVE and account_id not in configured
            ]
        )

    def _close_account(self) -> None:
        account = self._organization.accounts[self._draw_member()]
        account.state = "PENDING_CLOSURE"
        self._sleep(300, 900)
        account.state = "SUSPENDED"

    def _remove_account(self) -> None:
        del self._organization.accounts[self._draw_member()]

    def _draw_member(self) -> str:
        """Return a member that was there at the deployment."""
        members = [account_id for account_id in self._organization.accounts if account_id.startswith("1")]
        return self._dice.choice(members)

    def _send_invalid_message(self) -> None:
        bodies = [
            "Geheim, but not JSON",
            json.dumps({"version": 99, "accountId": "100000000000", "name": "Geheim"}),
            json.dumps({"version": 1, "accountId": "Keeper of 12 digits", "trigger": "manual"}),
            json.dumps({"detail": {"eventName": "contact-1@secret.invalid"}}),
            "[" * 100_000,
            "x" * 245_760,
        ]
        self._simulation.account_queue.add(self._dice.choice(bodies))

    def _reject_failed_messages(self, seconds: float) -> None:
        self._simulation.faults.failed_account_queue_is_down = True
        self._simulation.time.sleep(seconds)
        self._simulation.faults.failed_account_queue_is_down = False

    def _interrupt_account_api(self) -> None:
        self._simulation.faults.account_api_is_down = True
        self._simulation.time.sleep(120)
        self._simulation.faults.account_api_is_down = False

    def _run_other_tool(self, seconds: float) -> None:
        """Call PutAlternateContact at half of the quota, for an account that is not in the organization."""
        end = self._simulation.time.monotonic() + seconds
        contact = {**api_contact(1), "AlternateContactType": "SECURITY", "AccountId": "999999999999"}
        while self._simulation.time.monotonic() < end:
            self._simulation.accounts.call("PutAlternateContact", contact, MANAGEMENT_ACCOUNT)
            self._simulation.time.sleep(1 / _OTHER_TOOL)

    def _change_configuration(self) -> None:
        """Change a set and a target, in steps between which there is no version."""
        configuration = self._organization.configuration
        configuration.version = None
        configuration.sets["payments"] = api_contact(21)
        self._simulation.report_change("version", "sets/payments")
        self._sleep(0, 90)
        configuration.targets["ou-camp-00000003"] = {"security": "platform"}
        configuration.version = "1"
        self._simulation.report_change("targets/ou-camp-00000003", "version")

    def _backfill(self) -> None:
        """Start backfills, as an operator does, until one is completed."""
        if not any(self._simulation.functions.invoke_async({"trigger": "manual"}) for _ in range(5)):
            self.errors.append("five backfills failed")
