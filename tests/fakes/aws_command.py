"""The AWS command line, as far as AWS's service models know it: whether a command exists and takes its options."""

import re
import shlex
from collections.abc import Iterator

import botocore.session
import jmespath  # type: ignore[import-untyped]
from botocore import xform_name
from botocore.exceptions import UnknownServiceError

_SESSION = botocore.session.get_session()
_GLOBAL = {"region", "query", "output", "profile"}
_OF_THE_COMMAND_LINE_ALONE = {("s3", "cp"), ("cloudformation", "deploy")}
"""Commands that the AWS CLI adds to what the services know."""


def commands(text: str) -> Iterator[str]:
    """Every `aws` command in the lines of a shell script, those in a substitution too."""
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        inner = re.search(r"\$\((aws [^)]*)\)", line)
        if inner:
            yield inner[1]
        elif line.startswith("aws "):
            yield line


def complaints(command: str) -> list[str]:
    """What is wrong with a command, by the models of the services."""
    _, service, operation, *arguments = shlex.split(command)
    if (service, operation) in _OF_THE_COMMAND_LINE_ALONE:
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
        return [f"there is no service {service}"]
    operations = {xform_name(name, "-"): name for name in model.operation_names}
    if operation not in operations:
        return [f"{service} has no {operation}"]
    shape = model.operation_model(operations[operation]).input_shape
    members = {xform_name(name, "-"): member for name, member in shape.members.items()} if shape else {}
    switches = {f"no-{name}" for name, member in members.items() if member.type_name == "boolean"}
    required = {xform_name(name, "-") for name in shape.required_members} if shape else set()
    found = {name.removeprefix("no-") if name in switches else name for name in given}
    return [
        *(
            f"{service} {operation} takes no --{name}"
            for name in sorted(given.keys() - members.keys() - switches - _GLOBAL)
        ),
        *(f"{service} {operation} needs --{name}" for name in sorted(required - found)),
    ]
