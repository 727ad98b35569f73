"""A CfCT manifest of version 2021-03-15, and the edits that put this package's resources into it.

The format: https://docs.aws.amazon.com/controltower/latest/userguide/cfct-manifest-file-resources-section.html
"""

from collections.abc import Mapping
from typing import Any

import yaml

from control_tower.document import Document, entries, indent, items, scalar
from control_tower.errors import PackagingError
from control_tower.template import Template

MAIN = "alternate-contacts"
"""The name of the resource that deploys template.yaml."""
FORWARDER = "alternate-contacts-home-region"
"""The name of the resource that deploys control_tower/home_region.yaml."""
MAIN_REGION = "us-east-1"
"""The region of the events of AWS Organizations, and so of the stack."""
EXAMPLE_ACCOUNT = "111122223333"
"""The placeholder in manifest.yaml for the management account."""

_FOLDER_IN_A_CONFIGURATION = "alternate-contacts/"
"""The folder of our templates in an existing configuration. Not templates/, because CfCT scans that with cfn_nag."""
_CONTACT_TYPES = ("Billing", "Operations", "Security")


class Manifest:
    """A manifest. An edit returns a new manifest."""

    def __init__(self, document: Document) -> None:
        """Wrap a document."""
        self.document = document

    @classmethod
    def parse(cls, text: str) -> "Manifest":
        """Parse a text.

        Raises:
            PackagingError: it is not a YAML mapping.
        """
        return cls(Document(text))

    @property
    def text(self) -> str:
        """The content of the manifest's file."""
        return self.document.text

    @property
    def home_region(self) -> str:
        """The home region of AWS Control Tower."""
        return scalar(entries(self.document.root).get("region"))

    def resource(self, name: str) -> dict[str, yaml.Node]:
        """Return the fields of a resource; none if there is no such resource."""
        return entries(self._node(name))

    def path(self, name: str) -> str:
        """Return the path of a resource's template in the configuration."""
        return scalar(self.resource(name).get("resource_file"))

    def paths_of_others(self, name: str) -> set[str]:
        """Return the paths of the templates of all resources but one."""
        others = [fields for fields in map(entries, items(self._resources())) if scalar(fields.get("name")) != name]
        return {scalar(fields.get("resource_file")) for fields in others}

    def account(self, name: str) -> str:
        """Return the first account that a resource is deployed to."""
        accounts = self._accounts(name)
        return scalar(accounts[0]) if accounts else ""

    def parameters(self, name: str) -> dict[str, str]:
        """Return a resource's parameters with their values as they are written."""
        pairs = [entries(pair) for pair in items(self.resource(name).get("parameters"))]
        return {scalar(pair.get("parameter_key")): scalar(pair.get("parameter_value")) for pair in pairs}

    def with_home_region(self, region: str) -> "Manifest":
        """Set the home region of AWS Control Tower."""
        node = entries(self.document.root).get("region")
        return Manifest(self.document.replace(node, region)) if isinstance(node, yaml.ScalarNode) else self

    def with_account(self, account_id: str) -> "Manifest":
        """Put the ID of the management account, in quotes, in place of the placeholder."""
        changed = self
        for name in (MAIN, FORWARDER):
            accounts = changed._accounts(name)
            if accounts and isinstance(accounts[0], yaml.ScalarNode) and accounts[0].value == EXAMPLE_ACCOUNT:
                changed = Manifest(changed.document.replace(accounts[0], f'"{account_id}"'))
        return changed

    def with_forwarder(self, template: Template) -> "Manifest":
        """Add the resource for the home region after the main resource, unless the manifest has it.

        It is deployed to the same account. A parameter that the main resource has too gets the same value, any other
        one its default.
        """
        if self._node(FORWARDER) is not None:
            return self
        main = self._node(MAIN)
        sequence = self._resources()
        if main is None or sequence is None:
            return self
        values = {**template.defaults(), **self.parameters(MAIN)}
        folder = self.path(MAIN).rpartition("/")[0]
        lines = [
            f"- name: {FORWARDER}",
            f"  description: Forwards AWS Control Tower's events to {MAIN_REGION}",
            f"  resource_file: {folder + '/' if folder else ''}home_region.yaml",
            "  deploy_method: stack_set",
            "  deployment_targets:",
            "    accounts:",
            f'      - "{self.account(MAIN)}"',
            "  regions:",
            f"    - {self.home_region}",
            "  parameters:",
        ]
        for name in template.parameters:
            lines += [
                f"    - parameter_key: {name}",
                f"      parameter_value: {_quoted(values.get(name, 'REPLACE_ME'))}",
            ]
        return Manifest(self.document.insert_lines(main, indent(lines, sequence.start_mark.column)))

    def merged_into(self, existing: "Manifest", template: Template) -> "Manifest":
        """Add our main resource to an existing manifest, or to that resource the parameters that it lacks.

        Raises:
            PackagingError: the existing content would change.
        """
        if existing._node(MAIN) is not None and not existing._is_ours(template):
            raise PackagingError(
                f"The manifest has another resource with the name {MAIN}, which is not this package's. "
                "Rename that resource; CfCT then creates a new StackSet for it."
            )
        lines = self._moved()
        try:
            merged = existing._with_parameters_of(self) if existing._node(MAIN) else existing._with_resource(lines)
        except PackagingError:
            merged = existing
        if merged._node(MAIN) is None or merged._rest() != existing._rest():
            raise PackagingError(
                f"The resource {MAIN} does not fit into this manifest. Write its resources as a list, with a dash and "
                "a name on the first line of each."
            )
        return merged

    def _resources(self) -> yaml.Node | None:
        return entries(self.document.root).get("resources")

    def _node(self, name: str) -> yaml.Node | None:
        nodes = items(self._resources())
        return next((node for node in nodes if scalar(entries(node).get("name")) == name), None)

    def _accounts(self, name: str) -> list[yaml.Node]:
        return items(entries(self.resource(name).get("deployment_targets")).get("accounts"))

    def _is_ours(self, template: Template) -> bool:
        known = {name for name in template.parameters if name.startswith(_CONTACT_TYPES)}
        stack_set = scalar(self.resource(MAIN).get("deploy_method")) == "stack_set"
        return stack_set and not known.isdisjoint(self.parameters(MAIN))

    def _moved(self) -> list[str]:
        """Return the lines of our resource, its template in the folder for an existing configuration."""
        path = self.resource(MAIN).get("resource_file")
        if not isinstance(path, yaml.ScalarNode):
            raise PackagingError(f"There is no resource {MAIN} with a resource_file to merge.")
        moved = Manifest(self.document.replace(path, f"{_FOLDER_IN_A_CONFIGURATION}template.yaml"))
        node = moved._node(MAIN)
        return moved.document.lines(node) if node else []

    def _with_resource(self, lines: list[str]) -> "Manifest":
        sequence = self._resources()
        if isinstance(sequence, yaml.SequenceNode) and sequence.value:
            indented = indent(lines, sequence.start_mark.column)
            return Manifest(self.document.insert_lines(sequence, indented))
        if sequence is None:
            return Manifest(self.document.insert_lines(self.document.root, ["resources:", *indent(lines, 2)]))
        emptied = Manifest(self.document.remove_value(sequence))
        return Manifest(emptied.document.insert_lines(entries(emptied.document.root)["resources"], indent(lines, 2)))

    def _with_parameters_of(self, ours: "Manifest") -> "Manifest":
        theirs, sequence = self.parameters(MAIN), self.resource(MAIN)["parameters"]
        lines: list[str] = []
        for pair in items(ours.resource(MAIN).get("parameters")):
            if scalar(entries(pair).get("parameter_key")) not in theirs:
                lines += indent(ours.document.lines(pair), sequence.start_mark.column)
        return Manifest(self.document.insert_lines(sequence, lines)) if lines else self

    def _rest(self) -> Mapping[str, Any]:
        """Return everything but our main resource, as data."""
        data = dict(self.document.data)
        resources = data.get("resources") or []
        if not isinstance(resources, list):
            return data
        data["resources"] = [item for item in resources if not (isinstance(item, dict) and item.get("name") == MAIN)]
        return data


def _quoted(value: str) -> str:
    """Write a value as a YAML string."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
