"""Deploy a template to the emulation as a user deploys it to AWS: with `sam build` and `sam deploy`.

The differences from AWS are in samconfig.toml and AWS_ENDPOINT_URL, none in the template.
"""

import os
import re
import subprocess
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from botocore.exceptions import ClientError

from emulation.organization import Emulation
from emulation.settings import ROOT

_SAM = ROOT / ".venv" / "sam" / "bin" / "sam"
_ENVIRONMENT = "emulation"
_CONFIGURATION = "samconfig.toml"
_ERROR_TAIL = 3000


class DeploymentError(Exception):
    """`sam` failed; the text has CloudFormation's reasons, or else the output of `sam`."""


def build(folder: Path, project: Path = ROOT, emulation: Emulation | None = None) -> None:
    """Run `sam build` into the folder, which can be deployed any number of times.

    With an emulation, `sam` ends with it.
    """
    overrides = {"SAM_CLI_TELEMETRY": "0", "__SAM_CLI_APP_DIR": str(folder / "sam"), "TMPDIR": str(folder)}
    # A folder below the given one, because sam writes a file beside it.
    _sam(["build", "--build-dir", str(folder / "build")], project, {**os.environ, **overrides}, emulation)


def deploy(
    emulation: Emulation,
    folder: Path,
    *,
    stack_name: str | None = None,
    parameters: Mapping[str, str] | None = None,
    project: Path = ROOT,
) -> dict[str, str]:
    """Run `sam deploy` on the folder of `build`, and return the stack's outputs.

    The configuration has the default stack name and parameters; `parameters` overrides single ones.

    Raises:
        DeploymentError: the stack could not be created or updated.
    """
    stack = stack_name or _configured(project, "global")["stack_name"]
    arguments = ["deploy", "--template-file", str(folder / "build" / "template.yaml"), "--stack-name", stack]
    if parameters:
        merged = {**_parameters(project), **parameters}
        arguments += ["--parameter-overrides", *(f"{name}={_quoted(value)}" for name, value in merged.items())]
    earlier = set(_events(emulation, stack))
    try:
        _sam(arguments, project, emulation.environment, emulation)
    except DeploymentError as error:
        reasons = [reason for event, reason in _events(emulation, stack).items() if reason and event not in earlier]
        if _status(emulation, stack) == "ROLLBACK_COMPLETE":
            reasons.append(f"Stack {stack} is in ROLLBACK_COMPLETE: delete it before you deploy again.")
        raise DeploymentError("\n".join(reasons) or str(error)) from None
    [described] = emulation.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}


def delete(emulation: Emulation, *, stack_name: str | None = None, project: Path = ROOT) -> None:
    """Run `sam delete`.

    Raises:
        DeploymentError: the stack could not be deleted.
    """
    stack = stack_name or _configured(project, "global")["stack_name"]
    _sam(["delete", "--no-prompts", "--stack-name", stack], project, emulation.environment, emulation)


def parameters() -> dict[str, str]:
    """Return the stack parameters that samconfig.toml has."""
    return _parameters(ROOT)


def _parameters(project: Path) -> dict[str, str]:
    overrides: Sequence[str] = _configured(project, "deploy").get("parameter_overrides", [])
    pairs = (override.split("=", 1) for override in overrides)
    return {name: value.strip('"') for name, value in pairs}


def _configured(project: Path, command: str) -> dict[str, str]:
    configuration = tomllib.loads((project / _CONFIGURATION).read_text())
    section: dict[str, str] = configuration[_ENVIRONMENT][command]["parameters"]
    return section


def _quoted(value: str) -> str:
    """Quote a parameter's value for `sam`, which takes a backslash before a quote."""
    return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'


def _sam(arguments: Sequence[str], project: Path, environment: Mapping[str, str], emulation: Emulation | None) -> None:
    configuration = ["--config-file", str(project / _CONFIGURATION), "--config-env", _ENVIRONMENT]
    process = subprocess.run(  # noqa: S603
        [str(_SAM), *arguments, *configuration],
        cwd=project,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        process_group=emulation.process_group if emulation else None,
    )
    if process.returncode:
        raise DeploymentError(f"sam {arguments[0]}: {process.stdout[-_ERROR_TAIL:]}")


def _status(emulation: Emulation, stack: str) -> str:
    try:
        return str(emulation.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"])
    except ClientError:
        return "no stack"


def _events(emulation: Emulation, stack: str) -> dict[str, str]:
    """Return the stack's events by ID, oldest first, each with the reason of its failure or an empty text."""
    try:
        events = emulation.client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    except ClientError:
        return {}
    return {
        event["EventId"]: f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason given')}"
        if event["ResourceStatus"].endswith("_FAILED")
        else ""
        for event in reversed(events)
    }
