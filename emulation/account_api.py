"""The rules of the account API: how AWS Account Management responds to a call on an alternate contact.

A request, its caller and the time go in, a response comes out; there is no framework, socket or thread. A call passes
these checks in this order: quota, validation by the API model, injected faults, authorization, state of the account.
AWS does not publish its own order; the quota comes first because that order is the strictest.

A rule follows what AWS documents or what others recorded, and names that source. Where AWS's behavior is unknown, the
rule denies the call and its comment states that. Two things are left out: policies of IAM and Organizations
(`emulation.services.iam` has them), and the delay between a Put and the Get that returns it.

Sources:

[model]     botocore service model ``account`` 2021-02-01
[quotas]    https://docs.aws.amazon.com/accounts/latest/reference/quotas.html
[contacts]  https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-update-contact-alternate.html
[delegated] https://docs.aws.amazon.com/accounts/latest/reference/using-orgs-delegated-admin.html
[steampipe] responses of AWS recorded in https://github.com/turbot/steampipe-plugin-aws: issue 1309, and
            aws/table_aws_account_alternate_contact.go
[adf]       a response of AWS recorded in https://github.com/awslabs/aws-deployment-framework/issues/764
[moto]      a response of AWS recorded in https://github.com/getmoto/moto/pull/9709
[terraform] one caller throttled across many accounts, with a 429:
            https://github.com/hashicorp/terraform-provider-aws/issues/42484
"""

import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol

from emulation.quotas import Quota, Throttle

Contact = dict[str, str]
"""A contact as Get returns it: ``AlternateContactType`` and every member of ``CONTACT_FIELDS``."""

CONTACT_TYPES: Final = ("BILLING", "OPERATIONS", "SECURITY")
"""The enum AlternateContactType of [model]."""

ERRORS: Final[Mapping[str, int]] = {
    "ValidationException": 400,
    "AccessDeniedException": 403,
    "ResourceNotFoundException": 404,
    "TooManyRequestsException": 429,
    "InternalServerException": 500,
}
"""HTTP status of each error of the three operations. [model]"""

EVERY_ACCOUNT: Final = "*"
"""In place of an account ID: the fault is for all accounts."""


@dataclass(frozen=True)
class Member:
    """The values that [model] allows for a member of a request; ``None`` or empty: no limit."""

    max_length: int | None = None
    pattern: str | None = None
    enum: tuple[str, ...] = ()

    def violation(self, value: object) -> str | None:
        """Describe why a value is invalid, without the value: [model] marks contact data as sensitive."""
        if not isinstance(value, str):
            return "must be a string"
        if self.enum and value not in self.enum:
            return f"must be one of {', '.join(self.enum)}"
        if self.max_length is not None and not 1 <= len(value) <= self.max_length:
            return f"must have 1 to {self.max_length} characters"
        # Smithy's patterns have ASCII classes only, and AWS's documentation anchors them at both ends.
        if self.pattern is not None and not re.fullmatch(self.pattern, value, re.ASCII):
            return f"must match {self.pattern}"
        return None


CONTACT_FIELDS: Final[Mapping[str, Member]] = {
    "Name": Member(max_length=64),
    "Title": Member(max_length=50),
    "EmailAddress": Member(max_length=254, pattern=r"[\s]*[\w+=.#|!&-]+@[\w.-]+\.[\w]+[\s]*"),
    "PhoneNumber": Member(max_length=25, pattern=r"[\s0-9()+-]+"),
}
"""The members of a contact. [model]"""

MEMBERS: Final[Mapping[str, Member]] = {
    "AccountId": Member(pattern=r"\d{12}"),
    "AlternateContactType": Member(enum=CONTACT_TYPES),
    **CONTACT_FIELDS,
}
"""The members of a request. [model]"""

REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    "PutAlternateContact": ("AlternateContactType", *CONTACT_FIELDS),
    "GetAlternateContact": ("AlternateContactType",),
    "DeleteAlternateContact": ("AlternateContactType",),
}
"""The operations and the required members of each request; ``AccountId`` is optional in all. [model]"""

