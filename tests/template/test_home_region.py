"""control_tower/home_region.yaml: relations inside it, and between it and the main template."""

import re
import subprocess
import sys
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
    return {name: each["Properties"] for name, each in home["Resources"].items()}


def arn(logical_id: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [logical_id, "Arn"]}


@pytest.mark.parametrize("regions", [["us-east-1", "eu-west-1"], ["cn-north-1"]])
def test_cfn_lint_has_nothing_to_say(regions: list[str]) -> None:
    done = subprocess.run(  # noqa: S603
        [str(Path(sys.executable).with_name("cfn-lint")), "--regions", *regions, "--", str(FILE)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "PYTHONWARNINGS": "ignore"},
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_is_plain_cloudformation_that_the_pipeline_may_send_as_it_is(home: dict[str, Any]) -> None:
    assert "Transform" not in home
    assert len(FILE.read_bytes()) < 51_200  # bytes that CreateStack takes in its body


def test_the_command_line_does_not_take_it_for_the_main_stack(home: dict[str, Any], template: dict[str, Any]) -> None:
    """The operator's command finds the main stack by how its description begins."""
    begins = "Alternate Contacts for AWS:"
    assert template["Description"].startswith(begins)
    assert not home["Description"].startswith(begins)


def test_it_is_refused_where_the_main_stack_lives(home: dict[str, Any], template: dict[str, Any]) -> None:
    [assertion] = home["Rules"]["HomeRegionElsewhere"]["Assertions"]
    [refused] = assertion["Assert"]["Fn::Not"]
    regions, reference = refused["Fn::Contains"]
    assert reference == {"Ref": "AWS::Region"}
    assert sorted(each["Region"] for each in home["Mappings"]["MainStack"].values()) == sorted(regions)
    main = str(template["Rules"]["RegionOfOrganizations"])
    assert all(region in main for region in regions)
    assert "main stack listens" in assertion["AssertDescription"]


def test_it_forwards_what_the_main_stack_listens_to_and_no_more(
    properties: dict[str, Any], resources: dict[str, Any]
) -> None:
    """No region and no detail type: a forwarded event keeps the region it came from, and AWS's texts differ."""
    pattern = properties["ManagedAccountRule"]["EventPattern"]
    assert set(pattern) == {"source", "detail"}
    main = resources["AccountEventsRule"]["Properties"]["EventPattern"]["detail"]["$or"]
    expected = {each["eventName"][0]: each["serviceEventDetails"] for each in main if "Managed" in each["eventName"][0]}
    names, details = pattern["detail"]["eventName"], pattern["detail"]["serviceEventDetails"]["$or"]
    assert dict(zip(names, details, strict=True)) == expected


def test_the_rule_puts_on_one_bus_with_a_role_that_may_do_only_that(properties: dict[str, Any]) -> None:
    bus = {"Fn::Sub": [BUS, {"Region": {"Fn::FindInMap": ["MainStack", {"Ref": "AWS::Partition"}, "Region"]}}]}
    [target] = properties["ManagedAccountRule"]["Targets"]
    assert target["Arn"] == bus
    assert target["RoleArn"] == arn("ForwardingRole")
    [policy] = properties["ForwardingRole"]["Policies"]
    [statement] = policy["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Action"], statement["Resource"]) == ("Allow", "events:PutEvents", bus)
    assert "ManagedPolicyArns" not in properties["ForwardingRole"]


def test_only_rules_of_this_account_and_region_assume_the_role(properties: dict[str, Any]) -> None:
    [trust] = properties["ForwardingRole"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "events.amazonaws.com"}
    assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    rules = {"Fn::Sub": "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/*"}
    assert trust["Condition"]["ArnLike"] == {"aws:SourceArn": rules}


def test_what_cannot_be_forwarded_is_tried_for_a_day_and_then_kept(properties: dict[str, Any]) -> None:
    [target] = properties["ManagedAccountRule"]["Targets"]
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}
    assert target["DeadLetterConfig"] == {"Arn": arn("ForwardingFailedQueue")}
    queue = properties["ForwardingFailedQueue"]
    assert queue["SqsManagedSseEnabled"] is True
    assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_only_the_rule_may_send_to_the_queue_and_nobody_without_tls(properties: dict[str, Any]) -> None:
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


