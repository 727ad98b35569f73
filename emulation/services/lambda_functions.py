"""Lambda: the environment of functions, their logs and errors, and the rules of roles and event source mappings.

AWS (Lambda developer guide: configuration-envvars.html, lambda-runtime-environment.html, python-exceptions.html,
services-sqs-configure.html; API_Invoke.html):

* A function has its own files, the runtime's boto3, and the environment variables of Lambda and of its configuration.
* A change of a function replaces its execution environments; a running invocation keeps the old one until it ends.
* A payload that is not JSON is rejected with InvalidRequestContentException. The error of a function has the class of
  its exception, and the stack trace.
* A function is rejected if Lambda may not assume its role. Without the permission of that role there is no log, an
  OnFailure queue is rejected, it gets no failed invocation (invocation-async-retain-records.html), and a mapping
  receives no message.
* CreateEventSourceMapping of a queue is rejected if the queue's visibility timeout is shorter than the function's
  timeout, if the batch size is over 10 without a batching window, if the function's role may not receive and delete
  messages and read the queue's attributes, and if the function already has a mapping of that queue. The text of the
  last error is recorded in https://github.com/DataBiosphere/azul/issues/3399, its form in CloudFormation in
  https://github.com/getlift/lift/issues/295.
* With a batching window, Lambda gathers messages of a queue for that time, at most a batch, before it invokes the
  function (API_CreateEventSourceMapping.html). Here the window is divided by `delay_speed`, and messages are received
  at its end; AWS receives them as they arrive.

ministack runs functions with its own interpreter, packages and environment, kills running invocations when a function
changes, replaces an invalid payload by an empty event, calls each error Runtime.HandlerError, checks neither the role
nor the mapping, and ignores the batching window of a queue.
"""

import json
import re
import subprocess
import time
from contextvars import ContextVar
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from ministack import app
from ministack.core import lambda_runtime
from ministack.core.concurrency import esm_wake
from ministack.core.responses import error_response_json, get_account_id, get_region
from ministack.services import lambda_svc, sqs

from emulation.services import iam
from emulation.services import sqs as queues
from emulation.services.patching import Patches
from emulation.settings import RUNTIME, Settings

patches = Patches()

_SERVICE = "lambda.amazonaws.com"
_LOGGING = ("CreateLogStream", "PutLogEvents")
_DEFAULT_BATCH = 10
#: The key of ministack's worker pool for running workers whose function has changed.
_RETIRED = "retired"
_delay_speed = 1.0
_resets = 0
#: The number of resets before an asynchronous invocation, whose retries have its context.
_resets_before: ContextVar[int] = ContextVar("resets_before")
#: The end of the batching window that is open, by mapping.
_windows: dict[str, float] = {}
#: The environment of a function besides its own variables: Lambda's variables, the emulation's endpoint and certificate
#: authority, and those of ministack's worker script (their names begin with an underscore).
_PASSED_ON = re.compile(r"AWS_.+|LAMBDA_TASK_ROOT|LANG|PATH|SSL_CERT_FILE|TMPDIR|TZ|_LAMBDA_.+")
#: The worker script reports the text of an exception only. This marks a text that has the whole error as JSON.
_ERROR = "emulation-error:"
_REPORTED = '"error": str(e)'
_REPORTED_WHOLE = f"""\
"error": "{_ERROR}" + json.dumps({{
    "errorMessage": str(e), "errorType": type(e).__name__,
    "stackTrace": [frame.replace(code_dir, "/var/task") for frame in traceback.format_tb(e.__traceback__)[1:]],
}})"""


def configure(settings: Settings) -> None:
    """Set the divisor of batching windows."""
    global _delay_speed
    _delay_speed = settings.delay_speed


def start_function(command: list[str], *, cwd: str, env: dict[str, str], **pipes: Any) -> subprocess.Popen[str]:
    """Start a worker with the environment of Lambda instead of ministack's.

    ministack's worker script sets the function's own variables before it imports the handler.
    """
    environment = {name: value for name, value in env.items() if _PASSED_ON.fullmatch(name)}
    # Without HOME, the SDK would read the AWS settings of the user who runs the emulation.
    environment["HOME"] = cwd
    python, *script = command
    # Without byte code, as in Lambda, where the code of a function is read-only.
    return subprocess.Popen([python, "-B", *script], cwd=cwd, env=environment, **pipes)  # noqa: S603