OPERATIONS: Final[Mapping[str, str]] = {f"/{name[0].lower()}{name[1:]}": name for name in REQUIRED}
"""The operations by the path of a request. [model]"""

QUOTAS: Final[Mapping[str, Quota]] = {
    "PutAlternateContact": Quota(5, 8),
    "GetAlternateContact": Quota(10, 15),
    "DeleteAlternateContact": Quota(1, 6),
}
"""https://docs.aws.amazon.com/accounts/latest/reference/quotas.html"""


class Membership(Protocol):
    """The organization, as far as the rules need it. Called under the API's lock: every method returns at once."""

    @property
    def management_account_id(self) -> str:
        """12 digits."""

    def account_state(self, account_id: str) -> str | None:
        """Return the account's ``State`` in Organizations (ACTIVE, SUSPENDED, ...); None: it is not a member."""

    def has_trusted_access(self) -> bool:
        """Return whether the organization enabled trusted access for ``account.amazonaws.com``."""

    def is_delegated_administrator(self, account_id: str) -> bool:
        """Return whether the account is the delegated administrator of AWS Account Management."""


@dataclass(frozen=True)
class Response:
    """An HTTP status and a JSON body, and how the server must deliver them."""

    status: int
    body: dict[str, object]
    error: str | None = None
    """The error code for the header ``x-amzn-errortype``."""
    latency: float = 0.0
    """Seconds to wait before the response is sent."""
    dropped: bool = False
    """Close the connection and send nothing."""


@dataclass(frozen=True)
class Fault:
    """A failure to inject into valid calls on an account, after the quota has passed them.

    Raises:
        ValueError: no call can ever match this fault.
    """

    effect: str
    """An error code of ``ERRORS``, ``dropped`` (no response), ``slow`` (``seconds`` late), or ``not-ready`` (the error
    of an account that was just created)."""
    operation: str | None = None
    """The only operation that fails; None: all."""
    contact_type: str | None = None
    """The only contact type that fails; None: all."""
    remaining: int | None = None
    """The number of calls that fail; None: all until the fault is cleared."""
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if (
            self.effect not in (*ERRORS, "dropped", "slow", "not-ready")
            or self.operation not in (None, *REQUIRED)
            or self.contact_type not in (None, *CONTACT_TYPES)
            or (self.remaining is not None and self.remaining < 1)
        ):
            raise ValueError(f"invalid fault: {self}")

    def matches(self, call: "_Call") -> bool:
        """Return whether the fault is for this operation and contact type."""
        return self.operation in (None, call.operation) and self.contact_type in (None, call.contact_type)


