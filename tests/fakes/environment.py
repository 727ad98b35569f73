"""The environment variables that template.yaml gives the two functions."""

from collections.abc import Mapping
from types import MappingProxyType

from alternate_contacts.worker.contacts import Contact, ContactType

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
        "BILLING_POLICY": "overwrite",
        "BILLING_NAME": "Berta Geheim",
        "BILLING_TITLE": "Keeper of Coins",
        "BILLING_EMAIL_ADDRESS": "berta.geheim@secret.invalid",
        "BILLING_PHONE_NUMBER": "+49 99 1122 3344",
        "OPERATIONS_POLICY": "overwrite",
        "OPERATIONS_NAME": "Otto Geheim",
        "OPERATIONS_TITLE": "Keeper of Wheels",
        "OPERATIONS_EMAIL_ADDRESS": "otto.geheim@secret.invalid",
        "OPERATIONS_PHONE_NUMBER": "+49 99 2233 4455",
        "SECURITY_POLICY": "overwrite",
        "SECURITY_NAME": "Selma Geheim",
        "SECURITY_TITLE": "Keeper of Locks",
        "SECURITY_EMAIL_ADDRESS": "selma.geheim@secret.invalid",
        "SECURITY_PHONE_NUMBER": "+49 99 3344 5566",
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
