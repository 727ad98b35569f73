"""The strict account API: what AWS Account Management does with a call about an alternate contact.

One module without framework, socket or thread: a request, its caller and the time go in, an answer comes out. A call
meets the rules in this order: quota, validation by the API model, injected faults, authorization, state of the account,
and only then the operation itself. AWS does not publish its order; the quota comes first because that is the strictest.

Where AWS's behaviour is documented or was observed by others, the rule follows it and names the source; where it is
unknown, the rule refuses and says so. Three things are left out: IAM policies (the caller is always allowed by them),
delegated administrators (every member is refused an ``AccountId``), and the delay until a Get sees a Put.

Sources:

[model]     botocore service model ``account`` 2021-02-01
[quotas]    https://docs.aws.amazon.com/accounts/latest/reference/quotas.html
[quotas-cn] https://docs.amazonaws.cn/en_us/accounts/latest/reference/quotas.html
[contacts]  https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-update-contact-alternate.html
[steampipe] answers of AWS recorded in https://github.com/turbot/steampipe-plugin-aws: issue 1309, and
            aws/table_aws_account_alternate_contact.go
[adf]       an answer of AWS recorded in https://github.com/awslabs/aws-deployment-framework/issues/764
[moto]      an answer of AWS recorded in https://github.com/getmoto/moto/pull/9709
[terraform] one caller throttled across many accounts, with a 429:
            https://github.com/hashicorp/terraform-provider-aws/issues/42484
"""

import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol

Contact = dict[str, str]
"""A contact as Get returns it: ``AlternateContactType``, ``Name``, ``Title``, ``EmailAddress``, ``PhoneNumber``."""

CONTACT_TYPES: Final = ("BILLING", "OPERATIONS", "SECURITY")
"""The enum AlternateContactType of [model]."""

REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    "PutAlternateContact": ("AlternateContactType", "Name", "Title", "EmailAddress", "PhoneNumber"),
    "GetAlternateContact": ("AlternateContactType",),
    "DeleteAlternateContact": ("AlternateContactType",),
}
"""The operations, and the members that each request must have; ``AccountId`` may come with any. [model]"""

ERRORS: Final[Mapping[str, int]] = {
    "ValidationException": 400,
    "AccessDeniedException": 403,
    "ResourceNotFoundException": 404,
    "TooManyRequestsException": 429,
    "InternalServerException": 500,
}
"""HTTP status of each error of the three operations. [model]"""

EVERY_ACCOUNT: Final = "*"
"""The account id under which a fault strikes all accounts."""


@dataclass(frozen=True)
class Member:
    """What [model] allows as the value of a request's member; ``None`` or empty where it sets no bound."""

    longest: int | None = None
    pattern: str | None = None
    enum: tuple[str, ...] = ()

    def complaint(self, value: object) -> str | None:
        """What is wrong with a value, in words that do not repeat it: [model] marks contact data as sensitive."""
        if not isinstance(value, str):
            return "must be a string"
        if self.enum and value not in self.enum:
            return f"must be one of {', '.join(self.enum)}"
        if self.longest is not None and not 1 <= len(value) <= self.longest:
            return f"must have 1 to {self.longest} characters"
        # Smithy's patterns know ASCII classes only, and AWS's documentation anchors them at both ends.
        if self.pattern is not None and not re.fullmatch(self.pattern, value, re.ASCII):
            return f"must match {self.pattern}"
        return None


MEMBERS: Final[Mapping[str, Member]] = {
    "AccountId": Member(pattern=r"\d{12}"),
    "AlternateContactType": Member(enum=CONTACT_TYPES),
    "Name": Member(longest=64),
    "Title": Member(longest=50),
    "EmailAddress": Member(longest=254, pattern=r"[\s]*[\w+=.#|!&-]+@[\w.-]+\.[\w]+[\s]*"),
    "PhoneNumber": Member(longest=25, pattern=r"[\s0-9()+-]+"),
}


@dataclass(frozen=True)
class Quota:
    """A token bucket: ``rate`` calls a second, and ``burst`` calls at once after a rest."""

    rate: float
    burst: int


QUOTAS: Final[Mapping[str, Quota]] = {
    "PutAlternateContact": Quota(5, 8),
    "GetAlternateContact": Quota(10, 15),
    "DeleteAlternateContact": Quota(1, 6),
}
"""https://docs.aws.amazon.com/accounts/latest/reference/quotas.html"""

