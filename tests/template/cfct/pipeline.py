"""CfCT's checks of a manifest, and its conversion of parameters for CloudFormation.

Sources: CfCT v2.8.4, source/src/cfct/validation/manifest-v2.schema.yaml, source/codebuild_scripts/run-validation.sh,
source/src/cfct/manifest/{manifest,manifest_parser,cfn_params_handler}.py, read 2026-11-23.
"""

import datetime as dt
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

# ---- the schema -----------------------------------------------------------------------------------------------------

Check = Callable[[object], Iterator[str]]


@dataclass(frozen=True)
class Fields:
    """A mapping with these keys and no others."""

    required: Mapping[str, Check]
    optional: Mapping[str, Check]

    def __call__(self, value: object) -> Iterator[str]:
        if not isinstance(value, dict):
            yield "is not a mapping"
            return
        yield from (f"{key}: is missing" for key in self.required.keys() - value.keys())
        known = {**self.required, **self.optional}
        for key, field in value.items():
            if key not in known:
                yield f"{key}: is unknown"
            elif field is None:
                yield from [f"{key}: is empty"] if key in self.required else []
            else:
                yield from (f"{key}: {violation}" for violation in known[key](field))


def string(value: object) -> Iterator[str]:
    if not isinstance(value, str):
        yield "is not a string"


def boolean(value: object) -> Iterator[str]:
    if not isinstance(value, bool):
        yield "is not a Boolean"


def anything(_: object) -> Iterator[str]:
    yield from ()


def one_of(*allowed: object) -> Check:
    def check(value: object) -> Iterator[str]:
        if value not in allowed:
            yield "is not an allowed value"

    return check


def list_of(check: Check, *, unique: bool = False) -> Check:
    def check_items(value: object) -> Iterator[str]:
        if not isinstance(value, list):
            yield "is not a list"
            return
        for number, item in enumerate(value):
            yield from (f"[{number}] {violation}" for violation in check(item))
        if unique and len(set(map(str, value))) != len(value):
            yield "has an item twice"

    return check_items


MANIFEST = Fields(
    required={"region": string, "version": one_of(dt.date(2021, 3, 15))},
    optional={
        "enable_stack_set_deletion": boolean,
        "resources": list_of(
            Fields(
                required={
                    "name": string,
                    "resource_file": string,
                    "deploy_method": one_of("scp", "rcp", "stack_set"),
                    "deployment_targets": Fields(
                        required={}, optional={"accounts": list_of(anything), "organizational_units": list_of(string)}
                    ),
                },
                optional={
                    "description": string,
                    "parameter_file": string,
                    "parameters": list_of(
                        Fields(required={"parameter_key": string, "parameter_value": anything}, optional={})
                    ),
                    "regions": list_of(string, unique=True),
                    "export_outputs": list_of(Fields(required={"name": string, "value": string}, optional={})),
                },
            )
        ),
    },
)


def schema_violations(manifest: str) -> list[str]:
    """Return the violations of CfCT's schema in a manifest."""
    return list(MANIFEST(yaml.safe_load(manifest)))


# ---- the file check ----------------------------------------------------------------------------------------------


def files_missing(configuration: Path) -> list[str]:
    """Return what CfCT's script takes for the path of a file, and does not find, which fails the Build stage.

    The script reads lines, not YAML. The same shell tools run here.
    """
    script = "grep '_file:' < manifest.yaml | grep -v '^ *#' | tr -s ' ' | tr -d '\\r' | cut -d ' ' -f 3"
    process = subprocess.run(  # noqa: S603
        ["/bin/sh", "-c", script],
        cwd=configuration,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=True,
    )
    # The shell splits the output at spaces, so that a path with a space becomes two.
    return [name for name in process.stdout.split() if not (configuration / name).is_file()]


# ---- parameters -----------------------------------------------------------------------------------------------------


def accounts(manifest: str, resource: str) -> list[str]:
    """Return the accounts of a resource as CfCT reads them."""
    return [_as_text(account) for account in _resource(manifest, resource)["deployment_targets"]["accounts"]]


def parameters(manifest: str, resource: str, ssm: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return a resource's parameters as they arrive at CloudFormation.

    Args:
        manifest: its text.
        resource: its name.
        ssm: the SSM parameters by name.

    Raises:
        LookupError: an SSM parameter does not exist.
        NotImplementedError: CfCT would generate the value (a password, a key pair, an Availability Zone).
    """
    fields = _resource(manifest, resource)
    if fields.get("parameter_file") and fields.get("parameters"):
        return {}
    written = {pair["parameter_key"]: _as_text(pair["parameter_value"]) for pair in fields.get("parameters", [])}
    looked_up = {name: _processed(value, ssm or {}) for name, value in written.items()}
    return {name: ",".join(value) if isinstance(value, list) else value for name, value in looked_up.items()}


def _resource(manifest: str, name: str) -> dict[str, Any]:
    fields: dict[str, Any]
    [fields] = [resource for resource in yaml.safe_load(manifest)["resources"] if resource["name"] == name]
    return fields


def _as_text(value: object) -> str:
    """Convert a value to a string as yorm 1.6.2 does."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(map(_as_text, value))
    return "" if value is None else str(value)


def _processed(value: str, ssm: Mapping[str, str]) -> str | list[str]:
    if "," in value:
        return [_evaluated(part.strip(), ssm) for part in value.split(",")]
    return _evaluated(value, ssm)


def _evaluated(value: str, ssm: Mapping[str, str]) -> str:
    if not (value.startswith("$[") and value.endswith("]")):
        return value
    word = value[2:-1]
    if word.startswith("alfred_ssm_"):
        return ssm[word.removeprefix("alfred_ssm_")]
    if word.startswith("alfred_gen"):
        raise NotImplementedError(word)
    return word
