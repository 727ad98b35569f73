"""The contact configuration: which contact set each target selects. docs/own-contacts.md describes it for users.

The worker and the backfill each have a byte-identical copy of this file, as they have of protocol.py. Only the worker
decides what an account gets (`alternate_contacts.worker.contact_selection`).

An invalid set or target stays in the configuration as invalid. Dropped, it would look as if it had never been set, and
its accounts would get the contact of another target.
"""

import json
import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from types import MappingProxyType

from .contacts import CONTACT_FIELDS, Contact, ContactType

SETS, TARGETS, VERSION_PARAMETER = "sets/", "targets/", "version"
"""The names below the path: ``sets/payments``, ``targets/ou-ab12-12345678`` and ``version``."""
VERSION = "1"
"""The value of the parameter ``version``. It distinguishes a configuration from an empty or misspelled path."""

DEFAULT = "default"
"""The choice of the stack's own contact and policy."""
IGNORE = "ignore"
"""The choice to leave a contact as it is."""

CONFIGURATION_UNREADABLE = "configuration_unreadable"
INVALID_TARGET = "invalid_target"
INVALID_CONTACT_SET = "invalid_contact_set"
UNKNOWN_CONTACT_SET = "unknown_contact_set"
UNKNOWN_PARAMETER = "unknown_parameter"

_SET_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_ACCOUNT_ID = r"[0-9]{12}"
_OU_ID = r"ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}"
_ROOT_ID = r"r-[0-9a-z]{4,32}"
"""https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListParents.html"""
_TARGET_ID = re.compile(f"{_ACCOUNT_ID}|{_OU_ID}|{_ROOT_ID}")
_EXCLUDE = "exclude"


@dataclass(frozen=True)
class Target:
    """What a root, an OU or an account states. A type without a choice, or ``exclude`` None, is left to the parent."""

    choices: Mapping[ContactType, str]
    """The name of a contact set, `DEFAULT` or `IGNORE`, by contact type."""
    exclude: bool | None = None


@dataclass(frozen=True)
class Invalid:
    """A set or a target that cannot be used. ``detail`` is a code; it never repeats the value."""

    detail: str


@dataclass(frozen=True)
class ConfigurationProblem:
    """A problem of one parameter, or of all of them.

    Attributes:
        parameter: the name below the path, such as ``targets/ou-ab12-12345678``.
        reason: a code, such as ``unknown_contact_set``.
        detail: a code that is more precise, or the name of the set that is unknown or invalid.
    """

    parameter: str
    reason: str
    detail: str


@dataclass(frozen=True)
class ContactConfiguration:
    """The parameters below one path. Names of sets and IDs of targets may be invalid, too; their values then are.

    Attributes:
        unreadable_detail: why the whole configuration cannot be used, as a code; None if it can.
        sets: contacts by name.
        targets: what roots, OUs and accounts select, by ID.
        unknown_parameters: the names of all other parameters.
    """

    unreadable_detail: str | None
    sets: Mapping[str, Contact | Invalid]
    targets: Mapping[str, Target | Invalid]
    unknown_parameters: tuple[str, ...] = ()

    @property
    def has_parent_targets(self) -> bool:
        """Whether a target is an OU or a root, so that the parents of an account matter."""
        return any(target_id.startswith(("ou-", "r-")) for target_id in self.targets)

    @property
    def has_ou_targets(self) -> bool:
        """Whether a target is an OU."""
        return any(target_id.startswith("ou-") for target_id in self.targets)

    def validate(self) -> list[ConfigurationProblem]:
        """Return every problem, in the order of the parameters' names."""
        return sorted(self._problems(), key=lambda problem: problem.parameter)

    def problem_of_choice(self, choice: str) -> tuple[str, str] | None:
        """Return reason and detail if ``choice`` names a set that cannot be used, else None."""
        if choice in (DEFAULT, IGNORE):
            return None
        if choice not in self.sets:
            return UNKNOWN_CONTACT_SET, choice
        return (INVALID_CONTACT_SET, choice) if isinstance(self.sets[choice], Invalid) else None

    def _problems(self) -> Iterator[ConfigurationProblem]:
        if detail := self.unreadable_detail:
            yield ConfigurationProblem(VERSION_PARAMETER, CONFIGURATION_UNREADABLE, detail)
        for name in self.unknown_parameters:
            yield ConfigurationProblem(name, UNKNOWN_PARAMETER, "unknown_path")
        for name, contact in self.sets.items():
            if isinstance(contact, Invalid):
                yield ConfigurationProblem(f"{SETS}{name}", INVALID_CONTACT_SET, contact.detail)
        for target_id, target in self.targets.items():
            parameter = f"{TARGETS}{target_id}"
            if isinstance(target, Invalid):
                yield ConfigurationProblem(parameter, INVALID_TARGET, target.detail)
                continue
            for choice in sorted({*target.choices.values()}):
                if problem := self.problem_of_choice(choice):
                    yield ConfigurationProblem(parameter, *problem)


