"""Build the function from its environment."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache, partial
from threading import Event
from typing import NamedTuple

import boto3

from alternate_contacts.backfill import aws
from alternate_contacts.backfill.custom_resource import CustomResource
from alternate_contacts.backfill.direct_invocation import DirectInvocation
from alternate_contacts.backfill.errors import error_message
from alternate_contacts.backfill.response import CustomResourceRequest, CustomResourceResponse, send_response
from alternate_contacts.backfill.service import BackfillService
from alternate_contacts.backfill.settings import BackfillSettings
from alternate_contacts.backfill.telemetry import BackfillTelemetry


class BackfillFunction(NamedTuple):
    """What runs the invocations of CloudFormation, and those of schedules and operators."""

    telemetry: BackfillTelemetry
    custom_resource: CustomResource
    direct_invocation: DirectInvocation


def build_function(
    environment: Mapping[str, str],
    *,
    open_session: Callable[[], boto3.Session] = boto3.Session,
    send_response: Callable[[CustomResourceRequest, CustomResourceResponse], None] = send_response,
    new_stop: Callable[[], Event] = Event,
) -> BackfillFunction:
    """Build the function, and open the clients that a backfill needs.

    An error, such as a missing environment variable, is not raised here but in each invocation that it concerns: a
    handler that Lambda cannot import would leave CloudFormation without a response.
    """
    telemetry = BackfillTelemetry()

    @cache
    def get_clients() -> aws.AwsClients:
        return aws.AwsClients(open_session())

    @cache
    def get_service() -> BackfillService:
        settings, clients = BackfillSettings.from_environment(environment), get_clients()
        directory = aws.AwsAccountDirectory(
            clients.organizations,
            clients.account,
            region=settings.region,
            account_id=settings.management_account_id,
            contact_type=settings.managed_contact_types[0],
        )
        queue = aws.AwsBackfillQueue(clients.sqs, settings.account_queue_url)
        return BackfillService(
            settings,
            directory,
            queue,
            telemetry,
            aws.describe_aws_error,
            aws.AwsWorkerPermissions(clients, settings.worker_role_arn, settings.managed_contact_types),
            lambda path: aws.read_parameters(clients.ssm, path),
        )

    def get_undelivered_queue() -> aws.AwsBackfillQueue:
        url = BackfillSettings.from_environment(environment).undelivered_queue_url
        return aws.AwsBackfillQueue(get_clients().sqs, url)

    describe = partial(
        error_message, describe_aws_error=aws.describe_aws_error, record_unexpected=telemetry.unexpected_error
    )
    with suppress(Exception):  # `cache` keeps no error: the invocation calls it again, and reports the error
        get_service()
    return BackfillFunction(
        telemetry,
        CustomResource(
            get_service,
            telemetry,
            error_message=describe,
            get_stack_status=lambda stack_id: aws.get_stack_status(get_clients().cloudformation, stack_id),
            send_response=send_response,
            new_stop=new_stop,
        ),
        DirectInvocation(
            get_service,
            telemetry,
            error_message=describe,
            find_last_backfill=lambda since, until: aws.find_last_backfill(get_clients().cloudwatch, since, until),
            get_undelivered_queue=get_undelivered_queue,
            new_stop=new_stop,
        ),
    )
