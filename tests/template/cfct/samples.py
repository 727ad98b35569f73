"""Manifests to try things on."""

import re
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[3]

CONTACTS = {
    f"{kind}{field}": value
    for number, kind in enumerate(("Billing", "Operations", "Security"), start=1)
    for field, value in {
        "Name": f"Bea {kind}",
        "Title": f"Head of {kind}",
        "EmailAddress": f"{kind.lower()}+aws@acme.test",
        "PhoneNumber": f"+1206555010{number}",  # without blanks: YAML would make a number of it, and drop the plus
    }.items()
}
"""Contacts as they are to arrive at CloudFormation."""

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
"""A configuration that a team has had for years, with whatever style they like."""


def shipped() -> str:
    """The repository's own manifest.yaml."""
    return (ROOT / "manifest.yaml").read_text(encoding="utf-8")


def with_values(text: str, values: Mapping[str, str]) -> str:
    """A manifest with other values, given as they are to be written, quotes included."""
    for name, value in values.items():
        line = rf"(parameter_key: {name}\n +parameter_value: ).*"
        assert re.search(line, text), name
        text = re.sub(line, lambda found, value=value: found[1] + value, text)  # type: ignore[misc]
    return text


def filled() -> str:
    """The repository's manifest.yaml as a user leaves it."""
    return with_values(shipped(), {name: f'"{value}"' for name, value in CONTACTS.items()})
