"""The rules of CfCT that a manifest violates, found before anything is uploaded.

CfCT 2.8.4 reads a manifest as YAML 1.1, splits values at commas, evaluates ``$[...]``, finds the paths of files in
lines of text, and ignores an account that it does not know
(https://github.com/aws-solutions/aws-control-tower-customizations).
"""

import datetime as dt
import re
from collections.abc import Iterator, Mapping

import yaml

from control_tower.document import entries, is_text, items, scalar
from control_tower.manifest import EXAMPLE_ACCOUNT, FORWARDER, MAIN, MAIN_REGION, Manifest
from control_tower.template import Template

VERSION = dt.date(2021, 3, 15)

_FIELDS = {
    *("name", "description", "resource_file", "deploy_method", "deployment_targets"),
    *("regions", "parameters", "parameter_file", "export_outputs"),
}
_REGION = r"[a-z]{2}(-[a-z]+){1,2}-[0-9]"
_LOOK_UP = r"\$\[alfred_ssm_/[A-Za-z0-9_./-]+\]"
_PLACEHOLDER = "REPLACE_ME"


def find_violations(manifest: Manifest, templates: Mapping[str, Template]) -> list[str]:
    """Return every violation by our resources, one message each, without the value of a parameter.

    Args:
        manifest: as it will be uploaded, except that the account ID may be the placeholder.
        templates: of our resources, by the resource's name.
    """
    violations = list(_header(manifest))
    if not manifest.resource(MAIN):
        return [*violations, f"The manifest has no resource {MAIN}. Copy it from this repository's manifest.yaml."]
    names = [
        scalar(entries(resource).get("name")) for resource in items(entries(manifest.document.root).get("resources"))
    ]
    violations += [
        f"The manifest has the resource {name} {names.count(name)} times. Keep one."
        for name in templates
        if names.count(name) > 1
    ]
    for name, template in templates.items():
        if manifest.resource(name):
            violations += _resource(manifest, name, template)
    if manifest.resource(FORWARDER) and manifest.home_region == MAIN_REGION:
        violations.append(f"Remove {FORWARDER}: the home region is {MAIN_REGION}, which already receives the events.")
    return violations


def account_violations(manifest: Manifest, management_account: str) -> list[str]:
    """Return a message for each of our resources that would be deployed to another account."""
    return [
        f"{name} is deployed to account {manifest.account(name)}, but the management account of the organization is "
        f"{management_account}."
        for name in (MAIN, FORWARDER)
        if manifest.resource(name) and manifest.account(name) not in (management_account, EXAMPLE_ACCOUNT)
    ]


def _header(manifest: Manifest) -> Iterator[str]:
    version = manifest.document.data.get("version")
    if version != VERSION:
        yield f"Write version: {VERSION} in the manifest, without quotes. This package does not support older versions."
    region = entries(manifest.document.root).get("region")
    if not is_text(region) or not re.fullmatch(_REGION, manifest.home_region):
        yield "Write Control Tower's home region as the key region of the manifest, such as region: eu-west-1."


def _resource(manifest: Manifest, name: str, template: Template) -> Iterator[str]:
    fields = manifest.resource(name)
    region = MAIN_REGION if name == MAIN else manifest.home_region
    if unknown := fields.keys() - _FIELDS:
        yield f"{name} has a key that CfCT does not know or this package does not use: {', '.join(sorted(unknown))}."
    if scalar(fields.get("deploy_method")) != "stack_set":
        yield f"Write deploy_method: stack_set in {name}."
    if [scalar(entry) for entry in items(fields.get("regions"))] != [region]:
        yield f"Write the list regions with the one entry {region} in {name}."
    if "parameter_file" in fields:
        yield (
            f"Remove parameter_file from {name}, and list its values under parameters. With both, CfCT uses neither."
        )
    yield from _path(manifest, name)
    yield from _targets(name, fields)
    yield from _parameters(name, fields.get("parameters"), template, region)


def _path(manifest: Manifest, name: str) -> Iterator[str]:
    """Check the path of a template. CfCT's script takes the third field of every line with ``_file:`` for a path."""
    path, node = manifest.path(name), manifest.resource(name).get("resource_file")
    third_field = re.sub(" +", " ", manifest.document.line(node)).split(" ")[2:3] if node else []
    if not path or third_field != [path]:
        yield f"Write name: first in {name}, and resource_file: with a path that has neither quotes nor spaces."
    elif path == "manifest.yaml" or path.startswith(("/", "s3", "http")) or ".." in path:
        yield f"Give {name} a resource_file inside the configuration, such as template.yaml."
    elif path in manifest.paths_of_others(name):
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


def _parameters(name: str, node: yaml.Node | None, template: Template, region: str) -> Iterator[str]:
    values = {**template.defaults(), "AWS::Region": region}
    seen: set[str] = set()
    placeholders = []
    for item in items(node):
        pair = entries(item)
        key, value = scalar(pair.get("parameter_key")), pair.get("parameter_value")
        values.pop(key, None)
        if pair.keys() != {"parameter_key", "parameter_value"} or not isinstance(value, yaml.ScalarNode):
            yield f"Give each of the parameters of {name} one parameter_key, one parameter_value, and nothing else."
            continue
        if key not in template.parameters:
            yield f"The template of {name} has no parameter {key}."
            continue
        if key in seen:
            yield f"{name} has the parameter {key} twice."
        seen.add(key)
        violation = _value(key, value, template)
        if violation:
            yield violation
        elif value.value == _PLACEHOLDER:
            placeholders.append(key)
        elif not value.value.startswith("$["):
            values[key] = value.value
    if placeholders:
        yield (
            f"{_PLACEHOLDER} is still the value of {', '.join(placeholders)}. For a contact type that you do not "
            "manage, set the policy to ignore and the other values to none."
        )
    yield from template.broken_rules(values)


def _value(name: str, node: yaml.ScalarNode, template: Template) -> str | None:
    if not is_text(node):
        return f"Put the value of {name} in quotes. Without quotes, YAML does not read it as text."
    value: str = node.value
    if "," in value:
        return (
            f"{name} contains a comma, at which CfCT splits values. Remove the comma, or store the value in an SSM "
            f"parameter in the home region and write $[alfred_ssm_/its/name]."
        )
    if value.startswith("$["):
        is_look_up = re.fullmatch(_LOOK_UP, value)
        return (
            None if is_look_up else f"{name} begins with $[ but is not an SSM look-up such as $[alfred_ssm_/its/name]."
        )
    return None if value == _PLACEHOLDER else template.violation(name, value)