def parse_configuration(parameters: Mapping[str, str | None]) -> ContactConfiguration:
    """Return the configuration in all ``parameters`` below its path. Never raise.

    Args:
        parameters: the values by name, such as ``sets/payments``; None if the type of the parameter is not String.
    """
    sets: dict[str, Contact | Invalid] = {}
    targets: dict[str, Target | Invalid] = {}
    unknown = []
    unreadable_detail: str | None = "no_version"
    for parameter, value in parameters.items():
        if parameter == VERSION_PARAMETER:
            unreadable_detail = None if value is not None and value.strip() == VERSION else "unknown_version"
        elif parameter.startswith(SETS):
            name = parameter.removeprefix(SETS)
            sets[name] = _parse_set(name, value)
        elif parameter.startswith(TARGETS):
            target_id = parameter.removeprefix(TARGETS)
            targets[target_id] = _parse_target(target_id, value)
        else:
            unknown.append(parameter)
    return ContactConfiguration(
        unreadable_detail, MappingProxyType(sets), MappingProxyType(targets), tuple(sorted(unknown))
    )


class _InvalidValueError(Exception):
    """The value of a parameter is invalid. The text is the code of `Invalid`."""


def _parse_set(name: str, value: str | None) -> Contact | Invalid:
    if not _SET_NAME.fullmatch(name) or name in (DEFAULT, IGNORE):
        return Invalid("invalid_set_name")
    keys = {field.json_key: field for field in CONTACT_FIELDS}
    try:
        content = _parse_object(value, known_keys=keys.keys())
    except _InvalidValueError as error:
        return Invalid(str(error))
    values = []
    for key, field in keys.items():
        if key not in content:
            return Invalid(f"no_{key}")
        text = content[key]
        if not isinstance(text, str) or not field.accepts(text):
            return Invalid(f"invalid_{key}")
        values.append(text)
    return Contact(*values)


def _parse_target(target_id: str, value: str | None) -> Target | Invalid:
    if not _TARGET_ID.fullmatch(target_id):
        return Invalid("invalid_target_id")
    types = {contact_type.lower(): contact_type for contact_type in ContactType}
    try:
        content = _parse_object(value, known_keys={*types, _EXCLUDE})
    except _InvalidValueError as error:
        return Invalid(str(error))
    choices = {}
    exclude = None
    for key, choice in content.items():
        if key == _EXCLUDE and isinstance(choice, bool):
            exclude = choice
        elif key in types and isinstance(choice, str) and _SET_NAME.fullmatch(choice):
            choices[types[key]] = choice
        else:
            return Invalid(f"invalid_{key}")
    return Target(MappingProxyType(choices), exclude)


def _parse_object(value: str | None, *, known_keys: Set[str]) -> dict[str, object]:
    """Return the JSON object in ``value``.

    Raises:
        _InvalidValueError: it is no JSON object, or one with a duplicate or unknown key.
    """
    if value is None:
        raise _InvalidValueError("not_a_string_parameter")
    try:
        content = json.loads(value, object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError):
        raise _InvalidValueError("not_json") from None
    if not isinstance(content, dict):
        raise _InvalidValueError("not_an_object")
    if content.keys() - known_keys:
        raise _InvalidValueError("unknown_key")
    return content


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise _InvalidValueError("duplicate_key")
    return content
