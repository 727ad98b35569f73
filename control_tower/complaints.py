"""What would go wrong with a manifest on its way through CfCT, found before anything is uploaded.

CfCT 2.8.4 reads a manifest as YAML 1.1, splits values at commas, evaluates ``$[...]``, cuts the paths of files out of
lines of text, and passes over an account that it does not know without a word
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


def complaints(manifest: Manifest, templates: Mapping[str, Template]) -> list[str]:
    """Everything that is wrong with our resources in a manifest, a sentence each, without the value of a parameter.

    Args:
        manifest: as it would be uploaded, but for the account id, which may be the example's.
        templates: of our resources, by the resource's name.
    """
    found = list(_head(manifest))
    if not manifest.resource(MAIN):
        return [*found, f"The manifest has no resource with the name {MAIN}: take it from this repository's."]
    names = [scalar(entries(each).get("name")) for each in items(entries(manifest.document.root).get("resources"))]
    found += [
        f"The manifest has {name} {names.count(name)} times: keep one." for name in templates if names.count(name) > 1
    ]
    for name, template in templates.items():
        if manifest.resource(name):
            found += _resource(manifest, name, template)
    if manifest.resource(FORWARDER) and manifest.home_region == MAIN_REGION:
        found.append(f"Leave {FORWARDER} out: the home region is {MAIN_REGION}, where the events are already.")
    return found


def account_complaints(manifest: Manifest, management_account: str) -> list[str]:
    """A sentence for each of our resources that would be deployed to another account."""
    return [
        f"{name} goes to account {manifest.account(name)}, but the organization's management account is "
        f"{management_account}."
        for name in (MAIN, FORWARDER)
        if manifest.resource(name) and manifest.account(name) not in (management_account, EXAMPLE_ACCOUNT)
    ]


def _head(manifest: Manifest) -> Iterator[str]:
    version = manifest.document.data.get("version")
    if version != VERSION:
        yield f"Write version: {VERSION} in the manifest, without quotes; CfCT's older format has no place for this."
    region = entries(manifest.document.root).get("region")
    if not is_text(region) or not re.fullmatch(_REGION, manifest.home_region):
        yield "Write Control Tower's home region in the manifest's first key, such as region: eu-west-1."


def _resource(manifest: Manifest, name: str, template: Template) -> Iterator[str]:
    fields = manifest.resource(name)
    region = MAIN_REGION if name == MAIN else manifest.home_region
    if unknown := fields.keys() - _FIELDS:
        yield f"{name} has a key that CfCT does not know or this package does not use: {', '.join(sorted(unknown))}."
    if scalar(fields.get("deploy_method")) != "stack_set":
        yield f"Write deploy_method: stack_set in {name}."
    if [scalar(each) for each in items(fields.get("regions"))] != [region]:
        yield f"Write the list regions with the one entry {region} in {name}."
    if "parameter_file" in fields:
        yield f"Leave parameter_file out of {name} and list its parameters there: given both, CfCT takes neither."
    yield from _path(manifest, name)
    yield from _targets(name, fields)
    yield from _parameters(name, fields.get("parameters"), template, region)


def _path(manifest: Manifest, name: str) -> Iterator[str]:
    """CfCT's script finds a path in the third field of a line with ``_file:``, whatever stands there."""
    path, node = manifest.path(name), manifest.resource(name).get("resource_file")
    cut = re.sub(" +", " ", manifest.document.line(node)).split(" ")[2:3] if node else []
    if not path or cut != [path]:
        yield f"Write name: first in {name}, and resource_file: with a path that has neither quotes nor blanks."
    elif path == "manifest.yaml" or path.startswith(("/", "s3", "http")) or ".." in path:
        yield f"Give {name} a resource_file inside the configuration, such as template.yaml."
    elif path in manifest.paths_of_others(name):
        yield f"Another resource has the resource_file {path} too: give {name} one of its own."


def _targets(name: str, fields: Mapping[str, yaml.Node]) -> Iterator[str]:
    targets = entries(fields.get("deployment_targets"))
    accounts = items(targets.get("accounts"))
    if len(accounts) != 1 or targets.keys() != {"accounts"}:
        yield f"Write the management account, and no other and no OU, under deployment_targets, accounts, of {name}."
    elif not is_text(accounts[0]):
        yield f"Put the account id of {name} in quotes: YAML reads it as a number, and as an octal one after a 0."
    elif not re.fullmatch("[0-9]{12}", scalar(accounts[0])):
        yield f"Name the account of {name} by its id of 12 digits: CfCT passes over an unknown name without a word."


def _parameters(name: str, node: yaml.Node | None, template: Template, region: str) -> Iterator[str]:
    values = {**template.defaults(), "AWS::Region": region}
    seen: set[str] = set()
    placeholders = []
    for each in items(node):
        pair = entries(each)
        key, value = scalar(pair.get("parameter_key")), pair.get("parameter_value")
        values.pop(key, None)
        if pair.keys() != {"parameter_key", "parameter_value"} or not isinstance(value, yaml.ScalarNode):
            yield f"Give each of the parameters of {name} one parameter_key, one parameter_value, and nothing else."
            continue
        if key not in template.parameters:
            yield f"The template of {name} has no parameter {key}."
            continue
        if key in seen:
            yield f"{key} stands in {name} twice."
        seen.add(key)
        complaint = _value(key, value, template)
        if complaint:
            yield complaint
        elif value.value == _PLACEHOLDER:
            placeholders.append(key)
        elif not value.value.startswith("$["):
            values[key] = value.value
    if placeholders:
        yield (
            f"Still {_PLACEHOLDER}: {', '.join(placeholders)}. Write what it should be, or set the policy of the "
            "contact type to ignore and the rest of it to none."
        )
    yield from template.broken_rules(values)


def _value(name: str, node: yaml.ScalarNode, template: Template) -> str | None:
    if not is_text(node):
        return f"Put the value of {name} in quotes: YAML does not read it as the text that it is."
    value: str = node.value
    if "," in value:
        return (
            f"{name} has a comma, at which CfCT would take it apart. Leave it out, or keep the value in an SSM "
            f"parameter in the home region and write $[alfred_ssm_/its/name]."
        )
    if value.startswith("$["):
        wrong = not re.fullmatch(_LOOK_UP, value)
        return f"{name} begins with $[ but is no look-up in SSM such as $[alfred_ssm_/its/name]." if wrong else None
    return None if value == _PLACEHOLDER else template.complaint(name, value)
