"""What CfCT's Build stage rejects, each with where it is. tests/template/ compares this with CfCT's own tools."""

import datetime as dt
from typing import Any

import pytest

from control_tower.build_stage import checked_paths, is_remote, schema_violations


def manifest(**fields: Any) -> dict[str, Any]:
    resource = {
        "name": "a",
        "resource_file": "a.yaml",
        "deploy_method": "stack_set",
        "deployment_targets": {},
        **fields,
    }
    return {"region": "eu-west-1", "version": dt.date(2021, 3, 15), "resources": [resource]}


def test_a_valid_manifest_has_no_violations() -> None:
    assert schema_violations(manifest()) == []
    assert schema_violations({**manifest(), "enable_stack_set_deletion": True, "resources": None}) == []


@pytest.mark.parametrize(
    ("fields", "violation"),
    [
        ({"description": 12}, "resources[0] (a).description must be text. Put it in quotes."),
        ({"description": ["x"]}, "resources[0] (a).description must be text. Put it in quotes."),
        ({"deploy_method": "sam"}, "resources[0] (a).deploy_method must be stack_set, scp or rcp."),
        ({"deployment_targets": None}, "resources[0] (a).deployment_targets has no value."),
        ({"deployment_targets": {"account": []}}, "resources[0] (a).deployment_targets.account is not a key that CfCT"),
        ({"tags": None}, "resources[0] (a).tags is not a key that CfCT accepts there."),
        ({"regions": "us-east-1"}, "resources[0] (a).regions must be a list."),
        ({"regions": ["r", "s", "r"]}, "resources[0] (a).regions has an entry twice."),
        ({"parameters": [{"parameter_key": "K"}]}, "resources[0] (a).parameters[0] (K).parameter_value is missing."),
        ({"export_outputs": ["x"]}, "resources[0] (a).export_outputs[0] must be a mapping."),
        ({"export_outputs": [None]}, "resources[0] (a).export_outputs[0] has no value."),
        ({"name": None}, "resources[0].name has no value."),
    ],
)
def test_a_violation_in_a_resource_names_the_resource(fields: dict[str, Any], violation: str) -> None:
    [message] = schema_violations(manifest(**fields))
    assert message.startswith(violation)


@pytest.mark.parametrize(
    ("data", "violations"),
    [
        (None, ["must be a mapping."]),
        ({}, ["region is missing.", "version is missing."]),
        ({**manifest(), "tags": 1}, ["tags is not a key that CfCT accepts there."]),
        ({**manifest(), "version": "2021-03-15"}, ["version must be 2021-03-15, without quotes."]),
        (
            {**manifest(), "enable_stack_set_deletion": "yes"},
            ["enable_stack_set_deletion must be true or false, without quotes."],
        ),
    ],
)
def test_a_violation_at_the_top_names_the_key(data: object, violations: list[str]) -> None:
    assert schema_violations(data) == violations


@pytest.mark.parametrize(
    ("line", "paths"),
    [
        ("    resource_file: a.yaml", ["a.yaml"]),
        ("    resource_file:    a.yaml # why\r", ["a.yaml"]),
        ("  - resource_file: a.yaml", ["resource_file:"]),
        ("resource_file: a.yaml", []),
        ("    resource_file:", []),
        ("resource_file:a", ["resource_file:a"]),
        ("    # resource_file: a.yaml", []),
        ("\t# resource_file: a.yaml", ["a.yaml"]),
        ("    deploy_method: stack_set # no parameter_file: needed", ["stack_set"]),
    ],
)
def test_the_third_word_of_a_line_with_file_is_a_path(line: str, paths: list[str]) -> None:
    assert list(checked_paths("region: a\n" + line + "\nb: 1\n")) == [(2, path) for path in paths]


@pytest.mark.parametrize("path", ["s3://bucket/key", "https://bucket/key", "HTTP://x", "s3-templates/a.yaml"])
def test_a_path_that_cfct_downloads_is_remote(path: str) -> None:
    assert is_remote(path)
    assert not is_remote(f"templates/{path}")
