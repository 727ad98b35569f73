"""The worker's door: from Lambda's event to a batch, and back to SQS's partial batch response."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypedDict

from alternate_contacts.worker import aws
from alternate_contacts.worker.account_processor import AccountProcessor
from alternate_contacts.worker.batch import ACCOUNTS_AT_A_TIME, BatchProcessor, QueueRecord
from alternate_contacts.worker.contacts import ContactType
from alternate_contacts.worker.paced_api import PacedAccountApi
from alternate_contacts.worker.pacing import Pacer
from alternate_contacts.worker.settings import WorkerSettings
from alternate_contacts.worker.telemetry import WorkerTelemetry, logger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_CALLS_AT_A_TIME = ACCOUNTS_AT_A_TIME * len(ContactType)

_RESERVE = 60
"""Seconds kept at the end of an invocation for calls that hang: one of the account API (15 s), two of Organizations to
explain it, and one of SQS (13 s each: two attempts of 6 s, and a second between them): 15 + 3 x 13 = 54 s."""


class _SqsRecord(TypedDict):
    messageId: str
    receiptHandle: str
    body: str
    attributes: dict[str, str]


class _SqsEvent(TypedDict):
    Records: list[_SqsRecord]


class _Failure(TypedDict):
    itemIdentifier: str


class _PartialBatchResponse(TypedDict):
    batchItemFailures: list[_Failure]


# Built once for each execution environment: the pacers must live as long as the quota remembers.
_settings = WorkerSettings.read(os.environ)
_telemetry = WorkerTelemetry()
_batch = BatchProcessor(
    AccountProcessor(
        PacedAccountApi(
            aws.AwsAccountApi(aws.account_client(_CALLS_AT_A_TIME)),
            gets=Pacer(_settings.get_rate, _settings.get_burst),
            puts=Pacer(_settings.put_rate, _settings.put_burst),
        ),
        aws.AwsOrganizationLookup(aws.organizations_client()),
        _settings.assignments,
        own_account_id=_settings.management_account_id,
        mode=_settings.mode,
        pool=ThreadPoolExecutor(_CALLS_AT_A_TIME, "call"),
    ),
    aws.AwsMessageQueues(
        aws.sqs_client(),
        account_queue_url=_settings.account_queue_url,
        failed_account_queue_url=_settings.failed_account_queue_url,
    ),
    _telemetry,
    max_tries=_settings.max_tries,
    pool=ThreadPoolExecutor(ACCOUNTS_AT_A_TIME, "account"),
)


@logger.inject_lambda_context(log_event=False)
def lambda_handler(event: _SqsEvent, context: "LambdaContext") -> _PartialBatchResponse:
    """Work off one batch of AccountQueue; the answer names the messages that stay on the queue."""
    deadline = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - _RESERVE
    records = [
        QueueRecord(
            message_id=record["messageId"],
            receipt_handle=record["receiptHandle"],
            body=record["body"],
            tries=int(record["attributes"]["ApproximateReceiveCount"]),
        )
        for record in event["Records"]
    ]
    kept = _batch.process_batch(records, deadline=deadline)
    _telemetry.flush()
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in kept]}
