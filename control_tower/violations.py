"""The rules of CfCT that a manifest violates, found before anything is uploaded.

CfCT 2.8.4 deploys a manifest as YAML 1.1, splits values at commas, evaluates ``$[...]``, and ignores an account that it
does not know (https://github.com/aws-solutions/aws-control-tower-customizations).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath

import yaml

from control_tower.build_stage import VERSION, checked_paths, is_remote, schema_violations
from control_tower.document import entries, is_text, items, scalar
from control_tower.manifest import (
    EXAMPLE_ACCOUNT,
    FORWARDER,
    MAIN,
    MAIN_REGION,
    PLACEHOLDER,
    Manifest,
    contact_parameters,
)
from control_tower.template import Template

UPGRADE = "https://docs.aws.amazon.com/controltower/latest/userguide/cfct-compatibility.html"

_FIELDS = {
    *("name", "description", "resource_file", "deploy_method", "deployment_targets"),
    *("regions", "parameters", "export_outputs"),
}
_KEYS_OF_2020 = {"organization_policies", "cloudformation_resources"}
_SSM_NAME = r"(?:/[A-Za-z0-9_.-]+)+|[A-Za-z0-9_.-]+"
_LOOK_UP = re.compile(rf"\$\[alfred_ssm_({_SSM_NAME})\]")
_PATH = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9._-]*/)*[A-Za-z0-9_][A-Za-z0-9._-]*\.(?:yaml|yml|template)")
_FOLDERS_OF_CFCT = {"add-on", "add-on-manifests", "cfct", "codebuild_scripts", "original", "parameters", "policies"}
"""Folders that CfCT fills itself, or reads as something other than a template."""


def format_violations(manifest: Manifest) -> list[str]:
    """Return what CfCT's Build stage rejects in any resource of a manifest, except missing files."""
    keys = entries(manifest.document.root)
    if scalar(keys.get("version")) == "2020-01-01" or not _KEYS_OF_2020.isdisjoint(keys):
        return [f"Convert the manifest from version 2020-01-01 to {VERSION}, as AWS describes: {UPGRADE}"]
    return schema_violations(manifest.document.data_of_schema)


def file_violations(manifest: Manifest, exists: Callable[[str], bool]) -> tuple[list[str], list[str]]:
    """Return what CfCT's script rejects in lines with `_file:`, and messages about files that do not exist.

    Args:
        manifest: as it will be uploaded.
        exists: whether the configuration has a file.
    """
    paths = {scalar(fields.get(key)) for fields in manifest.resources for key in ("resource_file", "parameter_file")}
    unreadable, missing = [], []
    for number, word in checked_paths(manifest.text):
        if word.startswith(("s3", "http")) or exists(word):
            continue
        if word in paths:
            missing.append(f"Line {number}: the configuration has no file {word}.")
        else:
            unreadable.append(
                f"Line {number}: CfCT's script reads the third word of a line with `_file:` as the path of a file, and "
                "there is no such file. Write name: first in a resource, a path without quotes or spaces, and no "
                "`_file:` anywhere else."
            )
    return unreadable, missing


def find_violations(manifest: Manifest, templates: Mapping[str, Template], *, placeholders: bool = False) -> list[str]:
    """Return the violations by our resources, one message each, without the value of a parameter.

    Args:
        manifest: without `format_violations`; the account ID may be the placeholder.
        templates: of our resources, by the resource's name.
        placeholders: whether the values of contacts may be placeholders too.
    """
    if renamed := [_renamed(name) for name in _other_names(manifest, templates[MAIN])]:
        return renamed
    if MAIN not in manifest.names:
        return [f"The manifest has no resource {MAIN}. Copy it from this repository's manifest.yaml."]
    if FORWARDER in manifest.names and manifest.home_region == MAIN_REGION:
        return [f"Remove {FORWARDER}: the home region is {MAIN_REGION}, which already receives the events."]
    violations = []
    for name, template in templates.items():
        if (count := manifest.names.count(name)) > 1:
            violations.append(f"The manifest has the resource {name} {count} times. Keep one.")
        elif count:
            violations += _resource(manifest, name, template, placeholders=placeholders)
    return violations


def account_violations(manifest: Manifest, management_account: str) -> list[str]:
    """Return a message for each of our resources that would be deployed to another account."""
    return [
        f"{name} is deployed to account {manifest.account(name)}, but the management account of the organization is "
        f"{management_account}."
        for name in (MAIN, FORWARDER)
        if name in manifest.names and manifest.account(name) not in (management_account, EXAMPLE_ACCOUNT)
    ]


def look_ups(manifest: Manifest) -> list[tuple[str, str, str]]:
    """Return the SSM look-ups of our resources: resource, parameter and name of the SSM parameter."""
    return [
        (name, key, found[1])
        for name in (MAIN, FORWARDER)
        for key, value in manifest.parameters(name).items()
        if (found := _LOOK_UP.fullmatch(value))
    ]


def _other_names(manifest: Manifest, template: Template) -> list[str]:
    """Return the names of resources with most of our contact parameters, except our main resource."""
    ours = set(contact_parameters(template))
    return [
        name
        for name in manifest.names
        if name not in (MAIN, FORWARDER) and len(ours & manifest.parameters(name).keys()) > len(ours) / 2
    ]


def _renamed(name: str) -> str:
    return (
        f"The resource {name} deploys this package under another name. Name it {MAIN}. If CfCT has deployed it, remove "
        f'the StackSet CustomControlTower-{name} first: see "Remove the package" in docs/control-tower.md.'
    )


