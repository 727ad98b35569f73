"""The backfill's door: CloudFormation gets exactly one answer, the schedule and the operator a result or an error."""

import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime
from threading import Event
from typing import TYPE_CHECKING, Any, TypeVar

from aws_lambda_powertools.utilities.data_classes import CloudFormationCustomResourceEvent
from botocore.exceptions import BotoCoreError, ClientError

from alternate_contacts.backfill import aws, invocation, telemetry
from alternate_contacts.backfill.counts import BackfillCounts
from alternate_contacts.backfill.errors import BackfillError
from alternate_contacts.backfill.protocol import Trigger
from alternate_contacts.backfill.response import CustomResourceRequest, CustomResourceResponse, send_response
from alternate_contacts.backfill.service import BackfillService, report_backfill_age
from alternate_contacts.backfill.settings import BackfillSettings
from alternate_contacts.backfill.telemetry import BackfillTelemetry, logger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

Result = TypeVar("Result")

_RESERVE = 75
"""Seconds kept at the end of an invocation: to ask whether the stack rolls back (2 x 8), and to tell CloudFormation."""


@logger.inject_lambda_context(log_event=False)
def lambda_handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any] | None:
    """Answer one request of CloudFormation, or do what the schedule or the operator asks for."""
    deadline = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - _RESERVE
    if "RequestType" in event:
        _answer_cloudformation(CloudFormationCustomResourceEvent(event), deadline)
        return None
    return _serve(event, deadline)


def _answer_cloudformation(request: CloudFormationCustomResourceEvent, deadline: float) -> None:
    answer = _answer(request, deadline)
    log = logger.info if answer.success else logger.error
    log(
        "answering CloudFormation",
        extra={"request": request.request_type, "success": answer.success, "why": answer.reason},
    )
    send_response(
        CustomResourceRequest(
            stack_id=request.stack_id,
            request_id=request.request_id,
            logical_resource_id=request.logical_resource_id,
            # Stable: another id would make CloudFormation delete the one before.
            physical_resource_id=request.physical_resource_id or f"{request.stack_id}/{request.logical_resource_id}",
            response_url=request.response_url,
        ),
        answer,
    )


def _answer(request: CloudFormationCustomResourceEvent, deadline: float) -> CustomResourceResponse:
    figures = BackfillCounts()
    if request.request_type == "Delete":
        kept = "The contacts stay as they are."
        return CustomResourceResponse(success=True, reason=kept, data=_data(figures, kept))

    def work(stop: Event) -> str:
        settings, service = _service()
        if not settings.enabled:
            return "The package is disabled: nothing was put on AccountQueue. Enabling it starts a backfill."
        # A worker at work may still have the old contacts.
        delay = settings.update_delay if request.request_type == "Update" else 0
        service.backfill(Trigger.BACKFILL, settings.mode, delay=delay, figures=figures, stop=stop)
        return figures.summary()

    try:
        summary = _until(deadline, work, figures)
    except Exception as error:  # noqa: BLE001 - CloudFormation waits for hours if nobody answers
        sentence = _sentence(error)
        # A second failure would leave the stack in UPDATE_ROLLBACK_FAILED, and nobody could deploy the remedy.
        if request.request_type == "Update" and _rolls_back(request.stack_id):
            return CustomResourceResponse(
                success=True, reason=f"Rolled back all the same: {sentence}", data=_data(figures, sentence)
            )
        return CustomResourceResponse(success=False, reason=sentence)
    return CustomResourceResponse(success=True, reason=summary, data=_data(figures, summary))


