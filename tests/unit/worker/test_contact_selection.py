"""The nearest target wins, for each contact type on its own."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alternate_contacts.worker.contact_configuration import ContactConfiguration, parse_configuration
from alternate_contacts.worker.contact_selection import Assignment, select, select_defaults
from alternate_contacts.worker.contacts import CONTACT_FIELDS, Contact, ContactType
from alternate_contacts.worker.decision import Policy
from alternate_contacts.worker.errors import InvalidContactSet, InvalidTarget, UnknownContactSet, WorkerError
from tests.fakes.worker import DESIRED, MEMBER, PRESENT

BILLING, OPERATIONS, SECURITY = ContactType
ROOT, OU, CHILD = "r-ab12", "ou-ab12-11111111", "ou-ab12-22222222"
ANCESTRY = [MEMBER, CHILD, OU, ROOT]
DEFAULTS = dict.fromkeys(ContactType, Assignment(Policy.OVERWRITE, DESIRED))


def contact(name: str) -> Contact:
    return replace(PRESENT, name=name)


def set_value(name: str) -> str:
    return json.dumps({field.json_key: field.value_of(contact(name)) for field in CONTACT_FIELDS})


def configuration(targets: Mapping[str, object], sets: Sequence[str] = ("a", "b")) -> ContactConfiguration:
    """Return a configuration; a target that is no mapping is invalid, and so is the set ``broken``."""
    return parse_configuration(
        {"version": "1", "sets/broken": "{}"}
        | {f"sets/{name}": set_value(name) for name in sets}
        | {f"targets/{target_id}": json.dumps(target) for target_id, target in targets.items()}
    )


def test_without_targets_every_type_has_the_default() -> None:
    assert select(configuration({}), ANCESTRY, DEFAULTS) == select_defaults(DEFAULTS)


def test_each_type_takes_the_nearest_target_that_states_it() -> None:
    selection = select(
        configuration(
            {
                ROOT: {"billing": "a", "operations": "a", "security": "a"},
                OU: {"billing": "b", "operations": "ignore"},
                CHILD: {},
                MEMBER: {"billing": "default"},
            }
        ),
        ANCESTRY,
        DEFAULTS,
    )
    assert {each: (found.target, found.choice) for each, found in selection.contacts.items()} == {
        BILLING: (MEMBER, "default"),
        OPERATIONS: (OU, "ignore"),
        SECURITY: (ROOT, "a"),
    }
    assert {each: found.result for each, found in selection.contacts.items()} == {
        BILLING: DEFAULTS[BILLING],
        OPERATIONS: Assignment(Policy.IGNORE, DESIRED),
        SECURITY: Assignment(Policy.OVERWRITE, contact("a")),
    }


@pytest.mark.parametrize(
    ("stack", "selected"),
    [(Policy.OVERWRITE, Policy.OVERWRITE), (Policy.FILL, Policy.FILL), (Policy.IGNORE, Policy.OVERWRITE)],
)
def test_a_set_follows_the_policy_of_the_stack_and_overwrites_where_the_stack_ignores(
    stack: Policy, selected: Policy
) -> None:
    defaults = dict.fromkeys(ContactType, Assignment(stack, DESIRED))
    selection = select(configuration({OU: {"billing": "a", "security": "default"}}), ANCESTRY, defaults)
    assert selection.contacts[BILLING].result == Assignment(selected, contact("a"))
    assert selection.contacts[SECURITY].result == selection.contacts[OPERATIONS].result == defaults[SECURITY]


@pytest.mark.parametrize(
    ("targets", "excluded_by"),
    [
        ({ROOT: {"exclude": True}}, ROOT),
        ({ROOT: {"exclude": True}, CHILD: {"exclude": False}}, None),
        ({ROOT: {"exclude": False}, CHILD: {"exclude": True}, MEMBER: {}}, CHILD),
        ({OU: {"exclude": True}, MEMBER: {"billing": "a"}}, OU),
        ({MEMBER: {"exclude": True}, CHILD: 5}, MEMBER),
        ({MEMBER: {"exclude": False}, CHILD: {"exclude": True}, OU: {"exclude": False}}, None),
        ({"222222222222": {"exclude": True}}, None),
    ],
)
def test_the_nearest_target_that_states_exclude_decides(targets: dict[str, object], excluded_by: str | None) -> None:
    selection = select(configuration(targets), ANCESTRY, DEFAULTS)
    assert selection.excluded_by == excluded_by
    assert selection.contacts.keys() == ({*ContactType} if excluded_by is None else set())


def errors(targets: Mapping[str, object]) -> dict[ContactType, tuple[type[WorkerError], str]]:
    contacts = select(configuration(targets), ANCESTRY, DEFAULTS).contacts
    for found in contacts.values():
        if isinstance(found.result, WorkerError):
            assert found.result.operation == "GetParametersByPath"
    return {
        each: (type(found.result), found.result.code)
        for each, found in contacts.items()
        if isinstance(found.result, WorkerError)
    }


def test_an_invalid_target_never_falls_through_to_its_parent() -> None:
    """It may state any type, and may exclude the account."""
    error = (InvalidTarget, f"targets/{CHILD}")
    assert errors({CHILD: 5, ROOT: {"billing": "a", "exclude": True}}) == dict.fromkeys(ContactType, error)
    assert errors({CHILD: 5, MEMBER: {"billing": "a"}}) == dict.fromkeys(ContactType, error)
    for found in select(configuration({CHILD: 5}), ANCESTRY, DEFAULTS).contacts.values():
        assert (found.target, found.choice) == (CHILD, None)


def test_a_nearer_target_that_includes_the_account_limits_an_invalid_target_to_the_other_types() -> None:
    error = (InvalidTarget, f"targets/{CHILD}")
    assert errors({CHILD: 5, MEMBER: {"exclude": False, "billing": "a"}}) == {OPERATIONS: error, SECURITY: error}


def test_an_unknown_or_invalid_set_is_an_error_of_its_type_only() -> None:
    assert errors({OU: {"billing": "missing", "security": "broken"}, ROOT: {"billing": "a", "security": "a"}}) == {
        BILLING: (UnknownContactSet, "sets/missing"),
        SECURITY: (InvalidContactSet, "sets/broken"),
    }


# ---- compared with a plain model ------------------------------------------------------------------------------------

CHOICES = ["a", "b", "default", "ignore", "missing", "broken"]
targets = (
    st.none()
    | st.just(5)
    | st.fixed_dictionaries(
        {},
        optional={"exclude": st.booleans()}
        | {contact_type.lower(): st.sampled_from(CHOICES) for contact_type in ContactType},
    )
)
policies = st.fixed_dictionaries({contact_type: st.sampled_from(Policy) for contact_type in ContactType})
trees = st.lists(targets, min_size=2, max_size=8)
"""The targets of an account, its OUs and the root; None is no target, and 5 an invalid one."""


def expected(tree: Sequence[object], key: str, absent: object) -> object:
    """Return what the nearest target states about a key: the contract of docs/own-contacts.md in one line."""
    stated = [target if target == 5 else target[key] for target in tree if target == 5 or (target and key in target)]  # type: ignore[index, operator]
    return stated[0] if stated else absent


@given(trees, policies)
def test_the_selection_is_that_of_the_model(tree: list[object], stack: dict[ContactType, Policy]) -> None:
    ids = [MEMBER, *(f"ou-ab12-{number:08}" for number in range(len(tree) - 2)), ROOT]
    defaults = {contact_type: Assignment(policy, DESIRED) for contact_type, policy in stack.items()}
    stated = {target_id: target for target_id, target in zip(ids, tree, strict=True) if target is not None}
    selection = select(configuration(stated), ids, defaults)

    exclude = expected(tree, "exclude", absent=False)
    assert (selection.excluded_by is not None) == (exclude is True)
    if exclude is True:
        assert selection.contacts == {}
        return
    for contact_type in ContactType:
        result = selection.contacts[contact_type].result
        choice = 5 if exclude == 5 else expected(tree, contact_type.lower(), absent="default")
        if choice == 5:
            assert type(result) is InvalidTarget
        elif choice == "missing":
            assert type(result) is UnknownContactSet
        elif choice == "broken":
            assert type(result) is InvalidContactSet
        elif choice == "ignore":
            assert result == Assignment(Policy.IGNORE, DESIRED)
        elif choice == "default":
            assert result == defaults[contact_type]
        else:
            policy = Policy.OVERWRITE if stack[contact_type] is Policy.IGNORE else stack[contact_type]
            assert result == Assignment(policy, contact(str(choice)))


@given(trees, st.permutations(range(8)))
def test_only_the_ancestry_counts_and_not_the_order_of_the_parameters(tree: list[object], order: list[int]) -> None:
    ids = [f"ou-ab12-{number:08}" for number in range(len(tree))]
    stated = {target_id: target for target_id, target in zip(ids, tree, strict=True) if target is not None}
    shuffled = {ids[index]: stated[ids[index]] for index in order if index < len(ids) and ids[index] in stated}
    other = shuffled | {"ou-ab12-99999999": {"exclude": True}}
    selections = [select(configuration(targets), ids, DEFAULTS) for targets in (stated, other)]
    assert selections[0].excluded_by == selections[1].excluded_by
    sources = [{each: (found.target, found.choice) for each, found in one.contacts.items()} for one in selections]
    assert sources[0] == sources[1]