def _resource(manifest: Manifest, name: str, template: Template, *, placeholders: bool) -> Iterator[str]:
    fields = manifest.resource(name)
    region = MAIN_REGION if name == MAIN else manifest.home_region
    if "<<" in fields:
        yield f"Write the keys of {name} without the merge key <<."
        return
    if "parameter_file" in fields:
        yield f"Move the values of {name} from parameter_file to parameters, and remove parameter_file."
        return
    if unknown := fields.keys() - _FIELDS:
        yield f"{name} has a key that this package does not use: {', '.join(sorted(unknown))}."
    if scalar(fields.get("deploy_method")) != "stack_set":
        yield f"Write deploy_method: stack_set in {name}."
    if [scalar(entry) for entry in items(fields.get("regions"))] != [region]:
        yield f"Write the list regions with the one entry {region} in {name}."
    yield from _path(manifest, name)
    yield from _targets(name, fields)
    yield from _outputs(name, fields.get("export_outputs"), template)
    yield from _parameters(manifest, name, template, region, placeholders=placeholders)


def _path(manifest: Manifest, name: str) -> Iterator[str]:
    path = manifest.path(name)
    others = {scalar(fields.get("resource_file")) for fields in manifest.resources if fields != manifest.resource(name)}
    if not _PATH.fullmatch(path) or is_remote(path) or path == "manifest.yaml":
        yield (
            f"Give {name} a resource_file such as alternate-contacts/template.yaml: inside the configuration, of a-z, "
            "A-Z, 0-9, hyphen, underscore and dot, ending in .yaml, .yml or .template, not beginning with s3 or http."
        )
    elif path.partition("/")[0] in _FOLDERS_OF_CFCT:
        yield f"Give {name} a resource_file in another folder: CfCT uses the folder {path.partition('/')[0]} itself."
    elif path in others or not others.isdisjoint(map(str, PurePosixPath(path).parents)):
        yield f"Another resource has the resource_file {path} too. Give {name} its own."


def _targets(name: str, fields: Mapping[str, yaml.Node]) -> Iterator[str]:
    targets = entries(fields.get("deployment_targets"))
    accounts = items(targets.get("accounts"))
    if len(accounts) != 1 or targets.keys() != {"accounts"}:
        yield f"Write the management account alone, and no OU, under deployment_targets, accounts, of {name}."
    elif not is_text(accounts[0]):
        yield f"Put the account ID of {name} in quotes. YAML reads it as a number, and as an octal one after a 0."
    elif not re.fullmatch("[0-9]{12}", scalar(accounts[0])):
        yield f"Write the account of {name} as its ID of 12 digits. CfCT ignores an unknown account name."


def _outputs(name: str, node: yaml.Node | None, template: Template) -> Iterator[str]:
    known = {f"$[output_{output}]".lower() for output in template.content.get("Outputs", {})}
    for pair in map(entries, items(node)):
        if not re.fullmatch(_SSM_NAME, scalar(pair.get("name"))) or scalar(pair.get("value")).lower() not in known:
            yield (
                f"Write each of the export_outputs of {name} with the name of an SSM parameter, such as /a/b, and the "
                "value $[output_X], where X is an output of its template."
            )
            return


def _parameters(manifest: Manifest, name: str, template: Template, region: str, *, placeholders: bool) -> Iterator[str]:
    values = {**template.defaults(), "AWS::Region": region}
    seen: set[str] = set()
    unfilled = []
    for pair in map(entries, items(manifest.resource(name).get("parameters"))):
        key, value = scalar(pair.get("parameter_key")), pair.get("parameter_value")
        values.pop(key, None)
        if not isinstance(value, yaml.ScalarNode):
            yield f"Give the parameter {key} of {name} one value: no list, no mapping."
        elif key not in template.parameters:
            yield f"The template of {name} has no parameter {key}."
        elif key in seen:
            yield f"{name} has the parameter {key} twice."
        elif value.value == PLACEHOLDER:
            unfilled.append(key)
        elif violation := _value(manifest, key, value, template):
            yield violation
        elif not _LOOK_UP.fullmatch(value.value):
            values[key] = value.value
        seen.add(key)
    if unfilled and not placeholders:
        yield (
            f"{PLACEHOLDER} is still the value of {', '.join(unfilled)}. Write the value, or none for a contact type "
            "with the policy ignore."
        )
    broken_rules = list(template.broken_rules(values))
    if broken_rules and not seen:
        yield f"{name} has no parameters. Copy them from this repository's manifest.yaml."
    else:
        yield from broken_rules


def _value(manifest: Manifest, name: str, node: yaml.ScalarNode, template: Template) -> str | None:
    value: str = node.value
    if not is_text(node):
        return f"Put the value of {name} in quotes. Without quotes, YAML does not read it as text."
    if "AllowedValues" not in template.parameters[name] and manifest.document.is_ambiguous(node):
        return f"Put the value of {name} in quotes. Without quotes, YAML drops what begins with # or &."
    if "," in value:
        return (
            f"{name} contains a comma, at which CfCT splits values. Remove the comma, or store the value in an SSM "
            "parameter in the home region and write $[alfred_ssm_/its/name]."
        )
    if value.startswith("$[") and not _LOOK_UP.fullmatch(value):
        return f"{name} begins with $[ but is not an SSM look-up such as $[alfred_ssm_/its/name]."
    return None if value.startswith("$[") else template.violation(name, value)
