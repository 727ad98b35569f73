"""This package's resources in an existing manifest: added once, and updated by every later run."""

from collections.abc import Mapping
from typing import Any

from control_tower.document import scalar
from control_tower.errors import PackagingError
from control_tower.manifest import FORWARDER, MAIN, MAIN_REGION, PLACEHOLDER, Manifest, contact_parameters
from control_tower.template import Template

FOLDER = "alternate-contacts/"
"""The folder of our templates in an existing configuration. Not templates/, because CfCT scans that with cfn_nag."""

_MISFIT = (
    f"The resource {MAIN} does not fit into this manifest. Write `resources`, and the `parameters` of {MAIN}, as lists "
    "with a dash for each item, and the values there without anchors and aliases."
)


def merge(ours: Manifest, existing: Manifest, templates: Mapping[str, Template]) -> tuple[Manifest, list[str]]:
    """Add our resources to an existing manifest, or update their parameters there.

    A parameter gets the value in our manifest, if that was filled in. Everything else stays as it is, byte by byte.

    Args:
        ours: this repository's manifest.yaml, or an edited copy of it.
        existing: the manifest of the configuration.
        templates: of our resources, by the resource's name.

    Returns:
        The manifest, and what the user should know: parameters that have changed, and what was not merged.

    Raises:
        PackagingError: the existing resource is not ours, or other content would change.
    """
    if MAIN in existing.names:
        _check_is_ours(existing, templates[MAIN])
    before = existing.parameters(MAIN)
    values = _values(ours.parameters(MAIN), before, templates[MAIN])
    try:
        if MAIN in existing.names:
            merged = existing.with_parameters(MAIN, values)
        else:
            merged = existing.with_resource(ours.with_path(MAIN, f"{FOLDER}template.yaml").lines(MAIN))
        if merged.home_region != MAIN_REGION:
            merged = _with_forwarder(merged, ours, before, templates[FORWARDER])
    except PackagingError:
        raise PackagingError(_MISFIT) from None
    if merged.parameters(MAIN) != {**before, **values} or rest(merged) != rest(existing):
        raise PackagingError(_MISFIT)
    return merged, [*_changes(existing, merged, templates), *_not_merged(ours, merged)]


def rest(manifest: Manifest) -> Mapping[str, Any]:
    """Return everything but our resources, as data."""
    resources = manifest.document.data.get("resources") or []
    others = [item for item in resources if not isinstance(item, dict) or item.get("name") not in (MAIN, FORWARDER)]
    return {**manifest.document.data, "resources": others}


def _check_is_ours(existing: Manifest, template: Template) -> None:
    fields = existing.resource(MAIN)
    if "parameter_file" in fields:
        raise PackagingError(
            f"The resource {MAIN} has a parameter_file. If the resource is this package's, move the values to "
            "parameters and remove parameter_file. If it is not, rename it."
        )
    has_our_parameters = not set(contact_parameters(template)).isdisjoint(existing.parameters(MAIN))
    is_stack_set = scalar(fields.get("deploy_method")) == "stack_set"
    if not is_stack_set or not (has_our_parameters or existing.path(MAIN) == f"{FOLDER}template.yaml"):
        raise PackagingError(
            f"The manifest has another resource with the name {MAIN}, which is not this package's. "
            "Rename that resource; CfCT then creates a new StackSet for it."
        )


def _values(ours: Mapping[str, str], existing: Mapping[str, str], template: Template) -> dict[str, str]:
    """Return the parameters to set.

    If no contact is filled in, the existing configuration is the place of the contacts. Then a default in our manifest
    replaces no value there.
    """
    is_filled_in = any(ours.get(name, PLACEHOLDER) != PLACEHOLDER for name in contact_parameters(template))
    unedited = {} if is_filled_in else template.defaults()
    return {
        key: value
        for key, value in ours.items()
        if key not in existing or value not in (PLACEHOLDER, unedited.get(key), existing[key])
    }


def _with_forwarder(merged: Manifest, ours: Manifest, before: Mapping[str, str], template: Template) -> Manifest:
    """Add the forwarder, or update its parameters: those that had the value of the main resource keep having it."""
    existing = merged.parameters(FORWARDER)
    main = merged.parameters(MAIN)
    values = {
        name: main.get(name, default)
        for name, default in template.defaults().items()
        if name not in existing or existing[name] == before.get(name)
    }
    values |= _values(ours.parameters(FORWARDER), {**existing, **values}, template)
    return merged.with_forwarder(template).with_parameters(FORWARDER, values)


def _changes(existing: Manifest, merged: Manifest, templates: Mapping[str, Template]) -> list[str]:
    """Return the changed and added parameters, with their values only where the template lists the allowed ones."""
    messages = []
    for name in (MAIN, FORWARDER):
        before, after = existing.parameters(name), merged.parameters(name)
        changed = [
            f"{key} ({before[key]} to {value})" if "AllowedValues" in templates[name].parameters.get(key, {}) else key
            for key, value in after.items()
            if before.get(key, value) != value
        ]
        added = [key for key in after if key not in before] if name in existing.names else []
        for verb, keys in (("Changed", changed), ("Added", added)):
            if keys:
                messages.append(f"{verb} in {name}: {', '.join(keys)}")
    return messages


def _not_merged(ours: Manifest, merged: Manifest) -> list[str]:
    others = [name for name in ours.names if name not in (MAIN, FORWARDER)]
    keys = [f"the resource {name}" for name in others]
    outputs = [manifest.data(MAIN).get("export_outputs") for manifest in (ours, merged)]
    if outputs[0] and outputs[0] != outputs[1]:
        keys.append(f"export_outputs of {MAIN}")
    return [f"Not merged: {', '.join(keys)}"] if keys else []
