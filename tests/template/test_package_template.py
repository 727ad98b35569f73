"""The SAM transform of the template, the logical IDs that must not change, and CloudFormation's limits."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from samtranslator.public.translator import ManagedPolicyLoader
from samtranslator.translator.transform import transform

from control_tower.configuration import FORWARDER_TEMPLATE, TEMPLATE
from control_tower.template import Template

LISTS = Path(__file__).parent / "cfct"
TEMPLATES = pytest.mark.parametrize("path", [TEMPLATE, FORWARDER_TEMPLATE], ids=lambda path: path.name)

Types = dict[str, str]


def types(resources: Mapping[str, Any]) -> Types:
    return {name: resource["Type"] for name, resource in resources.items()}


def committed(name: str) -> Types:
    content: Types = json.loads((LISTS / name).read_text())
    return content


class NoManagedPolicies(ManagedPolicyLoader):  # type: ignore[misc]
    """Replaces AWS's list of managed policies, which SAM would read from IAM. Our roles use none."""

    def __init__(self) -> None:
        """Create no IAM client."""

    def load(self) -> dict[str, str]:
        return {}


def translated(content: dict[str, Any]) -> Types:
    """Return the logical IDs and types after the transform of a packaged template."""
    for resource in content["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/key"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        return types(transform(content, {}, NoManagedPolicies())["Resources"])


@pytest.fixture
def content() -> dict[str, Any]:
    """A copy of the template to edit."""
    return Template.read(TEMPLATE).content


def test_the_transform_adds_only_the_listed_resources(content: dict[str, Any]) -> None:
    """generated-resources.json lists what the transform may add. Review a resource before you add it there."""
    written = types(content["Resources"])
    functions = {
        name: "AWS::Lambda::Function"
        for name, resource_type in written.items()
        if resource_type == "AWS::Serverless::Function"
    }
    assert translated(content) == {**written, **functions, **committed("generated-resources.json")}


def test_a_generated_role_is_found(content: dict[str, Any]) -> None:
    """A function without a Role gets one from SAM, with a managed policy for every queue there is."""
    expected = translated(Template.read(TEMPLATE).content)
    del content["Resources"]["WorkerFunction"]["Properties"]["Role"]
    assert translated(content).keys() - expected.keys() == {"WorkerFunctionRole"}


STATEFUL = {
    "AWS::SQS::Queue": "messages",
    "AWS::SNS::Topic": "subscribers",
    "AWS::Logs::LogGroup": "logs",
    "AWS::KMS::Key": "all that it encrypts",
    "AWS::DynamoDB::Table": "items",
    "AWS::S3::Bucket": "objects",
    "AWS::SSM::Parameter": "a value",
    "AWS::SQS::QueuePolicy": "the policy of the queue, which the deletion of the old logical ID removes",
    "AWS::SNS::TopicPolicy": "the policy of the topic, which the deletion of the old logical ID removes",
    "AWS::IAM::Role": "what an operator has attached to it",
    "AWS::Serverless::Function": "its name, which operators and their alarms use",
}
"""What is lost when a resource of the type gets another logical ID, because CloudFormation deletes the old one."""


@pytest.mark.parametrize(
    ("path", "name"),
    [(TEMPLATE, "stateful-resources.json"), (FORWARDER_TEMPLATE, "stateful-resources-home-region.json")],
    ids=lambda value: value.name if isinstance(value, Path) else "",
)
def test_a_stateful_resource_keeps_its_logical_id_in_every_release(path: Path, name: str) -> None:
    """The lists may grow; their entries stay."""
    resources = types(Template.read(path).content["Resources"])
    assert {key: resource_type for key, resource_type in resources.items() if resource_type in STATEFUL} == committed(
        name
    )


@TEMPLATES
def test_no_queue_has_a_property_whose_change_replaces_it(path: Path) -> None:
    """A replaced queue loses its messages."""
    for name, resource in Template.read(path).content["Resources"].items():
        if resource["Type"] == "AWS::SQS::Queue":
            assert {"QueueName", "FifoQueue"}.isdisjoint(resource["Properties"]), name


# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
LIMITS = {"Parameters": 200, "Mappings": 200, "Resources": 500, "Outputs": 200}


@TEMPLATES
def test_the_templates_are_within_the_limits_of_cloudformation(path: Path) -> None:
    content = Template.read(path).content
    assert path.stat().st_size < 1_000_000  # from S3, as CfCT deploys it
    assert len(content["Description"].encode()) <= 1024
    for section, limit in LIMITS.items():
        assert len(content.get(section, {})) <= limit
        assert all(len(name) <= 255 for name in content.get(section, {}))
