"""control_tower/home_region.yaml in eu-west-1 forwards Control Tower's events to the main stack in us-east-1."""

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulation import deploy
from emulation.demo import wanted_contacts
from emulation.organization import Emulation
from emulation.waiting import eventually

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "control_tower" / "home_region.yaml"
HOME, OTHER_HOME = "eu-west-1", "eu-central-1"
STACK = "home-region"


@pytest.fixture(scope="module")
def organization(shared_emulation: Emulation, build: Path) -> Emulation:
    """An organization with both stacks."""
    deploy.deploy_without_sam(shared_emulation, build)
    create_stack(shared_emulation, HOME)
    return shared_emulation


def create_stack(emulation: Emulation, region: str, **parameters: str) -> None:
    """Deploy home_region.yaml as StackSets do: the file itself."""
    cloudformation = emulation.client("cloudformation", region=region)
    cloudformation.create_stack(
        StackName=STACK,
        TemplateBody=TEMPLATE.read_text(),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    eventually(lambda: status(emulation, region) == "CREATE_COMPLETE")


def status(emulation: Emulation, region: str) -> str:
    [stack] = emulation.client("cloudformation", region=region).describe_stacks(StackName=STACK)["Stacks"]
    value: str = stack["StackStatus"]
    return value


def outputs(emulation: Emulation, region: str = HOME) -> dict[str, str]:
    [stack] = emulation.client("cloudformation", region=region).describe_stacks(StackName=STACK)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def physical_id(emulation: Emulation, logical_id: str) -> str:
    cloudformation = emulation.client("cloudformation", region=HOME)
    detail = cloudformation.describe_stack_resource(StackName=STACK, LogicalResourceId=logical_id)
    name: str = detail["StackResourceDetail"]["PhysicalResourceId"]
    return name


def emit(emulation: Emulation, account: str, event: str = "create-managed-account") -> None:
    """Emit an event of Control Tower about an account in its home region."""
    recorded = json.loads((ROOT / "tests" / "events" / f"{event}.json").read_text().replace("111122223333", account))
    recorded["region"] = recorded["detail"]["awsRegion"] = HOME
    emulation.deliver(recorded)


def is_compliant(emulation: Emulation, account: str) -> bool:
    return emulation.contacts().get(account) == wanted_contacts(deploy.parameters())


def failed_events(emulation: Emulation) -> list[dict[str, Any]]:
    """Return the messages on ForwardingFailedQueue, and leave them there."""
    response = emulation.client("sqs", region=HOME).receive_message(
        QueueUrl=outputs(emulation)["ForwardingFailedQueueUrl"], MessageAttributeNames=["All"], VisibilityTimeout=0
    )
    messages: list[dict[str, Any]] = response.get("Messages", [])
    return messages


@pytest.mark.parametrize("event", ["create-managed-account", "update-managed-account"])
def test_the_contacts_of_a_new_account_are_set(organization: Emulation, event: str) -> None:
    [account] = organization.create_accounts(1)
    emit(organization, account, event)
    eventually(lambda: is_compliant(organization, account))
    assert failed_events(organization) == []


def test_a_failed_creation_is_not_forwarded(organization: Emulation) -> None:
    failed, created = organization.create_accounts(2)
    emit(organization, failed, "create-managed-account-failed")
    emit(organization, created)
    eventually(lambda: is_compliant(organization, created))
    assert failed not in organization.contacts()


def test_an_event_that_cannot_be_forwarded_is_kept_with_the_reason(organization: Emulation) -> None:
    [account] = organization.create_accounts(1)
    iam = organization.client("iam")
    role = physical_id(organization, "ForwardingRole")
    policy = json.dumps(iam.get_role_policy(RoleName=role, PolicyName="forwarding")["PolicyDocument"])
    iam.delete_role_policy(RoleName=role, PolicyName="forwarding")
    try:
        emit(organization, account)
        [message] = eventually(lambda: failed_events(organization))
    finally:
        iam.put_role_policy(RoleName=role, PolicyName="forwarding", PolicyDocument=policy)
    attributes = {name: attribute["StringValue"] for name, attribute in message["MessageAttributes"].items()}
    assert attributes["ERROR_CODE"] == "NO_PERMISSIONS"
    assert attributes["TARGET_ARN"].endswith(":us-east-1:000000000000:event-bus/default")
    status_details = json.loads(message["Body"])["detail"]["serviceEventDetails"]["createManagedAccountStatus"]
    assert status_details["account"]["accountId"] == account
    assert account not in organization.contacts()


def test_the_alarm_watches_the_queue_and_notifies_the_topic(organization: Emulation) -> None:
    """The emulation has no metrics of queues, so the alarm itself is not tested."""
    [alarm] = organization.client("cloudwatch", region=HOME).describe_alarms()["MetricAlarms"]
    topic, queue = outputs(organization)["AlarmTopicArn"], outputs(organization)["ForwardingFailedQueueUrl"]
    assert alarm["AlarmActions"] == alarm["OKActions"] == [topic]
    dimensions = [metric["MetricStat"]["Metric"]["Dimensions"] for metric in alarm["Metrics"] if "MetricStat" in metric]
    assert dimensions == [[{"Name": "QueueName", "Value": queue.rpartition("/")[2]}]] * 2
    assert organization.client("sns", region=HOME).list_subscriptions()["Subscriptions"] == []


def test_the_stack_is_rejected_in_the_region_of_the_main_stack(organization: Emulation) -> None:
    with pytest.raises(ClientError, match="the main stack receives the events of this region already"):
        create_stack(organization, "us-east-1")


def test_an_email_address_is_subscribed(organization: Emulation) -> None:
    create_stack(organization, OTHER_HOME, AlarmEmail="alarms@acme.test")
    [subscription] = organization.client("sns", region=OTHER_HOME).list_subscriptions()["Subscriptions"]
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "alarms@acme.test")
    assert subscription["TopicArn"] == outputs(organization, OTHER_HOME)["AlarmTopicArn"]
