"""Bring a template to the emulation the way a user brings it to AWS: with `sam build` and `sam deploy`.

What differs from AWS is in samconfig.toml (`--config-env emulation`) and in AWS_ENDPOINT_URL, nothing in the template.
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
    """`sam` failed; says why in CloudFormation's words if CloudFormation had any."""


def build(folder: Path, project: Path = ROOT) -> None:
    """Run `sam build`; the result goes into the folder, which `deploy` takes any number of times."""
    ours = {"SAM_CLI_TELEMETRY": "0", "__SAM_CLI_APP_DIR": str(folder / "sam"), "TMPDIR": str(folder)}
    # A folder below the given one, because sam writes a file beside it.
    _sam(["build", "--build-dir", str(folder / "build")], project, {**os.environ, **ours})


def deploy(
    emulation: Emulation,
    folder: Path,
    *,
    stack_name: str | None = None,
    parameters: Mapping[str, str] | None = None,
    project: Path = ROOT,
) -> dict[str, str]:
    """Run `sam deploy` on what `build` put into the folder, and return the stack's outputs.

    Without a name or parameters it is what samconfig.toml says; parameters given are changes to those.

    Raises:
        DeploymentError: the stack did not become what it should.
    """
    stack = stack_name or _configured(project, "global")["stack_name"]
    arguments = ["deploy", "--template-file", str(folder / "build" / "template.yaml"), "--stack-name", stack]
    if parameters:
        merged = {**_parameters(project), **parameters}
        arguments += ["--parameter-overrides", *(f"{name}={_quoted(value)}" for name, value in merged.items())]
    seen = set(_events(emulation, stack))
    try:
        _sam(arguments, project, emulation.environment)
    except DeploymentError as error:
        reasons = [reason for event, reason in _events(emulation, stack).items() if reason and event not in seen]
        raise DeploymentError("\n".join(reasons) or str(error)) from None
    [described] = emulation.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}


def delete(emulation: Emulation, *, stack_name: str | None = None, project: Path = ROOT) -> None:
    """Run `sam delete`.

    Raises:
        DeploymentError: something remained.
    """
    stack = stack_name or _configured(project, "global")["stack_name"]
    _sam(["delete", "--no-prompts", "--stack-name", stack], project, emulation.environment)


def parameters() -> dict[str, str]:
    """The stack parameters that samconfig.toml has for the emulation."""
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
    """A parameter's value as `sam` reads it: between quotes, which inside need a backslash."""
    return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'


def _sam(arguments: Sequence[str], project: Path, environment: Mapping[str, str]) -> None:
    configuration = ["--config-file", str(project / _CONFIGURATION), "--config-env", _ENVIRONMENT]
    done = subprocess.run(  # noqa: S603
        [str(_SAM), *arguments, *configuration],
        cwd=project,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise DeploymentError(f"sam {arguments[0]}: {done.stdout[-_ERROR_TAIL:]}")


def _events(emulation: Emulation, stack: str) -> dict[str, str]:
    """The stack's events by id, oldest first, each with the reason of a failure or nothing."""
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
