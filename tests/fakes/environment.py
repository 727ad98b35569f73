"""The environment variables that template.yaml gives the two functions."""

from collections.abc import Mapping
from types import MappingProxyType

from alternate_contacts.worker.contacts import CONTACT_FIELDS, Contact, ContactType
from tests.fakes.contact_data import make_contact

_SQS = "https://sqs.us-east-1.amazonaws.com/000000000000"

WORKER: Mapping[str, str] = MappingProxyType(
    {
        "MANAGEMENT_ACCOUNT_ID": "000000000000",
        "ACCOUNT_QUEUE_URL": f"{_SQS}/AccountQueue",
        "FAILED_ACCOUNT_QUEUE_URL": f"{_SQS}/FailedAccountQueue",
        "MODE": "enforce",
        "CONTACTS_PATH": "none",
        "MAX_TRIES": "10",
        "CONCURRENT_WORKERS": "2",
        "QUOTA_SHARE": "100",
        "PUT_RATE": "5",
        "PUT_BURST": "8",
        "GET_RATE": "10",
        "GET_BURST": "15",
        **{f"{contact_type}_POLICY": "overwrite" for contact_type in ContactType},
        **{
            f"{contact_type}_{field.environment_suffix}": field.value_of(make_contact(number))
            for number, contact_type in enumerate(ContactType, 1001)
            for field in CONTACT_FIELDS
        },
    }
)

WORKER_SECRETS = [
    value for contact_type in ContactType for value in Contact.from_environment(WORKER, contact_type).to_api().values()
]
"""The contact data in `WORKER`. Every value is different, so that a test sees which one was used."""

BACKFILL: Mapping[str, str] = MappingProxyType(
    {
        "MANAGEMENT_ACCOUNT_ID": "000000000000",
        "ACCOUNT_QUEUE_URL": f"{_SQS}/AccountQueue",
        "UNDELIVERED_QUEUE_URL": f"{_SQS}/UndeliveredQueue",
        "WORKER_ROLE_ARN": "arn:aws:iam::000000000000:role/WorkerRole",
        "MODE": "enforce",
        "ENABLED": "true",
        "UPDATE_DELAY": "180",
        "MANAGED_CONTACT_TYPES": "BILLING,OPERATIONS,SECURITY",
        "CONTACTS_PATH": "none",
    }
)
