"""Says so if a call to AWS gets no response: without it, a hanging network looks like a slow command."""

import threading
from typing import TYPE_CHECKING, Any

from alternate_contacts.cli.terminal import output

if TYPE_CHECKING:
    from botocore.model import OperationModel

PATIENCE_SECONDS = 8.0
"""A call with a response takes a second or two. `_LONG` calls take longer by design."""
_LONG = frozenset({"Invoke"})
"""BackfillFunction lists the whole organization before it responds."""


def watch_for_hanging_calls(events: Any) -> None:
    """Print a note when a call of a client with these botocore ``events`` has no response after `PATIENCE_SECONDS`.

    botocore's retries are part of the call. The note is printed once per call.
    """
    for event, handler in (
        ("before-call", _start_timer),
        ("after-call", _stop_timer),
        ("after-call-error", _stop_timer),
    ):
        events.register(event, handler, unique_id=f"{__name__}.{event}")


def _start_timer(model: "OperationModel", context: dict[str, Any], **_: object) -> None:
    if model.name in _LONG:
        return
    service = model.service_model.endpoint_prefix
    note = f"No response from AWS to {model.name} ({service}) for {PATIENCE_SECONDS:g} s. Press Ctrl-C to stop."
    timer = threading.Timer(PATIENCE_SECONDS, lambda: output.notes().print(note))
    timer.daemon = True
    timer.start()
    context[__name__] = timer


def _stop_timer(context: dict[str, Any], **_: object) -> None:
    timer = context.pop(__name__, None)
    if timer is not None:
        timer.cancel()
