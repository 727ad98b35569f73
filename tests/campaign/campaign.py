"""Run one campaign: a deployment in an organization, with faults; then the operator's fixes and a replay; then a reconcile.

`Campaign.run` returns the figures, and the violations of what must hold.
"""

import json
import random
import time as real_time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3

from alternate_contacts.backfill.response import CustomResourceRequest, CustomResourceResponse
from alternate_contacts.cli.aws.failed_messages import NO_ACCOUNT, FailedMessage, parse_failure
from alternate_contacts.cli.aws.queue_lease import lease_queue
from alternate_contacts.cli.aws.queues import FAILED_ACCOUNT_QUEUE
from alternate_contacts.cli.replay.changes import DeleteMessages, SendToAccountQueue
from emulation.account_api import QUOTAS, AccountApi
from tests.campaign import lambda_service
from tests.campaign.aws import Faults, SimulatedAws
from tests.campaign.contact_data import MARKS, make_contact
from tests.campaign.functions import in_virtual_time
from tests.campaign.lambda_service import Kills, LambdaService
from tests.campaign.organization import (
    ACTIVE,
    CONTACT_TYPES,
    CONTACTS_PATH,
    MANAGEMENT_ACCOUNT,
    ROOT,
    Account,
    Organization,
)
from tests.campaign.output import FunctionOutput
from tests.campaign.queues import Deliveries, SimulatedQueue
from tests.campaign.share import bursts_above_rate
from tests.campaign.virtual_time import DeadlockError, Process, VirtualTime
from tests.fakes import environment
from tests.fakes.cli import STACK

DISCARDED = frozenset({"invalid_message", "event_without_account", "not_in_organization"})
"""Failure reasons whose remedy is to discard the message."""
TIME_LIMIT = 40 * 86_400.0
"""Seconds of virtual time after which a campaign counts as hanging."""
FILLED = "OPERATIONS"
"""The contact type with the policy ``fill``."""

_EVENTS = Path(__file__).parents[1] / "events"
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
_EXCLUDED_OU, _OU_OF_UNKNOWN_SET, _OU_OF_INVALID_TARGET, _OU_OF_INVALID_SET = sorted(_OUS)[1::2][:1] + [
    "ou-camp-00000006",
    "ou-camp-00000007",
    "ou-camp-00000008",
]
_OTHER_TOOL = 2.5
"""Puts per second of another tool, half of the quota."""


@dataclass(frozen=True)
class Options:
    """One campaign. ``fault_share`` is the part of the calls of every service that fail or are slow."""

    seed: int
    accounts: int
    fault_share: float = 0.03


@dataclass
class Figures:
    """What happened in a campaign; every number is counted by the fakes, none by the functions."""

    seed: int
    accounts: int
    hours: float = 0.0
    calls: int = 0
    injected: dict[str, int] = field(default_factory=dict)
    duplicates: int = 0
    rejected_entries: int = 0
    workers_started: int = 0
    killed: int = 0
    throttled: int = 0
    compliant: int = 0
    failed: int = 0
    skipped: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    compliant_after_replay: int = 0
    put_bursts: float = 0.0
    get_bursts: float = 0.0
    log_lines: int = 0
    violations: list[str] = field(default_factory=list)


