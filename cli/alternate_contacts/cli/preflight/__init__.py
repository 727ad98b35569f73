"""The verb `preflight`: checks the prerequisites of a deployment, and changes nothing."""

from alternate_contacts.cli.preflight.command import preflight

__all__ = ["preflight"]
