"""A manifest of CfCT, version 2021-03-15: our resources in it, and how they get there.

The format: https://docs.aws.amazon.com/controltower/latest/userguide/cfct-manifest-file-resources-section.html
"""

from collections.abc import Mapping
from typing import Any

import yaml

from control_tower.document import Document, entries, items, scalar, shifted
from control_tower.refusal import RefusalError
from control_tower.template import Template

MAIN = "alternate-contacts"
"""The name of the resource that deploys template.yaml."""
FORWARDER = "alternate-contacts-home-region"
"""The name of the resource that deploys control_tower/home_region.yaml."""
MAIN_REGION = "us-east-1"
"""Where the events of AWS Organizations are, and so the stack."""
EXAMPLE_ACCOUNT = "111122223333"
"""What manifest.yaml has where the management account belongs."""

_FOLDER_IN_A_CONFIGURATION = "alternate-contacts/"
"""Where our templates go in a configuration that has others. Not templates/, whose files have to pass cfn_nag."""
_CONTACT_PARAMETERS = ("Billing", "Operations", "Security")


class Manifest:
    """A manifest, from which each change makes a new one."""

    def __init__(self, document: Document) -> None:
        """Take a document for a manifest."""
        self.document = document

    @classmethod
    def parse(cls, text: str) -> "Manifest":
        """Read a text.

        Raises:
            RefusalError: it is no YAML of the kind.
        """
        return cls(Document(text))

    @property
    def text(self) -> str:
        """The manifest as a file has it."""
        return self.document.text

    @property
    def home_region(self) -> str:
        """Control Tower's."""
        return scalar(entries(self.document.root).get("region"))

    def resource(self, name: str) -> dict[str, yaml.Node]:
        """The fields of a resource; none if there is no such resource."""
        return entries(self._node(name))

    def path(self, name: str) -> str:
        """Where in the configuration a resource's template stands."""
        return scalar(self.resource(name).get("resource_file"))

    def paths_of_others(self, name: str) -> set[str]:
        """Where the templates of all resources but one stand."""
        others = [each for each in map(entries, items(self._resources())) if scalar(each.get("name")) != name]
        return {scalar(fields.get("resource_file")) for fields in others}

    def account(self, name: str) -> str:
        """The first account that a resource is deployed to."""
        accounts = self._accounts(name)
        return scalar(accounts[0]) if accounts else ""

    def parameters(self, name: str) -> dict[str, str]:
        """A resource's parameters with the values as they are written."""
        fields = [entries(each) for each in items(self.resource(name).get("parameters"))]
        return {scalar(each.get("parameter_key")): scalar(each.get("parameter_value")) for each in fields}

    def with_home_region(self, region: str) -> "Manifest":
        """The same for a Control Tower that has its home elsewhere."""
        node = entries(self.document.root).get("region")
        return Manifest(self.document.replaced(node, region)) if isinstance(node, yaml.ScalarNode) else self

    def with_account(self, account_id: str) -> "Manifest":
        """With the management account in the place of the example, in quotes."""
        changed = self
        for name in (MAIN, FORWARDER):
            accounts = changed._accounts(name)
            if accounts and isinstance(accounts[0], yaml.ScalarNode) and accounts[0].value == EXAMPLE_ACCOUNT:
                changed = Manifest(changed.document.replaced(accounts[0], f'"{account_id}"'))
        return changed

    def with_forwarder(self, template: Template) -> "Manifest":
        """With the resource for Control Tower's home region behind the main one, if there is none.

        It goes to the same account. Its parameters have the values that the main resource has for parameters of the
        same name, or else their defaults.
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
        return Manifest(self.document.with_lines(main, shifted(lines, sequence.start_mark.column)))

    def merged_into(self, existing: "Manifest", template: Template) -> "Manifest":
        """An existing manifest with our main resource; if it was there, with the parameters that it lacked.

        Raises:
            RefusalError: it cannot be done without harm to what is there.
        """
        if existing._node(MAIN) is not None and not existing._is_ours(template):
            raise RefusalError(
                f"The manifest has another resource with the name {MAIN}, which is not this package's. "
                "Give that one another name, for which CfCT makes a new StackSet."
            )
        lines = self._moved()
        try:
            merged = existing._with_parameters_of(self) if existing._node(MAIN) else existing._with_resource(lines)
        except RefusalError:
            merged = existing
        if merged._node(MAIN) is None or merged._rest() != existing._rest():
            raise RefusalError(
                f"The resource {MAIN} does not fit into this manifest. Write its resources as a list, with a dash and "
                "a name on the first line of each."
            )
        return merged

    def _resources(self) -> yaml.Node | None:
        return entries(self.document.root).get("resources")

    def _node(self, name: str) -> yaml.Node | None:
        named = [each for each in items(self._resources()) if scalar(entries(each).get("name")) == name]
        return named[0] if named else None

    def _accounts(self, name: str) -> list[yaml.Node]:
        return items(entries(self.resource(name).get("deployment_targets")).get("accounts"))

    def _is_ours(self, template: Template) -> bool:
        known = {name for name in template.parameters if name.startswith(_CONTACT_PARAMETERS)}
        stack_set = scalar(self.resource(MAIN).get("deploy_method")) == "stack_set"
        return stack_set and not known.isdisjoint(self.parameters(MAIN))

    def _moved(self) -> list[str]:
        """The lines of our resource, its template where it is in nobody's way."""
        path = self.resource(MAIN).get("resource_file")
        if not isinstance(path, yaml.ScalarNode):
            raise RefusalError(f"There is no resource {MAIN} with a resource_file to merge.")
        moved = Manifest(self.document.replaced(path, f"{_FOLDER_IN_A_CONFIGURATION}template.yaml"))
        node = moved._node(MAIN)
        return moved.document.lines(node) if node else []

    def _with_resource(self, lines: list[str]) -> "Manifest":
        sequence = self._resources()
        if isinstance(sequence, yaml.SequenceNode) and sequence.value:
            indented = shifted(lines, sequence.start_mark.column)
            return Manifest(self.document.with_lines(sequence, indented))
        if sequence is None:
            return Manifest(self.document.with_lines(self.document.root, ["resources:", *shifted(lines, 2)]))
        emptied = Manifest(self.document.without_value(sequence))
        return Manifest(emptied.document.with_lines(entries(emptied.document.root)["resources"], shifted(lines, 2)))

    def _with_parameters_of(self, ours: "Manifest") -> "Manifest":
        theirs, sequence = self.parameters(MAIN), self.resource(MAIN)["parameters"]
        lines: list[str] = []
        for each in items(ours.resource(MAIN).get("parameters")):
            if scalar(entries(each).get("parameter_key")) not in theirs:
                lines += shifted(ours.document.lines(each), sequence.start_mark.column)
        return Manifest(self.document.with_lines(sequence, lines)) if lines else self

    def _rest(self) -> Mapping[str, Any]:
        """What is not ours, as data."""
        data = dict(self.document.data)
        resources = data.get("resources") or []
        if not isinstance(resources, list):
            return data
        data["resources"] = [each for each in resources if not (isinstance(each, dict) and each.get("name") == MAIN)]
        return data


def _quoted(value: str) -> str:
    """A value as YAML reads it back."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
