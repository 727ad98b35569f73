"""One organization with one stack in virtual time: both functions, the services that they call, and what they print."""

import json
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TypeVar

import boto3
import botocore.session
from botocore import UNSIGNED
from botocore.config import Config

from alternate_contacts.backfill.message import account_message_body
from alternate_contacts.backfill.protocol import Mode, Trigger
from alternate_contacts.backfill.response import CustomResourceRequest, CustomResourceResponse
from alternate_contacts.cli.aws.failed_messages import FailedMessage, parse_failure
from alternate_contacts.cli.aws.queue_lease import lease_queue
from alternate_contacts.cli.aws.queues import FAILED_ACCOUNT_QUEUE
from alternate_contacts.worker.contacts import CONTACT_FIELDS
from emulation.account_api import AccountApi
from tests.campaign.aws import Faults, SimulatedAws
from tests.campaign.functions import in_virtual_time
from tests.campaign.lambda_service import CONCURRENCY, Kills, LambdaService
from tests.campaign.organization import CONTACT_TYPES, CONTACTS_PATH, Contact, Organization
from tests.campaign.output import FunctionOutput
from tests.campaign.queues import Deliveries, SimulatedQueue
from tests.campaign.virtual_time import Process, VirtualTime
from tests.fakes import environment
from tests.fakes.cli import STACK
from tests.fakes.contact_data import MARKS, api_contact

Result = TypeVar("Result")

FILLED = "OPERATIONS"
"""The contact type with the policy ``fill``; the others have ``overwrite``."""

_TIME_LIMIT = 40 * 86_400.0
"""Seconds of virtual time after which a simulation counts as hanging."""


