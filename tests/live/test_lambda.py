"""Lambda: concurrency, asynchronous retries, and log groups."""

import json
import uuid
from datetime import UTC, datetime

import pytest

from tests.live.aws import Aws, skip
from tests.live.cleanup import PREFIX, Cleanup


@pytest.mark.fact(
    "MaximumConcurrency 2 of the event source is never exceeded.",
    otherwise="A third worker causes 429s: the worker's share of the quota in settings.py, or reserved concurrency.",
)
@pytest.mark.aws_only("it has no metric of concurrent executions")
def test_two_workers_and_no_more(aws: Aws) -> None:
    workers = aws.metric(
        "AWS/Lambda", "ConcurrentExecutions", "Maximum", FunctionName=aws.outputs["WorkerFunctionName"]
    )
    if not workers:
        skip("WorkerFunction was not invoked within 14 days")
    assert max(workers) <= 2


@pytest.mark.fact(
    "Lambda retries an asynchronous invocation that failed once, and then sends it to UndeliveredQueue.",
    otherwise="A stack waits for 33 minutes when the backfill is killed: EventInvokeConfig and ServiceTimeout.",
)
@pytest.mark.writes(
    "one failed invocation of BackfillFunction, which is on UndeliveredQueue until it is deleted; "
    "UndeliveredAlarm and BackfillErrorsAlarm may notify you"
)
def test_a_failed_invocation_is_retried_and_kept(aws: Aws, cleanup: Cleanup) -> None:
    trigger, url = f"{PREFIX}{uuid.uuid4()}", aws.outputs["UndeliveredQueueUrl"]
    start = datetime.now(UTC)
    cleanup.add("delete_message", region=aws.region, url=url, text=trigger)
    aws.client("lambda").invoke(
        FunctionName=aws.outputs["BackfillFunctionName"],
        InvocationType="Event",
        Payload=json.dumps({"trigger": trigger}),
    )
    sqs = aws.client("sqs")

    def receive() -> bool:
        response = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return any(trigger in message["Body"] for message in response.get("Messages", []))

    aws.wait_for(receive, 300)
    assert len(aws.wait_for(lambda: aws.backfill_lines("backfill failed", since=start), 120)) == 2


@pytest.mark.fact(
    "A function writes to a log group that CloudFormation has named, and to no other.",
    otherwise="There are no logs and no metrics: LoggingConfig and WriteLogs of template.yaml.",
)
@pytest.mark.parametrize("function", ["Worker", "Backfill"])
def test_the_log_group_of_the_stack_is_used(aws: Aws, function: str) -> None:
    logs = aws.client("logs")
    streams = logs.describe_log_streams(logGroupName=aws.outputs[f"{function}LogGroupName"], limit=1)["logStreams"]
    if not streams:
        skip("the function was not invoked")
    own = f"/aws/lambda/{aws.outputs[f'{function}FunctionName']}"
    assert logs.describe_log_groups(logGroupNamePrefix=own)["logGroups"] == []
