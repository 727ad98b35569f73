"""control_tower/home_region.yaml in eu-west-1, the package in us-east-1: what Control Tower tells at home arrives."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulation import deploy
from emulation.demo import wanted_contacts
from emulation.organization import Emulation
from emulation.waiting import eventually
from tests.emulated.conftest import SETTINGS

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "control_tower" / "home_region.yaml"
HOME = "eu-west-1"
STACK = "home-region"


@pytest.fixture(scope="module")
def organization(build: Path) -> Iterator[Emulation]:
    """An organization with both stacks."""
    with Emulation(SETTINGS) as emulation:
        deploy.deploy(emulation, build)
        create_stack(emulation, HOME)
        yield emulation


def create_stack(emulation: Emulation, region: str, **parameters: str) -> None:
    """Deploy the small template as StackSets do: the file itself, with no tool in between."""
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
    told: str = stack["StackStatus"]
    return told


def outputs(emulation: Emulation) -> dict[str, str]:
    [stack] = emulation.client("cloudformation", region=HOME).describe_stacks(StackName=STACK)["Stacks"]
    return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}


def physical_id(emulation: Emulation, logical_id: str) -> str:
    cloudformation = emulation.client("cloudformation", region=HOME)
    detail = cloudformation.describe_stack_resource(StackName=STACK, LogicalResourceId=logical_id)
    found: str = detail["StackResourceDetail"]["PhysicalResourceId"]
    return found


def tell_at_home(emulation: Emulation, account: str, event: str = "create-managed-account") -> None:
    """Let Control Tower tell of an account where it does: in its home region."""
    recorded = json.loads((ROOT / "tests" / "events" / f"{event}.json").read_text().replace("111122223333", account))
    recorded["region"] = recorded["detail"]["awsRegion"] = HOME
    emulation.deliver(recorded)


def is_right(emulation: Emulation, account: str) -> bool:
    return emulation.contacts().get(account) == wanted_contacts(deploy.parameters())


def kept(emulation: Emulation) -> list[dict[str, Any]]:
    """What could not be forwarded, left on its queue."""
    answer = emulation.client("sqs", region=HOME).receive_message(
        QueueUrl=outputs(emulation)["ForwardingFailedQueueUrl"], MessageAttributeNames=["All"], VisibilityTimeout=0
    )
    found: list[dict[str, Any]] = answer.get("Messages", [])
    return found


@pytest.mark.parametrize("event", ["create-managed-account", "update-managed-account"])
def test_a_new_account_of_another_home_region_gets_its_contacts(organization: Emulation, event: str) -> None:
    [account] = organization.create_accounts(1)
    tell_at_home(organization, account, event)
    eventually(lambda: is_right(organization, account))
    assert kept(organization) == []


def test_a_failed_creation_is_not_forwarded(organization: Emulation) -> None:
    failed, created = organization.create_accounts(2)
    tell_at_home(organization, failed, "create-managed-account-failed")
    tell_at_home(organization, created)
    eventually(lambda: is_right(organization, created))
    assert failed not in organization.contacts()


def test_what_may_not_be_forwarded_is_kept_with_the_reason_and_nothing_is_lost(organization: Emulation) -> None:
    [account] = organization.create_accounts(1)
    iam = organization.client("iam")
    role = physical_id(organization, "ForwardingRole")
    policy = json.dumps(iam.get_role_policy(RoleName=role, PolicyName="forwarding")["PolicyDocument"])
    iam.delete_role_policy(RoleName=role, PolicyName="forwarding")
    try:
        tell_at_home(organization, account)
        [message] = eventually(lambda: kept(organization))
    finally:
        iam.put_role_policy(RoleName=role, PolicyName="forwarding", PolicyDocument=policy)
    attributes = {name: each["StringValue"] for name, each in message["MessageAttributes"].items()}
    assert attributes["ERROR_CODE"] == "NO_PERMISSIONS"
    assert attributes["TARGET_ARN"].endswith(":us-east-1:000000000000:event-bus/default")
    told = json.loads(message["Body"])["detail"]["serviceEventDetails"]["createManagedAccountStatus"]
    assert told["account"]["accountId"] == account
    assert account not in organization.contacts()


def test_the_alarm_looks_at_the_queue_and_tells_the_topic(organization: Emulation) -> None:
    """That it fires is not shown: the emulation has no metrics of queues."""
    [alarm] = organization.client("cloudwatch", region=HOME).describe_alarms()["MetricAlarms"]
    topic, queue = outputs(organization)["AlarmTopicArn"], outputs(organization)["ForwardingFailedQueueUrl"]
    assert alarm["AlarmActions"] == alarm["OKActions"] == [topic]
    dimensions = [each["MetricStat"]["Metric"]["Dimensions"] for each in alarm["Metrics"] if "MetricStat" in each]
    assert dimensions == [[{"Name": "QueueName", "Value": queue.rpartition("/")[2]}]] * 2
    assert organization.client("sns", region=HOME).list_subscriptions()["Subscriptions"] == []


def test_the_main_stacks_region_is_refused_with_a_sentence(emulation: Emulation) -> None:
    with pytest.raises(ClientError, match="the main stack listens to the events of this region already"):
        create_stack(emulation, "us-east-1")


def test_an_address_is_subscribed(emulation: Emulation) -> None:
    create_stack(emulation, HOME, AlarmEmail="alarms@acme.test")
    [subscription] = emulation.client("sns", region=HOME).list_subscriptions()["Subscriptions"]
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "alarms@acme.test")
    assert subscription["TopicArn"] == outputs(emulation)["AlarmTopicArn"]