def _serve(event: dict[str, Any], deadline: float) -> dict[str, Any]:
    figures = BackfillCounts()
    try:
        asked = invocation.parse_invocation(event)
        if asked is None:
            days = report_backfill_age(
                aws.last_backfill(aws.cloudwatch_client()), BackfillTelemetry(), datetime.now(UTC)
            )
            return {"daysSinceBackfill": days}
        reason, mode = asked.reason, asked.mode
        served = _until(deadline, lambda stop: _service()[1].serve(reason, mode, figures=figures, stop=stop), figures)
    except Exception as error:  # noqa: BLE001 - whatever it is, its message stays here
        sentence = _sentence(error)
        logger.error("backfill failed", extra={"why": sentence})
        if event.get("reason") == Trigger.RECONCILE and figures.enqueued:
            _keep_what_lambdas_retry_would_hide(event)
        # Raised anew, for whoever called and for UndeliveredQueue: the error itself may repeat what it was given.
        raise BackfillError(sentence) from None
    return {
        "summary": figures.summary() if served else "Letters still wait on AccountQueue: stood back.",
        "listed": figures.listed,
        "enqueued": figures.enqueued,
        "skipped": dict(figures.skipped),
        "stoodBack": not served,
    }


def _keep_what_lambdas_retry_would_hide(event: dict[str, Any]) -> None:
    """Lambda tries once more, finds the letters of the first try waiting, stands back, and so succeeds."""
    try:
        url = BackfillSettings.read(os.environ).undelivered_queue_url
        aws.AwsBackfillQueue(aws.sqs_client(), url).send(
            [json.dumps({"requestPayload": {"reason": event["reason"]}})], delay=0
        )
    except Exception as error:  # noqa: BLE001 - what failed first is what is to be told
        logger.error("the failed reconcile was not kept", extra={"error": type(error).__name__})


def _service() -> tuple[BackfillSettings, BackfillService]:
    settings = BackfillSettings.read(os.environ)
    organization = aws.AwsAccountDirectory(
        aws.organizations_client(),
        aws.account_client(),
        region=settings.region,
        account_id=settings.management_account_id,
    )
    queue = aws.AwsBackfillQueue(aws.sqs_client(), settings.account_queue_url)
    return settings, BackfillService(settings, organization, queue, BackfillTelemetry(), aws.refusal)


def _until(deadline: float, work: Callable[[Event], Result], figures: BackfillCounts) -> Result:
    """What ``work`` returns, but no later than ``deadline``, even where a call hangs; ``work`` is then told to stop."""
    stop = Event()
    pool = ThreadPoolExecutor(1, "backfill")
    future = pool.submit(work, stop)
    wait([future], timeout=max(deadline - time.monotonic(), 0))
    stop.set()
    pool.shutdown(wait=False)
    if not future.done():
        raise BackfillError(f"Time ran out before every account was listed: {figures.summary()}.")
    return future.result()


def _sentence(error: Exception) -> str:
    """What to tell of an error: AWS's code, never its message, which may repeat what it was given."""
    if isinstance(error, BackfillError):
        return str(error)
    if isinstance(error, ClientError):
        code = error.response.get("Error", {}).get("Code", "none")
        return aws.refusal(error) or (
            f"{error.operation_name} was refused: {code}. Try again; if it stays so, look that code up in AWS's "
            "documentation of the operation."
        )
    if isinstance(error, BotoCoreError):
        return f"AWS could not be reached: {type(error).__name__}."
    telemetry.unforeseen(error)
    return f"Unforeseen {type(error).__name__}. See the log of BackfillFunction."


def _rolls_back(stack_id: str) -> bool:
    try:
        return aws.rolls_back(aws.cloudformation_client(), stack_id)
    except Exception as error:  # noqa: BLE001 - CloudFormation waits for hours if nobody answers
        logger.error("the stack's status is unknown", extra={"error": type(error).__name__})
        return False


def _data(figures: BackfillCounts, summary: str) -> dict[str, str]:
    """Every attribute that the template's outputs read, in every success."""
    return {
        "Summary": summary,
        "Listed": str(figures.listed),
        "Enqueued": str(figures.enqueued),
        "Skipped": figures.skipped_by_state(),
    }