class AccountApi:
    """The alternate contacts of an organization's accounts, with AWS's rules. Safe for threads."""

    def __init__(
        self,
        membership: Membership,
        *,
        clock: Callable[[], float] = time.monotonic,
        quotas: Mapping[str, Quota] | None = QUOTAS,
        speed: float = 1.0,
        latency: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """Start without contacts and with full buckets.

        Args:
            membership: the organization that the accounts belong to.
            clock: seconds, monotonic.
            quotas: by operation; an operation without a quota, or None for all, is never throttled.
            speed: multiplies each quota's rate; the burst stays.
            latency: returns the seconds of a response.
        """
        self._membership = membership
        # [quotas] has "requests per account" but not whose account. The caller of [terraform] was throttled although
        # every call was on another account, so the bucket is the caller's.
        self._throttle = Throttle(quotas or {}, speed=speed, clock=clock)
        self._latency = latency
        self._lock = threading.RLock()
        self.reset()

    def reset(self) -> None:
        """Delete all contacts, faults and counts, and fill the buckets."""
        with self._lock:
            self._contacts: dict[tuple[str, str], Contact] = {}
            self._faults: dict[str, list[Fault]] = {}
            self._throttle.reset()
            self._counts = dict.fromkeys(
                (*REQUIRED, "throttled", *(f"throttled {name}" for name in REQUIRED), "unchanged puts"), 0
            )

    def call(
        self, operation: str, parameters: Mapping[str, object], caller: str, caller_arn: str | None = None
    ) -> Response:
        """Handle one call.

        Args:
            operation: its name in the API model, such as ``PutAlternateContact``.
            parameters: the request's JSON body; members that are not in the model are ignored.
            caller: 12-digit ID of the account whose credentials signed the call.
            caller_arn: the principal, which an access denied error names; None: the account's root user.
        """
        if operation not in REQUIRED:
            return Response(404, {"message": "The emulation does not have this operation"}, "UnknownOperationException")
        with self._lock:
            arn = caller_arn or f"arn:aws:iam::{caller}:root"
            response = self._check_and_apply(operation, parameters, caller, arn)
            throttled = response.error == "TooManyRequestsException"
            self._counts[operation] += 1
            self._counts[f"throttled {operation}"] += throttled
            self._counts["throttled"] += throttled
            return replace(response, latency=response.latency + self._latency())

    @property
    def counts(self) -> dict[str, int]:
        """Calls since the last reset.

        By operation name: all calls, failed ones too. ``throttled`` and ``throttled <operation>``: responses with a
        429, injected ones too. ``unchanged puts``: Puts of the contact that the account already had.
        """
        with self._lock:
            return dict(self._counts)

    def contact(self, account_id: str, contact_type: str) -> Contact | None:
        """Return the stored contact. No quota, check or count applies."""
        with self._lock:
            contact = self._contacts.get((account_id, contact_type))
        return None if contact is None else dict(contact)

    def contacts(self) -> dict[str, dict[str, Contact]]:
        """Return all stored contacts by account ID and contact type. No quota, check or count applies."""
        contacts: dict[str, dict[str, Contact]] = {}
        with self._lock:
            for (account_id, contact_type), contact in self._contacts.items():
                contacts.setdefault(account_id, {})[contact_type] = dict(contact)
        return contacts

    @property
    def contact_count(self) -> int:
        """The number of stored contacts."""
        with self._lock:
            return len(self._contacts)

    def set_contact(self, account_id: str, contact: Mapping[str, str]) -> None:
        """Store a contact. No quota, authorization or count applies.

        Raises:
            ValueError: the API would reject the contact; the text names the members, not their values.
        """
        values, violations = _validate("PutAlternateContact", {**contact, "AccountId": account_id})
        if violations:
            raise ValueError(f"invalid contact: {violations}")
        with self._lock:
            self._store(account_id, values)

    def set_faults(self, account_id: str, *faults: Fault) -> None:
        """Replace the faults of an account, or of ``EVERY_ACCOUNT``.

        A call fails with the first fault that matches it; those of its account come before those of every account.
        """
        with self._lock:
            self._faults[account_id] = list(faults)

    def clear_faults(self, account_id: str) -> None:
        """Remove the faults of an account, or of ``EVERY_ACCOUNT``, if there are any."""
        with self._lock:
            self._faults.pop(account_id, None)

    def _check_and_apply(
        self, operation: str, parameters: Mapping[str, object], caller: str, caller_arn: str
    ) -> Response:
        if not self._throttle.take(caller, operation):
            return _error("TooManyRequestsException", "Rate exceeded")
        values, violations = _validate(operation, parameters)
        if violations:
            return _invalid(violations)
        call = _Call(operation, caller, caller_arn, values)
        fault = self._take_fault(call)
        if fault is None:
            return self._apply(call)
        if fault.effect == "slow":
            return replace(self._apply(call), latency=fault.seconds)
        if fault.effect == "dropped":
            return Response(500, {}, dropped=True)
        if fault.effect == "not-ready":
            return _denied(call)
        if fault.effect == "ValidationException":
            return _invalid({})
        return _error(fault.effect, "An injected fault")

    def _take_fault(self, call: "_Call") -> Fault | None:
        for faults in (self._faults.get(call.account_id, []), self._faults.get(EVERY_ACCOUNT, [])):
            for index, fault in enumerate(faults):
                if fault.matches(call):
                    if fault.remaining == 1:
                        del faults[index]
                    elif fault.remaining is not None:
                        faults[index] = replace(fault, remaining=fault.remaining - 1)
                    return fault
        return None

    def _apply(self, call: "_Call") -> Response:
        denial = self._authorize(call) or self._check_state(call)
        if denial is not None:
            return denial
        if call.operation == "PutAlternateContact":
            changed = self._store(call.account_id, call.values)
            self._counts["unchanged puts"] += not changed
            return Response(200, {})
        contact = self._contacts.get((call.account_id, call.contact_type))
        if contact is None:
            # [model], and [contacts] for a second Delete; AWS's own text, recorded in [moto].
            return _error("ResourceNotFoundException", "No contact of the inputted alternate contact type found.")
        if call.operation == "DeleteAlternateContact":
            del self._contacts[call.account_id, call.contact_type]
            return Response(200, {})
        return Response(200, {"AlternateContact": dict(contact)})

    def _authorize(self, call: "_Call") -> Response | None:
        """Deny an ``AccountId`` that the caller may not pass: its documentation in [model], and recorded responses."""
        if call.given_account_id is None:
            return None  # The caller's own account, member or not, with trusted access or without. [steampipe]
        management = self._membership.management_account_id
        if call.caller != management:
            if not self._membership.is_delegated_administrator(call.caller):
                return _denied(call)  # Any ID, even the caller's own. [steampipe]
            if call.given_account_id == management:
                return _denied(call)  # A delegated administrator manages members only. [delegated]
        if call.given_account_id == management:
            # [steampipe]
            return _denied(
                call,
                "The management account can only be managed using the standalone context from the management account.",
            )
        if not self._membership.has_trusted_access():
            # [adf]; in 2022, [steampipe] recorded it without the text in parentheses.
            return _denied(call, "Your organization must first enable trusted access with AWS Account Management.")
        if self._membership.account_state(call.given_account_id) is None:
            return _denied(call)  # Not documented. [model] has no better error for a Put.
        return None

    def _check_state(self, call: "_Call") -> Response | None:
        """Deny what the account's state forbids.

        [steampipe] recorded a Get of an account that Organizations called SUSPENDED; in 2022 that value covered closed
        accounts too. Nothing is documented for a Put or Delete unless the account is ACTIVE, nor for any call while the
        account is activated: both are denied here.
        """
        # An account outside of the organization has no state there and manages its own contacts. [model]
        state = self._membership.account_state(call.account_id) or "ACTIVE"
        readable = call.operation == "GetAlternateContact" and state != "PENDING_ACTIVATION"
        return None if state == "ACTIVE" or readable else _denied(call)

    def _store(self, account_id: str, values: Mapping[str, str]) -> bool:
        """Write a contact; return whether it differs from the one before."""
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
    caller_arn: str
    values: Mapping[str, str]

    @property
    def contact_type(self) -> str:
        return self.values["AlternateContactType"]

    @property
    def given_account_id(self) -> str | None:
        return self.values.get("AccountId")

    @property
    def account_id(self) -> str:
        """The account that the call reads or changes."""
        return self.given_account_id or self.caller


def _validate(operation: str, parameters: Mapping[str, object]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the valid members of the request, and by name the violations of the others."""
    values: dict[str, str] = {}
    violations: dict[str, str] = {}
    for name in (*REQUIRED[operation], "AccountId"):
        value = parameters.get(name)
        if value is None and name not in REQUIRED[operation]:
            continue
        violation = "is required" if value is None else MEMBERS[name].violation(value)
        if violation is None:
            values[name] = str(value)
        else:
            violations[name] = violation
    return values, violations


def _error(code: str, message: str, **more: object) -> Response:
    return Response(ERRORS[code], {"message": message, **more}, code)


def _invalid(violations: Mapping[str, str]) -> Response:
    # Reason and list are from [model]; AWS's own text is unknown.
    return _error(
        "ValidationException",
        "; ".join(f"{name} {violation}" for name, violation in violations.items()) or "The contact is not valid",
        reason="fieldValidationFailed",
        fieldList=[{"name": name, "message": violation} for name, violation in violations.items()],
    )


def _denied(call: _Call, why: str | None = None) -> Response:
    # AWS's text, recorded in [steampipe] and [adf]: it is nearly the same for every cause.
    user = f"User: {call.caller_arn} is not authorized to perform: account:{call.operation}"
    return _error("AccessDeniedException", f"{user} ({why})" if why else user)
