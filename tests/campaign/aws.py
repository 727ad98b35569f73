"""AWS as the clients of botocore reach it: strict services, the latency of each call, and the faults that are injected.

The account API is that of the emulation, with AWS's token buckets in virtual time.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError, ReadTimeoutError

from emulation.account_api import CONTACT_FIELDS, AccountApi
from tests.campaign.organization import MANAGEMENT_ACCOUNT, Organization
from tests.campaign.queues import SimulatedQueue
from tests.campaign.virtual_time import Process, VirtualTime
from tests.fakes.wire import HttpResponse, error_response, parse_request, responding, to_botocore

READ_TIMEOUT = 10
"""Seconds after which a response counts as lost: the longest of the worker's clients."""

EFFECTS = (
    "throttled",
    "server error",
    "unavailable",
    "not connected",
    "request late",
    "response late",
    "response lost",
    "connection closed",
)
"""What can happen to a call of any service. After the last four, AWS does what the call asks for."""

_ALLOWED = "<r><SimulatePrincipalPolicyResult><EvaluationResults/></SimulatePrincipalPolicyResult></r>"
"""The response to SimulatePrincipalPolicy: no action is denied."""
_ACCOUNT_OPERATIONS = ("GetAlternateContact", "PutAlternateContact")
_THROTTLED = {
    "account": ("TooManyRequestsException", 429),
    "organizations": ("TooManyRequestsException", 400),
    "sqs": ("RequestThrottled", 403),
    "ssm": ("ThrottlingException", 400),
}
_SERVER_ERROR = {
    "account": "InternalServerException",
    "organizations": "ServiceException",
    "sqs": "InternalError",
    "ssm": "InternalServerError",
}


@dataclass
class Faults:
    """Which calls fail. Each effect has the same chance.

    Attributes:
        dice: draws the faults.
        share: the part of the calls of every service with an effect.
        denied_accounts: whose contacts cannot be read or set.
        failed_account_queue_is_down: FailedAccountQueue accepts no message.
        account_api_is_down: every call of the account API is a server error.
        parameter_store: the effect on every call of Parameter Store, or None.
        kill_after_puts: the part of the Puts after which the worker is killed, before it gets the response.
        kill_at_page: ListAccounts is called this often until the backfill is killed; 0: it is not.
    """

    dice: Random
    share: float = 0.0
    denied_accounts: set[str] = field(default_factory=set)
    failed_account_queue_is_down: bool = False
    account_api_is_down: bool = False
    parameter_store: str | None = None
    kill_after_puts: float = 0.0
    kill_at_page: int = 0

    def stop(self) -> None:
        """Let every call succeed from now on."""
        self.share = self.kill_after_puts = self.kill_at_page = 0
        self.denied_accounts.clear()
        self.failed_account_queue_is_down = self.account_api_is_down = False
        self.parameter_store = None

    def draw(self) -> str | None:
        """Return the effect on the next call, or None."""
        return self.dice.choice(EFFECTS) if self.dice.random() < self.share else None


@dataclass(frozen=True)
class AccountCall:
    """A call of the account API, when it leaves the worker or the backfill."""

    time: float
    caller: str
    operation: str


