"""Lambda: what a function finds where it runs, and what an event source mapping must satisfy.

AWS (Lambda developer guide: configuration-envvars.html, lambda-runtime-environment.html, services-sqs-configure.html):

* A function sees its own files, the runtime's boto3, and the environment variables of Lambda and of its configuration.
* Changing a function replaces its environments; one that is at work finishes with what it was started with.
* A function's log, and what it leaves in the queue that its asynchronous invocations fail to, need its role's
  permission: without it there is no log, and the destination is refused.
* An event source mapping of a queue is refused while the queue's visibility timeout is shorter than the function's
  time-out, with a batch size over 10 and no batching window, and if the function's role may not receive, delete and
  read attributes there.

ministack runs functions with its own interpreter, packages and environment, kills those at work when they change, and
asks for no permission of the role and no sense in the mapping.
"""

import re
import subprocess
from types import SimpleNamespace
from typing import Any

from ministack.core import lambda_runtime
from ministack.core.responses import get_account_id, get_region
from ministack.services import lambda_svc, sqs

from emulation.services import iam
from emulation.services.patching import Patches
from emulation.settings import RUNTIME, Settings

patches = Patches()

_SERVICE = "lambda.amazonaws.com"
_LOGGING = ("CreateLogStream", "PutLogEvents")
_DEFAULT_BATCH = 10
#: Where ministack's pool of workers keeps those whose function has changed.
_RETIRED = "retired"
_runtime = RUNTIME
#: What a function finds in its environment besides its own variables: Lambda's, what makes the SDK call here instead
#: of AWS, and what ministack's worker script reads (its names begin with an underscore).
_PASSED_ON = re.compile(r"AWS_.+|LAMBDA_TASK_ROOT|LANG|PATH|TMPDIR|TZ|_LAMBDA_.+")


def configure(settings: Settings) -> None:
    """Set the interpreter of functions."""
    global _runtime
    _runtime = settings.runtime


def start_function(command: list[str], *, cwd: str, env: dict[str, str], **pipes: Any) -> subprocess.Popen[str]:
    """Start a worker with the environment of Lambda rather than that of ministack.

    The function's own variables do not need to pass: ministack's worker script sets them before it imports the handler.
    """
    environment = {name: value for name, value in env.items() if _PASSED_ON.fullmatch(name)}
    # Lambda's user has no home with AWS settings in it; without HOME the SDK would look at that of whoever runs this.
    environment["HOME"] = cwd
    return subprocess.Popen(command, cwd=cwd, env=environment, **pipes)  # noqa: S603


patches.value("ministack.core.lambda_runtime.subprocess", SimpleNamespace(Popen=start_function, PIPE=subprocess.PIPE))


@patches.around("ministack.core.lambda_runtime._detect_runtime_binary")
def interpreter(original: Any, runtime: str) -> tuple[str, str]:
    """The interpreter and the worker script of a function."""
    binary, script = original(runtime)
    return (str(_runtime) if runtime.startswith("python") else binary), script


@patches.around("ministack.core.lambda_runtime.invalidate_worker")
@patches.around("ministack.services.lambda_svc.invalidate_worker")
def retire_workers(original: Any, name: str, *arguments: Any, **scope: Any) -> None:
    """Drop a function's workers; those at work when they have finished (`release_worker`)."""
    with lambda_runtime._lock:
        for key, workers in list(lambda_runtime._workers.items()):
            if f":{name}:" in key:
                busy = [worker for worker in workers if worker.in_use]
                lambda_runtime._workers[key] = [worker for worker in workers if worker not in busy]
                lambda_runtime._workers.setdefault(_RETIRED, []).extend(busy)
    original(name, *arguments, **scope)


@patches.around("ministack.services.lambda_svc.release_worker")
def release_worker(original: Any, worker: Any) -> None:
    """Take a worker back after an invocation, or end it if its function has changed meanwhile."""
    original(worker)
    with lambda_runtime._lock:
        retired = lambda_runtime._workers.get(_RETIRED, [])
        if worker not in retired:
            return
        retired.remove(worker)
    worker.kill()