class Simulation:
    """The parts, ready to be changed by a scenario; they run within the context of `running`."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)  # noqa: S311 - repeatable faults, no secret
        self.time = VirtualTime()
        self.stack_contacts = {contact_type: api_contact(index) for index, contact_type in enumerate(CONTACT_TYPES)}
        self.organization = Organization(self.time, self.stack_contacts, dice=self.dice)
        self.accounts = AccountApi(self.organization, clock=self.time.monotonic)
        self.faults, self.kills, self.deliveries = Faults(self.dice), Kills(self.dice), Deliveries(self.dice)
        # The numbers are those of template.yaml.
        self.failed_account_queue = SimulatedQueue(
            "FailedAccountQueue", self.time, self.deliveries, visibility_timeout=30, max_message_size=262_144
        )
        self.account_queue = SimulatedQueue(
            "AccountQueue",
            self.time,
            self.deliveries,
            visibility_timeout=1080,
            max_message_size=245_760,
            max_receive_count=13,
            dead_letter_queue=self.failed_account_queue,
        )
        self.undelivered_queue = SimulatedQueue(
            "UndeliveredQueue", self.time, self.deliveries, visibility_timeout=30, max_message_size=262_144
        )
        self.change_queue = SimulatedQueue(
            "ChangeQueue",
            self.time,
            self.deliveries,
            visibility_timeout=1860,
            max_message_size=262_144,
            max_receive_count=5,
            dead_letter_queue=self.undelivered_queue,
        )
        self.output = FunctionOutput(MARKS)
        self.responses: list[CustomResourceResponse] = []
        self.aws = SimulatedAws(
            self.time,
            self.organization,
            self.accounts,
            {queue.name: queue for queue in (self.account_queue, self.failed_account_queue, self.undelivered_queue)},
            self.faults,
            kill=lambda process: self.functions.kill(process),
        )
        self._seed = seed

    @contextmanager
    def running(self) -> Iterator[None]:
        """Poll AccountQueue within the context, whenever `run` lets time pass."""
        session = _session()
        random.seed(self._seed)  # botocore draws the waits of its retries
        with (
            self.aws.attached_to(session),
            in_virtual_time(self.time, session, output=self.output.stream, on_response=self._on_response) as start,
        ):
            variables = {"worker": self._worker_variables(), "backfill": self._backfill_variables()}
            self.functions = LambdaService(
                self.time, lambda part: start(part, variables[part]), self.account_queue, self.change_queue, self.kills
            )
            self.sqs = session.client("sqs")
            for number in range(CONCURRENCY):
                self.time.start(self.functions.poll, Process(f"poller {number}"))
                self.time.start(self.functions.poll_changes, Process(f"poller {number} of changes"))
            yield

    def run(self, scenario: Callable[[], Result]) -> Result:
        """Let time pass until the scenario ends, and return its result."""
        return self.time.run(self.time.start(scenario, Process("scenario")), time_limit=_TIME_LIMIT)

    def drain(self) -> None:
        """Wait until ChangeQueue and AccountQueue are empty. For a scenario."""
        queues = (self.change_queue, self.account_queue)
        self.time.wait_until(lambda: not any(queue.messages for queue in queues), poll=5)

    def report_change(self, *parameters: str) -> None:
        """Send a message for each changed parameter to ChangeQueue, as ParameterChangesRule does within seconds."""
        for parameter in parameters:
            body = json.dumps({"version": 1, "parameter": f"{CONTACTS_PATH}/{parameter}"})
            self.change_queue.add(body, delay=self.dice.uniform(0, 5))

    def report_move(self, account_id: str) -> None:
        """Send a message about a moved account to AccountQueue, as AccountMovesRule does within minutes."""
        body = account_message_body(account_id, trigger=Trigger.ACCOUNT_MOVED, mode=Mode.ENFORCE)
        self.account_queue.add(body, delay=self.dice.uniform(0, 120))

    def stop_faults(self) -> None:
        """Let every call succeed from now on, each message be delivered once, and every worker live."""
        self.faults.stop()
        self.kills.stop()
        self.deliveries.stop()

    def contact(self, account_id: str, contact_type: str) -> Contact | None:
        """Return the stored contact."""
        contact = self.accounts.contact(account_id, contact_type)
        return None if contact is None else {field.api_name: contact[field.api_name] for field in CONTACT_FIELDS}

    def set_contact(self, account_id: str, contact_type: str, contact: Contact) -> None:
        """Store a contact, as someone does by hand."""
        self.accounts.set_contact(account_id, {**contact, "AlternateContactType": contact_type})

    def read_failures(self) -> list[FailedMessage]:
        """Return the failed messages, as the command ``failures`` reads them."""
        with lease_queue(self.sqs, STACK, FAILED_ACCOUNT_QUEUE) as (_, snapshot):
            return [parse_failure(message) for message in snapshot.messages]

    def leaks(self) -> list[str]:
        """Return the printed lines and the attributes of failed messages that have contact data."""
        attributes = [
            value for message in self.failed_account_queue.messages.values() for value in message.attributes.values()
        ]
        return self.output.leaks + [value for value in attributes if any(mark in value for mark in MARKS)]

    def _on_response(self, _: CustomResourceRequest, response: CustomResourceResponse) -> None:
        self.responses.append(response)

    def _worker_variables(self) -> Mapping[str, str]:
        contacts = {
            f"{contact_type}_{field.environment_suffix}": contact[field.api_name]
            for contact_type, contact in self.stack_contacts.items()
            for field in CONTACT_FIELDS
        }
        return {**environment.WORKER, **contacts, "CONTACTS_PATH": CONTACTS_PATH, f"{FILLED}_POLICY": "fill"}

    def _backfill_variables(self) -> Mapping[str, str]:
        return {**environment.BACKFILL, "CONTACTS_PATH": CONTACTS_PATH, "AWS_REGION": "us-east-1"}


@cache
def _session() -> boto3.Session:
    """Return one session for all simulations: to load the service models takes longer than a small one."""
    core = botocore.session.Session()
    # The simulated AWS reads neither the user agent nor the signature, which take a quarter of a call's processor time.
    core.set_default_client_config(Config(user_agent="campaign", signature_version=UNSIGNED))
    return boto3.Session(
        aws_access_key_id="campaign", aws_secret_access_key="campaign", region_name="us-east-1", botocore_session=core
    )