def test_the_alarm_counts_what_is_on_the_queue_and_in_flight(properties: dict[str, Any]) -> None:
    by_id = {each["Id"]: each for each in properties["ForwardingFailedAlarm"]["Metrics"]}
    assert [each["Id"] for each in by_id.values() if each["ReturnData"]] == ["kept"]
    assert by_id["kept"]["Expression"] == "visible + FILL(inflight, 0)"
    for name, metric in {
        "visible": "ApproximateNumberOfMessagesVisible",
        "inflight": "ApproximateNumberOfMessagesNotVisible",
    }.items():
        told = by_id[name]["MetricStat"]
        assert (told["Metric"]["Namespace"], told["Metric"]["MetricName"]) == ("AWS/SQS", metric)
        [dimension] = told["Metric"]["Dimensions"]
        assert dimension == {"Name": "QueueName", "Value": {"Fn::GetAtt": ["ForwardingFailedQueue", "QueueName"]}}
        assert (told["Stat"], told["Period"]) == ("Maximum", 300)


def test_one_event_fires_it_and_silence_of_sqs_does_not_end_it(properties: dict[str, Any]) -> None:
    """SQS sends no metrics of a queue that nobody touched for six hours, messages on it or not."""
    alarm = properties["ForwardingFailedAlarm"]
    assert (alarm["ComparisonOperator"], alarm["Threshold"], alarm["EvaluationPeriods"]) == (
        "GreaterThanThreshold",
        0,
        1,
    )
    assert alarm["TreatMissingData"] == "ignore"
    assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "AlarmTopic"}]


def test_the_alarm_may_publish_to_its_topic_which_has_no_key(properties: dict[str, Any]) -> None:
    """CloudWatch may not use alias/aws/sns, and nobody would hear that it could not publish."""
    assert "KmsMasterKeyId" not in properties["AlarmTopic"]
    policy = properties["AlarmTopicPolicy"]
    assert policy["Topics"] == [{"Ref": "AlarmTopic"}]
    allow, deny = policy["PolicyDocument"]["Statement"]
    assert (deny["Effect"], deny["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert allow["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert (allow["Effect"], allow["Action"], allow["Resource"]) == ("Allow", "sns:Publish", {"Ref": "AlarmTopic"})
    assert allow["Condition"] == {"ArnEquals": {"aws:SourceArn": arn("ForwardingFailedAlarm")}}


def test_a_mail_goes_out_only_where_an_address_was_given(home: dict[str, Any], properties: dict[str, Any]) -> None:
    parameter = home["Parameters"]["AlarmEmail"]
    assert parameter["Default"] == "none"
    assert home["Resources"]["AlarmSubscription"]["Condition"] == "HasAlarmEmail"
    assert home["Conditions"]["HasAlarmEmail"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "AlarmEmail"}, "none"]}]}
    assert properties["AlarmSubscription"]["Endpoint"] == {"Ref": "AlarmEmail"}


@pytest.mark.parametrize("taken", ["none", "aws+alarms@your-company.co.uk"])
def test_takes_an_address(home: dict[str, Any], taken: str) -> None:
    assert re.search(home["Parameters"]["AlarmEmail"]["AllowedPattern"], taken)


@pytest.mark.parametrize("refused", ["", "alarms", "alarms at acme", "a@b.c, d@e.f", " a@b.c"])
def test_refuses_what_is_no_address(home: dict[str, Any], refused: str) -> None:
    assert not re.search(home["Parameters"]["AlarmEmail"]["AllowedPattern"], refused)


# ---- style ------------------------------------------------------------------------------------------------------


def test_whatever_can_be_tagged_is_tagged_and_nothing_has_a_name(home: dict[str, Any]) -> None:
    tagged = {"AWS::SQS::Queue", "AWS::IAM::Role", "AWS::CloudWatch::Alarm", "AWS::SNS::Topic"}
    found = {each["Type"] for each in home["Resources"].values()}
    assert tagged <= found
    for name, each in home["Resources"].items():
        if each["Type"] in tagged:
            assert {"Key": "Application", "Value": "alternate-contacts"} in each["Properties"]["Tags"], name
        assert not {key for key in each["Properties"] if re.fullmatch(r"(Queue|Role|Topic|Alarm)?Name", key)}, name


def test_every_wildcard_has_its_reason_beside_it() -> None:
    lines = FILE.read_text().splitlines()
    wild = [index for index, line in enumerate(lines) if re.search(r'Principal: "\*"|rule/\*', line)]
    assert len(wild) == 4  # two Denies, and the rules with the reason above them
    for index in wild:
        assert "#" in lines[index] or "#" in lines[index - 1], lines[index]


def test_no_arn_names_a_partition() -> None:
    assert "arn:aws:" not in FILE.read_text()
