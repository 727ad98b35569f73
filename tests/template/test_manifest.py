"""manifest.yaml keeps clear of what CfCT makes of a manifest."""

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def manifest() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "manifest.yaml").read_text())
    return loaded


@pytest.fixture(scope="session")
def resource(manifest: dict[str, Any]) -> dict[str, Any]:
    [only] = manifest["resources"]
    found: dict[str, Any] = only
    return found


def test_head(manifest: dict[str, Any]) -> None:
    assert set(manifest) == {"region", "version", "resources"}
    assert manifest["version"] == date(2021, 3, 15)  # CfCT's schema wants it unquoted


def test_the_resource_has_the_keys_of_the_schema_and_no_other(resource: dict[str, Any]) -> None:
    required = {"name", "resource_file", "deploy_method", "deployment_targets"}
    assert required <= set(resource) <= required | {"description", "regions", "parameters"}
    assert resource["deploy_method"] == "stack_set"


def test_it_goes_to_one_account_named_by_id_in_us_east_1(resource: dict[str, Any]) -> None:
    [account] = resource["deployment_targets"]["accounts"]
    assert isinstance(account, str), "unquoted: YAML makes a number of it, and an octal one if it begins with 0"
    assert re.fullmatch(r"[0-9]{12}", account)
    assert resource["regions"] == ["us-east-1"]


def test_every_parameter_of_the_template_is_written_out(template: dict[str, Any], resource: dict[str, Any]) -> None:
    assert [each["parameter_key"] for each in resource["parameters"]] == list(template["Parameters"])
    for each in resource["parameters"]:
        assert list(each) == ["parameter_key", "parameter_value"]


def test_no_value_is_changed_on_its_way(resource: dict[str, Any]) -> None:
    for each in resource["parameters"]:
        value = each["parameter_value"]
        assert isinstance(value, str), each
        assert "," not in value, each
        assert not value.startswith("$["), each


def test_the_file_check_of_the_pipeline_finds_the_template() -> None:
    """CfCT cuts the path out of each line with ``_file:`` at the third blank, once runs of blanks are squeezed."""
    lines = [line for line in (ROOT / "manifest.yaml").read_text().splitlines() if "_file:" in line]
    paths = [re.sub(" +", " ", line).split(" ")[2] for line in lines]
    assert paths == ["template.yaml"]
    assert all((ROOT / path).is_file() for path in paths)


def test_a_forgotten_placeholder_is_refused_by_the_stack(template: dict[str, Any], resource: dict[str, Any]) -> None:
    placeholders = [each["parameter_key"] for each in resource["parameters"] if each["parameter_value"] == "REPLACE_ME"]
    assert len(placeholders) == 12
    for name in placeholders:
        parameter = template["Parameters"][name]
        rules = str(template["Rules"])
        refused_by_pattern = re.search(parameter["AllowedPattern"], "REPLACE_ME") is None
        assert refused_by_pattern or re.search(rf"'REPLACE_ME'[^\]]*\], {{'Ref': '{name}'}}", rules)