class Campaign:
    """One organization with one stack."""

    def __init__(self, options: Options, *, progress: Callable[[str], None] = lambda _: None) -> None:
        self.options = options
        self.progress = progress
        self.dice = random.Random(options.seed)  # noqa: S311 - repeatable faults, no secret
        self.time = VirtualTime()
        self.stack_contacts = {contact_type: make_contact(index) for index, contact_type in enumerate(CONTACT_TYPES)}
        self.organization = Organization(self.time, self.stack_contacts, dice=self.dice)
        self.accounts = AccountApi(self.organization, clock=self.time.monotonic)
        self.deliveries = Deliveries(self.dice)
        self.failed_account_queue = SimulatedQueue("FailedAccountQueue", self.time, self.deliveries, 30, 262_144)
        self.account_queue = SimulatedQueue(
            "AccountQueue",
            self.time,
            self.deliveries,
            visibility_timeout=1080,
            max_message_size=245_760,
            max_receive_count=13,
            dead_letter_queue=self.failed_account_queue,
        )
        self.faults = Faults(self.dice)
        self.kills = Kills(self.dice)
        self.output = FunctionOutput(MARKS)
        self.responses: list[CustomResourceResponse] = []
        self.initial: dict[tuple[str, str], Mapping[str, str]] = {}
        self.violations: list[str] = []
        self._left: set[str] = set()
        self._chaos = 0

    def run(self) -> Figures:
        """Run the campaign."""
        with self._functions() as (session, aws):
            self._create_organization()
            self._run(self._deploy_with_faults)
            figures = self._check_after_faults(session, aws)
            self._fix(session)
            self._run(self._drain)
            figures.compliant_after_replay = self._check_after_replay()
            puts = self.accounts.counts["PutAlternateContact"]
            self._run(self._reconcile)
            if self.accounts.counts["PutAlternateContact"] != puts:
                self.violations.append("the reconcile of compliant accounts called PutAlternateContact")
            self._check_calls(figures, aws)
            figures.hours = round(self.time.monotonic() / 3600, 1)
            figures.log_lines = self.output.messages.total()
            figures.violations = self.violations
            return figures

    @contextmanager
    def _functions(self) -> Iterator[tuple[boto3.Session, SimulatedAws]]:
        session = boto3.Session(aws_access_key_id="campaign", aws_secret_access_key="campaign", region_name="us-east-1")
        aws = SimulatedAws(
            self.time,
            self.organization,
            self.accounts,
            {queue.name: queue for queue in (self.account_queue, self.failed_account_queue)},
            self.faults,
            kill=lambda process: self.functions.kill(process),
        )

        def on_response(_: CustomResourceRequest, response: CustomResourceResponse) -> None:
            self.responses.append(response)

        random.seed(self.options.seed)  # botocore draws the waits of its retries
        with (
            aws.attached_to(session),
            in_virtual_time(self.time, session, output=self.output.stream, on_response=on_response) as start,
        ):
            variables = {"worker": self._worker_variables(), "backfill": self._backfill_variables()}
            self.functions = LambdaService(
                self.time, lambda part: start(part, variables[part]), self.account_queue, self.kills
            )
            for number in range(lambda_service.CONCURRENCY):
                self.time.start(self.functions.poll, Process(f"poller {number}"))
            yield session, aws

    def _worker_variables(self) -> dict[str, str]:
        variables = dict(environment.WORKER) | {"CONTACTS_PATH": CONTACTS_PATH, f"{FILLED}_POLICY": "fill"}
        names = {"NAME": "Name", "TITLE": "Title", "EMAIL_ADDRESS": "EmailAddress", "PHONE_NUMBER": "PhoneNumber"}
        for contact_type, contact in self.stack_contacts.items():
            variables |= {f"{contact_type}_{suffix}": contact[name] for suffix, name in names.items()}
        return variables

    def _backfill_variables(self) -> dict[str, str]:
        return dict(environment.BACKFILL) | {"CONTACTS_PATH": CONTACTS_PATH, "AWS_REGION": "us-east-1"}

    def _run(self, scenario: Callable[[], None]) -> None:
        self.time.run(self.time.start(scenario, Process("scenario")), time_limit=TIME_LIMIT)

    # The organization

    def _create_organization(self) -> None:
        organization, dice = self.organization, self.dice
        organization.parents |= _OUS
        rare = (_EXCLUDED_OU, _OU_OF_UNKNOWN_SET, _OU_OF_INVALID_TARGET, _OU_OF_INVALID_SET)
        parents = [ROOT, *_OUS]
        weights = [1.5 if parent in rare else 20 for parent in parents]
        for number in range(self.options.accounts):
            account_id = str(100_000_000_000 + number)
            state = dice.choices([ACTIVE, "SUSPENDED", "PENDING_CLOSURE"], [98, 1, 1])[0]
            organization.accounts[account_id] = Account(state, dice.choices(parents, weights)[0])
            for contact_type in CONTACT_TYPES:
                draw = dice.random()
                if draw < 0.25:
                    self._set_initial(account_id, contact_type, make_contact(dice.randrange(1000, 9000)))
                elif draw < 0.4:
                    self._set_initial(account_id, contact_type, self.stack_contacts[contact_type])
        configuration = organization.configuration
        configuration.sets |= {"payments": make_contact(11), "platform": make_contact(12), "nights": make_contact(13)}
        configuration.sets["broken"] = '{"name": "Geheim without a title"}'
        members = sorted(organization.accounts)
        configuration.targets |= {
            "ou-camp-00000001": {"billing": "payments"},
            "ou-camp-00000004": {"operations": "platform", "billing": "default"},
            _EXCLUDED_OU: {"exclude": True},
            "ou-camp-00000005": {"exclude": False, "security": "nights"},
            _OU_OF_UNKNOWN_SET: {"security": "no-such-set"},
            _OU_OF_INVALID_TARGET: "Geheim, but not JSON",
            _OU_OF_INVALID_SET: {"billing": "broken"},
            members[len(members) // 3]: {"exclude": True},
            members[len(members) // 2]: {"security": "ignore", "billing": "nights"},
        }

    def _set_initial(self, account_id: str, contact_type: str, contact: Mapping[str, str]) -> None:
        self.initial[account_id, contact_type] = contact
        self.accounts.set_contact(account_id, {**contact, "AlternateContactType": contact_type})

    # The scenario

    def _deploy_with_faults(self) -> None:
        """Create the stack, with faults, and return when AccountQueue is empty and all that was planned has happened."""
        self.faults.share = self.options.fault_share
        self.faults.kill_after_puts = 0.001
        self.kills.share_of_batches, self.kills.replaced = 0.02, 0.002
        self.deliveries.duplicates, self.deliveries.rejected_entries = 0.02, 0.03
        members = sorted(self.organization.accounts)
        self.faults.denied_accounts.update(self.dice.sample(members, max(len(members) // 100, 2)))
        busy = 0.6 * self.options.accounts  # three Puts per account at 5/s
        self.faults.kill_at_page = self.dice.randrange(3, max(self.options.accounts // 20, 4))
        for number in range(max(self.options.accounts // 100, 5)):
            self._at(self.dice.uniform(0, busy), lambda number=number: self._create_account(number))
            self._at(self.dice.uniform(0, busy), self._close_account)
            self._at(self.dice.uniform(0, busy), self._send_invalid_message)
        for _ in range(3):
            self._at(self.dice.uniform(0, busy), self._remove_account)
        self._at(0.1 * busy, lambda: self._refuse_failed_messages(600))
        self._at(3700, lambda: self._refuse_failed_messages(900))
        self._at(0.3 * busy, self._outage)
        self._at(0.4 * busy, lambda: self._run_other_tool(0.2 * busy))
        self._at(0.5 * busy, self._change_configuration)
        created = {
            "RequestType": "Create",
            "StackId": STACK.arn,
            "RequestId": "request",
            "LogicalResourceId": "Backfill",
            "ResponseURL": "https://response.invalid/",
        }
        if not self.functions.invoke_async(created) or self.responses[-1].status != "SUCCESS":
            self._backfill()
        self.time.wait_until(lambda: not self._chaos, poll=60)
        self._drain()

    def _at(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something that many seconds from now, while the rest goes on."""

        def run() -> None:
            self.time.sleep(seconds)
            action()
            self._chaos -= 1

        self._chaos += 1
        future = self.time.start(run, Process("scenario"))
        future.add_done_callback(lambda done: done.exception() and self.violations.append(repr(done.exception())))

    def _create_account(self, number: int) -> None:
        """Create an account as AWS does: at the root, not ready, with one or two events, and moved to its OU later."""
        account_id = str(200_000_000_000 + number)
        self.organization.accounts[account_id] = Account("PENDING_ACTIVATION", ROOT)
        for name in ("create-account-result", "account-joined-organization"):
            body = (_EVENTS / f"{name}.json").read_text().replace("111122223333", account_id)
            self.account_queue.add(body, delay=self.dice.uniform(0, 30))
        self.time.sleep(self.dice.uniform(0, 300))
        self.organization.accounts[account_id].state = ACTIVE
        self.time.sleep(self.dice.uniform(0, 200))
        self.organization.accounts[account_id].parent = self.dice.choice(["ou-camp-00000001", "ou-camp-00000003"])

    def _close_account(self) -> None:
        account = self.organization.accounts[self._draw_member()]
        account.state = "PENDING_CLOSURE"
        self.time.sleep(600)
        account.state = "SUSPENDED"

    def _remove_account(self) -> None:
        account_id = self._draw_member()
        del self.organization.accounts[account_id]
        self._left.add(account_id)

    def _draw_member(self) -> str:
        return self.dice.choice(sorted(self.organization.accounts.keys() - {MANAGEMENT_ACCOUNT}))

    def _send_invalid_message(self) -> None:
        body = self.dice.choice(
            [
                "Geheim, but not JSON",
                json.dumps({"version": 99, "accountId": "100000000000", "name": "Geheim"}),
                json.dumps({"version": 1, "accountId": "Keeper of 12 digits", "trigger": "manual"}),
                json.dumps({"detail": {"eventName": "contact-1@secret.invalid"}}),
                "[" * 100_000,
                "x" * 245_760,
            ]
        )
        self.account_queue.add(body)

    def _refuse_failed_messages(self, seconds: float) -> None:
        self.faults.failed_account_queue_is_down = True
        self.time.sleep(seconds)
        self.faults.failed_account_queue_is_down = False

    def _outage(self) -> None:
        self.faults.account_api_is_down = True
        self.time.sleep(120)
        self.faults.account_api_is_down = False

    def _run_other_tool(self, seconds: float) -> None:
        """Call PutAlternateContact at half of the quota, for an account that is not in the organization."""
        end = self.time.monotonic() + seconds
        contact = {**make_contact(1), "AlternateContactType": "SECURITY", "AccountId": "999999999999"}
        while self.time.monotonic() < end:
            self.accounts.call("PutAlternateContact", contact, MANAGEMENT_ACCOUNT)
            self.time.sleep(1 / _OTHER_TOOL)

    def _change_configuration(self) -> None:
        """Change a set and a target, in two steps between which there is no version; then start a backfill."""
        configuration = self.organization.configuration
        configuration.version = None
        configuration.sets["payments"] = make_contact(21)
        self.time.sleep(self.dice.uniform(0, 90))
        configuration.targets["ou-camp-00000003"] = {"security": "platform"}
        configuration.version = "1"
        self._backfill()

    def _backfill(self) -> None:
        """Start backfills, as an operator does, until one is completed."""
        for _ in range(5):
            if self.functions.invoke_async({"trigger": "manual"}):
                return
        self.violations.append("five backfills failed")

    def _drain(self) -> None:
        self.time.wait_until(lambda: not self.account_queue.messages, poll=5)

    def _fix(self, session: boto3.Session) -> None:
        """Fix every cause as an operator does, discard the messages that a replay cannot help, and replay the others."""
        self.faults.stop()
        self.kills.stop()
        self.deliveries.duplicates = self.deliveries.rejected_entries = 0
        configuration = self.organization.configuration
        configuration.sets |= {"broken": make_contact(31), "no-such-set": make_contact(32)}
        configuration.targets[_OU_OF_INVALID_TARGET] = {"billing": "nights"}
        client = session.client("sqs")
        with lease_queue(client, STACK, FAILED_ACCOUNT_QUEUE) as (lease, snapshot):
            discarded = [message for message in snapshot.messages if parse_failure(message).reason in DISCARDED]
            DeleteMessages(lease, discarded).run()
            replayed = [message for message in snapshot.messages if message not in discarded]
            SendToAccountQueue(client, STACK, lease, replayed).run()

    def _reconcile(self) -> None:
        if not self.functions.invoke_async({"trigger": "reconcile"}):
            self.violations.append("the reconcile failed")
        self._drain()

    # What must hold

    def _check_after_faults(self, session: boto3.Session, aws: SimulatedAws) -> Figures:
        """Check that every account is compliant, failed with a reason, or skipped with a reason."""
        failures = self._read_failures(session)
        figures = Figures(self.options.seed, len(self.organization.accounts))
        failed_accounts = {failure.account_id for failure in failures} - {NO_ACCOUNT}
        figures.reasons = dict(sorted(Counter(failure.reason for failure in failures).items()))
        for account_id, account in self.organization.accounts.items():
            if self._is_skipped(account_id, account):
                figures.skipped += 1
            elif not self._differences(account_id):
                figures.compliant += 1
            elif account_id in failed_accounts:
                figures.failed += 1
            else:
                self.violations.append(f"{account_id} ({account.state}) is lost: {self._differences(account_id)}")
        if any(not failure.reason for failure in failures):
            self.violations.append("a failed message has no reason")
        return figures

    def _is_skipped(self, account_id: str, account: Account) -> bool:
        if self.organization.desired(account_id).excluded:
            return self.output.skipped.get(account_id) == "excluded"
        is_reported = account_id in self.output.skipped or account_id in self.organization.listed_as_inactive
        return account.state != ACTIVE and is_reported

    def _differences(self, account_id: str) -> list[str]:
        """Return the contact types that are not as the configuration wants them."""
        desired = self.organization.desired(account_id)
        if desired.excluded:
            return [t for t in CONTACT_TYPES if self._contact(account_id, t) != self.initial.get((account_id, t))]
        return [t for t in CONTACT_TYPES if t in desired.unknown or not self._is_as_desired(account_id, t, desired.contacts.get(t))]

    def _is_as_desired(self, account_id: str, contact_type: str, desired: Mapping[str, str] | None) -> bool:
        contact, initial = self._contact(account_id, contact_type), self.initial.get((account_id, contact_type))
        if desired is None or (contact_type == FILLED and initial is not None):
            return contact == initial
        # A contact that was filled in stays when the set changes.
        return contact is not None if contact_type == FILLED else contact == desired

    def _contact(self, account_id: str, contact_type: str) -> Mapping[str, str] | None:
        contact = self.accounts.contact(account_id, contact_type)
        return None if contact is None else {name: contact[name] for name in contact if name != "AlternateContactType"}

    def _check_after_replay(self) -> int:
        """Check that every account that is not skipped is compliant; return how many are."""
        compliant = 0
        for account_id, account in self.organization.accounts.items():
            if account.state == ACTIVE and not self.organization.desired(account_id).excluded:
                differences = self._differences(account_id)
                compliant += not differences
                if differences:
                    self.violations.append(f"{account_id} is not compliant after the replay: {differences}")
        return compliant

    def _check_calls(self, figures: Figures, aws: SimulatedAws) -> None:
        """Check what the calls and the output of the whole campaign must not be."""
        figures.calls, figures.injected = len(aws.account_calls), dict(sorted(aws.injected.items()))
        figures.duplicates = self.account_queue.duplicates
        figures.rejected_entries = self.account_queue.rejected_entries
        figures.workers_started, figures.killed = self.functions.started["worker"], self.functions.killed
        figures.throttled = self.accounts.counts["throttled"]
        for operation, name in (("PutAlternateContact", "put_bursts"), ("GetAlternateContact", "get_bursts")):
            quota = QUOTAS[operation]
            calls = [(c.time, c.caller) for c in aws.account_calls if c.operation == operation and "worker" in c.caller]
            bursts = bursts_above_rate(calls, quota.rate, max(quota.burst / 2 - 1, 1))
            setattr(figures, name, round(bursts, 2))
            if bursts > lambda_service.CONCURRENCY + 1e-3:
                self.violations.append(f"{operation}: {bursts:.2f} bursts above the share of the quota")
        self.violations += [f"a Put after an equal Get: {put}" for put in aws.needless_puts]
        self.violations += [f"contact data in a line: {line[:200]}" for line in self.output.leaks]
        if self.functions.invalid_responses:
            self.violations.append(f"{self.functions.invalid_responses} invalid responses of the worker")

    def _read_failures(self, session: boto3.Session) -> list[FailedMessage]:
        with lease_queue(session.client("sqs"), STACK, FAILED_ACCOUNT_QUEUE) as (_, snapshot):
            for message in snapshot.messages:
                if any(mark in value for mark in MARKS for value in message.attributes.values()):
                    self.violations.append("contact data in an attribute of a failed message")
            return [parse_failure(message) for message in snapshot.messages]