CHINA_QUOTAS: Final[Mapping[str, Quota]] = {
    "PutAlternateContact": Quota(1, 6),
    "GetAlternateContact": Quota(3, 5),
    "DeleteAlternateContact": Quota(1, 6),
}
"""https://docs.amazonaws.cn/en_us/accounts/latest/reference/quotas.html"""


class Organization(Protocol):
    """What the rules need to know of the organization. It is asked under the API's lock: it answers from memory."""

    @property
    def management_account_id(self) -> str:
        """12 digits."""

    def account_state(self, account_id: str) -> str | None:
        """``State`` as Organizations tells it (ACTIVE, SUSPENDED, ...), or None for an account that is not a member."""

    def trusted_access(self) -> bool:
        """Whether the organization lets ``account.amazonaws.com`` in."""


@dataclass(frozen=True)
class Answer:
    """What the caller gets: an HTTP status, a JSON body, and for the shell around the rules how to deliver them."""

    status: int
    body: dict[str, object]
    error: str | None = None
    """The code for the header ``x-amzn-errortype``."""
    latency: float = 0.0
    """Seconds to wait before answering."""
    dropped: bool = False
    """Close the connection instead of answering."""


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong with valid calls about an account which the quota let through.

    Raises:
        ValueError: no call could ever meet this fault.
    """

    kind: str
    """A code of ``ERRORS``, or ``dropped`` (no answer), ``slow`` (an answer after ``seconds``), or ``not-ready``
    (the refusal that a newly created account gives)."""
    operation: str | None = None
    """The only operation it strikes; None: all."""
    contact_type: str | None = None
    """The only contact type it strikes; None: all."""
    remaining: int | None = None
    """How many calls it strikes; None: every one until the fault is cleared."""
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if (
            self.kind not in (*ERRORS, "dropped", "slow", "not-ready")
            or self.operation not in (None, *REQUIRED)
            or self.contact_type not in (None, *CONTACT_TYPES)
            or (self.remaining is not None and self.remaining < 1)
        ):
            raise ValueError(f"no such fault: {self}")

    def strikes(self, call: "_Call") -> bool:
        """Whether the call is one that this fault is for."""
        return self.operation in (None, call.operation) and self.contact_type in (None, call.contact_type)


class AccountApi:
    """The alternate contacts of an organization's accounts, behind AWS's rules. Threads may share it."""

    def __init__(
        self,
        organization: Organization,
        *,
        clock: Callable[[], float] = time.monotonic,
        quotas: Mapping[str, Quota] | None = QUOTAS,
        speed: float = 1.0,
        latency: Callable[[], float] | float = 0.0,
    ) -> None:
        """Start without contacts and with full buckets.

        Args:
            organization: whose accounts these are.
            clock: seconds, never running backwards.
            quotas: by operation; an operation without one, or None for all, is never throttled.
            speed: what each quota's rate is multiplied with; its burst stays.
            latency: seconds that every answer takes, or what draws them for each.
        """
        self._organization = organization
        self._clock = clock
        self._quotas = {name: Quota(quota.rate * speed, quota.burst) for name, quota in (quotas or {}).items()}
        self._latency = latency
        self._lock = threading.RLock()
        self.reset()

    def reset(self) -> None:
        """Forget every contact, fault and count, and fill the buckets."""
        with self._lock:
            self._contacts: dict[tuple[str, str], Contact] = {}
            self._faults: dict[str, list[Fault]] = {}
            self._buckets: dict[tuple[str, str], _Bucket] = {}
            self._counts = dict.fromkeys(
                (*REQUIRED, "throttled", *(f"throttled {name}" for name in REQUIRED), "unchanged puts"), 0
            )

    def answer(self, operation: str, parameters: Mapping[str, object], caller: str) -> Answer:
        """Take one call.

        Args:
            operation: its name in the API model, such as ``PutAlternateContact``.
            parameters: the request's JSON body; members that the model does not know are ignored.
            caller: 12-digit id of the account whose credentials signed the call.
        """
        if operation not in REQUIRED:
            return Answer(404, {"message": "This emulation knows no such operation"}, "UnknownOperationException")
        with self._lock:
            answer = self._follow_rules(operation, parameters, caller)
            throttled = answer.error == "TooManyRequestsException"
            self._counts[operation] += 1
            self._counts[f"throttled {operation}"] += throttled
            self._counts["throttled"] += throttled
            latency = self._latency() if callable(self._latency) else self._latency
            return replace(answer, latency=answer.latency + latency)

    @property
    def counts(self) -> dict[str, int]:
        """Calls since the last reset.

        By operation name all calls, whatever became of them; ``throttled``, and ``throttled <operation>``, those
        answered with a 429, injected ones included; ``unchanged puts``, those that wrote what was already there.
        """
        with self._lock:
            return dict(self._counts)

    def contact(self, account_id: str, contact_type: str) -> Contact | None:
        """What the account really has: no quota, no rules, not counted."""
        with self._lock:
            contact = self._contacts.get((account_id, contact_type))
        return None if contact is None else dict(contact)

    def contacts(self) -> dict[str, dict[str, Contact]]:
        """Account id to contact type to contact, for all accounts that have one: no quota, no rules, not counted."""
        found: dict[str, dict[str, Contact]] = {}
        with self._lock:
            for (account_id, contact_type), contact in self._contacts.items():
                found.setdefault(account_id, {})[contact_type] = dict(contact)
        return found

    def set_contact(self, account_id: str, contact: Mapping[str, str]) -> None:
        """Give an account a contact past quota, authorization and counts.

        Raises:
            ValueError: AWS could not have such a contact; the text names the members, not their values.
        """
        values, complaints = _read("PutAlternateContact", {**contact, "AccountId": account_id})
        if complaints:
            raise ValueError(f"no account can have this contact: {complaints}")
        with self._lock:
            self._store(account_id, values)

    def set_fault(self, account_id: str, *faults: Fault) -> None:
        """Let calls about an account, or about ``EVERY_ACCOUNT``, meet these faults and no others.

        A call meets one fault: the first that is for it, those of its account before those of every account.
        """
        with self._lock:
            self._faults[account_id] = list(faults)

    def clear_fault(self, account_id: str) -> None:
        """Take back what ``set_fault`` set under this id, if anything."""
        with self._lock:
            self._faults.pop(account_id, None)

    def _follow_rules(self, operation: str, parameters: Mapping[str, object], caller: str) -> Answer:
        if not self._admits(caller, operation):
            return _error("TooManyRequestsException", "Rate exceeded")
        values, complaints = _read(operation, parameters)
        if complaints:
            return _invalid(complaints)
        call = _Call(operation, caller, values)
        fault = self._meet_fault(call)
        if fault is None:
            return self._carry_out(call)
        if fault.kind == "slow":
            return replace(self._carry_out(call), latency=fault.seconds)
        if fault.kind == "dropped":
            return Answer(500, {}, dropped=True)
        if fault.kind == "not-ready":
            return _denied(call)
        if fault.kind == "ValidationException":
            return _invalid({})
        return _error(fault.kind, "An injected fault")

    def _admits(self, caller: str, operation: str) -> bool:
        # [quotas] says "requests per account" and not whose. [terraform] was throttled while every call was about
        # another account, so the bucket is the caller's.
        quota = self._quotas.get(operation)
        if quota is None:
            return True
        now = self._clock()
        return self._buckets.setdefault((caller, operation), _Bucket(quota, now)).take(now)

    def _meet_fault(self, call: "_Call") -> Fault | None:
        for faults in (self._faults.get(call.account_id, []), self._faults.get(EVERY_ACCOUNT, [])):
            for place, fault in enumerate(faults):
                if fault.strikes(call):
                    if fault.remaining == 1:
                        del faults[place]
                    elif fault.remaining is not None:
                        faults[place] = replace(fault, remaining=fault.remaining - 1)
                    return fault
        return None

    def _carry_out(self, call: "_Call") -> Answer:
        refusal = self._authorize(call) or self._check_state(call)
        if refusal is not None:
            return refusal
        if call.operation == "PutAlternateContact":
            changed = self._store(call.account_id, call.values)
            self._counts["unchanged puts"] += not changed
            return Answer(200, {})
        contact = self._contacts.get((call.account_id, call.contact_type))
        if contact is None:
            # [model], and [contacts] for a second Delete; the words are AWS's, recorded in [moto].
            return _error("ResourceNotFoundException", "No contact of the inputted alternate contact type found.")
        if call.operation == "DeleteAlternateContact":
            del self._contacts[call.account_id, call.contact_type]
            return Answer(200, {})
        return Answer(200, {"AlternateContact": dict(contact)})

    def _authorize(self, call: "_Call") -> Answer | None:
        """Who may name whom: the documentation of ``AccountId`` in [model], with the answers that others recorded."""
        if call.given_account_id is None:
            return None  # The caller itself, member or not, with trusted access or without. [steampipe]
        if call.caller != self._organization.management_account_id:
            return _denied(call)  # Any id, even its own. [steampipe]
        if call.given_account_id == call.caller:
            # [steampipe]
            return _denied(
                call,
                "The management account can only be managed using the standalone context from the management account.",
            )
        if not self._organization.trusted_access():
            # [adf]; in 2022, [steampipe] got it without the words in parentheses.
            return _denied(call, "Your organization must first enable trusted access with AWS Account Management.")
        if self._organization.account_state(call.given_account_id) is None:
            return _denied(call)  # Not documented. [model] knows no better error for a Put.
        return None

    def _check_state(self, call: "_Call") -> Answer | None:
        """What the account's state forbids.

        A Get of an account that Organizations called SUSPENDED was seen to work [steampipe]; in 2022 that word covered
        the closed accounts too. Nothing is documented of a Put or Delete for an account that is not ACTIVE, nor of any
        call about one that is still being activated: both are refused here.
        """
        # A caller outside the organization has no state there, and is free to manage its own contacts. [model]
        state = self._organization.account_state(call.account_id) or "ACTIVE"
        readable = call.operation == "GetAlternateContact" and state != "PENDING_ACTIVATION"
        return None if state == "ACTIVE" or readable else _denied(call)

    def _store(self, account_id: str, values: Mapping[str, str]) -> bool:
        """Write a contact; tell whether that changed anything."""
        contact = {name: values[name] for name in REQUIRED["PutAlternateContact"]}
        key = account_id, contact["AlternateContactType"]
        changed = self._contacts.get(key) != contact
        self._contacts[key] = contact
        return changed


@dataclass(frozen=True)
class _Call:
    """A call whose parameters are valid."""

    operation: str
    caller: str
    values: Mapping[str, str]

    @property
    def contact_type(self) -> str:
        return self.values["AlternateContactType"]

    @property
    def given_account_id(self) -> str | None:
        return self.values.get("AccountId")

    @property
    def account_id(self) -> str:
        """The account that the call is about."""
        return self.given_account_id or self.caller


class _Bucket:
    """The calls that one caller may still make of one operation."""

    def __init__(self, quota: Quota, now: float) -> None:
        self._quota = quota
        self._tokens = float(quota.burst)
        self._filled = now

    def take(self, now: float) -> bool:
        self._tokens = min(self._quota.burst, self._tokens + (now - self._filled) * self._quota.rate)
        self._filled = now
        # A clock of floats makes 0.2 s at 5/s a hair less than the one call that it is.
        if self._tokens < 1 - 1e-6:
            return False
        self._tokens -= 1
        return True


def _read(operation: str, parameters: Mapping[str, object]) -> tuple[dict[str, str], dict[str, str]]:
    """The request's members with their values, and what is wrong with it by member."""
    values: dict[str, str] = {}
    complaints: dict[str, str] = {}
    for name in (*REQUIRED[operation], "AccountId"):
        value = parameters.get(name)
        if value is None and name not in REQUIRED[operation]:
            continue
        complaint = "is required" if value is None else MEMBERS[name].complaint(value)
        if complaint is None:
            values[name] = str(value)
        else:
            complaints[name] = complaint
    return values, complaints


def _error(code: str, message: str, **more: object) -> Answer:
    return Answer(ERRORS[code], {"message": message, **more}, code)


def _invalid(complaints: Mapping[str, str]) -> Answer:
    # Reason and list are [model]'s; AWS's own wording is not known.
    return _error(
        "ValidationException",
        "; ".join(f"{name} {complaint}" for name, complaint in complaints.items()) or "The contact is not valid",
        reason="fieldValidationFailed",
        fieldList=[{"name": name, "message": complaint} for name, complaint in complaints.items()],
    )


def _denied(call: _Call, why: str | None = None) -> Answer:
    # The wording is AWS's, seen in [steampipe] and [adf]: nearly all refusals look alike.
    user = f"User: arn:aws:iam::{call.caller}:root is not authorized to perform: account:{call.operation}"
    return _error("AccessDeniedException", f"{user} ({why})" if why else user)
