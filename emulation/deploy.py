"""Deploy a template to the emulation as a user deploys it to AWS: with `sam build` and `sam deploy`.

The differences from AWS are in samconfig.toml and AWS_ENDPOINT_URL, none in the template.
"""

import hashlib
import io
import os
import re
import subprocess
import tomllib
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from botocore.exceptions import ClientError

from emulation.organization import REGION, Emulation
from emulation.settings import ROOT
from emulation.waiting import eventually

_SAM = ROOT / ".venv" / "sam" / "bin" / "sam"
_ENVIRONMENT = "emulation"
_CONFIGURATION = "samconfig.toml"
_ERROR_TAIL = 3000
_BUCKET = "code-of-alternate-contacts"
_STACK_SECONDS = 100.0


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
    with _reasons(emulation, stack):
        _sam(arguments, project, emulation.environment, emulation)
    return _outputs(emulation, stack)


def deploy_without_sam(
    emulation: Emulation, folder: Path, *, parameters: Mapping[str, str] | None = None, project: Path = ROOT
) -> dict[str, str]:
    """Make the calls of `sam deploy` without starting it, for tests of which `sam` is no part.

    The arguments, the result and the errors are those of `deploy`. `sam` takes 2.6 s of CPU time, these calls 0.3 s.
    """
    stack = _configured(project, "global")["stack_name"]
    with _reasons(emulation, stack):
        url = _upload(emulation, folder / "build")
        _change_stack(emulation, stack, url, {**_parameters(project), **(parameters or {})})
    return _outputs(emulation, stack)


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


def _upload(emulation: Emulation, build: Path) -> str:
    """Put the functions' code and the template that names it into a bucket, and return the template's URL."""
    s3 = emulation.client("s3")
    s3.create_bucket(Bucket=_BUCKET)

    def put(content: bytes) -> str:
        key = hashlib.sha256(content).hexdigest()
        s3.put_object(Bucket=_BUCKET, Key=key, Body=content)
        return key

    template = re.sub(
        r"CodeUri: (\w+)$",
        lambda match: f"CodeUri: s3://{_BUCKET}/{put(_zipped(build / match[1]))}",
        (build / "template.yaml").read_text(),
        flags=re.MULTILINE,
    )
    return f"https://{_BUCKET}.s3.{REGION}.amazonaws.com/{put(template.encode())}"


def _zipped(folder: Path) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                # Without the time of the file, so that the same files have the same key.
                archive.writestr(zipfile.ZipInfo(str(path.relative_to(folder))), path.read_bytes())
    return content.getvalue()


def _change_stack(emulation: Emulation, stack: str, template_url: str, values: Mapping[str, str]) -> None:
    """Create and execute a change set. A parameter that is not given keeps its value.

    Raises:
        DeploymentError: the change set or the stack failed.
    """
    cloudformation = emulation.client("cloudformation")
    is_new = _status(emulation, stack) in ("no stack", "REVIEW_IN_PROGRESS", "DELETE_COMPLETE")
    names = [
        each["ParameterKey"] for each in cloudformation.get_template_summary(TemplateURL=template_url)["Parameters"]
    ]
    kept = (
        [] if is_new else [name for name in names if name not in values and name in _stack_parameters(emulation, stack)]
    )
    change_set = {"StackName": stack, "ChangeSetName": f"change-{uuid4().hex}"}
    try:
        cloudformation.create_change_set(
            **change_set,
            ChangeSetType="CREATE" if is_new else "UPDATE",
            TemplateURL=template_url,
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[
                *({"ParameterKey": name, "ParameterValue": value} for name, value in values.items() if name in names),
                *({"ParameterKey": name, "UsePreviousValue": True} for name in kept),
            ],
        )
    except ClientError as error:
        raise DeploymentError(str(error)) from None

    def created() -> dict[str, str] | None:
        described: dict[str, str] = cloudformation.describe_change_set(**change_set)
        return described if described["Status"] in ("CREATE_COMPLETE", "FAILED") else None

    def finished() -> str | None:
        status = _status(emulation, stack)
        return None if status.endswith("_IN_PROGRESS") else status

    described = eventually(created, within=_STACK_SECONDS) or {}
    if described["Status"] == "FAILED":
        if "didn't contain changes" in described["StatusReason"]:
            return
        raise DeploymentError(described["StatusReason"])
    cloudformation.execute_change_set(**change_set)
    status = eventually(finished, within=_STACK_SECONDS)
    if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        raise DeploymentError(f"Stack {stack} is in {status}")


def _stack_parameters(emulation: Emulation, stack: str) -> set[str]:
    [described] = emulation.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    return {parameter["ParameterKey"] for parameter in described.get("Parameters", [])}


def _outputs(emulation: Emulation, stack: str) -> dict[str, str]:
    [described] = emulation.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}


@contextmanager
def _reasons(emulation: Emulation, stack: str) -> Iterator[None]:
    """Give a `DeploymentError` the reasons that CloudFormation has for it."""
    earlier = set(_events(emulation, stack))
    try:
        yield
    except DeploymentError as error:
        reasons = [reason for event, reason in _events(emulation, stack).items() if reason and event not in earlier]
        if _status(emulation, stack) == "ROLLBACK_COMPLETE":
            reasons.append(f"Stack {stack} is in ROLLBACK_COMPLETE: delete it before you deploy again.")
        raise DeploymentError("\n".join(reasons) or str(error)) from None


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
