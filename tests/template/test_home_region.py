"""control_tower/home_region.yaml: its resources, and how it relates to the main template."""

import re
from pathlib import Path
from typing import Any

import pytest
from cfnlint.decode.cfn_yaml import load

ROOT = Path(__file__).parents[2]
FILE = ROOT / "control_tower" / "home_region.yaml"
BUS = "arn:${AWS::Partition}:events:${Region}:${AWS::AccountId}:event-bus/default"


@pytest.fixture(scope="session")
def home() -> dict[str, Any]:
    loaded: dict[str, Any] = load(str(FILE))
    return loaded


@pytest.fixture(scope="session")
def properties(home: dict[str, Any]) -> dict[str, Any]:
    """The properties of each resource by logical id."""
    return {name: resource["Properties"] for name, resource in home["Resources"].items()}


def arn(logical_id: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [logical_id, "Arn"]}


def test_it_needs_no_transform_and_no_bucket(home: dict[str, Any]) -> None:
    assert "Transform" not in home
    assert len(FILE.read_bytes()) < 51_200  # bytes that CreateStack accepts as TemplateBody


def test_its_description_differs_from_the_one_that_identifies_the_main_stack(
    home: dict[str, Any], template: dict[str, Any]
) -> None:
    """The operator's command finds the main stack by the beginning of its description."""
    beginning = "Alternate Contacts for AWS:"
    assert template["Description"].startswith(beginning)
    assert not home["Description"].startswith(beginning)


def test_a_rule_prevents_it_in_the_region_of_the_main_stack(home: dict[str, Any], template: dict[str, Any]) -> None:
    [assertion] = home["Rules"]["HomeRegionElsewhere"]["Assertions"]
    [condition] = assertion["Assert"]["Fn::Not"]
    regions, reference = condition["Fn::Contains"]
    assert reference == {"Ref": "AWS::Region"}
    assert sorted(entry["Region"] for entry in home["Mappings"]["MainStack"].values()) == sorted(regions)
    main = str(template["Rules"]["RegionOfOrganizations"])
    assert all(region in main for region in regions)
    assert "main stack receives" in assertion["AssertDescription"]


def test_it_forwards_the_events_of_the_main_stacks_rule(properties: dict[str, Any], resources: dict[str, Any]) -> None:
    """No region and no detail-type: a forwarded event keeps its region, and AWS's pages differ on the detail-type."""
    pattern = properties["ManagedAccountRule"]["EventPattern"]
    assert set(pattern) == {"account", "source", "detail"}
    assert pattern["account"] == [{"Ref": "AWS::AccountId"}]
    main = resources["AccountEventsRule"]["Properties"]["EventPattern"]["detail"]["$or"]
    expected = {each["eventName"][0]: each["serviceEventDetails"] for each in main if "Managed" in each["eventName"][0]}
    names, details = pattern["detail"]["eventName"], pattern["detail"]["serviceEventDetails"]["$or"]
    assert dict(zip(names, details, strict=True)) == expected


def test_the_role_of_the_rule_may_put_events_on_one_bus_only(properties: dict[str, Any]) -> None:
    bus = {"Fn::Sub": [BUS, {"Region": {"Fn::FindInMap": ["MainStack", {"Ref": "AWS::Partition"}, "Region"]}}]}
    [target] = properties["ManagedAccountRule"]["Targets"]
    assert target["Arn"] == bus
    assert target["RoleArn"] == arn("ForwardingRole")
    [policy] = properties["ForwardingRole"]["Policies"]
    [statement] = policy["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Action"], statement["Resource"]) == ("Allow", "events:PutEvents", bus)
    assert "ManagedPolicyArns" not in properties["ForwardingRole"]


def test_only_rules_of_this_account_and_region_may_assume_the_role(properties: dict[str, Any]) -> None:
    [trust] = properties["ForwardingRole"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "events.amazonaws.com"}
    assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    rules = {"Fn::Sub": "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/*"}
    assert trust["Condition"]["ArnLike"] == {"aws:SourceArn": rules}


def test_an_event_is_retried_for_a_day_and_then_kept_on_the_queue(properties: dict[str, Any]) -> None:
    [target] = properties["ManagedAccountRule"]["Targets"]
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}
    assert target["DeadLetterConfig"] == {"Arn": arn("ForwardingFailedQueue")}
    queue = properties["ForwardingFailedQueue"]
    assert queue["SqsManagedSseEnabled"] is True
    assert queue["RedriveAllowPolicy"] == {"redrivePermission": "denyAll"}
    assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_only_the_rule_may_send_to_the_queue_and_only_with_tls(properties: dict[str, Any]) -> None:
    policy = properties["ForwardingFailedQueuePolicy"]
    assert policy["Queues"] == [{"Ref": "ForwardingFailedQueue"}]
    allow, deny = policy["PolicyDocument"]["Statement"]
    assert allow["Effect"] == "Allow"
    assert allow["Principal"] == {"Service": "events.amazonaws.com"}
    assert (allow["Action"], allow["Resource"]) == ("sqs:SendMessage", arn("ForwardingFailedQueue"))
    assert allow["Condition"] == {"ArnEquals": {"aws:SourceArn": arn("ManagedAccountRule")}}
    assert deny["Effect"] == "Deny"
    assert (deny["Principal"], deny["Action"], deny["Resource"]) == ("*", "sqs:*", arn("ForwardingFailedQueue"))
    assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


