"""Who receives the alarms: the subscriptions of the alarm topic."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

_PENDING = "PendingConfirmation"
"""In place of an ARN. https://docs.aws.amazon.com/sns/latest/api/API_ListSubscriptionsByTopic.html"""


@dataclass(frozen=True)
class AlarmReceivers:
    """Number of subscriptions of the alarm topic. A subscription that is not confirmed receives nothing."""

    confirmed: int
    pending: int


def read_alarm_receivers(client: "SNSClient", topic_arn: str) -> AlarmReceivers:
    """Return the number of subscriptions of the topic."""
    pages = client.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic_arn)
    arns = [subscription.get("SubscriptionArn") for page in pages for subscription in page["Subscriptions"]]
    return AlarmReceivers(confirmed=len(arns) - arns.count(_PENDING), pending=arns.count(_PENDING))
