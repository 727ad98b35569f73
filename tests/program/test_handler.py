"""The entry point, as Lambda imports it: with an environment that it cannot use."""

import json
import os
import subprocess
import sys
from pathlib import Path

from alternate_contacts.backfill.errors import BackfillError
from tests.fakes.cloudformation import SIGNATURE, custom_resource_event

ROOT = Path(__file__).parents[2]
PROGRAM = """
import io, json, logging, sys, types, urllib.request, urllib.response
from alternate_contacts.backfill import factory, telemetry
assert logging.getLogger("backfill").handlers == [], "an import has an effect"

class Receiver(urllib.request.HTTPSHandler):
    def https_open(self, request):
        sys.stderr.write(request.data.decode() + "\\n")
        response = urllib.response.addinfourl(io.BytesIO(), {}, request.full_url, 200)
        response.msg = "OK"
        return response

urllib.request.install_opener(urllib.request.build_opener(Receiver))
from alternate_contacts.backfill.handler import lambda_handler
context = types.SimpleNamespace(function_name="f", memory_limit_in_mb=256, aws_request_id="1", invoked_function_arn="a",
                                get_remaining_time_in_millis=lambda: 900_000)
for event in json.load(sys.stdin):
    try:
        assert lambda_handler(event, context) is None
    except Exception as error:
        sys.stderr.write(json.dumps([type(error).__name__, str(error)]) + "\\n")
"""


CREATE, DELETE = custom_resource_event("Create"), custom_resource_event("Delete")
NO_OBJECTS = [None, True, 5, 1.5, "RequestType", "", [], ["RequestType"], [{"RequestType": "Create"}]]
INVALID = [
    {"RequestType": "Create"},
    {"RequestType": None},
    {"RequestType": ["Create"]},
    custom_resource_event("Create", StackId=None),
]


def test_the_handler_answers_any_event_once_even_without_settings() -> None:
    """With a response to CloudFormation, or an error of type and text."""
    events = [CREATE, DELETE, {"trigger": "manual"}, *INVALID, {"any": "thing"}, *NO_OBJECTS]
    finished = subprocess.run(  # noqa: S603
        [sys.executable, "-c", PROGRAM],
        input=json.dumps(events),
        env={"PYTHONPATH": str(ROOT / "custom-resources"), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    create, delete, *errors = [json.loads(line) for line in finished.stderr.splitlines()]
    assert (create["RequestId"], create["Status"]) == ("Create 1", "FAILED")
    assert (delete["RequestId"], delete["Status"]) == ("Delete 1", "SUCCESS")
    assert [name for name, _ in errors] == [BackfillError.__name__] * (len(events) - 2)
    assert SIGNATURE not in str(errors)
    # A payload that is no object gets the same message as any invalid input.
    any_thing, *no_objects = errors[1 + len(INVALID) :]
    assert no_objects == [any_thing] * len(NO_OBJECTS)
