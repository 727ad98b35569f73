"""manifest.yaml avoids the pitfalls of CfCT, and has every parameter of the template."""

import re
from typing import Any

import pytest
import yaml

from tests.template.conftest import ROOT


@pytest.fixture(scope="session")
def resource() -> dict[str, Any]:
    """The one resource of the manifest."""
    [only] = yaml.safe_load((ROOT / "manifest.yaml").read_text())["resources"]
    content: dict[str, Any] = only
    return content


def test_the_resource_is_deployed_to_one_account_named_by_id_in_us_east_1(resource: dict[str, Any]) -> None:
    [account] = resource["deployment_targets"]["accounts"]
    assert isinstance(account, str), "without quotes YAML reads a number, and an octal one if it begins with 0"
    assert re.fullmatch(r"[0-9]{12}", account)
    assert resource["regions"] == ["us-east-1"]
    assert (resource["deploy_method"], resource["resource_file"]) == ("stack_set", "template.yaml")


def test_every_parameter_of_the_template_is_in_the_manifest(template: dict[str, Any], resource: dict[str, Any]) -> None:
    assert [each["parameter_key"] for each in resource["parameters"]] == list(template["Parameters"])


def test_cfct_changes_no_value(resource: dict[str, Any]) -> None:
    for each in resource["parameters"]:
        value = each["parameter_value"]
        assert isinstance(value, str), each
        assert "," not in value, each
        assert not value.startswith("$["), each


def test_the_user_must_fill_in_every_field_of_a_contact(template: dict[str, Any], resource: dict[str, Any]) -> None:
    """`test_a_managed_contact_type_requires_every_field` shows that the stack rejects the placeholder."""
    for each in resource["parameters"]:
        default = str(template["Parameters"][each["parameter_key"]]["Default"])
        is_field = re.match("(Billing|Operations|Security)(?!Policy)", each["parameter_key"])
        assert each["parameter_value"] == ("REPLACE_ME" if is_field else default)
