"""A check of AWS CLI commands against AWS's service models: the command exists and accepts its options."""

import re
import shlex
from collections.abc import Iterator, Mapping

import botocore.session
import jmespath  # type: ignore[import-untyped]
from botocore import xform_name
from botocore.exceptions import DataNotFoundError, UnknownServiceError

_SESSION = botocore.session.get_session()
_GLOBAL = {"region", "query", "output", "profile", "no-paginate"}
_HIGH_LEVEL_COMMANDS = {
    ("s3", "cp"),
    ("s3", "ls"),
    ("cloudformation", "deploy"),
    ("cloudformation", "package"),
    ("cloudformation", "wait"),
    ("logs", "tail"),
}
"""Commands of the AWS CLI that are no API operations."""


def commands(text: str) -> Iterator[str]:
    """Yield every `aws` command in the lines of a shell script, also in a command substitution."""
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        substitution = re.search(r"\$\((aws [^)]*)\)", line)
        if substitution:
            yield substitution[1]
        elif line.startswith("aws "):
            yield line


def command_violations(command: str) -> list[str]:
    """Return how a command differs from the service models."""
    _, service, operation, *arguments = shlex.split(command)
    if (service, operation) in _HIGH_LEVEL_COMMANDS:
        return []
    given = {}
    for argument in arguments:
        if argument.startswith("--"):
            name = argument.removeprefix("--")
            given[name] = ""
        else:
            given[name] += argument
    jmespath.compile(given.get("query", "@"))
    try:
        model = _SESSION.get_service_model({"s3api": "s3"}.get(service, service))
    except UnknownServiceError:
        return [f"the service {service} does not exist"]
    operations = {xform_name(name, "-"): name for name in model.operation_names}
    if operation not in operations:
        return [f"{service} has no {operation}"]
    shape = model.operation_model(operations[operation]).input_shape
    members = {xform_name(name, "-"): member for name, member in shape.members.items()} if shape else {}
    switches = {f"no-{name}" for name, member in members.items() if member.type_name == "boolean"}
    required = {xform_name(name, "-") for name in shape.required_members} if shape else set()
    members_given = {name.removeprefix("no-") if name in switches else name for name in given}
    return [
        *(
            f"{service} {operation} has no option --{name}"
            for name in sorted(given.keys() - members.keys() - switches - _GLOBAL)
        ),
        *(f"{service} {operation} needs --{name}" for name in sorted(required - members_given)),
        *(
            [f"{service} {operation} prints one value for each page: add --no-paginate"]
            if _has_pages(service, operations[operation]) and _prints_a_value_per_page(given)
            else []
        ),
    ]


def _has_pages(service: str, operation: str) -> bool:
    try:
        _SESSION.get_paginator_model({"s3api": "s3"}.get(service, service)).get_paginator(operation)
    except (DataNotFoundError, ValueError):
        return False
    return True


def _prints_a_value_per_page(given: Mapping[str, str]) -> bool:
    """Return whether the query takes one item of a list, and the AWS CLI would apply it to each page on its own.

    It does so with --output text only: https://docs.aws.amazon.com/cli/latest/userguide/cli-usage-filter.html.
    One stack is one page.
    """
    takes_one_item = re.search(r"\[\d+\]", given.get("query", ""))
    return bool(takes_one_item) and given.get("output") == "text" and not given.keys() & {"no-paginate", "stack-name"}