class SimulatedAws:
    """Responds to every client of a session."""

    def __init__(
        self,
        time: VirtualTime,
        organization: Organization,
        accounts: AccountApi,
        queues: Mapping[str, SimulatedQueue],
        faults: Faults,
        *,
        kill: Callable[[Process], None],
    ) -> None:
        self.account_calls: list[AccountCall] = []
        self.injected: Counter[str] = Counter()
        self.needless_puts: list[tuple[str, str]] = []
        """Account and contact type of each Put after the same worker read an equal contact."""
        self._time = time
        self._organization = organization
        self._accounts = accounts
        self._queues = queues
        self._faults = faults
        self._kill = kill
        self._last_read: dict[tuple[str, str, str], Mapping[str, str] | None] = {}

    def attached_to(self, session: boto3.Session) -> AbstractContextManager[None]:
        """Respond to the clients that ``session`` creates within the context."""
        return responding(session, self._send)

    def _send(self, event_name: str, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        operation, parameters = parse_request(event_name, request)
        process = self._time.process()
        if process is None:  # an operator's command, after all faults: it has real threads, and no virtual time
            return to_botocore(request, self._respond(operation, parameters))
        service = event_name.split(".")[1]
        if service == "iam":  # only the warning of the first deployment depends on it
            return to_botocore(request, HttpResponse(body=_ALLOWED))
        if operation in _ACCOUNT_OPERATIONS:
            self._record(process, operation, parameters)
        self._time.sleep(self._faults.dice.uniform(0.01, 0.06))
        effect = self._effect(operation, parameters)
        if effect is not None:
            self.injected[effect] += 1
        if effect == "request late":
            self._time.sleep(self._faults.dice.uniform(1, 8))
        if effect == "not connected":
            raise EndpointConnectionError(endpoint_url=str(request.url))
        response = self._failure(service, effect) or self._respond(operation, parameters)
        if operation == "GetAlternateContact":
            self._last_read[process.name, *_contact(parameters)] = _read(response)
        self._kill_after(process, operation, response)
        self._time.sleep(self._faults.dice.uniform(0.01, 0.06))
        self._lose_or_delay(str(request.url), effect)
        return to_botocore(request, response)

    def _lose_or_delay(self, url: str, effect: str | None) -> None:
        """Do what happens to a response on its way back."""
        if effect == "connection closed":
            raise ConnectionClosedError(endpoint_url=url)
        if effect == "response lost":
            self._time.sleep(READ_TIMEOUT)
            raise ReadTimeoutError(endpoint_url=url)
        if effect == "response late":
            self._time.sleep(self._faults.dice.uniform(1, 8))

    def _record(self, process: Process, operation: str, parameters: Mapping[str, Any]) -> None:
        self.account_calls.append(AccountCall(self._time.monotonic(), process.name, operation))
        if operation == "PutAlternateContact":
            account_id, contact_type = _contact(parameters)
            read = self._last_read.get((process.name, account_id, contact_type))
            if read is not None and all(read[name].strip() == parameters[name].strip() for name in read):
                self.needless_puts.append((account_id, contact_type))

    def _effect(self, operation: str, parameters: Mapping[str, Any]) -> str | None:
        if operation in _ACCOUNT_OPERATIONS:
            if self._faults.account_api_is_down:
                return "server error"
            if _contact(parameters)[0] in self._faults.denied_accounts:
                return "denied"
        if operation == "SendMessage" and self._faults.failed_account_queue_is_down:
            return "unavailable"
        if operation == "GetParametersByPath" and self._faults.parameter_store:
            return self._faults.parameter_store
        return self._faults.draw()

    def _failure(self, service: str, effect: str | None) -> HttpResponse | None:
        if effect == "throttled":
            return error_response(*_THROTTLED[service])
        if effect == "server error":
            return error_response(_SERVER_ERROR[service], 500)
        if effect == "unavailable":
            return error_response("ServiceUnavailable", 503)
        return error_response("AccessDeniedException", 403) if effect == "denied" else None

    def _kill_after(self, process: Process, operation: str, response: HttpResponse) -> None:
        if operation == "PutAlternateContact" and response.status == 200:
            if self._faults.dice.random() < self._faults.kill_after_puts:
                self.injected["killed after a Put"] += 1
                self._kill(process)
        elif operation == "ListAccounts" and self._faults.kill_at_page:
            self._faults.kill_at_page -= 1
            if not self._faults.kill_at_page:
                self.injected["backfill killed"] += 1
                self._kill(process)

    def _respond(self, operation: str, parameters: Mapping[str, Any]) -> HttpResponse:
        if operation in _ACCOUNT_OPERATIONS:
            response = self._accounts.call(operation, parameters, MANAGEMENT_ACCOUNT)
            headers = {"x-amzn-errortype": response.error} if response.error else {}
            return HttpResponse(response.status, response.body, headers)
        if "QueueUrl" in parameters:
            return self._queues[parameters["QueueUrl"].rpartition("/")[2]].respond(operation, parameters)
        return self._organization.respond(operation, parameters)


def _contact(parameters: Mapping[str, Any]) -> tuple[str, str]:
    return parameters.get("AccountId", MANAGEMENT_ACCOUNT), parameters["AlternateContactType"]


def _read(response: HttpResponse) -> Mapping[str, str] | None:
    """Return the fields of the contact in a response to a Get, or None if there is no contact."""
    if response.status != 200 or isinstance(response.body, str):
        return None
    contact = response.body["AlternateContact"]
    return {name: contact[name] for name in CONTACT_FIELDS}