patches.value("ministack.core.lambda_runtime.subprocess", SimpleNamespace(Popen=start_function, PIPE=subprocess.PIPE))


@patches.around("ministack.core.lambda_runtime._detect_runtime_binary")
def interpreter(original: Any, runtime: str) -> tuple[str, str]:
    """Return the interpreter and the worker script of a function."""
    binary, script = original(runtime)
    if not runtime.startswith("python"):
        return binary, script
    if _REPORTED not in script:
        raise LookupError(f"ministack's worker script has no {_REPORTED}")
    return str(RUNTIME), script.replace(_REPORTED, _REPORTED_WHOLE)


@patches.around("ministack.services.lambda_svc.reset")
def reset(original: Any) -> None:
    """Delete the functions and their asynchronous invocations, which ministack would retry."""
    global _resets
    _resets += 1
    original()


@patches.around("ministack.services.lambda_svc.invoke_async_with_retry")
def invoke_asynchronously(original: Any, function: dict[str, Any], event: Any) -> None:
    """Invoke a function until it succeeds, its retries are used up, or everything is reset."""
    token = _resets_before.set(_resets)
    original(function, event)
    _resets_before.reset(token)


@patches.around("ministack.services.lambda_svc._execute_function")
def run_unless_reset(original: Any, function: dict[str, Any], event: Any) -> dict[str, Any]:
    """Run a function, unless this is a retry from before a reset."""
    if _resets_before.get(_resets) != _resets:
        return {"body": None}
    result: dict[str, Any] = original(function, event)
    return result


