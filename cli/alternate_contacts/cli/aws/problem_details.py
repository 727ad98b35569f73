"""The text of a configuration problem, for people."""

from collections.abc import Mapping
from types import MappingProxyType

from alternate_contacts.worker.contact_configuration import ConfigurationProblem

_DETAILS: Mapping[str, str] = MappingProxyType(
    {
        "no_version": "the parameter version is missing, so no account is processed",
        "unknown_version": "the value of version is not 1",
        "not_in_organization": "the organization has no such account, OU or root",
        "unknown_path": "the name is not version, sets/NAME or targets/ID",
        "not_a_string_parameter": "the type of the parameter is not String",
        "not_json": "the value is not JSON",
        "not_an_object": "the value is not a JSON object",
        "duplicate_key": "a key occurs twice",
        "unknown_key": "a key is unknown",
        "invalid_set_name": "a name has 1 to 63 lower-case letters, digits and hyphens, and is not default or ignore",
        "invalid_target_id": "an ID is that of a root (r-...), an OU (ou-...) or an account (12 digits)",
        "invalid_exclude": "the value of exclude is not true or false",
        "not_yaml": "the file is neither YAML nor JSON from this line on",
        "not_a_mapping": "here must be keys and values",
        "quotes_needed": "write it in quotes: programs may read it as a number, a date or true or false",
        "alias_not_supported": "write the value out in place of an alias or a merge key",
        "function_not_supported": "only literal text can be checked, and no function of CloudFormation",
        "duplicate_parameter": "another resource has the same Name",
        "another_path": "other parameters of this file are below another path",
        "no_parameters": "the file has no keys version, sets and targets, and no AWS::SSM::Parameter with such a Name",
    }
)


def describe_detail(detail: str) -> str:
    """Return the detail with its meaning, such as ``no_title (the key title is missing)``."""
    kind, _, key = detail.partition("_")
    meaning = _DETAILS.get(detail)
    if meaning is None and kind == "no" and key:
        meaning = f"the key {key} is missing"
    if meaning is None and kind == "invalid" and key:
        meaning = f"the value of {key} is outside its limits"
    return f"{detail} ({meaning})" if meaning else detail


def describe_reason(problem: ConfigurationProblem) -> str:
    """Return a text such as ``unknown_contact_set: payments``, where the parameter is known."""
    return f"{problem.reason}: {describe_detail(problem.detail)}"


def describe_problem(problem: ConfigurationProblem) -> str:
    """Return a text such as ``targets/ou-ab12-12345678: unknown_contact_set: payments``."""
    return f"{problem.parameter}: {describe_reason(problem)}"
