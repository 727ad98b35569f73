"""Build the worker from the environment variables: the one place that connects its parts."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from alternate_contacts.worker import aws
from alternate_contacts.worker.account_processor import AccountProcessor, DesiredContactsFinder
from alternate_contacts.worker.ancestry import LIST_PARENTS_RATE, AncestryReader
from alternate_contacts.worker.batch import ACCOUNTS_AT_A_TIME, BatchProcessor
from alternate_contacts.worker.configuration_cache import ConfigurationCache
from alternate_contacts.worker.desired_contacts import ConfiguredContacts, StackContacts
from alternate_contacts.worker.paced_api import PacedAccountApi
from alternate_contacts.worker.pacing import Pacer
from alternate_contacts.worker.settings import WorkerSettings
from alternate_contacts.worker.telemetry import WorkerTelemetry


@dataclass(frozen=True)
class Worker:
    """What the handler needs."""

    batch: BatchProcessor
    telemetry: WorkerTelemetry


def build_worker(environment: Mapping[str, str]) -> Worker:
    """Return a worker with clients for AWS, full pacers and no thread yet.

    Raises:
        SettingsError: a variable is missing or invalid.
    """
    settings = WorkerSettings.from_environment(environment)
    telemetry = WorkerTelemetry()
    organization = aws.AwsOrganizationLookup(aws.organizations_client())
    accounts = AccountProcessor(
        PacedAccountApi(
            aws.AwsAccountApi(aws.account_client()),
            gets=Pacer(settings.get_rate, settings.get_burst),
            puts=Pacer(settings.put_rate, settings.put_burst),
        ),
        organization,
        _contacts_finder(settings, organization),
        own_account_id=settings.management_account_id,
        mode=settings.mode,
        pool=ThreadPoolExecutor(aws.CALLS_AT_A_TIME),
    )
    queues = aws.AwsMessageQueues(
        aws.sqs_client(),
        account_queue_url=settings.account_queue_url,
        failed_account_queue_url=settings.failed_account_queue_url,
    )
    batch = BatchProcessor(
        accounts,
        queues,
        telemetry,
        max_tries=settings.max_tries,
        pool=ThreadPoolExecutor(ACCOUNTS_AT_A_TIME),
    )
    return Worker(batch, telemetry)


def _contacts_finder(settings: WorkerSettings, organization: aws.AwsOrganizationLookup) -> DesiredContactsFinder:
    if settings.contacts_path is None:
        return StackContacts(settings.assignments)
    parents = Pacer(LIST_PARENTS_RATE / settings.concurrent_workers, burst=1)
    return ConfiguredContacts(
        ConfigurationCache(aws.AwsParameterStore(aws.ssm_client(), settings.contacts_path)),
        AncestryReader(organization, descriptions=organization.descriptions, parents=parents),
        settings.assignments,
    )
