"""The checks of a manifest in CfCT's Build stage: its schema, and the files that it refers to.

Source: CfCT 2.8.4, source/src/cfct/validation/manifest-v2.schema.yaml, applied by pykwalify 1.8.0, and
source/codebuild_scripts/run-validation.sh (https://github.com/aws-solutions/aws-control-tower-customizations).
"""

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping

VERSION = dt.date(2021, 3, 15)

Check = Callable[[object], Iterator[str]]
"""Yields the violations of a value, each beginning with where below the value it is, such as `[0].name must be …`."""


def schema_violations(manifest: object) -> list[str]:
    """Return the violations of the schema, without a value of the manifest.

    Args:
        manifest: as ruamel.yaml reads it.
    """
    return [violation.lstrip(". ") for violation in _MANIFEST(manifest)]


def checked_paths(manifest: str) -> Iterator[tuple[int, str]]:
    """Yield what the script takes for the path of a file, with the number of its line.

    The script reads lines, not YAML: grep '_file:' | grep -v '^ *#' | tr -s ' ' | tr -d '\\r' | cut -d ' ' -f 3
    """
    for number, line in enumerate(manifest.split("\n"), start=1):
        if "_file:" in line and not re.match(" *#", line):
            fields = re.sub(" +", " ", line).replace("\r", "").split(" ")
            # cut prints a line without a space as it is, and the shell splits what it prints at tabs.
            for path in (fields * 3 if len(fields) == 1 else fields)[2:3]:
                yield from ((number, word) for word in path.split("\t") if word)


def is_remote(path: str) -> bool:
    """Whether CfCT downloads a path instead of reading it from the configuration."""
    return path.lower().startswith(("s3", "http"))


def _mapping(required: Mapping[str, Check], optional: Mapping[str, Check]) -> Check:
    known = {**required, **optional}

    def check(value: object) -> Iterator[str]:
        if not isinstance(value, dict):
            yield " must be a mapping."
            return
        yield from (f".{key} is missing." for key in required if key not in value)
        for key, field in value.items():
            if key not in known:
                yield f".{key} is not a key that CfCT accepts there."
            elif field is not None:
                yield from (f".{key}{violation}" for violation in known[key](field))
            elif key in required:
                yield f".{key} has no value."

    return check


def _list(check_item: Check, *, unique: bool = False, nullable: bool = True) -> Check:
    def check(value: object) -> Iterator[str]:
        if not isinstance(value, list):
            yield " must be a list."
            return
        for number, item in enumerate(value):
            names = [item.get("name"), item.get("parameter_key")] if isinstance(item, dict) else []
            label = next((f"[{number}] ({name})" for name in names if isinstance(name, str)), f"[{number}]")
            if item is not None:
                yield from (f"{label}{violation}" for violation in check_item(item))
            elif not nullable:
                yield f"{label} has no value."
        if unique and any(item in value[:number] for number, item in enumerate(value) if item is not None):
            yield " has an entry twice."

    return check


def _string(value: object) -> Iterator[str]:
    if not isinstance(value, str | bytes):
        yield " must be text. Put it in quotes."


def _boolean(value: object) -> Iterator[str]:
    if not isinstance(value, bool):
        yield " must be true or false, without quotes."


def _any(_: object) -> Iterator[str]:
    yield from ()


def _deploy_method(value: object) -> Iterator[str]:
    if value not in ("scp", "rcp", "stack_set"):
        yield " must be stack_set, scp or rcp."


def _version(value: object) -> Iterator[str]:
    if value != VERSION:
        yield f" must be {VERSION}, without quotes."


_RESOURCE = _mapping(
    required={
        "name": _string,
        "resource_file": _string,
        "deploy_method": _deploy_method,
        "deployment_targets": _mapping(
            required={}, optional={"accounts": _list(_any), "organizational_units": _list(_string)}
        ),
    },
    optional={
        "description": _string,
        "parameter_file": _string,
        "parameters": _list(
            _mapping(required={"parameter_key": _string, "parameter_value": _any}, optional={}), nullable=False
        ),
        "regions": _list(_string, unique=True),
        "export_outputs": _list(_mapping(required={"name": _string, "value": _string}, optional={}), nullable=False),
    },
)
_MANIFEST = _mapping(
    required={"region": _string, "version": _version},
    optional={"enable_stack_set_deletion": _boolean, "resources": _list(_RESOURCE, nullable=False)},
)
