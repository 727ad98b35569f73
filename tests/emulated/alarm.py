"""An alarm that a test creates."""

from typing import Any


def create_alarm(cloudwatch: Any, name: str, topic_arn: str) -> None:
    """Create an alarm that notifies a topic."""
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="test",
        MetricName="test",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=[topic_arn],
    )
