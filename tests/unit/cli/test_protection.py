"""Which contacts the service control policy of the stack protects."""

from dataclasses import replace

import pytest

from alternate_contacts.cli.aws.protection import protecting_target
from alternate_contacts.cli.aws.stack import Stack
from alternate_contacts.worker.contacts import ContactType
from tests.fakes.cli import STACK

UNIT = "ou-ab12-12345678"
ANCESTRY = ("111122223333", "ou-ab12-87654321", UNIT, "r-ab12")


def stack(**parameters: str) -> Stack:
    return replace(STACK, parameters={**STACK.parameters, "ProtectedTargetId": UNIT, **parameters})


def test_a_member_below_the_target_is_protected() -> None:
    assert [protecting_target(stack(), ANCESTRY, contact_type) for contact_type in ContactType] == [UNIT] * 3
    assert protecting_target(stack(ProtectedTargetId="r-ab12"), ANCESTRY, ContactType.BILLING) == "r-ab12"


@pytest.mark.parametrize(
    ("deployed", "ancestry"),
    [
        (STACK, ANCESTRY),
        (stack(ProtectedTargetId="none"), ANCESTRY),
        (stack(ProtectedTargetId="ou-ab12-00000000"), ANCESTRY),
        (stack(Mode="report"), ANCESTRY),
        (stack(ProtectedTargetId="r-ab12"), (STACK.account_id, "r-ab12")),
    ],
    ids=["earlier release", "none", "elsewhere", "report", "management account"],
)
def test_other_accounts_are_not(deployed: Stack, ancestry: tuple[str, ...]) -> None:
    assert protecting_target(deployed, ancestry, ContactType.BILLING) is None


@pytest.mark.parametrize("policy", ["fill", "ignore"])
def test_a_type_that_is_not_overwritten_is_not_protected(policy: str) -> None:
    deployed = stack(BillingPolicy=policy)
    protected = [each for each in ContactType if protecting_target(deployed, ANCESTRY, each)]
    assert protected == [ContactType.OPERATIONS, ContactType.SECURITY]
