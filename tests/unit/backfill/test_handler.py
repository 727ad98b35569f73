"""The entry point, as Lambda imports it: with an environment that it cannot use."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from alternate_contacts.backfill.errors import BackfillError
from tests.fakes.cloudformation import SIGNATURE, custom_resource_event

ROOT = Path(__file__).parents[3]
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


def run(*events: object) -> list[Any]:
    """Return the responses to CloudFormation, and the errors as type and text."""
    finished = subprocess.run(  # noqa: S603
        [sys.executable, "-c", PROGRAM],
        input=json.dumps(events),
        env={"PYTHONPATH": str(ROOT / "custom-resources"), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in finished.stderr.splitlines()]


def test_the_handler_responds_once_to_each_request_even_without_settings() -> None:
    create, delete, invocation = run(
        custom_resource_event("Create"), custom_resource_event("Delete"), {"trigger": "manual"}
    )
    assert (create["RequestId"], create["Status"]) == ("Create 1", "FAILED")
    assert (delete["RequestId"], delete["Status"]) == ("Delete 1", "SUCCESS")
    assert invocation[0] == BackfillError.__name__


def test_a_payload_that_is_no_object_gets_the_same_message_as_any_invalid_input() -> None:
    payloads = [None, True, 5, 1.5, "RequestType", "", [], ["RequestType"], [{"RequestType": "Create"}]]
    assert run(*payloads) == run({"any": "thing"}) * len(payloads)


def test_a_request_that_is_not_from_cloudformation_is_an_error_without_its_content() -> None:
    secret = custom_resource_event("Create", StackId=None)
    errors = run({"RequestType": "Create"}, {"RequestType": None}, {"RequestType": ["Create"]}, secret)
    assert [name for name, _ in errors] == [BackfillError.__name__] * 4
    assert SIGNATURE not in str(errors)