@patches.around("ministack.services.lambda_svc._emit_lambda_logs")
def write_log(original: Any, function: dict[str, Any], *entry: Any, **more: Any) -> None:
    """Write what a function logged, if its role may."""
    configuration = function["config"]
    group = configuration.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{configuration['FunctionName']}"
    arn = f"arn:aws:logs:{get_region()}:{get_account_id()}:log-group:{group}:log-stream:any"
    if all(iam.role_may(configuration["Role"], _SERVICE, f"logs:{name}", arn) for name in _LOGGING):
        original(function, *entry, **more)


@patches.around("ministack.services.lambda_svc._put_event_invoke_config")
def put_event_invoke_config(original: Any, name: str, qualifier: str | None, parameters: dict[str, Any]) -> Any:
    """PutFunctionEventInvokeConfig, for CloudFormation too."""
    destination = parameters.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination", "")
    role = lambda_svc._functions[name]["config"]["Role"]
    if ":sqs:" in destination and not iam.role_may(role, _SERVICE, "sqs:SendMessage", destination):
        message = f"The function's execution role does not have permissions to call SendMessage on {destination}"
        return lambda_svc._invalid_parameter_value(message)
    return original(name, qualifier, parameters)


@patches.around("ministack.services.lambda_svc._create_esm")
def create_event_source_mapping(original: Any, parameters: dict[str, Any]) -> Any:
    """CreateEventSourceMapping."""
    refusal = _refusal(parameters)
    return lambda_svc._invalid_parameter_value(refusal) if refusal else original(parameters)


@patches.around("ministack.services.lambda_svc._update_esm")
def update_event_source_mapping(original: Any, identifier: str, parameters: dict[str, Any]) -> Any:
    """UpdateEventSourceMapping."""
    refusal = _refusal({**lambda_svc._esms.get(identifier, {}), **parameters})
    return lambda_svc._invalid_parameter_value(refusal) if refusal else original(identifier, parameters)


@patches.around("ministack.services.cloudformation.stacks._provision_resource")
def provision_resource(original: Any, kind: str, logical_id: str, properties: dict[str, Any], stack: str) -> Any:
    """CloudFormation creates a resource: a mapping by another way than the API's."""
    _raise_refusal(kind, properties)
    return original(kind, logical_id, properties, stack)


@patches.around("ministack.services.cloudformation.stacks._update_resource")
def update_resource(original: Any, kind: str, physical_id: str, old: Any, new: dict[str, Any], *more: Any) -> Any:
    """CloudFormation updates a resource."""
    _raise_refusal(kind, new)
    return original(kind, physical_id, old, new, *more)


def _raise_refusal(kind: str, properties: dict[str, Any]) -> None:
    refusal = _refusal(properties) if kind == "AWS::Lambda::EventSourceMapping" else None
    if refusal:
        raise ValueError(f"Invalid request provided: {refusal}")


def _refusal(mapping: dict[str, Any]) -> str | None:
    """Why AWS would not accept a mapping of a queue."""
    arn = str(mapping.get("EventSourceArn", ""))
    queue = sqs._queue_by_arn(arn)
    _, function, _ = lambda_svc._get_func_record_for_ref(mapping.get("FunctionName", ""))
    if queue is None or function is None:
        return None
    visibility, timeout = int(queue["attributes"]["VisibilityTimeout"]), int(function["Timeout"])
    if visibility < timeout:
        return f"Queue visibility timeout: {visibility} seconds is less than Function timeout: {timeout} seconds"
    window = int(mapping.get("MaximumBatchingWindowInSeconds") or 0)
    if int(mapping.get("BatchSize") or _DEFAULT_BATCH) > _DEFAULT_BATCH and not window:
        return "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
    for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"):
        if not iam.role_may(function["Role"], _SERVICE, f"sqs:{action}", arn):
            return f"The function execution role does not have permissions to call {action} on SQS"
    return None
