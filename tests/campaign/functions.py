"""Load the two functions as Lambda does, in virtual time: their real handlers, with every module as it is shipped.

What reads a clock, waits or starts a thread is found by identity: every global and every default of a parameter that is
`time.monotonic`, `ThreadPoolExecutor` and so on is replaced by that of `VirtualTime`. No list of names can get out of
date, and the functions need no parameter for it.
"""

import concurrent.futures
import importlib.util
import inspect
import logging
import os
import pkgutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stdout
from importlib import import_module
from types import FunctionType, ModuleType, SimpleNamespace
from typing import Any, TextIO
from unittest.mock import patch

import boto3
import botocore.endpoint
from aws_lambda_powertools.logging import Logger

from alternate_contacts import backfill, worker
from alternate_contacts.backfill.response import CustomResourceRequest, CustomResourceResponse, send_response
from tests.campaign.virtual_time import VirtualTime

Handler = Callable[[Any, Any], Any]


@contextmanager
def in_virtual_time(
    virtual: VirtualTime,
    session: boto3.Session,
    *,
    output: TextIO,
    on_response: Callable[[CustomResourceRequest, CustomResourceResponse], None],
) -> Iterator[Callable[[str, Mapping[str, str]], Handler]]:
    """Run both functions in virtual time within the context.

    Args:
        virtual: the time.
        session: opens the clients of both functions.
        output: gets what the functions print: log lines and metrics.
        on_response: gets the responses to CloudFormation.

    Yields:
        A function that starts an execution environment: it takes ``worker`` or ``backfill`` and the environment
        variables, and returns a handler with a state of its own.
    """
    replacements: list[tuple[object, object]] = [
        (time.monotonic, virtual.monotonic),
        (time.sleep, virtual.sleep),
        (threading.Event, virtual.event),
        (concurrent.futures.ThreadPoolExecutor, virtual.executor),
        (concurrent.futures.wait, virtual.wait),
        (time, SimpleNamespace(**{**vars(time), "monotonic": virtual.monotonic, "sleep": virtual.sleep})),
        (threading, SimpleNamespace(**{**vars(threading), "Lock": virtual.lock, "Event": virtual.event})),
        (boto3, SimpleNamespace(client=session.client, Session=lambda: session)),
        (boto3.Session, lambda: session),
        (send_response, on_response),
    ]
    with ExitStack() as stack:
        stack.enter_context(redirect_stdout(output))
        for module in [botocore.endpoint, *_modules()]:
            _replace(module, replacements, stack)

        def start(part: str, variables: Mapping[str, str]) -> Handler:
            spec = importlib.util.find_spec(f"alternate_contacts.{part}.handler")
            if spec is None or spec.loader is None:
                raise AssertionError("each function has a handler")
            module = importlib.util.module_from_spec(spec)
            with patch.dict(os.environ, variables):
                spec.loader.exec_module(module)
            _replace(module, replacements, stack)
            for handler in Logger(service=part).handlers:
                if isinstance(handler, logging.StreamHandler):
                    stack.callback(handler.setStream, handler.setStream(output) or output)
            lambda_handler: Handler = module.lambda_handler
            return lambda_handler

        yield start


def _modules() -> list[ModuleType]:
    """Return all modules of both functions but the handlers, which start an environment when they are imported."""
    return [
        import_module(f"{package.__name__}.{found.name}")
        for package in (worker, backfill)
        for found in pkgutil.iter_modules(package.__path__)
        if found.name != "handler"
    ]


def _replace(module: ModuleType, replacements: list[tuple[object, object]], stack: ExitStack) -> None:
    for name, value in list(vars(module).items()):
        for original, replacement in replacements:
            # `telemetry` writes with the real logging, and `send_response` is replaced where it is a default only.
            if value is original and inspect.getmodule(value) is not module:
                stack.enter_context(patch.object(module, name, replacement))
        for function in _functions(value):
            if function.__module__ == module.__name__ and function.__kwdefaults__:
                for parameter, default in list(function.__kwdefaults__.items()):
                    for original, replacement in replacements:
                        if default is original:
                            stack.enter_context(patch.dict(function.__kwdefaults__, {parameter: replacement}))


def _functions(value: object) -> list[FunctionType]:
    members = vars(value).values() if inspect.isclass(value) else [value]
    return [member for member in members if isinstance(member, FunctionType)]
