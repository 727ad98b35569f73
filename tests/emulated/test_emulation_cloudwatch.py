"""CloudWatch through boto3: an alarm on metric math in a template."""

import json
from typing import Any

import pytest

from emulation.organization import Emulation
from emulation.waiting import eventually


def metric(identifier: str, **more: Any) -> dict[str, Any]:
    stat = {
        "Metric": {"Namespace": "AWS/SQS", "MetricName": identifier, "Dimensions": []},
        "Period": 60,
        "Stat": "Maximum",
    }
    return {"Id": identifier, "MetricStat": stat, "ReturnData": False, **more}


def create(emulation: Emulation, *metrics: dict[str, Any]) -> str:
    """Create a stack with an alarm on these metrics; returns its final status."""
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

    def final_status() -> str:
        status: str = cloudformation.describe_stacks(StackName="alarm")["Stacks"][0]["StackStatus"]
        return "" if status.endswith("_IN_PROGRESS") else status

    return eventually(final_status)


def test_an_alarm_on_metric_math_is_described_as_in_the_template(emulation: Emulation) -> None:
    sum_of_both = {"Id": "both", "Expression": "one + two", "ReturnData": True}
    assert create(emulation, sum_of_both, metric("one"), metric("two")) == "CREATE_COMPLETE"
    [alarm] = emulation.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert alarm["Metrics"] == [sum_of_both, metric("one"), metric("two")]
    assert "MetricName" not in alarm
    assert (alarm["StateValue"], alarm["TreatMissingData"]) == ("INSUFFICIENT_DATA", "ignore")
    assert alarm["OKActions"] == ["arn:aws:sns:us-east-1:000000000000:topic"]


@pytest.mark.parametrize("returning", [0, 2])
def test_exactly_one_metric_must_return_data(emulation: Emulation, returning: int) -> None:
    metrics = [metric(f"m{number}", ReturnData=number < returning) for number in range(3)]
    assert create(emulation, *metrics) == "ROLLBACK_COMPLETE"
