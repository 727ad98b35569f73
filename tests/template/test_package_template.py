"""What the SAM transform makes of the template, what must outlive every release, and CloudFormation's limits."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from samtranslator.public.translator import ManagedPolicyLoader
from samtranslator.translator.transform import transform

from control_tower.package import FORWARDER_TEMPLATE, TEMPLATE
from control_tower.template import Template

LISTS = Path(__file__).parent / "cfct"
TEMPLATES = pytest.mark.parametrize("path", [TEMPLATE, FORWARDER_TEMPLATE], ids=lambda path: path.name)

Types = dict[str, str]


def types(resources: Mapping[str, Any]) -> Types:
    return {name: each["Type"] for name, each in resources.items()}


def committed(name: str) -> Types:
    found: Types = json.loads((LISTS / name).read_text())
    return found


class NoManagedPolicies(ManagedPolicyLoader):  # type: ignore[misc]
    """Instead of AWS's list of them, for which SAM would ask IAM: our roles name none."""

    def __init__(self) -> None:
        """Need no client of IAM."""

    def load(self) -> dict[str, str]:
        return {}


def translated(content: dict[str, Any]) -> Types:
    """Logical ids and types after the transform, as CloudFormation applies it to a packaged template."""
    for resource in content["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/key"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        return types(transform(content, {}, NoManagedPolicies())["Resources"])


@pytest.fixture
def content() -> dict[str, Any]:
    """The template, to be changed at will."""
    return Template.read(TEMPLATE).content


def test_the_transform_makes_nothing_that_nobody_wrote(content: dict[str, Any]) -> None:
    """generated-resources.json is what the transform may add: whoever adds to it has looked at what that is."""
    written = types(content["Resources"])
    functions = {name: "AWS::Lambda::Function" for name, kind in written.items() if kind == "AWS::Serverless::Function"}
    assert translated(content) == {**written, **functions, **committed("generated-resources.json")}


def test_a_generated_role_would_be_seen(content: dict[str, Any]) -> None:
    """A function without a Role gets one from SAM, with a managed policy for every queue there is."""
    expected = translated(Template.read(TEMPLATE).content)
    del content["Resources"]["WorkerFunction"]["Properties"]["Role"]
    assert translated(content).keys() - expected.keys() == {"WorkerFunctionRole"}


STATEFUL = {
    "AWS::SQS::Queue": "letters",
    "AWS::SNS::Topic": "subscribers",
    "AWS::Logs::LogGroup": "logs",
    "AWS::KMS::Key": "everything that it encrypts",
    "AWS::DynamoDB::Table": "items",
    "AWS::S3::Bucket": "objects",
    "AWS::SSM::Parameter": "a value",
    "AWS::SQS::QueuePolicy": "the policy of the queue, which the deletion of the old logical ID removes",
    "AWS::SNS::TopicPolicy": "the policy of the topic, which the deletion of the old logical ID removes",
    "AWS::IAM::Role": "what an operator has attached to it",
    "AWS::Serverless::Function": "its name, which operators and their alarms use",
}
"""What would be lost if a resource of the type got another logical id: CloudFormation deletes the one that it knew."""


@pytest.mark.parametrize(
    ("path", "name"),
    [(TEMPLATE, "stateful-resources.json"), (FORWARDER_TEMPLATE, "stateful-resources-home-region.json")],
    ids=lambda each: each.name if isinstance(each, Path) else "",
)
def test_what_holds_something_keeps_its_logical_id_from_release_to_release(path: Path, name: str) -> None:
    """The list may grow; what stands in it stays."""
    resources = types(Template.read(path).content["Resources"])
    assert {key: kind for key, kind in resources.items() if kind in STATEFUL} == committed(name)


@TEMPLATES
def test_no_queue_has_a_property_that_cannot_be_changed_in_place(path: Path) -> None:
    """A change of either replaces the queue, and the letters on it are gone."""
    for name, each in Template.read(path).content["Resources"].items():
        if each["Type"] == "AWS::SQS::Queue":
            assert {"QueueName", "FifoQueue"}.isdisjoint(each["Properties"]), name


# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
LIMITS = {"Parameters": 200, "Mappings": 200, "Resources": 500, "Outputs": 200}


@TEMPLATES
def test_the_limits_of_cloudformation_are_kept(path: Path) -> None:
    content = Template.read(path).content
    assert path.stat().st_size < 1_000_000  # from S3, where CfCT puts it
    assert len(content["Description"].encode()) <= 1024
    for section, limit in LIMITS.items():
        assert len(content.get(section, {})) <= limit
        assert all(len(name) <= 255 for name in content.get(section, {}))
