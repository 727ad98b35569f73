"""Run one campaign, and check what must hold: a deployment with faults, fixes and a replay, then a reconcile.

After the faults, every account is compliant, on FailedAccountQueue with a reason, or skipped with a reason. After fixes
and replay all accounts that are not skipped are compliant, and the reconcile changes nothing. At no time a Put follows
the same worker's Get of an equal contact, calls exceed the share of the quota by more than one burst of each started
worker, or contact data is printed.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from alternate_contacts.cli.aws.failed_messages import NO_ACCOUNT, parse_failure
from alternate_contacts.cli.aws.queue_lease import lease_queue
from alternate_contacts.cli.aws.queues import FAILED_ACCOUNT_QUEUE
from alternate_contacts.cli.replay.changes import DeleteMessages, SendToAccountQueue
from emulation.account_api import QUOTAS
from tests.campaign.lambda_service import CONCURRENCY
from tests.campaign.organization import ACTIVE, CONTACT_TYPES, Contact
from tests.campaign.scenario import Scenario
from tests.campaign.share import bursts_above_rate
from tests.campaign.simulation import FILLED, Simulation
from tests.fakes.cli import STACK

DISCARDED = frozenset({"invalid_message", "event_without_account", "not_in_organization"})
"""Failure reasons whose remedy is to discard the message."""


@dataclass(frozen=True)
class Options:
    """A campaign. ``fault_share`` is the part of the calls of every service that fail or are late."""

    seed: int
    accounts: int
    fault_share: float = 0.03


@dataclass
class Figures:
    """What happened in a campaign. The fakes count it, not the functions.

    Attributes:
        hours: of virtual time.
        calls: of the account API.
        injected: faults by effect.
        throttled: calls for which the quota had no token, those of the other tool included.
        reasons: messages on FailedAccountQueue after the faults, by failure reason.
        put_bursts, get_bursts: see `bursts_above_rate`.
        violations: what did not hold.
    """

    seed: int
    accounts: int
    hours: float
    calls: int
    injected: dict[str, int]
    duplicates: int
    rejected_entries: int
    workers_started: int
    killed: int
    throttled: int
    compliant: int
    failed: int
    skipped: int
    reasons: dict[str, int]
    compliant_after_replay: int
    put_bursts: float
    get_bursts: float
    lines: int
    violations: list[str]


@dataclass
class _Accounts:
    """The accounts by what became of them."""

    compliant: int = 0
    failed: int = 0
    skipped: int = 0
    lost: list[str] = field(default_factory=list)


def run(options: Options) -> Figures:
    """Run a campaign and return what happened."""
    simulation = Simulation(options.seed)
    with simulation.running():
        return _Campaign(simulation, Scenario(simulation, options.accounts)).run(options)


class _Campaign:
    def __init__(self, simulation: Simulation, scenario: Scenario) -> None:
        self._simulation = simulation
        self._scenario = scenario
        self._organization = simulation.organization

    def run(self, options: Options) -> Figures:
        simulation, scenario = self._simulation, self._scenario
        simulation.run(lambda: scenario.deploy(fault_share=options.fault_share))
        failures = simulation.read_failures()
        after_faults = self._sort_accounts({failure.account_id for failure in failures} - {NO_ACCOUNT})
        violations = [f"lost after the faults: {account}" for account in after_faults.lost]
        violations += [f"without a reason: {failure.message_id}" for failure in failures if not failure.reason]
        leaks = simulation.leaks()
        scenario.fix()
        self._replay()
        simulation.run(simulation.drain)
        after_replay = self._sort_accounts(set())
        violations += [f"not compliant after the replay: {account}" for account in after_replay.lost]
        puts = simulation.accounts.counts["PutAlternateContact"]
        simulation.run(self._reconcile)
        if simulation.accounts.counts["PutAlternateContact"] > puts:
            violations.append("the reconcile of compliant accounts called PutAlternateContact")
        bursts = {operation: self._bursts(operation) for operation in ("PutAlternateContact", "GetAlternateContact")}
        for operation, worst in bursts.items():
            if worst > CONCURRENCY + 1e-3:
                violations.append(f"above the share of the quota: {operation} by {worst:.2f} bursts")
        violations += [f"a Put after an equal Get: {put}" for put in simulation.aws.needless_puts]
        violations += [f"contact data: {text[:200]}" for text in {*leaks, *simulation.leaks()}]
        violations += [f"Lambda rejects the response: {error}" for error in simulation.functions.rejected_responses]
        # The first ones, because what the scenario did not do explains the others.
        violations = [f"the scenario failed: {error}" for error in scenario.errors] + violations
        return Figures(
            seed=options.seed,
            accounts=len(self._organization.accounts),
            hours=round(simulation.time.monotonic() / 3600, 1),
            calls=len(simulation.aws.account_calls),
            injected=dict(sorted(simulation.aws.injected.items())),
            duplicates=simulation.account_queue.duplicates,
            rejected_entries=simulation.account_queue.rejected,
            workers_started=simulation.functions.started["worker"],
            killed=simulation.functions.killed,
            throttled=simulation.accounts.counts["throttled"],
            compliant=after_faults.compliant,
            failed=after_faults.failed,
            skipped=after_faults.skipped,
            reasons=dict(sorted(Counter(failure.reason for failure in failures).items())),
            compliant_after_replay=after_replay.compliant,
            put_bursts=round(bursts["PutAlternateContact"], 2),
            get_bursts=round(bursts["GetAlternateContact"], 2),
            lines=simulation.output.messages.total(),
            violations=violations,
        )

    def _replay(self) -> None:
        """Discard the messages that a replay cannot help and replay the others, with the code of the command."""
        sqs = self._simulation.sqs
        with lease_queue(sqs, STACK, FAILED_ACCOUNT_QUEUE) as (lease, snapshot):
            discarded = [message for message in snapshot.messages if parse_failure(message).reason in DISCARDED]
            DeleteMessages(lease, discarded).run()
            replayed = [message for message in snapshot.messages if message not in discarded]
            SendToAccountQueue(sqs, STACK, lease, replayed).run()

    def _reconcile(self) -> None:
        if not self._simulation.functions.invoke_async({"trigger": "reconcile"}):
            self._scenario.errors.append("the reconcile failed")
        self._simulation.drain()

    def _sort_accounts(self, failed_accounts: set[str]) -> _Accounts:
        result = _Accounts()
        for account_id in self._organization.accounts:
            differences = self._differences(account_id)
            if self._is_skipped(account_id) and not (differences and self._must_not_change(account_id)):
                result.skipped += 1
            elif not differences:
                result.compliant += 1
            elif account_id in failed_accounts:
                result.failed += 1
            else:
                result.lost.append(f"{account_id}, {self._organization.accounts[account_id].state}: {differences}")
        return result

    def _is_skipped(self, account_id: str) -> bool:
        """Return whether the worker or the backfill reported the reason why the account is skipped."""
        reported = self._simulation.output.skipped.get(account_id)
        if self._must_not_change(account_id):
            return reported == "excluded"
        is_listed = account_id in self._organization.listed_as_inactive
        return self._organization.accounts[account_id].state != ACTIVE and (reported is not None or is_listed)

    def _must_not_change(self, account_id: str) -> bool:
        return self._organization.desired(account_id).excluded

    def _differences(self, account_id: str) -> Sequence[str]:
        """Return the contact types that are not as the configuration wants them."""
        desired = self._organization.desired(account_id)
        return [
            contact_type
            for contact_type in CONTACT_TYPES
            if contact_type in desired.unknown
            or not self._is_as_desired(account_id, contact_type, desired.contacts.get(contact_type))
        ]

    def _is_as_desired(self, account_id: str, contact_type: str, desired: Contact | None) -> bool:
        contact = self._simulation.contact(account_id, contact_type)
        initial = self._scenario.initial.get((account_id, contact_type))
        if desired is None or (contact_type == FILLED and initial is not None):
            return contact == initial
        # A contact that was filled in stays when the set changes.
        return contact is not None if contact_type == FILLED else contact == desired

    def _bursts(self, operation: str) -> float:
        quota = QUOTAS[operation]
        calls = [
            (call.time, call.caller)
            for call in self._simulation.aws.account_calls
            if call.operation == operation and call.caller.startswith("worker")
        ]
        return bursts_above_rate(calls, quota.rate, quota.burst / CONCURRENCY - 1)
