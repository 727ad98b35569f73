"""A CfCT manifest of version 2021-03-15: this package's resources in it, and single edits.

The format: https://docs.aws.amazon.com/controltower/latest/userguide/cfct-manifest-file-resources-section.html
"""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from control_tower.document import Document, entries, items, quoted, scalar
from control_tower.template import Template

MAIN = "alternate-contacts"
"""The name of the resource that deploys template.yaml."""
FORWARDER = "alternate-contacts-home-region"
"""The name of the resource that deploys control_tower/home_region.yaml."""
MAIN_REGION = "us-east-1"
"""The region of the events of AWS Organizations, and so of the stack."""
EXAMPLE_ACCOUNT = "111122223333"
"""The placeholder in manifest.yaml for the management account."""
PLACEHOLDER = "REPLACE_ME"
"""The placeholder in manifest.yaml for a value of a contact."""


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

    @property
    def resources(self) -> list[dict[str, yaml.Node]]:
        """The fields of every resource."""
        return [entries(node) for node in self._nodes()]

    @property
    def names(self) -> list[str]:
        """The name of every resource."""
        return [scalar(fields.get("name")) for fields in self.resources]

    def resource(self, name: str) -> dict[str, yaml.Node]:
        """Return the fields of a resource; none if there is no such resource."""
        return entries(self._node(name))

    def path(self, name: str) -> str:
        """Return the path of a resource's template in the configuration."""
        return scalar(self.resource(name).get("resource_file"))

    def account(self, name: str) -> str:
        """Return the first account that a resource is deployed to."""
        accounts = self._accounts(name)
        return scalar(accounts[0]) if accounts else ""

    def parameters(self, name: str) -> dict[str, str]:
        """Return a resource's parameters with their values as they are written."""
        return {key: scalar(value) for key, value in self._values(name).items()}

    def data(self, name: str) -> Mapping[str, Any]:
        """Return a resource as data; nothing if there is no such resource."""
        resources = self.document.data.get("resources") or []
        return next((item for item in resources if isinstance(item, dict) and item.get("name") == name), {})

    def lines(self, name: str) -> list[str]:
        """Return the lines of a resource."""
        node = self._node(name)
        return self.document.lines(node) if node else []

    def with_home_region(self, region: str) -> "Manifest":
        """Set the home region of AWS Control Tower."""
        node = entries(self.document.root).get("region")
        return Manifest(self.document.replace([(node, region)])) if isinstance(node, yaml.ScalarNode) else self

    def with_account(self, account_id: str) -> "Manifest":
        """Put the ID of the management account, in quotes, in place of the placeholder."""
        nodes = [node for name in (MAIN, FORWARDER) for node in self._accounts(name)[:1]]
        return Manifest(
            self.document.replace(
                [
                    (node, quoted(account_id))
                    for node in nodes
                    if isinstance(node, yaml.ScalarNode) and node.value == EXAMPLE_ACCOUNT
                ]
            )
        )

    def with_path(self, name: str, path: str) -> "Manifest":
        """Set the path of a resource's template."""
        node = self.resource(name).get("resource_file")
        return Manifest(self.document.replace([(node, path)])) if isinstance(node, yaml.ScalarNode) else self

    def with_resource(self, lines: Sequence[str]) -> "Manifest":
        """Append a resource, given by its lines."""
        return Manifest(self.document.append(self.document.root, "resources", [lines]))

    def with_parameters(self, name: str, values: Mapping[str, str]) -> "Manifest":
        """Set parameters of a resource: those that it has in place, others at the end."""
        nodes = self._values(name)
        missing = {key: value for key, value in values.items() if nodes.get(key) is None}
        edited = Manifest(
            self.document.replace(
                [
                    (node, quoted(values[key]))
                    for key, node in nodes.items()
                    if key in values and isinstance(node, yaml.ScalarNode) and node.value != values[key]
                ]
            )
        )
        resource = edited._node(name)
        if not missing or not isinstance(resource, yaml.MappingNode):
            return edited
        flow = ", ".join(
            f"{{parameter_key: {key}, parameter_value: {quoted(value)}}}" for key, value in missing.items()
        )
        return Manifest(edited.document.append(resource, "parameters", _pairs(missing), flow))

    def with_forwarder(self, template: Template) -> "Manifest":
        """Append the resource for the home region, unless the manifest has it, or has no main resource.

        It is deployed to the same account. A parameter that the main resource has too gets the same value, any other
        one its default.
        """
        if FORWARDER in self.names or MAIN not in self.names:
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
            f"      - {quoted(self.account(MAIN))}",
            "  regions:",
            f"    - {self.home_region}",
            "  parameters:",
        ]
        pairs = _pairs({name: values.get(name, PLACEHOLDER) for name in template.parameters})
        return self.with_resource([*lines, *("    " + line for pair in pairs for line in pair)])

    def _nodes(self) -> list[yaml.Node]:
        return items(entries(self.document.root).get("resources"))

    def _node(self, name: str) -> yaml.Node | None:
        return next((node for node in self._nodes() if scalar(entries(node).get("name")) == name), None)

    def _accounts(self, name: str) -> list[yaml.Node]:
        return items(entries(self.resource(name).get("deployment_targets")).get("accounts"))

    def _values(self, name: str) -> dict[str, yaml.Node | None]:
        pairs = [entries(pair) for pair in items(self.resource(name).get("parameters"))]
        return {scalar(pair.get("parameter_key")): pair.get("parameter_value") for pair in pairs}


def contact_parameters(template: Template) -> list[str]:
    """Return the parameters that hold a part of a contact."""
    types = ("Billing", "Operations", "Security")
    return [name for name in template.parameters if name.startswith(types) and not name.endswith("Policy")]


def _pairs(values: Mapping[str, str]) -> list[list[str]]:
    """Return the lines of each parameter."""
    return [[f"- parameter_key: {key}", f"  parameter_value: {quoted(value)}"] for key, value in values.items()]
