"""Sample manifests."""

import re
from collections.abc import Mapping
from pathlib import Path

from tests.fakes.contact_data import api_contact

ROOT = Path(__file__).parents[3]

CONTACTS = {
    f"{contact_type}{field}": value
    for number, contact_type in enumerate(("Billing", "Operations", "Security"), start=1)
    for field, value in api_contact(
        number,
        name=f"Bea {contact_type}",
        title=f"Head of {contact_type}",
        email_address=f"{contact_type.lower()}+aws@acme.test",
        phone_number=f"+1206555010{number}",  # unquoted, YAML reads a number and drops the plus
    ).items()
}
"""Contacts as they have to arrive at CloudFormation."""

EXISTING = """\
---
# The landing zone of Acme. Owner: platform team
region: "eu-central-1"   # Frankfurt
version: 2021-03-15

resources:
# Guard rails first
- name: guardrails
  resource_file: policies/guardrails.json
  deploy_method: scp
  deployment_targets:
    organizational_units: &ous   # all but Sandbox
      - 'Workloads'
      - "Infrastructure:Network"

- name: network
  description: >-
    The network, folded
    over two lines
  resource_file: templates/network.template
  deploy_method: stack_set
  parameters:
  - parameter_key:   Cidr
    parameter_value: [10.0.0.0/8,   10.1.0.0/16]
  - {parameter_key: LogArchive, parameter_value: &log_archive '012345678901'}
  regions: [ eu-central-1 ]
  deployment_targets:
    organizational_units: *ous
    accounts:
    - *log_archive   # in no OU of ours

# Ask before you add something here.
"""
"""An existing configuration in a style of its own."""


def shipped() -> str:
    """Return the repository's manifest.yaml."""
    return (ROOT / "manifest.yaml").read_text(encoding="utf-8")


def with_values(text: str, values: Mapping[str, str]) -> str:
    """Return a manifest with other values, each written as given, quotes included."""
    for name, value in values.items():
        line = rf"(parameter_key: {name}\n +parameter_value: ).*"
        assert re.search(line, text), name
        text = re.sub(line, lambda match, value=value: match[1] + value, text)  # type: ignore[misc]
    return text


def filled() -> str:
    """Return the repository's manifest.yaml with the contacts filled in."""
    return with_values(shipped(), {name: f'"{value}"' for name, value in CONTACTS.items()})
