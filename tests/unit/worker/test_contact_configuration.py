"""What a parameter means, and that nothing invalid looks as if it were not set."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alternate_contacts.worker.contact_configuration import (
    ContactConfiguration,
    Invalid,
    Target,
    parse_configuration,
)
from alternate_contacts.worker.contacts import CONTACT_FIELDS, ContactType
from tests.fakes.worker import DESIRED, MEMBER, SECRETS

BILLING, OPERATIONS, SECURITY = ContactType
OU = "ou-ab12-12345678"
NO_BOOLEANS: list[object] = [None, 0, 1, [], {}]
NO_STRINGS: list[object] = [*NO_BOOLEANS, True]
VALID = {field.json_key: field.value_of(DESIRED) for field in CONTACT_FIELDS}


def reasons(configuration: ContactConfiguration) -> list[tuple[str, str, str]]:
    return [(problem.parameter, problem.reason, problem.detail) for problem in configuration.validate()]


# ---- version --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "detail"),
    [
        ({}, "no_version"),
        ({"sets/payments": json.dumps(VALID)}, "no_version"),
        ({"Version": "1"}, "no_version"),
        ({"targets/version": "1"}, "no_version"),
        ({"version": "2"}, "unknown_version"),
        ({"version": "1.0"}, "unknown_version"),
        ({"version": ""}, "unknown_version"),
        ({"version": None}, "unknown_version"),
        ({"version": "1"}, None),
        ({"version": "1\n"}, None),
    ],
)
def test_a_configuration_needs_the_known_version(parameters: dict[str, str | None], detail: str | None) -> None:
    configuration = parse_configuration(parameters)
    assert configuration.unreadable_detail == detail
    expected = [("version", "configuration_unreadable", detail)] if detail else []
    assert [each for each in reasons(configuration) if each[0] == "version"] == expected


# ---- sets -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a", "0", "payments", "emea-2", "x" * 63])
def test_a_contact_set_is_a_contact(name: str) -> None:
    configuration = parse_configuration({"version": "1", f"sets/{name}": json.dumps(VALID)})
    assert configuration.sets == {name: DESIRED}
    assert configuration.validate() == []


@pytest.mark.parametrize("name", ["default", "ignore", "", "-a", "Payments", "a_b", "x" * 64, "a/b", "a.b", "a\n"])
def test_a_contact_set_with_an_invalid_name_stays_as_invalid(name: str) -> None:
    configuration = parse_configuration({"version": "1", f"sets/{name}": json.dumps(VALID)})
    assert configuration.sets == {name: Invalid("invalid_set_name")}
    assert reasons(configuration) == [(f"sets/{name}", "invalid_contact_set", "invalid_set_name")]


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        (None, "not_a_string_parameter"),
        ("", "not_json"),
        ("payments", "not_json"),
        ("[" * 100_000, "not_json"),
        ("{'name': 'x'}", "not_json"),
        ("[]", "not_an_object"),
        ('"x"', "not_an_object"),
        ("null", "not_an_object"),
        ("{}", "no_name"),
        (json.dumps(VALID | {"fax": "1"}), "unknown_key"),
        (json.dumps(VALID | {"EmailAddress": "a@b.de"}), "unknown_key"),
        (json.dumps(VALID)[:-1] + ', "name": "Eve"}', "duplicate_key"),
        (json.dumps(VALID)[:-1] + ', "fax": {"x": 1, "x": 2}}', "duplicate_key"),
        *((json.dumps({key: value for key, value in VALID.items() if key != name}), f"no_{name}") for name in VALID),
        *(
            (json.dumps(VALID | {name: value}), f"invalid_{name}")
            for name in VALID
            for value in (*NO_STRINGS, "", " ", "none", " x", "x" * 255, "a\nb", "a\u2028b", "\ud800")
        ),
        (json.dumps(VALID | {"name": "REPLACE_ME"}), "invalid_name"),
        (json.dumps(VALID | {"name": "Jane Doe"}), "invalid_name"),
        (json.dumps(VALID | {"title": "REPLACE_ME"}), "invalid_title"),
        (json.dumps(VALID | {"emailAddress": "jane@example.com"}), "invalid_emailAddress"),
        (json.dumps(VALID | {"phoneNumber": "call me"}), "invalid_phoneNumber"),
    ],
)
def test_an_invalid_contact_set_stays_as_invalid(value: str | None, detail: str) -> None:
    configuration = parse_configuration({"version": "1", "sets/payments": value})
    assert configuration.sets == {"payments": Invalid(detail)}
    assert reasons(configuration) == [("sets/payments", "invalid_contact_set", detail)]


# ---- targets --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target_id", [MEMBER, OU, f"ou-{'x' * 32}-{'0' * 32}", "r-ab12"])
def test_a_target_states_choices_and_exclude(target_id: str) -> None:
    content = {"billing": "payments", "operations": "default", "security": "ignore", "exclude": False}
    configuration = parse_configuration(
        {"version": "1", "sets/payments": json.dumps(VALID), f"targets/{target_id}": json.dumps(content)}
    )
    choices = {BILLING: "payments", OPERATIONS: "default", SECURITY: "ignore"}
    assert configuration.targets == {target_id: Target(choices, exclude=False)}
    assert configuration.validate() == []


def test_a_target_may_state_nothing() -> None:
    assert parse_configuration({f"targets/{OU}": "{}"}).targets == {OU: Target({})}


@pytest.mark.parametrize(
    "target_id", ["", "1", "1" * 13, "ou-ab12", "OU-ab12-12345678", "r-", "o-abc", f"{OU}/x", "\u0661" * 12]
)
def test_a_target_with_an_invalid_id_stays_as_invalid(target_id: str) -> None:
    configuration = parse_configuration({"version": "1", f"targets/{target_id}": "{}"})
    assert configuration.targets == {target_id: Invalid("invalid_target_id")}
    assert reasons(configuration) == [(f"targets/{target_id}", "invalid_target", "invalid_target_id")]


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        (None, "not_a_string_parameter"),
        ("payments", "not_json"),
        ("[]", "not_an_object"),
        ('{"Billing": "payments"}', "unknown_key"),
        ('{"billing": "payments", "excluded": true}', "unknown_key"),
        ('{"exclude": true, "exclude": false}', "duplicate_key"),
        *((json.dumps({"security": value}), "invalid_security") for value in (*NO_STRINGS, "", "Payments", "a b")),
        *((json.dumps({"exclude": value}), "invalid_exclude") for value in (*NO_BOOLEANS, "true")),
    ],
)
def test_an_invalid_target_stays_as_invalid(value: str | None, detail: str) -> None:
    configuration = parse_configuration({"version": "1", f"targets/{OU}": value})
    assert configuration.targets == {OU: Invalid(detail)}
    assert reasons(configuration) == [(f"targets/{OU}", "invalid_target", detail)]


def test_a_target_needs_a_valid_contact_set() -> None:
    configuration = parse_configuration(
        {
            "version": "1",
            "sets/broken": "{}",
            "targets/r-ab12": '{"billing": "broken", "security": "default"}',
            f"targets/{OU}": '{"billing": "missing", "operations": "missing", "security": "broken"}',
        }
    )
    assert reasons(configuration) == [
        ("sets/broken", "invalid_contact_set", "no_name"),
        (f"targets/{OU}", "invalid_contact_set", "broken"),
        (f"targets/{OU}", "unknown_contact_set", "missing"),
        ("targets/r-ab12", "invalid_contact_set", "broken"),
    ]


@pytest.mark.parametrize("name", ["", "set/payments", "target", "targets", "Sets/payments", "versions", "a/sets/b"])
def test_an_unknown_parameter_is_a_problem(name: str) -> None:
    configuration = parse_configuration({"version": "1", name: "1"})
    assert reasons(configuration) == [(name, "unknown_parameter", "unknown_path")]


@pytest.mark.parametrize(
    ("targets", "parents", "ous"),
    [([], False, False), ([MEMBER], False, False), (["r-ab12"], True, False), ([MEMBER, OU], True, True)],
)
def test_parents_matter_if_one_is_a_target(targets: list[str], parents: bool, ous: bool) -> None:
    configuration = parse_configuration({f"targets/{target_id}": "{}" for target_id in targets})
    assert (configuration.has_parent_targets, configuration.has_ou_targets) == (parents, ous)


# ---- anything -------------------------------------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda each: st.lists(each), max_leaves=3
)
values = (
    st.none()
    | st.text()
    | st.dictionaries(st.sampled_from(["billing", "exclude", "name", "x"]), json_values).map(json.dumps)
)
names = st.sampled_from(["sets/a", "sets/default", f"targets/{OU}", f"targets/{MEMBER}", "version"]) | st.text()


@given(st.dictionaries(names, values))
def test_every_parameter_is_used_or_reported(parameters: dict[str, str | None]) -> None:
    configuration = parse_configuration(parameters)
    kept = {f"sets/{name}" for name in configuration.sets} | {f"targets/{name}" for name in configuration.targets}
    assert kept | {*configuration.unknown_parameters} == parameters.keys() - {"version"}
    reported = {problem.parameter for problem in configuration.validate()}
    assert {f"sets/{name}" for name, value in configuration.sets.items() if isinstance(value, Invalid)} <= reported
    assert {
        f"targets/{name}" for name, value in configuration.targets.items() if isinstance(value, Invalid)
    } <= reported


def test_no_value_shows_in_a_problem_or_in_repr() -> None:
    values = [*VALID.values()]
    swapped = dict(zip(VALID, values[1:] + values[:1], strict=True))
    configuration = parse_configuration(
        {
            "sets/a": json.dumps(VALID),
            "sets/b": json.dumps(swapped),
            "sets/c": json.dumps({value: value for value in values}),
            f"targets/{OU}": json.dumps({"billing": values[0]}),
        }
    )
    assert len(configuration.validate()) == 4
    text = f"{configuration!r} {configuration.validate()!r}"
    assert [secret for secret in SECRETS if secret in text] == []
