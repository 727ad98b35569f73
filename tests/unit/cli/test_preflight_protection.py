"""The checks of the service control policy."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from alternate_contacts.cli.aws.organization import OrganizationAccount
from alternate_contacts.cli.aws.protection import policy_name
from alternate_contacts.cli.aws.stack import Stack
from alternate_contacts.cli.preflight.protection import ATTACHABLE, ENABLED, LOCKED, Root, run_checks
from alternate_contacts.cli.preflight.result import CheckResult, CheckState
from alternate_contacts.worker.contact_configuration import ContactConfiguration, parse_configuration
from tests.fakes.cli import STACK
from tests.fakes.contact_data import contact_set

ROOT, UNIT, INNER = "r-ab12", "ou-ab12-12345678", "ou-ab12-87654321"
PATH = "/contacts"
SET = contact_set(1)


def account(number: int, *above: str, state: str = "ACTIVE") -> OrganizationAccount:
    account_id = str(number).zfill(12)
    return OrganizationAccount(account_id, state=state, ancestry=(account_id, *above, ROOT))


MANAGEMENT, ONE, TWO, THREE = account(0), account(1, UNIT), account(2, INNER, UNIT), account(3)


@dataclass
class FakeProtectionView:
    """An organization with room for the policy. Methods named in ``denied`` raise AccessDeniedException."""

    enabled: bool = True
    attached: list[str] | None = field(default_factory=lambda: ["FullAWSAccess"])
    members: tuple[OrganizationAccount, ...] = (MANAGEMENT, ONE, TWO, THREE)
    parameters: Mapping[str, object] = field(default_factory=dict)
    denied: tuple[str, ...] = ()

    def root(self) -> Root:
        self._called("root")
        return Root(ROOT, self.enabled)

    def attached_policies(self, target: str) -> list[str] | None:
        self._called("attached_policies")
        assert target in (ROOT, UNIT, INNER)
        return self.attached

    def accounts(self) -> Iterator[OrganizationAccount]:
        self._called("accounts")
        return iter(self.members)

    def configuration(self, path: str) -> ContactConfiguration:
        self._called("configuration")
        assert path == PATH
        return parse_configuration(
            {name: value if isinstance(value, str) else json.dumps(value) for name, value in self.parameters.items()}
        )

    def _called(self, name: str) -> None:
        if name in self.denied:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "denied"}}, name)


def deployed(**parameters: str) -> Stack:
    return replace(STACK, parameters={**STACK.parameters, **parameters})


def check(
    view: FakeProtectionView | None = None, target: str = UNIT, stack: Stack | None = STACK
) -> dict[str, CheckResult]:
    return {result.check: result for result in run_checks(view or FakeProtectionView(), target, stack)}


def locked(target: str = UNIT, stack: Stack | None = None, **targets: Any) -> CheckResult:
    """Return the result about the accounts below the target with these targets of the contact configuration."""
    names = {"unit": UNIT, "inner": INNER, "one": ONE.account_id}
    parameters = {f"targets/{names[name]}": value for name, value in targets.items()}
    view = FakeProtectionView(parameters={"version": "1", "sets/team": SET, **parameters})
    return check(view, target, stack or deployed(ContactsPath=PATH))[LOCKED]


def test_everything_is_ok() -> None:
    assert {name: result.state for name, result in check().items()} == dict.fromkeys(
        (ENABLED, ATTACHABLE, LOCKED), CheckState.OK
    )


def test_disabled_policies_are_enabled_with_a_command() -> None:
    result = check(FakeProtectionView(enabled=False))[ENABLED]
    assert result.state is CheckState.MISSING
    assert result.commands == (
        f"aws organizations enable-policy-type --root-id {ROOT} --policy-type SERVICE_CONTROL_POLICY",
    )


@pytest.mark.parametrize(
    ("count", "state", "warned"),
    [
        (1, CheckState.OK, False),
        (4, CheckState.OK, False),
        (5, CheckState.OK, True),
        (9, CheckState.OK, True),
        (10, CheckState.MISSING, False),
    ],
)
def test_a_target_needs_room(count: int, state: CheckState, warned: bool) -> None:
    result = check(FakeProtectionView(attached=[f"policy {number}" for number in range(count)]))[ATTACHABLE]
    assert (result.state, result.message.startswith("Warning")) == (state, warned)


def test_the_policy_of_the_stack_needs_no_more_room() -> None:
    attached = [policy_name(STACK), *(f"policy {number}" for number in range(9))]
    assert check(FakeProtectionView(attached=attached))[ATTACHABLE].state is CheckState.OK
    assert check(FakeProtectionView(attached=attached), stack=None)[ATTACHABLE].state is CheckState.MISSING


def test_a_target_that_does_not_exist_is_missing() -> None:
    results = check(FakeProtectionView(attached=None))
    assert (results[ATTACHABLE].state, results[LOCKED].state) == (CheckState.MISSING, CheckState.UNKNOWN)


def test_before_the_first_deployment_the_accounts_are_not_read() -> None:
    view = FakeProtectionView(denied=("accounts", "configuration"))
    assert {result.state for result in check(view, stack=None).values()} == {CheckState.OK}


def test_active_members_below_the_target_are_counted() -> None:
    closed = account(4, UNIT, state="SUSPENDED")
    view = FakeProtectionView(members=(MANAGEMENT, ONE, TWO, THREE, closed))
    assert check(view)[LOCKED].message.startswith("2 active member accounts")
    assert check(view, ROOT)[LOCKED].message.startswith("3 active member accounts")


@pytest.mark.parametrize(
    ("targets", "cause", "accounts"),
    [
        ({"inner": {"exclude": True}}, f"excluded by {INNER}", [TWO]),
        ({"unit": {"billing": "ignore"}}, f"BILLING ignored by {UNIT}", [ONE, TWO]),
        ({"unit": {"billing": "ignore"}, "one": {"billing": "team"}}, f"BILLING ignored by {UNIT}", [TWO]),
        ({"one": {"security": "unknown"}}, f"SECURITY invalid in {ONE.account_id}", [ONE]),
        ({"one": "no JSON"}, f"BILLING invalid in {ONE.account_id}", [ONE]),
    ],
)
def test_accounts_that_the_package_leaves_alone_are_listed(
    targets: dict[str, Any], cause: str, accounts: list[OrganizationAccount]
) -> None:
    result = locked(**targets)
    assert result.state is CheckState.OK
    assert f"{cause}: {', '.join(each.account_id for each in accounts)}" in result.message


def test_accounts_that_the_package_sets_are_not_listed() -> None:
    assert "Warning" not in locked(unit={"billing": "team", "security": "default"}).message
    assert "Warning" not in locked(INNER, one={"exclude": True}).message


@pytest.mark.parametrize("policy", ["fill", "ignore"])
def test_a_type_that_is_not_protected_locks_no_account_out(policy: str) -> None:
    stack = deployed(ContactsPath=PATH, BillingPolicy=policy)
    message = locked(stack=stack, unit={"billing": "ignore"}).message
    assert "Warning" not in message
    assert "Not protected, because the policy is not overwrite: BILLING." in message


def test_a_stack_without_a_type_to_protect_is_missing_one() -> None:
    policies = {f"{name}Policy": "fill" for name in ("Billing", "Operations", "Security")}
    assert check(stack=deployed(**policies))[LOCKED].state is CheckState.MISSING


def test_long_lists_are_cut() -> None:
    members = tuple(account(number, UNIT) for number in range(1, 31))
    parameters = {"version": "1", f"targets/{UNIT}": {"exclude": True}}
    result = check(FakeProtectionView(members=members, parameters=parameters), stack=deployed(ContactsPath=PATH))
    assert result[LOCKED].message.count("0000000000") == 20
    assert "and 10 more" in result[LOCKED].message


def test_a_configuration_that_cannot_be_used_makes_the_accounts_unknown() -> None:
    assert check(stack=deployed(ContactsPath=PATH))[LOCKED].state is CheckState.UNKNOWN


@pytest.mark.parametrize(
    ("method", "name"), [("root", ENABLED), ("attached_policies", ATTACHABLE), ("accounts", LOCKED)]
)
def test_a_denied_call_makes_its_check_unknown(method: str, name: str) -> None:
    results = check(FakeProtectionView(denied=(method,)))
    assert [each for each, result in results.items() if result.state is CheckState.UNKNOWN] == [name]
