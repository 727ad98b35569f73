"""CfCT's checks of a manifest, and its conversion of parameters for CloudFormation.

Sources: CfCT v2.8.4, source/src/cfct/validation/manifest-v2.schema.yaml, source/codebuild_scripts/run-validation.sh,
source/src/cfct/manifest/{manifest,manifest_parser,cfn_params_handler}.py, read 2026-11-23.
"""

import copy
import datetime as dt
import json
import logging
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pykwalify.compat import yml
from pykwalify.core import Core

# ---- the Build stage ------------------------------------------------------------------------------------------------

Rule = dict[str, Any]

STRING: Rule = {"type": "str"}
ANY: Rule = {"type": "any"}


def _required(rule: Rule) -> Rule:
    return {**rule, "required": True}


def _mapping(**rules: Rule) -> Rule:
    return {"type": "map", "mapping": rules}


def _list(rule: Rule) -> Rule:
    return {"type": "seq", "sequence": [rule]}


SCHEMA = _mapping(
    region=_required(STRING),
    version={"type": "date", "required": True, "enum": [dt.date(2021, 3, 15)]},
    enable_stack_set_deletion={"type": "bool"},
    resources=_list(
        _required(
            _mapping(
                name=_required(STRING),
                description=STRING,
                resource_file=_required(STRING),
                deployment_targets=_required(_mapping(accounts=_list(ANY), organizational_units=_list(STRING))),
                parameter_file=STRING,
                parameters=_list(_required(_mapping(parameter_key=_required(STRING), parameter_value=_required(ANY)))),
                deploy_method={"type": "str", "required": True, "enum": ["scp", "stack_set", "rcp"]},
                regions=_list({"type": "str", "unique": True}),
                export_outputs=_list(_required(_mapping(name=_required(STRING), value=_required(STRING)))),
            )
        )
    ),
)
"""The rules of CfCT's schema, in the form of pykwalify."""


def build_violations(configuration: Path) -> list[str]:
    """Return why CfCT's Build stage fails for a configuration, except cfn_nag and validate-template."""
    manifest = (configuration / "manifest.yaml").read_bytes().decode()
    violations = [*schema_violations(manifest), *files_missing(configuration)]
    for path in (configuration / "parameters").rglob("*.json*"):
        try:
            json.loads(path.read_bytes())
        except ValueError:
            violations.append(f"{path.name} is not JSON")
    return violations


def schema_violations(manifest: str) -> list[str]:
    """Return what PyYAML and pykwalify, the version that CfCT installs, report for a manifest."""
    try:
        yaml.safe_load(manifest)
        data = yml.load(manifest)
    except Exception as error:  # noqa: BLE001 # any exception fails the stage
        return [type(error).__name__]
    return data_violations(data)


def data_violations(data: object) -> list[str]:
    """Return what pykwalify reports for a manifest that ruamel.yaml has read."""
    logging.getLogger("pykwalify").setLevel(logging.CRITICAL)
    try:
        core = Core(source_data=copy.deepcopy(data), schema_data=copy.deepcopy(SCHEMA))
        core.validate(raise_exception=False)
    except Exception as error:  # noqa: BLE001 # any exception fails the stage
        return [type(error).__name__]
    violations: list[str] = core.validation_errors
    return violations


def files_missing(configuration: Path) -> list[str]:
    """Return what CfCT's script takes for the path of a file, and does not find, which fails the Build stage.

    The script reads lines, not YAML. The same shell tools run here.
    """
    script = """
        for name in $(grep '_file:' < manifest.yaml | grep -v '^ *#' | tr -s ' ' | tr -d '\\r' | cut -d ' ' -f 3); do
          case $name in s3* | http*) ;; *) [ -f "$PWD/$name" ] || echo "$name" ;; esac
        done"""
    process = subprocess.run(  # noqa: S603
        ["/bin/sh", "-c", script],
        cwd=configuration,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=True,
    )
    return process.stdout.splitlines()


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
