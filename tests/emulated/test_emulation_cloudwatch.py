"""CloudWatch through boto3: an alarm of a template that watches a sum."""

import json
from typing import Any

import pytest

from emulation.organization import Emulation
from emulation.waiting import eventually


def metric(identifier: str, **more: Any) -> dict[str, Any]:
    told = {
        "Metric": {"Namespace": "AWS/SQS", "MetricName": identifier, "Dimensions": []},
        "Period": 60,
        "Stat": "Maximum",
    }
    return {"Id": identifier, "MetricStat": told, "ReturnData": False, **more}


def create(emulation: Emulation, *metrics: dict[str, Any]) -> str:
    """The status in which a stack with an alarm on these metrics ends."""
    alarm = {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "Metrics": list(metrics),
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": 0,
            "EvaluationPeriods": 1,
            "TreatMissingData": "ignore",
            "OKActions": ["arn:aws:sns:us-east-1:000000000000:topic"],
        },
    }
    cloudformation = emulation.client("cloudformation")
    cloudformation.create_stack(StackName="alarm", TemplateBody=json.dumps({"Resources": {"Alarm": alarm}}))

    def ended() -> str:
        status: str = cloudformation.describe_stacks(StackName="alarm")["Stacks"][0]["StackStatus"]
        return "" if status.endswith("_IN_PROGRESS") else status

    return eventually(ended)


def test_an_alarm_on_a_sum_is_described_as_it_was_written(emulation: Emulation) -> None:
    sum_of_both = {"Id": "both", "Expression": "one + two", "ReturnData": True}
    assert create(emulation, sum_of_both, metric("one"), metric("two")) == "CREATE_COMPLETE"
    [alarm] = emulation.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert alarm["Metrics"] == [sum_of_both, metric("one"), metric("two")]
    assert "MetricName" not in alarm
    assert (alarm["StateValue"], alarm["TreatMissingData"]) == ("INSUFFICIENT_DATA", "ignore")
    assert alarm["OKActions"] == ["arn:aws:sns:us-east-1:000000000000:topic"]


@pytest.mark.parametrize("returning", [0, 2])
def test_exactly_one_of_them_returns_data(emulation: Emulation, returning: int) -> None:
    metrics = [metric(f"m{number}", ReturnData=number < returning) for number in range(3)]
    assert create(emulation, *metrics) == "ROLLBACK_COMPLETE"