@patches.around("ministack.services.lambda_svc._execute_function_warm")
def execute_function(original: Any, function: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
    """Run a function; its error is the one of the exception."""
    result: dict[str, Any] = original(function, event, request_id)
    if result.get("error") and _ERROR in result["body"]["errorMessage"]:
        during_init, _, encoded = result["body"]["errorMessage"].partition(_ERROR)
        error = json.loads(encoded)
        if during_init and error["errorType"] in ("ImportError", "ModuleNotFoundError"):
            module = function["config"]["Handler"].rpartition(".")[0]
            error["errorType"] = "Runtime.ImportModuleError"
            error["errorMessage"] = f"Unable to import module '{module}': {error['errorMessage']}"
        result["body"] = {**error, "requestId": request_id}
    return result


@patches.around("ministack.services.lambda_svc.handle_request")
async def handle_request(original: Any, method: str, path: str, headers: Any, body: bytes, query: Any) -> Any:
    """Reject an invocation whose payload is not JSON."""
    if method == "POST" and path.endswith("/invocations") and body:
        try:
            json.loads(body, parse_constant=_reject_constant)
        except ValueError as error:
            message = f"Could not parse request body into json: {error}"
            return error_response_json("InvalidRequestContentException", message, 400)
    return await original(method, path, headers, body, query)


@patches.around("ministack.services.lambda_svc._create_function")
def create_function(original: Any, parameters: dict[str, Any]) -> Any:
    """Create a function whose role Lambda may assume."""
    violation = _role_violation(parameters.get("Role", ""), lambda_svc._func_arn(parameters.get("FunctionName", "")))
    return lambda_svc._invalid_parameter_value(violation) if violation else original(parameters)


@patches.around("ministack.services.lambda_svc._update_config")
def update_function_configuration(original: Any, name: str, parameters: dict[str, Any]) -> Any:
    """Update a function unless Lambda may not assume the new role; CloudFormation calls this too."""
    violation = _role_violation(parameters["Role"], lambda_svc._func_arn(name)) if "Role" in parameters else None
    return lambda_svc._invalid_parameter_value(violation) if violation else original(name, parameters)


@patches.around("ministack.core.lambda_runtime.invalidate_worker")
@patches.around("ministack.services.lambda_svc.invalidate_worker")
def retire_workers(original: Any, name: str, *arguments: Any, **scope: Any) -> None:
    """Stop a function's workers; `release_worker` stops the running ones when they have finished."""
    with lambda_runtime._lock:
        for key, workers in list(lambda_runtime._workers.items()):
            if f":{name}:" in key:
                busy = [worker for worker in workers if worker.in_use]
                lambda_runtime._workers[key] = [worker for worker in workers if worker not in busy]
                lambda_runtime._workers.setdefault(_RETIRED, []).extend(busy)
    original(name, *arguments, **scope)


@patches.around("ministack.services.lambda_svc.release_worker")
def release_worker(original: Any, worker: Any) -> None:
    """Return a worker to the pool after an invocation, or stop it if its function has changed."""
    original(worker)
    with lambda_runtime._lock:
        retired = lambda_runtime._workers.get(_RETIRED, [])
        if worker not in retired:
            return
        retired.remove(worker)
    worker.kill()


@patches.around("ministack.services.lambda_svc._emit_lambda_logs")
def write_log(original: Any, function: dict[str, Any], *entry: Any, **more: Any) -> None:
    """Write a function's log if its role allows it."""
    configuration = function["config"]
    group = configuration.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{configuration['FunctionName']}"
    arn = f"arn:aws:logs:{get_region()}:{get_account_id()}:log-group:{group}:log-stream:any"
    source = lambda_svc._func_arn(configuration["FunctionName"])
    if all(iam.role_may(configuration["Role"], _SERVICE, source, f"logs:{name}", arn) for name in _LOGGING):
        original(function, *entry, **more)


@patches.around("ministack.services.lambda_svc._put_event_invoke_config")
def put_event_invoke_config(original: Any, name: str, qualifier: str | None, parameters: dict[str, Any]) -> Any:
    """Check the OnFailure queue; CloudFormation calls this too."""
    destination = parameters.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination", "")
    role = lambda_svc._functions[name]["config"]["Role"]
    if ":sqs:" in destination and not iam.role_may(
        role, _SERVICE, lambda_svc._func_arn(name), "sqs:SendMessage", destination
    ):
        message = f"The function's execution role does not have permissions to call SendMessage on {destination}"
        return lambda_svc._invalid_parameter_value(message)
    return original(name, qualifier, parameters)


@patches.around("ministack.services.lambda_svc._route_async_failure")
def send_failed_invocation(original: Any, destination: str, name: str, *invocation: Any) -> None:
    """Send a failed invocation to the OnFailure queue if the role of the function allows it."""
    role, source = lambda_svc._functions[name]["config"]["Role"], lambda_svc._func_arn(name)
    if iam.role_may_use(role, _SERVICE, source, "sqs:SendMessage", destination):
        with queues.lock:
            original(destination, name, *invocation)


@patches.around("ministack.services.lambda_svc._create_esm")
def create_event_source_mapping(original: Any, parameters: dict[str, Any]) -> Any:
    """Create a mapping that passes the checks."""
    violation = _violation(parameters)
    return violation.response() if violation else original(parameters)


@patches.around("ministack.services.lambda_svc._update_esm")
def update_event_source_mapping(original: Any, mapping_id: str, parameters: dict[str, Any]) -> Any:
    """Update a mapping to one that passes the checks."""
    violation = _violation({**lambda_svc._esms.get(mapping_id, {}), **parameters}, mapping_id)
    return violation.response() if violation else original(mapping_id, parameters)


@patches.around("ministack.services.lambda_svc._sqs_esm_concurrency")
def free_concurrency(
    original: Any, mapping: dict[str, Any], function: Any, configuration: Any, queue: dict[str, Any]
) -> int:
    """Return how many batches of a mapping may be in flight: none while messages are gathered for the next one.

    The poller asks before it receives a batch.
    """
    source = lambda_svc._func_arn(configuration["FunctionName"])
    if not iam.role_may_use(configuration["Role"], _SERVICE, source, "sqs:ReceiveMessage", mapping["EventSourceArn"]):
        return 0
    window = int(mapping.get("MaximumBatchingWindowInSeconds") or 0) / _delay_speed
    if window and not _is_gathered(mapping, queue, window):
        return 0
    return int(original(mapping, function, configuration, queue))


def _is_gathered(mapping: dict[str, Any], queue: dict[str, Any], window: float) -> bool:
    """Return whether the window is over or a batch is complete. The first message opens a window."""
    mapping_id, visible = mapping["UUID"], len(queues.visible(queue))
    if not visible:
        _windows.pop(mapping_id, None)
        return True
    end = _windows.setdefault(mapping_id, time.time() + window)
    remaining = end - time.time()
    if remaining > 0 and visible < mapping.get("BatchSize", _DEFAULT_BATCH):
        loop = app._MAIN_LOOP
        loop.call_soon_threadsafe(loop.call_later, remaining, esm_wake.set)
        return False
    del _windows[mapping_id]
    return True


@dataclass(frozen=True)
class _Violation:
    """Why Lambda rejects an event source mapping."""

    message: str
    already_exists: bool = False

    def response(self) -> Any:
        """Return the error of the Lambda API."""
        if self.already_exists:
            return error_response_json("ResourceConflictException", self.message, 409)
        return lambda_svc._invalid_parameter_value(self.message)

    def status_reason(self) -> str:
        """Return the ResourceStatusReason of CloudFormation."""
        code, prefix = (
            ("AlreadyExists", "") if self.already_exists else ("InvalidRequest", "Invalid request provided: ")
        )
        return f'Resource handler returned message: "{prefix}{self.message}" (HandlerErrorCode: {code})'


def check_resource(resource_type: str, properties: dict[str, Any], mapping_id: str | None = None) -> None:
    """Check an event source mapping of CloudFormation, which does not call the API for it.

    Raises:
        ValueError: Lambda rejects the mapping.
    """
    violation = _violation(properties, mapping_id) if resource_type == "AWS::Lambda::EventSourceMapping" else None
    if violation:
        raise ValueError(violation.status_reason())


def check_created(resource_type: str, physical_id: str) -> None:
    """Check a function that CloudFormation created, whose name was not known before; remove it if it is invalid.

    Raises:
        ValueError: Lambda may not assume the function's role.
    """
    if resource_type != "AWS::Lambda::Function":
        return
    configuration = lambda_svc._functions[physical_id]["config"]
    violation = _role_violation(configuration["Role"], configuration["FunctionArn"])
    if violation:
        del lambda_svc._functions[physical_id]
        raise ValueError(_Violation(violation).status_reason())


def _role_violation(role: str, function_arn: str) -> str | None:
    assumable = iam.may_assume(role, _SERVICE, function_arn)
    return None if assumable else "The role defined for the function cannot be assumed by Lambda."


def _reject_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _violation(mapping: dict[str, Any], mapping_id: str | None = None) -> _Violation | None:
    """Check a mapping of a queue; `mapping_id` is its own UUID if it exists."""
    arn = str(mapping.get("EventSourceArn", ""))
    queue = sqs._queue_by_arn(arn)
    _, function, _ = lambda_svc._get_func_record_for_ref(mapping.get("FunctionName", ""))
    if queue is None or function is None:
        return None
    name, qualifier = lambda_svc._resolve_name_and_qualifier(mapping["FunctionName"])
    for other in lambda_svc._esms.values():
        same = (other["EventSourceArn"], other["FunctionName"], other["Qualifier"]) == (arn, name, qualifier)
        if same and other["UUID"] != mapping_id:
            pair = f'An event source mapping with SQS arn (" {arn} ") and function (" {name} ") already exists.'
            advice = f"Please update or delete the existing mapping with UUID {other['UUID']}"
            return _Violation(f"{pair} {advice}", already_exists=True)
    visibility, timeout = int(queue["attributes"]["VisibilityTimeout"]), int(function["Timeout"])
    if visibility < timeout:
        return _Violation(
            f"Queue visibility timeout: {visibility} seconds is less than Function timeout: {timeout} seconds"
        )
    window = int(mapping.get("MaximumBatchingWindowInSeconds") or 0)
    if int(mapping.get("BatchSize") or _DEFAULT_BATCH) > _DEFAULT_BATCH and not window:
        return _Violation(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
        )
    for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"):
        if not iam.role_may(function["Role"], _SERVICE, lambda_svc._func_arn(name), f"sqs:{action}", arn):
            return _Violation(f"The function execution role does not have permissions to call {action} on SQS")
    return None