# ---- the alarm --------------------------------------------------------------------------------------------------


def test_the_alarm_counts_visible_messages_and_those_in_flight(properties: dict[str, Any]) -> None:
    by_id = {metric["Id"]: metric for metric in properties["ForwardingFailedAlarm"]["Metrics"]}
    assert [name for name, metric in by_id.items() if metric["ReturnData"]] == ["kept"]
    assert by_id["kept"]["Expression"] == "visible + FILL(inflight, 0)"
    for name, metric_name in {
        "visible": "ApproximateNumberOfMessagesVisible",
        "inflight": "ApproximateNumberOfMessagesNotVisible",
    }.items():
        stat = by_id[name]["MetricStat"]
        assert (stat["Metric"]["Namespace"], stat["Metric"]["MetricName"]) == ("AWS/SQS", metric_name)
        [dimension] = stat["Metric"]["Dimensions"]
        assert dimension == {"Name": "QueueName", "Value": {"Fn::GetAtt": ["ForwardingFailedQueue", "QueueName"]}}
        assert (stat["Stat"], stat["Period"]) == ("Maximum", 300)


def test_one_message_raises_the_alarm_and_missing_data_does_not_end_it(properties: dict[str, Any]) -> None:
    """SQS reports nothing for a queue without activity for six hours, with or without messages."""
    alarm = properties["ForwardingFailedAlarm"]
    assert (alarm["ComparisonOperator"], alarm["Threshold"], alarm["EvaluationPeriods"]) == (
        "GreaterThanThreshold",
        0,
        1,
    )
    assert alarm["TreatMissingData"] == "ignore"
    assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "AlarmTopic"}]


def test_the_alarm_may_publish_to_its_topic_which_has_no_kms_key(properties: dict[str, Any]) -> None:
    """CloudWatch may not use alias/aws/sns, and a failed publish is not reported."""
    assert "KmsMasterKeyId" not in properties["AlarmTopic"]
    policy = properties["AlarmTopicPolicy"]
    assert policy["Topics"] == [{"Ref": "AlarmTopic"}]
    allow, deny = policy["PolicyDocument"]["Statement"]
    assert (deny["Effect"], deny["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert allow["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert (allow["Effect"], allow["Action"], allow["Resource"]) == ("Allow", "sns:Publish", {"Ref": "AlarmTopic"})
    assert allow["Condition"] == {"ArnEquals": {"aws:SourceArn": arn("ForwardingFailedAlarm")}}


def test_an_email_address_is_subscribed_only_if_one_is_given(home: dict[str, Any], properties: dict[str, Any]) -> None:
    parameter = home["Parameters"]["AlarmEmail"]
    assert parameter["Default"] == "none"
    assert home["Resources"]["AlarmSubscription"]["Condition"] == "HasAlarmEmail"
    assert home["Conditions"]["HasAlarmEmail"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "AlarmEmail"}, "none"]}]}
    assert properties["AlarmSubscription"]["Endpoint"] == {"Ref": "AlarmEmail"}


@pytest.mark.parametrize("accepted", ["none", "aws+alarms@your-company.co.uk"])
def test_an_email_address_is_accepted(home: dict[str, Any], accepted: str) -> None:
    assert re.search(home["Parameters"]["AlarmEmail"]["AllowedPattern"], accepted)


@pytest.mark.parametrize("rejected", ["", "alarms", "alarms at acme", "a@b.c, d@e.f", " a@b.c"])
def test_other_values_are_rejected(home: dict[str, Any], rejected: str) -> None:
    assert not re.search(home["Parameters"]["AlarmEmail"]["AllowedPattern"], rejected)


# ---- style ------------------------------------------------------------------------------------------------------


def test_every_taggable_resource_is_tagged_and_none_has_a_name(home: dict[str, Any]) -> None:
    tagged = {"AWS::SQS::Queue", "AWS::IAM::Role", "AWS::CloudWatch::Alarm", "AWS::SNS::Topic"}
    assert tagged <= {resource["Type"] for resource in home["Resources"].values()}
    for name, resource in home["Resources"].items():
        if resource["Type"] in tagged:
            assert {"Key": "Application", "Value": "alternate-contacts"} in resource["Properties"]["Tags"], name
        assert not {key for key in resource["Properties"] if re.fullmatch(r"(Queue|Role|Topic|Alarm)?Name", key)}, name


def test_every_wildcard_has_a_comment_with_its_reason() -> None:
    lines = FILE.read_text().splitlines()
    wild = [index for index, line in enumerate(lines) if re.search(r'Principal: "\*"|rule/\*', line)]
    assert len(wild) == 4  # two Denies, and the rules with the reason above them
    for index in wild:
        assert "#" in lines[index] or "#" in lines[index - 1], lines[index]


def test_no_arn_has_a_fixed_partition() -> None:
    assert "arn:aws:" not in FILE.read_text()
