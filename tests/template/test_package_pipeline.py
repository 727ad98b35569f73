"""Our manifests pass the checks of CfCT's pipeline, and their values arrive unchanged.

tests/template/cfct/ runs CfCT's own tools, pykwalify and a shell script, and a model of the rest. control_tower models
the tools too, to report everything before an upload; here both get the same manifests.
"""

import copy
import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control_tower import build_stage
from control_tower.archive import Output
from control_tower.configuration import (
    FORWARDER_TEMPLATE,
    ROOT,
    TEMPLATE,
    Configuration,
    merged_configuration,
    new_configuration,
)
from control_tower.errors import PackagingError
from control_tower.manifest import FORWARDER, MAIN
from control_tower.template import Template
from tests.profiles import examples
from tests.template.cfct import pipeline
from tests.template.cfct.samples import CONTACTS, EXISTING, filled, shipped, with_values

ACCOUNT = "012345670123"
"""Without quotes, YAML reads this as an octal number: 1402433619."""


@pytest.fixture(params=["us-east-1", "eu-west-1", "merged", "merged twice"])
def packaged(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A configuration as CfCT gets it, with each kind of manifest that `make package` writes."""
    source, existing, output = tmp_path / "filled.yaml", tmp_path / "configuration", Output(tmp_path / "output")
    source.write_text(filled(), encoding="utf-8")
    if "merged" not in request.param:
        return _write(new_configuration(source, request.param), output)
    for path in ("policies/guardrails.json", "templates/network.template"):
        (existing / path).parent.mkdir(parents=True)
        (existing / path).write_text("{}")
    (existing / "manifest.yaml").write_text(EXISTING, encoding="utf-8")
    for _ in request.param.split():
        folder = _write(merged_configuration(source, existing / "manifest.yaml"), output)
        shutil.copytree(folder, existing, dirs_exist_ok=True)
    return existing


def _write(configuration: Configuration, output: Output) -> Path:
    manifest = configuration.manifest.with_account(ACCOUNT)
    output.write(Configuration(manifest).files(TEMPLATE.read_text(encoding="utf-8")), with_zip=False)
    return output.folder


# ---- our manifests --------------------------------------------------------------------------------------------------


def test_the_build_stage_accepts_the_package(packaged: Path) -> None:
    assert pipeline.build_violations(packaged) == []


def test_the_build_stage_accepts_the_repository() -> None:
    assert pipeline.schema_violations(shipped()) == []
    assert pipeline.files_missing(ROOT) == []


def test_the_parameters_arrive_at_cloudformation_as_written(packaged: Path) -> None:
    manifest = (packaged / "manifest.yaml").read_text(encoding="utf-8")
    assert pipeline.parameters(manifest, MAIN) == {**Template.read(TEMPLATE).defaults(), **CONTACTS}
    assert pipeline.accounts(manifest, MAIN) == [ACCOUNT]
    if FORWARDER in manifest:
        assert pipeline.parameters(manifest, FORWARDER) == Template.read(FORWARDER_TEMPLATE).defaults()
        assert pipeline.accounts(manifest, FORWARDER) == [ACCOUNT]


def test_a_look_up_returns_the_value_with_a_comma() -> None:
    text = with_values(filled(), {"SecurityTitle": '"$[alfred_ssm_/contacts/title]"'})
    arrived = pipeline.parameters(text, MAIN, {"/contacts/title": "Security, EMEA"})
    assert arrived["SecurityTitle"] == "Security, EMEA"


def test_no_example_lets_cfct_delete_stack_sets() -> None:
    """With this key CfCT deletes every StackSet of its own that a manifest does not name."""
    for text in (shipped(), (ROOT / "README.md").read_text(encoding="utf-8")):
        assert "enable_stack_set_deletion" not in text


LINES = st.sampled_from(
    [
        *("tags: []", "enable_stack_set_deletion: yes", "enable_stack_set_deletion: false", "region: eu-west-1"),
        *("    description: 1e3", "    description: off", "    regions: [us-east-1]", "    # parameter_file: gone"),
        *("    export_outputs: []", "    export_outputs: [a]", "    resource_file: other.yaml", "resources: []", ""),
        *(" # parameter_file: gone.json", "      - parameter_key: Mode", '        parameter_value: "a_file: b"'),
        *("  - name: other", "  - {name: b, resource_file: c, deploy_method: scp, deployment_targets: {}}", "version:"),
    ]
)


@settings(max_examples=examples(20), deadline=None)
@given(data=st.data())
def test_a_manifest_that_is_accepted_passes_the_build_stage(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Lines are added to a valid manifest, removed from it, and written twice."""
    lines = filled().splitlines()
    for _ in range(data.draw(st.integers(1, 2))):
        position = data.draw(st.integers(8, len(lines) - 1))
        edit = data.draw(st.sampled_from(["add", "append", "remove", "repeat", "replace"]))
        line = data.draw(LINES)
        lines[position : position + 1] = {
            "add": [lines[position], line],
            "append": [lines[position] + line],
            "remove": [],
            "repeat": [lines[position]] * 2,
            "replace": [line],
        }[edit]
    folder = tmp_path_factory.mktemp("edited")
    (folder / "manifest.yaml").write_text("\n".join(lines), encoding="utf-8")
    try:
        configuration = new_configuration(folder / "manifest.yaml")
    except PackagingError:
        return
    assert pipeline.build_violations(_write(configuration, Output(folder / "output"))) == []


# ---- control_tower's model of the Build stage and the tools ---------------------------------------------------------

VALUES: list[Any] = [
    *(None, "x", "", 12, 1.5, True, False, dt.date(2021, 3, 15), dt.date(2020, 1, 1), dt.datetime(2021, 3, 15)),  # noqa: DTZ001
    *([], ["a"], ["a", "b", "a"], [1, 1], [None, None], [["a"]], {}, {"a": 1}, "scp", "sam", "2021-03-15", b"x"),
]


def valid_manifest() -> dict[str, Any]:
    """Return a manifest with every key that the schema knows."""
    return {
        "region": "eu-west-1",
        "version": dt.date(2021, 3, 15),
        "enable_stack_set_deletion": False,
        "resources": [
            {
                "name": "a",
                "description": "b",
                "resource_file": "c",
                "deploy_method": "stack_set",
                "deployment_targets": {"accounts": ["1", 2], "organizational_units": ["d"]},
                "parameter_file": "e",
                "parameters": [{"parameter_key": "f", "parameter_value": ["g"]}],
                "regions": ["h", "i"],
                "export_outputs": [{"name": "j", "value": "k"}],
            }
        ],
    }


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value in a manifest."""
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield (*path, key)
        yield from places(value[key], (*path, key))


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def variants() -> Iterator[Any]:
    """Yield manifests with one value replaced, added or removed."""
    for path in places(valid_manifest()):
        for value in VALUES:
            manifest = valid_manifest()
            at(manifest, path[:-1])[path[-1]] = copy.deepcopy(value)
            yield manifest
        manifest = valid_manifest()
        del at(manifest, path[:-1])[path[-1]]
        yield manifest
        for key in ("tags", 1, None):
            manifest = valid_manifest()
            if isinstance(at(manifest, path), dict):
                at(manifest, path)[key] = "x"
                yield manifest


def test_the_schema_is_applied_as_pykwalify_does() -> None:
    verdicts = set()
    for manifest in variants():
        expected = bool(pipeline.data_violations(manifest))
        assert bool(build_stage.schema_violations(manifest)) is expected, manifest
        verdicts.add(expected)
    assert verdicts == {True, False}


PIECES = st.sampled_from(
    ["resource_file:", "a_file:", " ", "  ", "\t", "#", "-", "template.yaml", "gone.yaml", "'", "\r", "name:"]
)


@settings(max_examples=examples(20), deadline=None)
@given(lines=st.lists(st.lists(PIECES, max_size=6).map("".join), max_size=6))
def test_lines_are_read_as_the_script_does(lines: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("lines")
    (folder / "template.yaml").touch()
    (folder / "manifest.yaml").write_bytes("\n".join([*lines, ""]).encode())
    paths = [path for _, path in build_stage.checked_paths("\n".join(lines))]
    assert [path for path in paths if path != "template.yaml"] == pipeline.files_missing(folder)


# ---- the model of parameters ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "arrived"),
    [
        ("+12065550101", "12065550101"),
        ("012345670123", "1402433619"),
        ("off", "false"),
        ("true", "true"),
        ("1:30", "90"),
        ("7", "7"),
        ("", ""),
        ('"Doe, Jane"', "Doe,Jane"),
        ("[a, b]", "a,b"),
        ('"$[Jane]"', "Jane"),
    ],
)
def test_an_unquoted_value_is_converted(written: str, arrived: str) -> None:
    """Each of these was run through CfCT's own code."""
    text = with_values(filled(), {"SecurityName": written})
    assert pipeline.parameters(text, MAIN)["SecurityName"] == arrived


def test_a_generated_value_is_not_supported() -> None:
    text = with_values(filled(), {"SecurityName": '"$[alfred_genpass_8]"'})
    with pytest.raises(NotImplementedError):
        pipeline.parameters(text, MAIN)


def test_with_a_parameter_file_and_parameters_cfct_uses_neither() -> None:
    text = filled().replace("    parameters:\n", "    parameter_file: p.json\n    parameters:\n")
    assert pipeline.parameters(text, MAIN) == {}
