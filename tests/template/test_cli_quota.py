"""The command's idea of the API quota is that of the template."""

from typing import Any

from alternate_contacts.cli.aws.quota import DEFAULT_RATES, Quota


def test_the_default_rates_are_those_of_the_template(template: dict[str, Any]) -> None:
    quotas = template["Mappings"]["AccountApiQuota"]
    assert {
        partition: {name: float(quota[name]) for name in DEFAULT_RATES["aws"]} for partition, quota in quotas.items()
    } == DEFAULT_RATES


def test_the_default_share_is_that_of_the_template(template: dict[str, Any]) -> None:
    share = float(template["Parameters"]["QuotaShare"]["Default"]) / 100
    assert Quota.from_parameters({}, "aws").share == share


def test_the_worker_has_the_variables_that_the_command_reads(resources: dict[str, Any]) -> None:
    variables = resources["WorkerFunction"]["Properties"]["Environment"]["Variables"]
    assert Quota.from_environment(dict.fromkeys(variables, "50")).share == 0.5
