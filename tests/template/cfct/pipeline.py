"""The pipeline's checks of a manifest, and what becomes of parameters on their way to CloudFormation.

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
    """A mapping with these keys and no other."""

    required: Mapping[str, Check]
    optional: Mapping[str, Check]

    def __call__(self, value: object) -> Iterator[str]:
        if not isinstance(value, dict):
            yield "is no mapping"
            return
        yield from (f"{key}: is missing" for key in self.required.keys() - value.keys())
        known = {**self.required, **self.optional}
        for key, each in value.items():
            if key not in known:
                yield f"{key}: is unknown"
            elif each is None:
                yield from [f"{key}: is empty"] if key in self.required else []
            else:
                yield from (f"{key}: {complaint}" for complaint in known[key](each))


def text(value: object) -> Iterator[str]:
    if not isinstance(value, str):
        yield "is no text"


def truth(value: object) -> Iterator[str]:
    if not isinstance(value, bool):
        yield "is neither true nor false"


def anything(_: object) -> Iterator[str]:
    yield from ()


def one_of(*allowed: object) -> Check:
    def check(value: object) -> Iterator[str]:
        if value not in allowed:
            yield "is none of what it may be"

    return check


def list_of(check: Check, *, unique: bool = False) -> Check:
    def each(value: object) -> Iterator[str]:
        if not isinstance(value, list):
            yield "is no list"
            return
        for number, item in enumerate(value):
            yield from (f"[{number}] {complaint}" for complaint in check(item))
        if unique and len(set(map(str, value))) != len(value):
            yield "has something twice"

    return each


MANIFEST = Fields(
    required={"region": text, "version": one_of(dt.date(2021, 3, 15))},
    optional={
        "enable_stack_set_deletion": truth,
        "resources": list_of(
            Fields(
                required={
                    "name": text,
                    "resource_file": text,
                    "deploy_method": one_of("scp", "rcp", "stack_set"),
                    "deployment_targets": Fields(
                        required={}, optional={"accounts": list_of(anything), "organizational_units": list_of(text)}
                    ),
                },
                optional={
                    "description": text,
                    "parameter_file": text,
                    "parameters": list_of(
                        Fields(required={"parameter_key": text, "parameter_value": anything}, optional={})
                    ),
                    "regions": list_of(text, unique=True),
                    "export_outputs": list_of(Fields(required={"name": text, "value": text}, optional={})),
                },
            )
        ),
    },
)


def schema_complaints(manifest: str) -> list[str]:
    """What the pipeline's schema has against a manifest."""
    return list(MANIFEST(yaml.safe_load(manifest)))


# ---- the check of files ---------------------------------------------------------------------------------------------


def files_missing(configuration: Path) -> list[str]:
    """What the pipeline's script takes for files of a manifest, and does not find.

    It reads lines, not YAML, with the tools themselves; a path that it does not find ends the build.
    """
    script = "grep '_file:' < manifest.yaml | grep -v '^ *#' | tr -s ' ' | tr -d '\\r' | cut -d ' ' -f 3"
    done = subprocess.run(  # noqa: S603
        ["/bin/sh", "-c", script],
        cwd=configuration,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=True,
    )
    # The shell takes the answer apart at blanks, so that a path with a blank is two.
    return [name for name in done.stdout.split() if not (configuration / name).is_file()]


# ---- parameters -----------------------------------------------------------------------------------------------------


def accounts(manifest: str, resource: str) -> list[str]:
    """The accounts of a resource as CfCT understands them."""
    return [_as_text(each) for each in _resource(manifest, resource)["deployment_targets"]["accounts"]]


def parameters(manifest: str, resource: str, ssm: Mapping[str, str] | None = None) -> dict[str, str]:
    """A resource's parameters as they arrive at CloudFormation.

    Args:
        manifest: its text.
        resource: its name.
        ssm: what is in the parameter store.

    Raises:
        LookupError: a look-up that finds nothing.
        NotImplementedError: CfCT would make something up here (a password, a key pair, an availability zone).
    """
    fields = _resource(manifest, resource)
    if fields.get("parameter_file") and fields.get("parameters"):
        return {}
    written = {each["parameter_key"]: _as_text(each["parameter_value"]) for each in fields.get("parameters", [])}
    looked_up = {name: _processed(value, ssm or {}) for name, value in written.items()}
    return {name: ",".join(value) if isinstance(value, list) else value for name, value in looked_up.items()}


def _resource(manifest: str, name: str) -> dict[str, Any]:
    [found] = [each for each in yaml.safe_load(manifest)["resources"] if each["name"] == name]
    fields: dict[str, Any] = found
    return fields


def _as_text(value: object) -> str:
    """What yorm 1.6.2 makes of a value that is to be a string."""
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
